from collections.abc import Sequence

import numpy as np
import pytest
import torch

from pcbm.backbones.device import choose_device, choose_dtype, run_halving
from pcbm.errors import InputError


class Memory:
    """Runs batches of at most ``fits`` items, as a device with that much memory would."""

    def __init__(self, fits: int) -> None:
        self.fits, self.tried = fits, []  # type: ignore[var-annotated]

    def __call__(self, batch: Sequence[int]) -> np.ndarray:
        self.tried.append(len(batch))
        if len(batch) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return np.array([[item, item * item] for item in batch])


@pytest.mark.parametrize("fits", [1, 2, 3, 5, 8, 100])
def test_rows_are_complete_and_in_order_whatever_fits(fits: int) -> None:
    memory = Memory(fits)
    rows, limit = run_halving(memory, range(11), 11)
    np.testing.assert_array_equal(rows, [[i, i * i] for i in range(11)])
    assert min(fits, 11) // 2 < limit <= fits


def test_the_batch_that_fitted_is_used_for_the_rest() -> None:
    memory = Memory(3)
    _, limit = run_halving(memory, range(8), 8)
    assert memory.tried == [8, 4, 2, 2, 2, 2]
    memory.tried.clear()
    run_halving(memory, range(4), limit)
    assert memory.tried == [2, 2]


def test_one_input_that_does_not_fit_is_the_users_error() -> None:
    with pytest.raises(InputError, match="out of memory on a single input: use a smaller model"):
        run_halving(Memory(0), range(4), 4)


def test_other_errors_are_not_swallowed() -> None:
    def broken(batch: Sequence[int]) -> np.ndarray:
        raise RuntimeError("a shape is wrong")

    with pytest.raises(RuntimeError, match="a shape is wrong"):
        run_halving(broken, range(4), 4)


def test_auto_takes_what_is_there() -> None:
    expected = "cuda" if torch.cuda.is_available() else None
    if torch.backends.mps.is_available():
        expected = expected or "mps"
    assert choose_device("auto").type == (expected or "cpu")
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "tpu"])
def test_unknown_devices_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"unknown device '{name}': expected auto, cpu, cuda"):
        choose_device(name)


def test_an_absent_device_is_refused() -> None:
    with pytest.raises(InputError, match="the device cuda:99 is not available here: use auto or"):
        choose_device("cuda:99")


def test_unknown_number_formats_get_near_matches() -> None:
    assert choose_dtype("bfloat16") is torch.bfloat16
    with pytest.raises(
        InputError, match=r"unknown number format 'float61'.*did you mean 'float16'"
    ):
        choose_dtype("float61")
