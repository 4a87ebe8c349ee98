"""Similarity rules: how well each decides, and what it costs. ``python -m benchmarks.similarity``."""
