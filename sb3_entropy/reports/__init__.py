"""Pages that need nothing else: studies today."""
