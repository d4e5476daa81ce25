"""Concept banks: named directions in a backbone's activation space."""

if __name__ != "pcbm.concepts":
    raise ImportError("this folder is the package 'pcbm.concepts': write  import pcbm.concepts")
