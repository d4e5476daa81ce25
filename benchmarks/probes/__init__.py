"""The comparison of concept activation vectors: problem, solvers, judge, child process."""
