"""Studies: a claim, the runs that test it, and the verdict by a rule stated beforehand."""
