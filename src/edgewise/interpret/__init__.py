"""What a trained network says: how much each edge and each input matters."""

from edgewise.interpret.attribution import edge_deviations, edge_scores, input_scores

__all__ = ["edge_deviations", "edge_scores", "input_scores"]
