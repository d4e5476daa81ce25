"""Which concepts moved a decision, sample by sample, as plain records."""

from pcbm.explain.samples import explain_samples, sample_records

__all__ = ["explain_samples", "sample_records"]
