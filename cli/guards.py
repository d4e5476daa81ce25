"""How the guards of ``pcbm edit`` and their prices are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pcbm.cli.output import Block, Line, Table


def guard_blocks(structure: Sequence[dict[str, Any]]) -> list[Block]:
    """Return the prices of guards, and what each does not guarantee."""
    records = [record for record in structure if record["op"] == "guard"]
    if not records:
        return []
    prices = [record["price"] for record in records]
    rows = [
        (record["guard"], price.get("before"), price.get("after"))
        for record, price in zip(records, prices, strict=True)
    ]
    first = prices[0]
    if "not_measurable" in first:
        title = f"Guards; their price is not measurable: {first['not_measurable']}"
    else:
        title = f"Guards and their price: {first['figure']} on {first['n']:,} held-out rows"
    blocks: list[Block] = [Table(("guard", "before", "after"), rows, title)]
    return blocks + [Line(f"{r['guard']}: {r['not_guaranteed']}") for r in records]
