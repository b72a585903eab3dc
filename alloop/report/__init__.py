"""One self-contained HTML file about a campaign, from its journal alone."""

from alloop.report.page import build_report
from alloop.report.split import time_split

__all__ = ["build_report", "time_split"]
