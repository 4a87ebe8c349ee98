"""Functions of a policy's parameters."""
