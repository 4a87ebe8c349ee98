"""The command line: train, enjoy, plots, benchmark, list, demo."""
