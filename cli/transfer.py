"""``pcbm transfer``: what fine-tuning changed between networks, and what they share."""

from __future__ import annotations

from collections.abc import Callable

from pcbm.cli import (
    transfer_agreement,
    transfer_barrier,
    transfer_basin,
    transfer_criticality,
    transfer_distance,
    transfer_flow,
    transfer_learning,
    transfer_shuffle,
    transfer_stir,
    transfer_stitch,
    transfer_transferability,
)
from pcbm.cli.output import Result

# One file a command: cli/transfer_NAME.py.
COMMANDS: dict[str, Callable[..., Result]] = {
    "stir": transfer_stir.stir,
    "learning": transfer_learning.learning,
    "flow": transfer_flow.flow,
    "agreement": transfer_agreement.agreement,
    "stitch": transfer_stitch.stitch,
    "transferability": transfer_transferability.transferability,
    "shuffle": transfer_shuffle.shuffle,
    "distance": transfer_distance.distance,
    "barrier": transfer_barrier.barrier,
    "basin": transfer_basin.basin,
    "criticality": transfer_criticality.criticality,
}
