"""
Measures: one number for one finished run, from its curves.

A measure is an entry, in the file of what it is about, or another package's by its entry point. What has to look at the
model during the training is an observer, one a file: it looks once, and measures say what they want of what it sees.
"""

from sb3_entropy.studies.measures.base import Glimpse, Measure, Observer, Score, end

__all__ = ["Glimpse", "Measure", "Observer", "Score", "end"]
