"""What each solver can do, as data, and the refusal of what it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pcbm.errors import InputError, near
from pcbm.heads.inputs import FAMILIES

UNGROUPED = tuple(name for name in FAMILIES if name != "grouped")
OPTIONS = frozenset({"offset", "free", "start", "penalty_factor", "lower", "upper"})


@dataclass(frozen=True)
class Ability:
    """What a solver serves.

    Parameters
    ----------
    families : names of losses, see `pcbm.heads.elastic_net_path`
    options : names of the optional arguments of `elastic_net_path` that it serves
    """

    families: tuple[str, ...]
    options: frozenset[str] = frozenset()


ABILITIES = {
    "newton": Ability(FAMILIES, OPTIONS | {"device"}),
    "glmnet": Ability(UNGROUPED, frozenset({"offset", "penalty_factor"})),
    "saga": Ability(UNGROUPED),
    "minibatch": Ability(FAMILIES, OPTIONS),
    "sgd": Ability(("multinomial", "binomial")),
}
SOLVERS = tuple(ABILITIES)


def check_solver(solver: str) -> None:
    """Raise InputError when there is no solver of this name."""
    if solver not in SOLVERS:
        raise InputError(f"solver={solver!r} is unknown: {near(str(solver), SOLVERS)}")


def check_able(solver: str, family: str, options: Mapping[str, object]) -> None:
    """Raise InputError when ``solver`` cannot do what is asked, and name those that can.

    Parameters
    ----------
    solver, family : str
        The family is one of `FAMILIES`.
    options : name -> value of the optional arguments; None was not given
    """
    check_solver(solver)
    given = {name for name, value in options.items() if value is not None}

    def lacks(name: str) -> list[str]:
        ability = ABILITIES[name]
        missing = [] if family in ability.families else [f"family {family!r}"]
        return missing + sorted(given - ability.options)

    if not lacks(solver):
        return
    able = " or ".join(repr(name) for name in SOLVERS if not lacks(name))
    raise InputError(
        f"solver={solver!r} does not serve {' and '.join(lacks(solver))}: use solver={able}"
    )
