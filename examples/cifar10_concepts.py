"""Ask whether named concepts explain CIFAR-10 through a 64-d ResNet, or any directions would do.

Data: ``cifar10_small.tar`` (train and test images by class) and ``resnet_cifar.py``, a user's own
backbone with its weights. Eleven concepts are learnt from example folders that this script draws
from the training part: properties of classes (wings, wheels, ...) and of pixels (blue sky, ...).

    python examples/cifar10_concepts.py --data $PCBM_TEST_DATA/cifar --out runs/cifar10
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from cifar import concept_folders, unpack
from common import keep, options, print_run

from pcbm import load_backbone, read_data
from pcbm.activations import activations_for, split_rows
from pcbm.concepts import resolve_concepts
from pcbm.model import FitSettings, fit_run


def main() -> None:
    """Draw concept examples, learn the bank, fit beside 99 random banks, print, save."""
    chosen = options("CIFAR-10 through eleven learnt concepts", "cifar")
    backbone = load_backbone(f"python:{chosen.data / 'resnet_cifar.py'}:resnet56", layer="layer3")
    with tempfile.TemporaryDirectory() as scratch:
        root = unpack(chosen.data, Path(scratch))
        images = activations_for(read_data(root), backbone)
        folders = concept_folders(root, Path(scratch) / "concepts")
        bank, notes = resolve_concepts(folders, backbone)
    train, test = (images.take(rows) for rows in split_rows(images))
    run = fit_run(train, test, bank, FitSettings(control_repeats=99))
    for note in notes:
        print(f"note: {note}")
    print_run(run)
    keep(run, chosen.out)


if __name__ == "__main__":
    main()
