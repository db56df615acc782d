"""Read untrusted files, and write files whole or not at all."""
