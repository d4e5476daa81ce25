"""Comparing representations, and what transfer changed: beside the flow from data to report."""
