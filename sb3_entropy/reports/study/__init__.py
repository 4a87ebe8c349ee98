"""One self-contained page for a study."""

from sb3_entropy.reports.study.page import write_report

__all__ = ["write_report"]
