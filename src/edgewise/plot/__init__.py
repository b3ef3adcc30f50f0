"""Pictures of a network and of its training, as matplotlib figures; nothing is shown and no file is written."""

from edgewise.plot.curvature import plot_line, plot_slice, plot_spectrum
from edgewise.plot.edge import edge_kind, plot_edge
from edgewise.plot.evaluation import plot_confusion, plot_importance, plot_predictions
from edgewise.plot.history import plot_history
from edgewise.plot.network import plot_network
from edgewise.plot.physics import plot_solution
from edgewise.plot.report import Section, figure_svg, html_report
from edgewise.plot.tree import plot_tree

__all__ = [
    "Section",
    "edge_kind",
    "figure_svg",
    "html_report",
    "plot_confusion",
    "plot_edge",
    "plot_history",
    "plot_importance",
    "plot_line",
    "plot_network",
    "plot_predictions",
    "plot_slice",
    "plot_solution",
    "plot_spectrum",
    "plot_tree",
]
