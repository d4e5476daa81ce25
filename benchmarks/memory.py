"""Memory of this process, as Linux counts it."""

from __future__ import annotations

from pathlib import Path

_PROCESS = Path("/proc/self")


def forget_peak() -> bool:
    """Let the peak start again from the present; return whether the system can."""
    try:
        (_PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def resident() -> int | None:
    """Return the bytes in memory now."""
    return _field("VmRSS")


def peak() -> int | None:
    """Return the most bytes that were in memory since the start or `forget_peak`."""
    return _field("VmHWM")


def _field(name: str) -> int | None:
    try:
        lines = (_PROCESS / "status").read_text().splitlines()
    except OSError:
        return None
    kilobytes = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return 1024 * int(kilobytes[0]) if kilobytes else None
