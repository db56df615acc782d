"""What every run has, whatever it makes: its folder and lock, checkpoints, progress, record."""
