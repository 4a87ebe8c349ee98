"""The command line: one file a verb, :mod:`~sb3_entropy.cli.main` finds it."""
