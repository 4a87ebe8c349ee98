"""Measures: one number for one finished run. One file each, or another package's by its entry point."""

from sb3_entropy.studies.measures.base import Curves, Glimpse, Measure, ObservingMeasure

__all__ = ["Curves", "Glimpse", "Measure", "ObservingMeasure"]
