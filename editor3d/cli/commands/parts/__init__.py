"""Commands about parts of a scene."""
