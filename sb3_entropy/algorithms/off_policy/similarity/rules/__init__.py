"""Similarity rules, one a file."""
