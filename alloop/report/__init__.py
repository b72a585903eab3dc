"""One self-contained HTML file about a campaign, from its journal alone."""

from alloop.report.core_time import time_split
from alloop.report.page import build_report

__all__ = ["build_report", "time_split"]
