"""Other solvers of a head, behind `pcbm.heads.elastic_net_path`; a default fit imports none.

A backend takes a `Task` and returns one `Found` for each strength (`task.py`). `dispatch.py` judges
the points by the same double-precision optimality check as our own, so that nobody's word is taken
for convergence. What each serves stands in `abilities.py`.
"""
