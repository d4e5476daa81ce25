"""Progress on stderr: a bar on a terminal, a line now and then elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from pcbm.cli.output import on_terminal, write

Callback = Callable[[int, int], None]
SECONDS_TO_FIRST_LINE = 2.0
SECONDS_BETWEEN_LINES = 15.0


class Rate:
    """Items a second and seconds left, from all that was done since the first report.

    A step that was finished before (a continued store) is not counted as speed: the clock starts
    with the first report, or at zero items when the clock started before it.
    """

    def __init__(self, now: float) -> None:
        self.start_time = now
        self.start_done: int | None = None

    def update(self, done: int, total: int, now: float) -> tuple[float | None, float | None]:
        """Return (items a second, seconds left); None while nothing can be said yet.

        >>> rate = Rate(now=0.0)
        >>> rate.update(0, 100, now=1.0)
        (None, None)
        >>> rate.update(20, 100, now=2.0)
        (20.0, 4.0)
        """
        if self.start_done is None:
            self.start_done, self.start_time = done, now
            return None, None
        fresh, seconds = done - self.start_done, now - self.start_time
        if fresh <= 0 or seconds <= 0:
            return None, None
        speed = fresh / seconds
        return speed, (total - done) / speed


def duration(seconds: float) -> str:
    """Return a duration as a person says it.

    >>> duration(8.2), duration(95), duration(7300)
    ('8 s', '1 min 35 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def status(done: int, total: int, speed: float | None, left: float | None) -> str:
    """Return the sentence behind a bar.

    >>> status(20, 100, 20.0, 4.0)
    '20/100, 20/s, about 4 s left'
    """
    parts = [f"{done:,}/{total:,}"]
    if speed is not None:
        parts.append(f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.2g}/s")
    if left is not None and done < total:
        parts.append(f"about {duration(left)} left")
    return ", ".join(parts)


@contextmanager
def progress(title: str, *, quiet: bool) -> Iterator[Callback | None]:
    """Yield the function that library code calls with (done, total)."""
    if quiet:
        yield None
    elif on_terminal(sys.stderr):
        with _bar(title) as callback:
            yield callback
    else:
        yield _lines(title)


@contextmanager
def stages(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function (stage, done, total) for work in stages; each stage gets its own bar."""
    with ExitStack() as open_bar:
        current: str | None = None
        callback: Callback | None = None

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal current, callback
            if stage != current:
                open_bar.close()
                current, callback = stage, open_bar.enter_context(progress(stage, quiet=quiet))
            if callback is not None:
                callback(done, total)

        yield tell


@contextmanager
def _bar(title: str) -> Iterator[Callback]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns: list[Any] = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[status]}", markup=False),
    ]
    rate = Rate(time.monotonic())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, status="")

        def callback(done: int, total: int) -> None:
            speed, left = rate.update(done, total, time.monotonic())
            bar.update(task, completed=done, total=total, status=status(done, total, speed, left))

        yield callback


def _lines(title: str) -> Callback:
    """Return a callback that writes a line after 2 s of work, then at most every 15 s."""
    start = time.monotonic()
    rate = Rate(start)
    due = start + SECONDS_TO_FIRST_LINE

    def callback(done: int, total: int) -> None:
        nonlocal due
        now = time.monotonic()
        speed, left = rate.update(done, total, now)
        if speed is None or done >= total or now < due:
            return
        due = now + SECONDS_BETWEEN_LINES
        write(sys.stderr, f"pcbm: {title}: {status(done, total, speed, left)}\n")

    return callback
