"""A folder of checkpoints is a sequence of networks in the order of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_nets import Chain, rows, write_factory

from pcbm.analysis.networks import Network, open_network
from pcbm.analysis.patterns import natural_key
from pcbm.analysis.transfer.checkpoints import CheckpointFolder, Networks
from pcbm.errors import InputError

LIKE = Network(Chain([np.eye(8)]), "the architecture")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return checkpoints of steps 2, 9 and 10, whose weights are as many times the identity."""
    for step, suffix in ((10, "safetensors"), (9, "pt"), (2, "safetensors")):
        state = Chain([step * np.eye(8)]).state_dict()
        path = tmp_path / f"step-{step}.{suffix}"
        save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    (tmp_path / "log.txt").write_text("not a checkpoint")
    (tmp_path / ".hidden.pt").write_text("not one either")
    return tmp_path


def test_they_come_in_the_order_of_their_numbers(folder: Path) -> None:
    found = CheckpointFolder(folder, LIKE)
    assert found.names == [network.name for network in found] == ["step-2", "step-9", "step-10"]
    X = rows(n=5)
    for network, factor in zip(found, (2, 9, 10), strict=True):
        torch.testing.assert_close(network.forward(X), factor * X)
    assert [network.name for network in found[1:]] == ["step-9", "step-10"]
    torch.testing.assert_close(LIKE.forward(X), X)  # the given network keeps its weights


def test_sequences_of_networks_stand_one_after_the_other(folder: Path) -> None:
    every = Networks([LIKE], CheckpointFolder(folder, LIKE))
    assert len(every) == 4
    assert [network.name for network in every[:2]] == ["the architecture", "step-2"]
    assert every[-1].name == "step-10"


def test_networks_loaded_by_name_get_weights_of_their_own(tmp_path: Path) -> None:
    spec = f"python:{write_factory(tmp_path / 'nets.py')}:"
    like, other = open_network(f"{spec}one"), open_network(f"{spec}two")
    (tmp_path / "steps").mkdir()
    save_file(other.module.state_dict(), tmp_path / "steps" / "last.safetensors")
    before = like.fingerprint()
    (taken,) = CheckpointFolder(tmp_path / "steps", like)
    assert taken.fingerprint() == other.fingerprint()
    assert like.fingerprint() == before
    X = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(taken.logits(X), other.logits(X))


def test_names_sort_by_their_numbers() -> None:
    names = ["b1", "a10", "a9", "7", "a9b2", "a9b11", "07"]
    assert sorted(names, key=natural_key) == ["7", "07", "a9", "a9b2", "a9b11", "a10", "b1"]


def test_folders_without_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder: give a folder of checkpoints"):
        CheckpointFolder(tmp_path / "none", LIKE)
    with pytest.raises(InputError, match=r"holds no checkpoints: expected files that end in \.pt"):
        CheckpointFolder(tmp_path, LIKE)


def test_two_checkpoints_of_one_name_are_refused(folder: Path) -> None:
    torch.save(LIKE.module.state_dict(), folder / "step-2.pth")
    with pytest.raises(InputError, match="holds two checkpoints called 'step-2': keep one"):
        CheckpointFolder(folder, LIKE)


def test_weights_of_another_architecture_are_refused(folder: Path) -> None:
    save_file({"other.weight": torch.ones(1)}, folder / "step-99.safetensors")
    with pytest.raises(InputError) as error:
        CheckpointFolder(folder, LIKE)[3]
    assert "step-99.safetensors does not fit the architecture: it lacks" in str(error.value)
