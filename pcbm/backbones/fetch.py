"""Turning the many errors of libraries that load models by name into one helpful line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import torch

from pcbm.backbones.weights import one_line
from pcbm.errors import InputError

# By name, because httpx, requests and huggingface_hub need not be importable.
_NETWORK = {
    "ConnectError",
    "ConnectionError",
    "ConnectTimeout",
    "LocalEntryNotFoundError",
    "MaxRetryError",
    "OfflineModeIsEnabled",
    "ProxyError",
    "ReadTimeout",
    "URLError",
    "gaierror",
}
_PHRASES = ("couldn't connect", "cannot find the requested files in the local cache", "offline")


@contextmanager
def loading(spec: str, instead: str) -> Iterator[None]:
    """Run a library's own loading code; its failures become InputError.

    Parameters
    ----------
    spec
        The backbone as the user gave it.
    instead
        What can be given when nothing can be downloaded: ``"timm:NAME@CHECKPOINT"``.

    Raises
    ------
    InputError
        The library raised; the message says whether the network was the cause.
    """
    try:
        # Some libraries announce their downloads on stdout, which carries results only.
        with _quiet_root(), redirect_stdout(sys.stderr):
            yield
    except (InputError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        # These libraries raise anything from OSError to KeyError for a wrong name or no network.
        if network_failed(error):
            raise InputError(
                f"could not fetch {spec}: no network, or no such name ({one_line(error)}): "
                f"give a local copy instead, {instead}"
            ) from error
        raise InputError(
            f"could not load {spec} ({one_line(error)}): check the name, or give {instead}"
        ) from error


@contextmanager
def _quiet_root() -> Iterator[None]:
    """Keep libraries that log on the root logger from installing a handler for the whole process.

    ``logging.error`` does that when the root logger has no handler, and the error is ours to tell.
    """
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def network_failed(error: BaseException | None) -> bool:
    """Tell whether an error, or one that caused it, comes from an absent network."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        names = {kind.__name__ for kind in type(error).__mro__}
        if names & _NETWORK or any(phrase in str(error).lower() for phrase in _PHRASES):
            return True
        error = error.__cause__ or error.__context__
    return False
