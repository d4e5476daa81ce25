"""The text that names a backbone: ``LIBRARY:WHAT``, or ``none``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pcbm.errors import InputError, near

LIBRARIES = {
    "open_clip": "open_clip:MODEL/PRETRAINED",
    "timm": "timm:NAME",
    "torchvision": "torchvision:NAME/WEIGHTS",
    "transformers": "transformers:NAME-or-directory",
    "sentence_transformers": "sentence_transformers:NAME-or-directory",
    "python": "python:PATH.py:factory",
    "demo": "demo:tiny-clip",
    "none": "none",
}
WEIGHT_FILES = (".pt", ".pth", ".bin", ".safetensors")


@dataclass(frozen=True)
class Spec:
    """A parsed backbone: the library and what it is asked for."""

    library: str
    what: str

    def __str__(self) -> str:
        return f"{self.library}:{self.what}" if self.what else self.library


def parse_spec(text: str) -> Spec:
    """Split ``LIBRARY:WHAT`` and check the library.

    Raises
    ------
    InputError
        The library is unknown (near matches are offered) or nothing follows it.

    Examples
    --------
    >>> parse_spec("timm:resnet18.a1_in1k")
    Spec(library='timm', what='resnet18.a1_in1k')
    >>> parse_spec("none")
    Spec(library='none', what='')
    """
    library, _, what = text.strip().partition(":")
    library = library.replace("-", "_")
    if library not in LIBRARIES:
        raise InputError(
            f"unknown backbone {text!r}: expected LIBRARY:WHAT; {near(library, LIBRARIES)}"
        )
    if (library == "none") == bool(what):
        raise InputError(f"the backbone {text!r} is incomplete: expected {LIBRARIES[library]}")
    return Spec(library, what)


def looks_like_path(text: str) -> bool:
    """Tell whether a name can only be meant as a local file or directory."""
    return (
        text.startswith((".", "/", "~", "\\"))
        or text.endswith((*WEIGHT_FILES, "/"))
        or text.count("/") > 1
    )


def existing_path(text: str, spec: str) -> Path:
    """Return the absolute path of a local file or directory that a backbone names.

    Raises
    ------
    InputError
        There is nothing at that path.
    """
    path = Path(text).expanduser()
    if not path.exists():
        raise InputError(f"{spec}: {path} does not exist: check the path")
    return path.absolute()
