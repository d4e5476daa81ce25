"""Other solvers of a head, behind `pcbm.heads.elastic_net_path`; a default fit imports none.

Each takes a `Task` and returns one `Found` for each strength (`pcbm.heads.task`), as our own does.
The points of all are judged by the same double-precision optimality check, so that nobody's word is
taken for convergence. What each serves stands in `abilities.py`.
"""
