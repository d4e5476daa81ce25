"""`read_data`: one entrance for every form of data."""

from __future__ import annotations

from pathlib import Path

from pcbm.activations.arrays import read_npz, read_safetensors, table_dataset
from pcbm.activations.dataset import Dataset
from pcbm.activations.demo import DEMO, demo_dataset
from pcbm.activations.folders import read_image_folder
from pcbm.activations.manifests import is_manifest, manifest_dataset
from pcbm.activations.store import MANIFEST, is_store, open_store
from pcbm.activations.tables import read_csv, read_parquet
from pcbm.errors import InputError, near

FORMS = "a folder of images, a .csv, .parquet, .npz or .safetensors file, an activation store"


def read_data(path: str | Path) -> Dataset:
    """Read a data set in any of its forms.

    - a folder of class folders of images, or of ``train/``, ``test/`` (and ``val/``) of those;
    - a ``.csv`` or ``.parquet`` manifest: ``path`` or ``text``, ``label``, optional ``id``,
      ``split``, ``group``;
    - ``.npz``, ``.safetensors`` or ``.parquet`` activations;
    - a store written by ``pcbm embed``;
    - ``demo:shapes``.

    Raises
    ------
    InputError
        Nothing there (with the names in its folder that come close), or not what its name says.
    """
    if str(path).startswith("demo:"):
        return demo_dataset(str(path))
    path = Path(path)
    if not path.exists():
        raise InputError(_not_found(path))
    if path.is_dir():
        return _read_folder(path)
    match path.suffix.lower():
        case ".csv":
            return manifest_dataset(path, read_csv(path))
        case ".parquet":
            table = read_parquet(path)
            activations = "embedding" in table.column_names or not is_manifest(table)
            return (table_dataset if activations else manifest_dataset)(path, table)
        case ".npz":
            return read_npz(path)
        case ".safetensors":
            return read_safetensors(path)
    raise InputError(f"{path} is of an unknown form ({path.suffix or 'no suffix'}): give {FORMS}")


def _read_folder(path: Path) -> Dataset:
    if is_store(path):
        return open_store(path)
    if (path / MANIFEST).is_file() and list(path.glob("shard-*.npy")):
        raise InputError(f"{path / MANIFEST} is damaged: embed the data again with --force")
    layers = sorted(child.name for child in path.iterdir() if child.is_dir() and is_store(child))
    if layers:
        shown = ", ".join(layers)
        raise InputError(f"{path} holds one store a layer ({shown}): name one, {path / layers[0]}")
    return read_image_folder(path)


def _not_found(path: Path) -> str:
    parent = path.absolute().parent
    if not parent.is_dir():
        while not parent.is_dir():
            parent = parent.parent
        return f"{path} does not exist, and below {parent} nothing of that name: check the path"
    names = [child.name for child in parent.iterdir() if not child.name.startswith(".")]
    known = [*names, DEMO] if path.parent == Path() else names
    hint = near(path.name, known) if known else f"{parent} is empty, check the path"
    return f"{path} does not exist: {hint}"
