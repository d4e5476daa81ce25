"""R's glmnet through Rscript; ``glmnet.R`` beside this file reads, fits, times and writes."""

from __future__ import annotations

from benchmarks.solvers import Solver

SOLVER = Solver(
    name="glmnet",
    families=("multinomial", "grouped", "binomial"),
    about="R, thresh 1e-7, standardize FALSE, paths not cut short (fdev 0, devmax 1)",
    script="glmnet.R",
)
