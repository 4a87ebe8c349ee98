"""Measurements against Stable-Baselines3: its own tests on our classes, and what our classes cost beside theirs."""
