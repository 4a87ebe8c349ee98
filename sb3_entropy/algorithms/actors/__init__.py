"""The asynchronous family: actors that collect in workers of their own, and the one loop that learns from them."""
