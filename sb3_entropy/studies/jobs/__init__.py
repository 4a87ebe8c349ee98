"""Kinds of runs. One file each, or another package's by its entry point."""

from sb3_entropy.studies.jobs.base import Cell, Job, PlainJob, Result, Surroundings, Task

__all__ = ["Cell", "Job", "PlainJob", "Result", "Surroundings", "Task"]
