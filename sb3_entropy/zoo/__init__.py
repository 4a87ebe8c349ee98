"""The bridge to rl_zoo3: presets, names, checked keys, search spaces. The only place that knows it."""
