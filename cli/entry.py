"""The console script ``pcbm``: Ctrl-C has one answer, from the first import on."""

from __future__ import annotations

import os
import signal
from types import FrameType

INTERRUPTED = 130


def run() -> int:
    """Import the command line and run it; return its exit code.

    A first Ctrl-C while modules are imported ends the process at once, because imports turn the
    exception into others. Later it unwinds, so that nothing half-written stays, and a second one
    does not wait for that. A process that was told to ignore Ctrl-C (a shell's ``&``) does so.
    """
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        signal.signal(signal.SIGINT, _leave)
    from pcbm.cli.main import run as command

    if listens:
        signal.signal(signal.SIGINT, _unwind)
    return command()


def was_interrupted() -> bool:
    """Return whether a Ctrl-C has unwound the command, whatever exception came out of it."""
    return signal.getsignal(signal.SIGINT) is _leave


def _unwind(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, _leave)
    raise KeyboardInterrupt


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"pcbm: interrupted\n")
    os._exit(INTERRUPTED)
