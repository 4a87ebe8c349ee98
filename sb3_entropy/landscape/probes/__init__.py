"""Probes of the landscape of an objective, one a file."""
