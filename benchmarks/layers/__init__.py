"""The comparison of representations: problems, loops over layers, references, child process."""
