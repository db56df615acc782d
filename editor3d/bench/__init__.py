"""Judge edits of captures by instructions, methods and editors, all with all, and put the scores into one table."""
