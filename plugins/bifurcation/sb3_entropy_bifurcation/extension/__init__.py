"""The entropic bifurcation extension of continuous actions: its rule, its wrapper, and what is certain of it."""
