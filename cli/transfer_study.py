"""What ``pcbm transfer`` stir, learning and flow share: their options, pictures and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.inputs import read, split_part
from pcbm.cli.options import GROUPS, Common
from pcbm.cli.output import Block, Line, Table
from pcbm.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from pcbm.activations import Dataset
    from pcbm.analysis.networks import Network
    from pcbm.analysis.transfer import Ledger, Stir, StirSettings

ROWS = 500  # pictures, where the data has more
FEWEST_ROWS = 4  # with which debiased CKA is defined
STRONG = 0.8  # self-score below which values tell of the search as much as of the networks
INVERSION = "Inversion"
BIASED = (
    "biased CKA nears 1 by bias alone where a layer has many columns beside pictures: see the floor"
)


@dataclass(frozen=True)
class StudyChoice:
    """The options of a study that inverts layers."""

    data: str
    layers: list[str]
    split: str | None
    rows: int | None
    start: str
    optimiser: str
    steps: int
    rate: float | None
    clamp: bool
    seeds: int
    similarity: str
    residual_limit: float
    pool: str | None
    batch_size: int

    def settings(self, seed: int) -> StirSettings:
        """Return what the study is run with."""
        from pcbm.analysis.transfer import InversionSettings, StirSettings

        return StirSettings(
            inversion=InversionSettings(
                start=self.start,  # type: ignore[arg-type]
                optimiser=self.optimiser,  # type: ignore[arg-type]
                steps=self.steps,
                rate=self.rate,
                clamp=self.clamp,
            ),
            similarity=self.similarity,
            seeds=self.seeds,
            seed=seed,
            residual_limit=self.residual_limit,
            pool=self.pool,
            batch_size=self.batch_size,
        )


def _study(
    data: Annotated[str, typer.Option("--data", metavar="DATA", help="Pictures to show.")],
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layer", metavar="PATTERN", help="Layers, such as layer1 or blocks.*; repeatable."
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", help="all, train, val or test. Default: test where DATA has it."),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            "--rows", min=4, help=f"So many pictures, drawn by the seed. Default: {ROWS} at most."
        ),
    ] = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Of each inversion.", rich_help_panel=INVERSION)
    ] = 50,
    seeds: Annotated[
        int,
        typer.Option("--seeds", min=1, help="Inversions of each layer.", rich_help_panel=INVERSION),
    ] = 3,
    start: Annotated[
        str,
        typer.Option(
            "--start",
            help="normal or uniform noise, or image: another picture.",
            rich_help_panel=INVERSION,
        ),
    ] = "normal",
    optimiser: Annotated[
        str,
        typer.Option(
            "--optimiser",
            help="gradient (steps of a fixed length) or adam.",
            rich_help_panel=INVERSION,
        ),
    ] = "gradient",
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            help="Length of a step, or Adam's rate. Default: by the size of the pictures.",
            rich_help_panel=INVERSION,
        ),
    ] = None,
    clamp: Annotated[
        bool,
        typer.Option("--clamp/--no-clamp", help="Valid pixels only.", rich_help_panel=INVERSION),
    ] = True,
    residual_limit: Annotated[
        float,
        typer.Option(
            "--residual-limit",
            help="No value for a layer with a larger residual.",
            rich_help_panel=INVERSION,
        ),
    ] = 0.3,
    similarity: Annotated[
        str, typer.Option("--similarity", help="cka_debiased or cka.")
    ] = "cka_debiased",
    pool: Annotated[
        str | None, typer.Option("--pool", help="mean, cls or flatten; of every layer.")
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Pictures that run at once.")
    ] = 64,
) -> StudyChoice:
    """Build the `StudyChoice` of a run from the options of these commands."""
    return StudyChoice(
        data,
        layer or [],
        split,
        rows,
        start,
        optimiser,
        steps,
        rate,
        clamp,
        seeds,
        similarity,
        residual_limit,
        pool,
        batch_size,
    )


GROUPS[StudyChoice] = _study


@dataclass(frozen=True, eq=False)
class Pictures:
    """The rows of DATA that a study shows, not yet read."""

    data: Dataset
    rows: np.ndarray
    split: str

    def pixels(self, network: Network, others: Sequence[Network]) -> tuple[Tensor, list[str]]:
        """Return pixels that suit all networks, and warnings; see `shared_pixels`."""
        from pcbm.analysis.transfer.pictures import shared_pixels

        return shared_pixels(network, others, self.data, self.rows)


def pictures(choice: StudyChoice, common: Common) -> Pictures:
    """Choose the rows of DATA; refuse what cannot work before any network is loaded."""
    import numpy as np

    data = read(choice.data, common)
    if data.kind != "image":
        raise InputError(f"{data.source} holds {data.kind}s, expected images: give pictures")
    rows, split = split_part(data, choice.split, default_test=True)
    if choice.rows is not None and choice.rows > len(rows):
        raise InputError(f"--rows {choice.rows} was asked for, but there are {len(rows)}")
    if len(rows) < FEWEST_ROWS:
        raise InputError(
            f"{data.source} has {len(rows)} pictures to show, expected at least {FEWEST_ROWS}"
        )
    wanted = min(ROWS, len(rows)) if choice.rows is None else choice.rows
    drawn = np.random.default_rng([common.seed, 2]).permutation(len(rows))[:wanted]
    return Pictures(data, rows[np.sort(drawn)], split)


@contextmanager
def kept_parts(common: Common) -> Iterator[Ledger]:
    """Yield the place of finished parts of a study; an interrupt says that they are kept."""
    from pcbm.activations.cache import cache_folder
    from pcbm.analysis.transfer import Ledger

    folder = cache_folder() / "transfer"
    try:
        yield Ledger(folder)
    except KeyboardInterrupt:
        common.note(f"finished parts are kept in {folder}: the same command goes on with them")
        raise


def settings_data(settings: StirSettings, pixels: Tensor) -> dict[str, Any]:
    """Return the settings of a study for JSON, with the rate that was used."""
    from pcbm.analysis.transfer.inversion import default_rate

    data = asdict(settings)
    data["inversion"]["rate"] = default_rate(settings.inversion, pixels[0].numel())
    return data


def inversions(stir: Stir) -> list[dict[str, Any]]:
    """Return how well each layer of the reference was inverted."""
    from pcbm.analysis.transfer.stir import spread

    residuals, selves = spread(stir.residual, axis=0), spread(stir.self_scores, axis=0)
    return [
        {
            "network": stir.reference,
            "layer": layer,
            "residual": stir.residual[:, j].mean(),
            "residual_spread": None if residuals is None else residuals[j],
            "start_residual": stir.start_residual[:, j].mean(),
            "other_picture": stir.apart[j],
            "self_score": stir.self_scores[:, j].mean(),
            "self_spread": None if selves is None else selves[j],
            "converged": bool(stir.converged()[j]),
            "reason": stir.not_converged(j),
        }
        for j, layer in enumerate(stir.layers)
    ]


def weak(entries: Sequence[dict[str, Any]], settings: StirSettings) -> list[str]:
    """Return a warning for each inversion that has a value but a low self-score."""
    return [
        f"the inversions of {entry['layer']!r} of {entry['network']} reach a self-score of "
        f"{entry['self_score']:.2f}: their values tell of the search as much as of the networks; "
        f"{settings.inversion.advice()}"
        for entry in entries
        if entry["converged"] and entry["self_score"] < STRONG
    ]


def reasons(stir: Stir) -> list[dict[str, Any]]:
    """Return why values are missing, of layers that were inverted."""
    return [
        {
            "network": stir.observers[o],
            "inverted": f"{stir.layers[j]} of {stir.reference}",
            "read": stir.read[i],
            "reason": reason,
        }
        for (o, j, i), reason in stir.reasons.items()
        if stir.converged()[j]
    ]


def study_lines(document: dict[str, Any]) -> list[Block]:
    """Return what stands above the values: pictures, settings, and what is wrong."""
    settings = document["settings"]
    inversion = settings["inversion"]
    seeds, n = settings["seeds"], document["n"]
    by = f"steps of {inversion['rate']:.3g}" if inversion["optimiser"] == "gradient" else (
        f"steps of Adam at rate {inversion['rate']:.3g}"
    )  # fmt: skip
    part = "" if document["split"] == "all" else f" ({document['split']})"
    pixels = "valid pixels" if inversion["clamp"] else "pixels of any value"
    return [
        Line(
            f"{n:,} pictures of {document['data']}{part}, {settings['similarity']}, "
            f"{seeds} {'seed' if seeds == 1 else 'seeds'} from {settings['seed']}"
        ),
        Line(
            f"inverted from {inversion['start']} starts by {inversion['steps']} {by}, {pixels}; "
            f"residual limit {settings['residual_limit']:g}"
        ),
    ]


def inversion_table(entries: Sequence[dict[str, Any]], title: str) -> list[Block]:
    """Return residuals and self-scores as a table, and a line for what did not converge."""
    rows = [
        [
            entry["layer"],
            plus_minus(entry["residual"], entry["residual_spread"]),
            entry["start_residual"],
            entry["other_picture"],
            plus_minus(entry["self_score"], entry["self_spread"]),
        ]
        for entry in entries
    ]
    columns = ["inverted layer", "residual", "of the start", "of another picture", "self-score"]
    blocks: list[Block] = [Table(columns, rows, title)]
    blocks += [Line(f"no value: {e['reason']}", "yellow") for e in entries if e["reason"]]
    return blocks


def matrix_table(
    title: str,
    corner: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: np.ndarray,
    spreads: np.ndarray | None = None,
) -> Table:
    """Return a matrix with named rows and columns, with the spread of each value."""
    lines = [
        [
            name,
            *(
                plus_minus(values[j, i], None if spreads is None else spreads[j, i])
                for i in range(len(columns))
            ),
        ]
        for j, name in enumerate(rows)
    ]
    return Table([corner, *columns], lines, title)


def plus_minus(value: float, spread: float | None) -> str:
    """Return a value and its spread over seeds.

    >>> plus_minus(0.91234, 0.0021), plus_minus(0.5, None), plus_minus(float("nan"), None)
    ('0.912 ±0.002', '0.500', '-')
    """
    if value != value:
        return "-"
    return f"{value:.3f}" + ("" if spread is None or spread != spread else f" ±{spread:.3f}")
