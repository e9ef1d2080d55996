"""The page that shows what a network sees in a photo, and how a picture is made again from what it says of itself.

May use visualizers and what is below them; knows no method by name.
"""

from minicnn.report.page import PartTime
from minicnn.report.writing import Report, choose_methods, write_report

__all__ = ["PartTime", "Report", "choose_methods", "write_report"]
