"""The proposer that needs no model: it tunes the numbers of a program and tries other structures."""
