"""Policies: soft ones, their parameters, what they would do, and looking at them without a trace."""
