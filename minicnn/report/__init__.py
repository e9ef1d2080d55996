"""The page that shows what a network sees in a photo."""

from minicnn.report.page import PartTime, choose_methods, write_report

__all__ = ["PartTime", "choose_methods", "write_report"]
