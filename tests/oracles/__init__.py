"""Independent mathematics: closed forms, enumeration, quadrature, finite differences, SciPy, NumPy."""
