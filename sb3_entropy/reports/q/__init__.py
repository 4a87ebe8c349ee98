"""The page of a landscape of Q."""

from sb3_entropy.reports.q.page import write_q_page

__all__ = ["write_q_page"]
