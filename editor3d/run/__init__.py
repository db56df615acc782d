"""The parts that every run has: its folder and lock, checkpoints, progress, record."""
