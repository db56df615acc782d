"""Commands killed at random moments, gone on with, and compared with the same commands left alone."""
