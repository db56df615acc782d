"""Several views on one sheet, edited alike in one call of another editor."""
