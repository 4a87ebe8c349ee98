"""Actors and a learner: what they should do by the theory of queues, and what they do."""
