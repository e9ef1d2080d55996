"""The page that shows what a network sees in a photo."""

from minicnn.report.page import PartTime, write_report

__all__ = ["PartTime", "write_report"]
