"""What transfer changed between two networks.

Importing this package imports no PyTorch: each study is in a module of its own.
"""
