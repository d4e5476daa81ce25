"""The command line of pcbm."""

if __name__ != "pcbm.cli":
    raise ImportError("this folder is the package 'pcbm.cli': write  import pcbm.cli")
