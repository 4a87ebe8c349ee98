"""Parts of the off-policy family, each by itself."""
