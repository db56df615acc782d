"""What the parts of a refinement share: their contracts, the budget, and the record of what was done."""
