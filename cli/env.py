"""``pcbm env``: what is installed, on which devices it can run, and where the cache lies."""

from __future__ import annotations

import platform
import re
from importlib import metadata

from pcbm._version import __version__
from pcbm.cli.options import Common
from pcbm.cli.output import Line, Result, Table


def requirements() -> dict[str, list[str]]:
    """Return the distributions pcbm asks for, by extra; the key '' holds those of every install.

    The extra ``dev`` is left out: it is for work on pcbm itself.
    """
    found: dict[str, list[str]] = {}
    for requirement in metadata.requires("pcbm") or []:
        name = re.split(r"[\s;<>=!~\[(]", requirement, maxsplit=1)[0]
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", requirement)
        key = extra.group(1) if extra else ""
        if key != "dev":
            found.setdefault(key, []).append(name)
    return found


def version_of(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def devices() -> list[dict[str, str]]:
    """Return the devices torch can use here; the first is what ``--device auto`` takes."""
    import torch

    found = [
        {"device": f"cuda:{i}", "name": torch.cuda.get_device_name(i)}
        for i in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    ]
    if torch.backends.mps.is_available():
        found.append({"device": "mps", "name": "Apple GPU"})
    return [*found, {"device": "cpu", "name": f"{torch.get_num_threads()} threads"}]


def env(common: Common) -> Result:
    """Show versions, devices, extras and the cache."""
    from pcbm.activations.cache import cache_folder

    required = requirements()
    packages = {name: version_of(name) for name in required.pop("", [])}
    extras = {
        extra: {name: version_of(name) for name in names} for extra, names in required.items()
    }
    document = {
        "pcbm": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
        "extras": extras,
        "devices": devices(),
        "cache": cache_folder(),
    }

    def view() -> list[Line | Table]:
        optional = [
            (name, version or f"missing: pip install 'pcbm[{extra}]'", extra)
            for extra, names in extras.items()
            for name, version in names.items()
        ]
        return [
            Line(f"pcbm {__version__}, Python {document['python']}, {document['platform']}"),
            Line(f"cache: {document['cache']}"),
            Table(("device", "name"), [(d["device"], d["name"]) for d in devices()]),
            Table(("package", "version"), list(packages.items())),
            Table(("optional package", "version", "extra"), optional),
        ]

    return Result(document, view)
