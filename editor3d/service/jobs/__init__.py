"""Jobs: what may be asked for, the command that carries it out, and what it leaves."""
