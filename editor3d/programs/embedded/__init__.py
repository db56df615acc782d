"""The proposer without a model: it tunes the numbers of a program and tries other structures."""
