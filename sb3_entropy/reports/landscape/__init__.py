"""The page of a probe."""

from sb3_entropy.reports.landscape.figures import Looked
from sb3_entropy.reports.landscape.page import write_probe_page

__all__ = ["Looked", "write_probe_page"]
