"""
Similarity rules of SAC-AdaEnt: how well each decides, and what it costs.

``python -m benchmarks.similarity``; see :mod:`benchmarks.similarity.__main__`.
"""
