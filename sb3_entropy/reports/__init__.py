"""Pages that need nothing else: studies, and probes of the landscape."""
