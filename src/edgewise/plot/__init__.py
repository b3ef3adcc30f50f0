"""Pictures of a network and of its training, as matplotlib figures; nothing is shown and no file is written."""

from edgewise.plot.report import Section, figure_svg, html_report

__all__ = ["Section", "figure_svg", "html_report"]
