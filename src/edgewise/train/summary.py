"""What a model keeps of its training inputs: some quantiles, for pictures drawn without data."""

import torch
from torch import Tensor, nn

_ROWS = 33


@torch.no_grad()
def summarize_inputs(models: "list[nn.Module]", x: Tensor) -> None:
    """Leave quantiles of the training inputs on models, as a buffer that is not saved.

    Args:
        models: the models; one that has another attribute of the name `input_summary` keeps it.
        x: `(N, inputs)`; inputs of another shape are not summarized.
    """
    if x.dim() != 2:
        return
    levels = torch.linspace(0, 1, _ROWS, dtype=x.dtype, device=x.device)
    summary = torch.quantile(x.contiguous(), levels, dim=0)
    for model in models:
        if "input_summary" in model._buffers or not hasattr(model, "input_summary"):
            model.register_buffer("input_summary", summary.clone(), persistent=False)
