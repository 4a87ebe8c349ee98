"""The landscape of an objective around a point: what a probe measures, and what can be said of it."""
