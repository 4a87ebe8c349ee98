"""How often intervals contain the truth: ``python -m benchmarks.simulation`` makes the table anew."""
