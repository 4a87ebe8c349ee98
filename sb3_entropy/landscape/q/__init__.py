"""Q over the actions, plain and soft (Zhang, Chang and Gao 2025): critics of a policy, landscapes, a score."""
