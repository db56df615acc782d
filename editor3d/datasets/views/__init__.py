"""The parts of a capture's view: its pictures, its lens, and the checks of both."""
