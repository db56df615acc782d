"""What is done to a part of a scene by numbers: move, grade, clean, thin out, mix with another."""
