"""Many policies of one architecture, with parameters of their own, acting at once."""
