"""Reading files that strangers made, and writing files whole or not at all."""
