"""Jobs: the requests, the commands that carry them out, and their results."""
