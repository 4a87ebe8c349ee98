"""Batches of environments that are true Stable-Baselines3 ``VecEnv``s: envpool's, and those that environments bring."""
