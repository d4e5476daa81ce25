"""What fine-tuning changes: a small network learns half of CIFAR-10, then the other half.

Beside it two networks learn the second half from nothing, on the same budget. What the fine-tuned
ones forgot and learnt, where their invariances moved, whether a barrier lies between them, which
modules could stand at their start, and what all do with shuffled pictures, is told in
``study.md`` with its pictures. With ``--out`` a study that was cut off goes on where it was.

    python examples/fine_tuning_study.py --data $PCBM_TEST_DATA/cifar --out runs/fine-tuning
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fine_tuning_views as views
import numpy as np
from cifar import unpack
from common import options
from small_cnn import LAYERS, half_of, new_network, trained

from pcbm import read_data
from pcbm.analysis.networks import Network
from pcbm.analysis.transfer import (
    CheckpointFolder,
    InversionSettings,
    Landscape,
    Ledger,
    StirSettings,
    divergence,
    forgotten,
    learning,
    learnt,
    measure_barrier,
    module_criticality,
    parameter_distance,
    read_weights,
    shuffled_accuracy,
)
from pcbm.analysis.transfer.criticality import module_parameters
from pcbm.analysis.transfer.labelled import Labelled, class_codes, right
from pcbm.analysis.transfer.training import Budget
from pcbm.analysis.transfer.transferability import divided
from pcbm.files import to_json, write_text

SEED = 0
PICTURES = 1000, 200  # a class: all there are, for training and for testing
PRETRAINING = Budget(steps=500, rate=0.1)
TUNING = Budget(steps=200, rate=0.05)
KEPT = (0, 10, 50, 200)
SHOWN = 100  # pictures that layers are inverted on
JUDGED = 300  # training pictures that criticality is judged on
STIR = StirSettings(inversion=InversionSettings(steps=40), seeds=2, residual_limit=0.5)
SLACK = 0.1  # nats of training loss that a module may cost before it counts as critical


@dataclass(frozen=True, eq=False)
class Trained:
    """The networks of the study and their pictures.

    ``runs`` holds the checkpoint folder of each training on the second half: two fine-tuned
    networks and two from nothing, told apart by the seed of their batches (and first weights).
    """

    before: Network
    runs: dict[str, CheckpointFolder]
    train: Labelled
    test: Labelled

    def start(self, name: str) -> Network:
        """Return a network before its first step on the second half."""
        return self.runs[name][0]

    def end(self, name: str) -> Network:
        """Return a network after its last step."""
        return self.runs[name][-1]


def main() -> None:
    """Train, measure, write pictures and the text."""
    chosen = options("What fine-tuning changes", "cifar")
    with tempfile.TemporaryDirectory() as scratch:
        out = chosen.out or Path(scratch) / "study"
        nets = train_all(chosen.data, out, Path(scratch))
        ledger = Ledger(out / "parts")
        found: dict[str, Any] = {}
        for name, measure in STUDIES.items():
            print(f"-- {name}", flush=True)
            found[name] = measure(nets, ledger)
        pictures = views.charts(found)
        text = views.text(found, pictures)
        for chart in pictures:
            views.write(chart, out)
        write_text(out / "study.md", text)
        write_text(out / "study.json", to_json(found) + "\n")
        print(text)
    if chosen.out is not None:
        print(f"study kept in {out}: study.md, study.json, {len(pictures)} pictures, checkpoints")


def train_all(data: Path, out: Path, scratch: Path) -> Trained:
    """Train what is not yet trained: one network on the first half, four on the second."""
    images = read_data(unpack(data, scratch))
    _, names = class_codes(images)
    first, second = ([names[k] for k in half] for half in divided(len(names), SEED))
    before = new_network(len(first), SEED, "pretrained")
    rows = half_of(images, "train", first, PICTURES[0], before)
    print(f"-- pretraining on {', '.join(first)}", flush=True)
    folder = out / "checkpoints"
    trained(before, rows, PRETRAINING, folder / "pretrained", (PRETRAINING.steps,), SEED)
    train = half_of(images, "train", second, PICTURES[0], before)
    test = half_of(images, "test", second, PICTURES[1], before)
    runs = {}
    for kind in ("fine-tuned", "from nothing"):
        for seed in (1, 2):
            name = f"{kind} {seed}"
            print(f"-- {name} on {', '.join(second)}", flush=True)
            # Both fine-tuned networks start from one and the same point, the new head included.
            network = new_network(len(second), seed if kind == "from nothing" else SEED, name)
            if kind == "fine-tuned":
                copy_body(before, network)
            place = folder / name.replace(" ", "-")
            trained(network, train, TUNING, place, KEPT, seed)
            runs[name] = CheckpointFolder(place, network)
    return Trained(before, runs, train, test)


def copy_body(source: Network, target: Network) -> None:
    """Copy all but the classifier."""
    for layer in LAYERS:
        values = source.module.get_submodule(layer).state_dict()
        target.module.get_submodule(layer).load_state_dict(values)


def accuracies(nets: Trained, ledger: Ledger) -> dict[str, Any]:
    """Measure the accuracy on the second half at every checkpoint."""
    table = {
        name: [float(right(network, nets.test).mean()) for network in folder]
        for name, folder in nets.runs.items()
    }
    return {
        "steps": list(KEPT),
        "table": table,
        "classes": nets.test.classes,
        "n": len(nets.test),
        "chance": 1 / len(nets.test.classes),
    }


def invariances(nets: Trained, ledger: Ledger) -> dict[str, Any]:
    """Measure forgetting, learning, flow and CKA divergence along one fine-tuning."""
    rows = np.random.default_rng(SEED).permutation(len(nets.test))[:SHOWN]
    pixels = nets.test.pixels[np.sort(rows)]
    folder = nets.runs["fine-tuned 1"]
    settings = {"layers": LAYERS, "settings": STIR}
    lost = forgotten(nets.before, folder, pixels, **settings, ledger=ledger)
    gained = learnt(nets.before, folder[-1:], pixels, **settings, ledger=ledger)
    apart = divergence(nets.before, folder, pixels, **settings)
    return {
        "layers": LAYERS,
        "steps": list(KEPT),
        "n": len(pixels),
        "seeds": STIR.seeds,
        "residual": lost.stir.residual.mean(axis=0),
        "limit": STIR.residual_limit,
        "forgetting": plain(lost.forgetting().mean(axis=1)),
        "flow": plain(lost.flow().mean(axis=1)),
        "learning": plain(learning(gained).mean(axis=1)[0]),
        "divergence": plain(apart),
    }


def barriers(nets: Trained, ledger: Ledger) -> dict[str, Any]:
    """Measure the barrier between the two networks of each kind, and how far each went."""
    labels, found = nets.test.y.numpy(), {}
    for kind in ("fine-tuned", "from nothing"):
        one, other = (nets.end(f"{kind} {k}") for k in (1, 2))
        key = {
            "study": "barrier",
            "networks": [one.fingerprint(), other.fingerprint()],
            "n": len(labels),
        }

        def measure(one: Network = one, other: Network = other) -> dict[str, Any]:
            statistics = nets.train.pixels[::5]
            found = measure_barrier(one, other, nets.test.pixels, labels, train=statistics)
            return found.data()

        found[kind] = {
            **ledger.part(key, measure),
            "apart": parameter_distance(one, other).total.distance,
            "from_start": parameter_distance(nets.start(f"{kind} 1"), one).total.distance,
        }
    return found


def criticality(nets: Trained, ledger: Ledger) -> dict[str, Any]:
    """Measure the criticality of every module of one network of each kind."""
    rows = np.random.default_rng(SEED).permutation(len(nets.train))[:JUDGED]
    shown = nets.train.take(np.sort(rows))
    found: dict[str, Any] = {"modules": [*LAYERS, "head"], "slack": SLACK, "n": len(shown)}
    for kind in ("fine-tuned", "from nothing"):
        start, end = nets.start(f"{kind} 1"), nets.end(f"{kind} 1")
        land = Landscape(end, shown.pixels, shown.y.numpy(), batch_size=JUDGED)
        weights = read_weights(start), read_weights(end)
        eps = land.score(weights[1]).loss + SLACK
        found[kind] = []
        for module in found["modules"]:
            names = module_parameters(end, module)
            key = {
                "study": "criticality",
                "networks": [start.fingerprint(), end.fingerprint()],
                "module": module,
                "n": len(shown),
                "eps": eps,
            }

            def measure(
                land: Landscape = land,
                weights: Any = weights,
                names: list[str] = names,
                eps: float = eps,
                module: str = module,
            ) -> dict[str, Any]:
                return module_criticality(
                    lambda at: land.score(at).loss,
                    *weights,
                    names,
                    eps=eps,
                    alphas=6,
                    draws=2,
                    seed=SEED,
                    module=module,
                ).data()

            found[kind].append({"eps": eps, **ledger.part(key, measure)})
    return found


def shuffling(nets: Trained, ledger: Ledger) -> dict[str, Any]:
    """Measure the accuracy on test pictures whose blocks change places."""
    found = {}
    for name in nets.runs:
        network = nets.end(name)
        key = {"study": "shuffle", "network": network.fingerprint(), "n": len(nets.test)}

        def measure(network: Network = network) -> dict[str, Any]:
            labels = nets.test.y.numpy()
            return shuffled_accuracy(network, nets.test.pixels, labels, permutations=2).data()

        found[name] = ledger.part(key, measure)
    return found


STUDIES: dict[str, Callable[[Trained, Ledger], dict[str, Any]]] = {
    "accuracy": accuracies,
    "invariances": invariances,
    "barrier": barriers,
    "criticality": criticality,
    "shuffling": shuffling,
}


def plain(values: np.ndarray) -> Any:
    """Return nested lists, None where there is no value."""
    return np.where(np.isfinite(values), values.astype(object), None).tolist()


if __name__ == "__main__":
    main()
