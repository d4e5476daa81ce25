"""The command line: ``python -m benchmarks heads``, ``cavs`` and ``similarity``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection
from pathlib import Path

from benchmarks import cavs, heads, machine, similarity
from benchmarks.contest import LADDER
from benchmarks.launch import find_programs
from benchmarks.layers import problem as layers
from benchmarks.problems import FULL, QUICK, SPECS
from benchmarks.solvers import PEERS

QUICK_LADDER = (2e-2, 1e-5)


def main() -> None:
    """Run the benchmark that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    benches = parser.add_subparsers(dest="bench", required=True)
    _heads_options(benches.add_parser("heads", help="whole paths of sparse heads"))
    _cavs_options(benches.add_parser("cavs", help="linear probes of concepts"))
    _similarity_options(benches.add_parser("similarity", help="maps of layers, and SVCCA"))
    chosen = parser.parse_args()
    chosen.run(chosen)


def _heads_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run_heads)
    parser.add_argument("--problems", type=_names(SPECS), help=f"of {', '.join(SPECS)}")
    parser.add_argument("--peers", type=_names(PEERS), help=f"of {', '.join(PEERS)}, or none")
    parser.add_argument("--tol", type=float, default=2e-2, help="of ours")
    parser.add_argument("--peer-limit", type=float, default=900.0, metavar="SECONDS")
    parser.add_argument(
        "--no-references",
        action="store_true",
        help="times alone: gaps are then to the least objective found",
    )
    parser.add_argument("--rscript", default="Rscript", metavar="PATH")
    parser.add_argument("--adelie-python", metavar="PATH", help="an interpreter that has adelie")
    _shared_options(parser, ("1", "all", "both"))


def _run_heads(chosen: argparse.Namespace) -> None:
    every = machine.all_threads()
    counts = {"1": (1,), "all": (every,), "both": (1, every)}[chosen.threads]
    settings = heads.Settings(
        problems=chosen.problems or (QUICK if chosen.quick else FULL),
        peers=PEERS if chosen.peers is None else chosen.peers,
        tol=chosen.tol,
        threads=tuple(dict.fromkeys(counts)),
        repeats=chosen.repeats or (1 if chosen.quick else 5),
        limit=chosen.peer_limit,
        seed=chosen.seed,
        ladder=QUICK_LADDER if chosen.quick else LADDER,
        references=not chosen.no_references,
    )
    heads.run(settings, find_programs(chosen.rscript, chosen.adelie_python), chosen.out)


def _cavs_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run_cavs)
    parser.add_argument("--dims", type=_numbers, help="widths of the activations, default 512,2048")
    parser.add_argument("--concepts", type=int, help="default 100")
    _shared_options(parser, ("1", "all"))


def _run_cavs(chosen: argparse.Namespace) -> None:
    settings = cavs.Settings(
        dims=chosen.dims or ((64,) if chosen.quick else (512, 2048)),
        concepts=chosen.concepts or (4 if chosen.quick else 100),
        repeats=chosen.repeats or (1 if chosen.quick else 5),
        threads=1 if chosen.threads == "1" else machine.all_threads(),
        seed=chosen.seed,
    )
    cavs.run(settings, chosen.out)


def _similarity_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run_similarity)
    known = ", ".join(layers.SPECS)
    parser.add_argument("--problems", type=_names(layers.SPECS), help=f"of {known}")
    parser.add_argument("--peer-limit", type=float, default=900.0, metavar="SECONDS")
    parser.add_argument(
        "--peer-python", default=sys.executable, metavar="PATH", help="one that has the packages"
    )
    _shared_options(parser, ("1", "all"))


def _run_similarity(chosen: argparse.Namespace) -> None:
    settings = similarity.Settings(
        problems=chosen.problems or (layers.QUICK if chosen.quick else layers.FULL),
        repeats=chosen.repeats or (1 if chosen.quick else 5),
        threads=1 if chosen.threads == "1" else machine.all_threads(),
        seed=chosen.seed,
        limit=chosen.peer_limit,
        python=chosen.peer_python,
    )
    similarity.run(settings, chosen.out)


def _shared_options(parser: argparse.ArgumentParser, threads: tuple[str, ...]) -> None:
    parser.add_argument("--repeats", type=int, help="runs of each contender, default 5")
    parser.add_argument("--threads", choices=threads, default="1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="continued if it exists")
    parser.add_argument("--quick", action="store_true", help="tiny problems, one run of each")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _names(known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """Return a reader of comma-separated names; the word none means no name."""

    def read(text: str) -> tuple[str, ...]:
        names = () if text == "none" else tuple(text.split(","))
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return names

    return read


if __name__ == "__main__":
    main()
