"""Train, measure and test the project from outside; not installed with it, and never imported by it."""
