import subprocess
import sys
from typing import Any

import pytest

from pcbm.backbones import check_same_backbone
from pcbm.backbones.record import fingerprint
from pcbm.errors import InputError


def record(**changes: Any) -> dict[str, Any]:
    made = {
        "spec": "timm:resnet18",
        "kind": "image",
        "architecture": "resnet18",
        "weights_sha256": "ab" * 32,
        "preprocess": "resize 224",
        "layer": None,
        "pooling": "vector",
        "python": None,
        **changes,
    }
    return {**made, "fingerprint": fingerprint(made)}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"weights_sha256": "cd" * 32}, "weights"),
        ({"preprocess": "resize 256"}, "preprocessing"),
        ({"layer": "layer4"}, "layer"),
        ({"layer": "layer4", "pooling": "mean-hw"}, "layer, pooling"),
        ({"python": {"path": "a", "sha256": "1", "probe": "2"}}, "python file"),
    ],
)
def test_another_backbone_is_refused_with_both_fingerprints(
    changes: dict[str, Any], named: str
) -> None:
    run, bank = record(), record(**changes)
    with pytest.raises(InputError) as caught:
        check_same_backbone(run, bank, "the bank b.safetensors")
    message = str(caught.value)
    assert message.startswith("the bank b.safetensors belongs to another backbone")
    assert run["fingerprint"] in message
    assert bank["fingerprint"] in message
    assert f"(they differ in {named})" in message
    assert "\n" not in message


def test_paths_and_versions_do_not_matter() -> None:
    first = record(python={"path": "/a/net.py", "sha256": "1", "probe": "2"})
    second = record(
        spec="elsewhere",
        python={"path": "/b/net.py", "sha256": "1", "probe": "2"},
        versions={"torch": "9"},
        dtype="bfloat16",
    )
    check_same_backbone(first, second, "the bank")


def test_arrays_of_unknown_origin_are_not_compared() -> None:
    check_same_backbone(None, record(), "the bank")
    check_same_backbone(record(), None, "the bank")


def test_the_package_is_imported_without_torch() -> None:
    code = "import sys, pcbm.backbones; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
