"""Presets: from a YAML to checked settings, and from these to environments and a model."""
