"""Have people rate edits blind, on one page, and compute what they prefer and what they take for real."""
