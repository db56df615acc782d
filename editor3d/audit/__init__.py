"""What may be asked for on this machine, and what was: a policy file, and a log whose entries are chained by hashes."""
