"""What a policy earns, and uses, in a contextual bandit."""
