"""How transferable the layers of a network are: the treatments AnB, BnB, AnB+ and BnB+."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from pcbm.analysis.networks import Network
from pcbm.analysis.reading import Progress
from pcbm.analysis.transfer.labelled import Labelled
from pcbm.analysis.transfer.ledger import Ledger
from pcbm.analysis.transfer.training import Budget
from pcbm.errors import InputError

TREATMENTS = ("BnB", "BnB+", "AnB", "AnB+")
BASES = ("A", "B")
SEEDS = 3


@dataclass(frozen=True)
class TransferabilitySettings:
    """What is trained.

    Attributes
    ----------
    budget : Budget
        Of every network: the bases and every treatment alike.
    seeds : int
        Repeats: other classes in A and B, other weights, other batches.
    seed : int
        Of the first repeat; the others count on.
    """

    budget: Budget = field(default_factory=Budget)
    seeds: int = SEEDS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise InputError(f"transferability was given {self.seeds} seeds: give at least 1")

    def data(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Transferability:
    """Accuracies on the test rows of B's classes.

    Attributes
    ----------
    cuts : list of str
        The layers after which networks were cut, L of them, in the order of the network.
    classes : list of (list of str, list of str)
        The classes of A and of B, for each seed.
    base : ndarray (seeds, 2)
        Accuracy of base A on A's classes and of base B on B's classes.
    accuracy : dict of str to ndarray (seeds, L)
        ``BnB``: layers up to the cut from base B, held still; the rest anew, trained on B.
        ``AnB``: the same from base A. ``BnB+``, ``AnB+``: the copied layers learn too.
    settings : TransferabilitySettings
    """

    cuts: list[str]
    classes: list[tuple[list[str], list[str]]]
    base: np.ndarray
    accuracy: dict[str, np.ndarray]
    settings: TransferabilitySettings

    def drops(self) -> dict[str, np.ndarray]:
        """Return differences of accuracies for each seed and cut, (seeds, L).

        ``co_adaptation``: base B - BnB, what is lost because layers that learnt together were
        parted. ``specificity``: BnB - AnB, what is lost because the layers are A's. ``gain``:
        AnB+ - base B, what transfer gives in the end.
        """
        base, found = self.base[:, 1:], self.accuracy
        return {
            "co_adaptation": base - found["BnB"],
            "specificity": found["BnB"] - found["AnB"],
            "gain": found["AnB+"] - base,
        }

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "cuts": self.cuts,
            "classes": [{"A": a, "B": b} for a, b in self.classes],
            "base": {name: self.base[:, k].tolist() for k, name in enumerate(BASES)},
            "accuracy": {name: values.tolist() for name, values in self.accuracy.items()},
            "drops": {name: values.tolist() for name, values in self.drops().items()},
            "settings": self.settings.data(),
        }


def measure_transferability(
    make: Callable[[], Network],
    train: Labelled,
    test: Labelled,
    cuts: Sequence[str],
    settings: TransferabilitySettings | None = None,
    *,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> Transferability:
    """Train networks on halves of the classes and measure what their layers are worth elsewhere.

    Held layers keep their weights and their batch-norm statistics. Each network answers among the
    classes of its half alone, so its classifier is one for that half.

    Parameters
    ----------
    make : callable
        Returns a network with new weights, drawn from PyTorch's generator, and one output a class.
    train, test : Labelled
        Of all classes, four or more.
    cuts : sequence of str
        Layers, in the order of the network; each the end of a block, with something after it.
    settings : TransferabilitySettings, optional
    ledger : Ledger, optional
        Finished networks are kept there: accuracies of all, and the weights of bases. A study that
        was cut off goes on with the network it was training, and ends with the same figures.
    progress : callable, optional
        Called with the steps of training done, and those in all.

    Raises
    ------
    InputError
        Fewer than 4 classes, a cut that does not part the network, networks that come with the
        same weights for every seed, or a loss that is not finite.

    References
    ----------
    Yosinski, Clune, Bengio, Lipson, "How transferable are features in deep neural networks?",
    NeurIPS 2014.
    """
    from pcbm.analysis.transfer.transferability_runs import Runs

    settings = settings or TransferabilitySettings()
    if len(train.classes) < 4:
        raise InputError(
            f"there are {len(train.classes)} classes, and each half needs two: give 4 or more"
        )
    if not cuts:
        raise InputError("no cut was named: name the layers after which the network is cut")
    runs = Runs(make, train, test, list(cuts), settings.budget, ledger or Ledger(None))
    total = settings.seeds * (2 + 4 * len(cuts)) * settings.budget.steps
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(min(done, total), total)

    seeds = range(settings.seed, settings.seed + settings.seeds)
    halves = [divided(len(train.classes), seed) for seed in seeds]
    base = [
        [runs.base(half, seed, name, tick) for name in BASES]
        for half, seed in zip(halves, seeds, strict=True)
    ]
    accuracy = {
        treatment: np.array(
            [
                [runs.treated(half, seed, cut, treatment, tick) for cut in cuts]
                for half, seed in zip(halves, seeds, strict=True)
            ]
        )
        for treatment in TREATMENTS
    }
    names = [([train.classes[k] for k in a], [train.classes[k] for k in b]) for a, b in halves]
    return Transferability(list(cuts), names, np.array(base), accuracy, settings)


def divided(classes: int, seed: int) -> tuple[list[int], list[int]]:
    """Return the classes of A and of B, drawn by chance; A has one more of an odd number.

    >>> divided(4, 0)
    ([0, 2], [1, 3])
    """
    order = np.random.default_rng(seed).permutation(classes).tolist()
    half = (classes + 1) // 2
    return sorted(order[:half]), sorted(order[half:])
