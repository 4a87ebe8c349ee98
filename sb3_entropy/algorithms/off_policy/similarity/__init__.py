"""Do the soft and the plain critics say the same of a state's actions? Measures, and rules from cheap to exact."""
