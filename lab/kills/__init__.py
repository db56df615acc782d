"""Commands killed at random moments, resumed, and compared with the same commands left alone."""
