"""The page of a misleading score."""

from sb3_entropy.reports.misleading.page import write_misleading_page

__all__ = ["write_misleading_page"]
