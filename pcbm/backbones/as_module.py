"""A backbone as one module, which other tools can trace, export or build into a network."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from pcbm.backbones.pooling import PoolPlan, apply_pooling
from pcbm.backbones.probe import raw_output
from pcbm.backbones.tower import Tower, first_tensor


class BackboneModule(nn.Module):
    """From a batch of prepared inputs to activations, shape (n, d).

    Parameters
    ----------
    tower : Tower
    layer : Module, optional
        None for the model's own embedding.
    plan : PoolPlan
    where : str
        Name of the output, for messages.
    """

    def __init__(self, tower: Tower, layer: nn.Module | None, plan: PoolPlan, where: str) -> None:
        super().__init__()
        self.network = tower.module
        # Kept in a tuple, or the layer would be registered a second time.
        self._parts = (tower, layer, plan, where)

    def forward(self, batch: Any) -> Tensor:
        """Return the activations of what the tower collated: a tensor, or a dict of them."""
        tower, layer, plan, where = self._parts
        tensor = first_tensor(batch)
        assert tensor is not None
        output = raw_output(tower, layer, batch, where)
        return apply_pooling(plan, output, tensor.shape[0], tower.mask(batch))
