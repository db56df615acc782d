"""The reconstructions that edits start from: find, check and open them."""
