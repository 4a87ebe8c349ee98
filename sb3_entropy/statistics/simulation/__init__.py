"""How often intervals contain the truth: ``python -m sb3_entropy.statistics.simulation`` makes the table anew."""
