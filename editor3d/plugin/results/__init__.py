"""Write, judge and export the results of a run."""
