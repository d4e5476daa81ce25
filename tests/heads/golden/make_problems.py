"""Write the problems that ``make_glmnet.R`` solves: ``FAMILY_CASE.csv``, factors and bounds.

Run ``python make_problems.py && Rscript make_glmnet.R`` in this folder to renew the solutions.
Columns of Z have weighted mean 0 and 1/n variance 1, so do Gaussian targets less their
offset; numbers are written with all their digits.
"""

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
N, K = 48, 6
CASES = ("plain", "weighted", "offset", "all")
ROWS = {"multinomial": 3, "grouped": 3, "binomial": 1, "gaussian": 1}


# Of each column, R's way of writing them: non-negative, and both ends, some tight.
BOUNDS = {
    "signed_lower": ["0"] * K,
    "signed_upper": ["Inf"] * K,
    "boxed_lower": ["-0.05", "-0.3", "0", "-Inf", "-0.1", "0"],
    "boxed_upper": ["0.1", "0", "0.2", "0.15", "Inf", "0"],
}


def standardised(values, weight):
    mean = weight @ values / weight.sum()
    centred = values - mean
    return centred / np.sqrt(weight @ centred**2 / weight.sum())


def problem(family, case, seed):
    """Return the parts of one problem; labels are integers from 0."""
    rng = np.random.default_rng(seed)
    rows = ROWS[family]
    weight = rng.integers(1, 5, N) / 2.0 if case in ("weighted", "all") else np.ones(N)
    latent = rng.normal(size=(N, 3))
    Z = latent @ rng.normal(size=(3, K)) + rng.normal(size=(N, K))
    Z = standardised(Z, weight)
    signal = Z[:, :4] @ rng.normal(size=(4, rows)) + 1.5 * rng.normal(size=(N, rows))
    offset = 0.7 * rng.normal(size=(N, rows)) if case in ("offset", "all") else np.zeros((N, rows))
    if family == "gaussian":
        y = standardised(signal[:, 0], weight) + offset[:, 0]
    elif family == "binomial":
        y = (signal[:, 0] > 0.5).astype(int)
    else:
        y = signal.argmax(axis=1)
    factor = np.ones(K)
    if case == "all":
        factor = rng.uniform(0.3, 2, K)
        factor[-1] = 0.0
        factor *= K / factor.sum()  # glmnet rescales them to this sum
    return np.column_stack([y, weight, offset, Z]), factor


def write(path, header, rows):
    lines = [",".join(header), *(",".join(f"{value:.17g}" for value in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    factors, names = [], []
    for seed, (family, case) in enumerate((f, c) for f in ROWS for c in CASES):
        table, factor = problem(family, case, seed)
        offsets = [f"offset{k}" for k in range(ROWS[family])]
        header = ["y", "weight", *offsets, *(f"z{j}" for j in range(K))]
        write(FOLDER / f"{family}_{case}.csv", header, table)
        names.append(f"{family}_{case}")
        factors.append(factor)
    write(FOLDER / "factors.csv", names, np.transpose(factors))
    lines = [",".join(BOUNDS), *map(",".join, zip(*BOUNDS.values(), strict=True))]
    (FOLDER / "bounds.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
