"""Figures, drawn from what training has stored. The only place that knows matplotlib."""
