"""Sharing models through the Hugging Face hub: a RUN folder up, a RUN folder down."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pcbm._version import __version__
from pcbm.backbones.weights import one_line
from pcbm.errors import InputError, need
from pcbm.model.load import load_run
from pcbm.model.run import (
    BANK,
    BEFORE,
    CARD,
    CONFIG,
    EDITS,
    METRICS,
    MODEL,
    WEIGHTS,
    Run,
    save_run,
)

EXTRA = "hub"
FILES = (CONFIG, MODEL, BANK, METRICS, WEIGHTS, EDITS, BEFORE, CARD)  # nothing else is fetched


def from_pretrained(
    name: str | Path,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> Run:
    """Load a run from a folder, or fetch it from the hub and load it.

    Only the files of a RUN are fetched: JSON, safetensors and text. Nothing of them is executed.

    Parameters
    ----------
    name : str or path
        A RUN folder, or ``USER/NAME`` on the hub.
    revision : str, optional
        Branch, tag or commit.
    token : str or bool, optional
        Default: what ``hf auth login`` stored.
    cache_dir : path, optional
        Default: the cache of huggingface_hub.
    local_files_only : bool
        Take the cached copy, without asking the hub.

    Raises
    ------
    InputError
        It is neither a RUN folder nor the name of one on the hub, or cannot be fetched.
    MissingExtraError
        It has to be fetched, and huggingface_hub is not installed.
    """
    if Path(name).is_dir():
        return load_run(name)
    hub = need("huggingface_hub", EXTRA)
    with _told(f"cannot fetch {str(name)!r}", "name a RUN folder, or USER/NAME on the hub"):
        folder = hub.snapshot_download(
            str(name),
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            allow_patterns=list(FILES),
            library_name="pcbm",
            library_version=__version__,
        )
    return load_run(folder)


def push_to_hub(
    run: Run,
    name: str,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    message: str = "Add a concept-bottleneck model",
) -> str:
    """Upload a run to the hub, and make its repository where there is none.

    The files hold the names of the data and of the backbone as they were given, paths included.

    Parameters
    ----------
    run : Run
    name : str
        ``USER/NAME``.
    private : bool, optional
        Of a new repository; default: as the account is set.
    token : str or bool, optional
        Default: what ``hf auth login`` stored.
    revision : str, optional
        The branch to write to.
    message : str
        Of the commit.

    Returns
    -------
    str
        The address of the commit.

    Raises
    ------
    InputError
        The hub refused it, or cannot be reached.
    MissingExtraError
        huggingface_hub is not installed.
    """
    hub = need("huggingface_hub", EXTRA)
    api = hub.HfApi(token=token, library_name="pcbm", library_version=__version__)
    with (
        tempfile.TemporaryDirectory() as scratch,
        _told(f"cannot upload to {name!r}", "check the name, the token and the network"),
    ):
        folder = Path(scratch) / "run"
        save_run(run, folder, place=Path(name))
        repository = api.create_repo(name, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository.repo_id,
            folder_path=folder,
            revision=revision,
            commit_message=message,
        )
    return str(commit.commit_url)


@contextmanager
def _told(what: str, instead: str) -> Iterator[None]:
    """Turn what the hub's client raises into one line."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError) as error:  # refusals, no network, no such name, bad names
        raise InputError(f"{what} ({one_line(error)}): {instead}") from error
