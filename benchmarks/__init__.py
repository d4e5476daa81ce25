"""Timed comparisons of pcbm's solvers with others, see docs/benchmarks.md.

Run from the repository root: ``python -m benchmarks heads`` or ``python -m benchmarks cavs``.
Nothing here is part of the installed package. Modules that run in a child process import only
numpy and their own library, so that a peer may live in an interpreter without pcbm.
"""
