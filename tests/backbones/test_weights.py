import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pcbm.backbones.weights import (
    hash_weights,
    load_weights,
    read_checkpoint,
    without_addresses,
)
from pcbm.errors import InputError


def linear(seed: int = 0, bias: bool = True) -> nn.Module:
    layer = nn.Linear(3, 2, bias=bias)
    generator = torch.Generator().manual_seed(seed)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, generator=generator)
    return layer


def test_equal_weights_have_equal_hashes_in_another_order() -> None:
    first, second = nn.Module(), nn.Module()
    first.a, first.b = linear(1), linear(2)
    second.b, second.a = linear(2), linear(1)
    assert hash_weights(first) == hash_weights(second)


@pytest.mark.parametrize(
    "other",
    [
        linear(1),
        linear(bias=False),
        linear().double(),
        linear().bfloat16(),
        nn.Sequential(linear()),
    ],
    ids=["values", "names", "double", "bfloat16", "prefix"],
)
def test_other_weights_have_other_hashes(other: nn.Module) -> None:
    assert hash_weights(linear()) != hash_weights(other)


def test_shapes_are_part_of_the_hash() -> None:
    a, b = nn.Module(), nn.Module()
    a.register_buffer("x", torch.arange(6.0).reshape(2, 3))
    b.register_buffer("x", torch.arange(6.0).reshape(3, 2))
    assert hash_weights(a) != hash_weights(b)


def test_buffers_without_values_and_scalars_are_hashed() -> None:
    norm = nn.BatchNorm1d(2)
    before = hash_weights(norm)
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked += 1
    assert hash_weights(norm) != before


def test_addresses_are_taken_out() -> None:
    assert without_addresses(repr(linear)).endswith("linear>")
    assert without_addresses("<f at 0x7f12AB> x") == "<f> x"


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_checkpoints_are_read(tmp_path: Path, suffix: str) -> None:
    path, state = tmp_path / f"w{suffix}", linear().state_dict()
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    read = read_checkpoint(path)
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_usual_wrappers_are_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    state = {f"module.{name}": value for name, value in linear().state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}}, path)
    assert sorted(read_checkpoint(path)) == ["bias", "weight"]


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
def test_a_checkpoint_that_runs_code_is_refused_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (marker,)

    path = tmp_path / "w.pth"
    torch.save({"weight": Harmful()}, path)
    with pytest.raises(InputError, match="files that run code on loading are refused"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(InputError):
        read_checkpoint(path)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"hello, this is no checkpoint")
    with pytest.raises(InputError, match=f"{name} is not a (readable|plain) checkpoint") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_a_file_without_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"epoch": 3, "loss": [1.0]}, path)
    with pytest.raises(InputError, match="holds no state_dict"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (nn.Linear(3, 2, bias=False), "it lacks 'bias': name"),
        (nn.Bilinear(3, 3, 2), "it has another shape for 'weight'"),
        (nn.BatchNorm1d(2), "it has the unknown weight 'num_batches_tracked' and 2 more"),
    ],
)
def test_weights_that_do_not_fit_are_named(other: nn.Module, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_weights(linear(), other.state_dict(), Path("w.pth"), "timm:x")
    assert "the checkpoint w.pth does not fit timm:x" in str(caught.value)
    assert message in str(caught.value)
