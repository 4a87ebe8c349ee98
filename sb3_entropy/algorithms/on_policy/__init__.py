"""The on-policy family: its one training loop, and the parts of it."""
