"""The checkpoints of a training run: one network each, loaded when it is asked for."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

from pcbm.analysis.networks import Network, open_network
from pcbm.analysis.patterns import natural_key
from pcbm.backbones.spec import WEIGHT_FILES
from pcbm.backbones.weights import load_weights, read_checkpoint
from pcbm.errors import InputError


class CheckpointFolder(Sequence[Network]):
    """The networks of a folder of state dictionaries, in the natural order of their names.

    ``step-9.safetensors`` comes before ``step-10.safetensors``. A network is loaded anew whenever
    it is taken, so that one at a time is in memory.

    Parameters
    ----------
    folder : path
        Holds ``.safetensors``, ``.pt``, ``.pth`` or ``.bin`` files; other files are left alone.
    like : Network
        Has the architecture that the weights belong to.

    Attributes
    ----------
    names : list of str
        File names without their endings.

    Raises
    ------
    InputError
        No such folder, or no checkpoints in it. Taking a network raises it too, where its file
        does not fit.
    """

    def __init__(self, folder: str | Path, like: Network) -> None:
        self.folder, self.like = Path(folder), like
        if not self.folder.is_dir():
            raise InputError(f"{self.folder} is no folder: give a folder of checkpoints")
        files = [path for path in self.folder.iterdir() if path.suffix in WEIGHT_FILES]
        self._files = sorted(
            (path for path in files if not path.name.startswith(".")),
            key=lambda path: natural_key(path.stem),
        )
        if not self._files:
            raise InputError(
                f"{self.folder} holds no checkpoints: expected files that end in "
                f"{', '.join(WEIGHT_FILES)}"
            )
        self.names = [path.stem for path in self._files]
        if len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise InputError(f"{self.folder} holds two checkpoints called {twice!r}: keep one")

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> Network: ...
    @overload
    def __getitem__(self, index: slice) -> list[Network]: ...
    def __getitem__(self, index: int | slice) -> Network | list[Network]:
        """Return a network with the weights of a file."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return with_weights(self.like, self._files[index])


class Networks(Sequence[Network]):
    """Several sequences of networks one after the other, none of them loaded before its turn."""

    def __init__(self, *parts: Sequence[Network]) -> None:
        self._items = [(part, i) for part in parts for i in range(len(part))]

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Network: ...
    @overload
    def __getitem__(self, index: slice) -> list[Network]: ...
    def __getitem__(self, index: int | slice) -> Network | list[Network]:
        """Return a network from its sequence."""
        if isinstance(index, slice):
            return [part[i] for part, i in self._items[index]]
        part, i = self._items[index]
        return part[i]


def with_weights(like: Network, path: Path) -> Network:
    """Return a network of the same architecture with the weights of a file, named after it.

    Raises
    ------
    InputError
        The file is no checkpoint, or does not fit.
    """
    network = fresh_copy(like)
    load_weights(network.module, read_checkpoint(path), path, like.name)
    return replace(network, name=path.stem)


def fresh_copy(network: Network) -> Network:
    """Return a network with weights of its own."""
    if network.run is not None:  # bound to its module, so the module alone cannot be exchanged
        return open_network(network.name, device=str(network.device))
    return replace(network, module=copy.deepcopy(network.module))
