"""Readers of the formats that captures come in; each gives the same checked views."""
