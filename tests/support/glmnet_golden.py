"""Problems and answers of R's glmnet at thresh 1e-12, from tests/heads/golden."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parents[1] / "heads" / "golden"
ATOL = 1e-4  # glmnet stops on a change of the objective, here up to 7e-5 from the optimum


def columns(table, prefix):
    names = [name for name in table.dtype.names if name.startswith(prefix)]
    return np.column_stack([table[name] for name in names])


def read_problem(name):
    """Return Z, y and the options of one problem."""
    table = np.genfromtxt(GOLDEN / f"{name}.csv", delimiter=",", names=True)
    factors = np.genfromtxt(GOLDEN / "factors.csv", delimiter=",", names=True)
    family = name.split("_")[0]
    options = {
        "family": family,
        "sample_weight": table["weight"],
        "offset": columns(table, "offset"),
        "penalty_factor": factors[name],
    }
    y = table["y"]
    return columns(table, "z"), y if family == "gaussian" else y.astype(int), options


def solutions(file="glmnet.csv"):
    """Return problem -> alpha -> lambda -> rows of intercept and coefficients."""
    found = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    with (GOLDEN / file).open(encoding="utf-8", newline="") as file:
        for line in list(csv.reader(file))[1:]:
            alpha, lam, _, *numbers = map(float, line[1:])
            found[line[0]][alpha][lam].append(numbers)
    return found


SOLUTIONS = solutions()
