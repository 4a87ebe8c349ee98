"""
Wall-clock and memory of ``learn()``, ours beside theirs.

Only ratios are reported, each of two times taken one right after the other in one process: on a machine that others
share, the same code timed against itself differs by several per cent.
"""
