"""What a view of a capture is made of: its pictures, its lens, and the checks that both pass."""
