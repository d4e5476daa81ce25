"""What another process finds, and what happens without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_models import FACTORY, save_timm

from pcbm.backbones import load_backbone
from pcbm.errors import InputError

pytest.importorskip("timm")

BY_NAME = {
    "timm:resnet18.a1_in1k": "timm:NAME@CHECKPOINT",
    "transformers:google/vit-base-patch16-224": "transformers:DIRECTORY",
    "sentence_transformers:all-MiniLM-L6-v2": "sentence_transformers:DIRECTORY",
    "open_clip:ViT-B-32/laion2b_s34b_b79k": "open_clip:MODEL/CHECKPOINT",
    "torchvision:shufflenet_v2_x0_5/DEFAULT": "torchvision:shufflenet_v2_x0_5/CHECKPOINT",
}
CODE = """
import json, sys
from pcbm.backbones import load_backbone
specs = json.loads(sys.argv[1])
print(json.dumps({spec: load_backbone(spec, device="cpu").fingerprint for spec in specs}))
"""


def same_elsewhere(specs: list[str], folder: Path) -> None:
    """Load with other threads, another hash seed and another working directory."""
    here = {}
    for spec in specs:
        backbone = load_backbone(spec, device="cpu")
        assert backbone is not None
        here[spec] = backbone.fingerprint
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(specs)],
        env={**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2", "HF_HUB_OFFLINE": "1"},
        cwd=folder,
        capture_output=True,
        check=True,
        text=True,
    )
    assert json.loads(done.stdout) == here
    assert len(set(here.values())) == len(specs)


@pytest.mark.slow
def test_fingerprints_are_the_same_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(FACTORY)
    same_elsewhere([f"python:{tmp_path / 'own.py'}:net"], tmp_path)


@pytest.mark.slow
def test_fingerprints_of_libraries_are_the_same_in_another_process(
    tmp_path: Path, clip_folder: Path, shufflenet_file: Path
) -> None:
    specs = [
        "demo:tiny-clip",
        f"open_clip:local-dir:{clip_folder}",
        f"torchvision:shufflenet_v2_x0_5/{shufflenet_file}",
        save_timm(tmp_path, "test_vit"),
    ]
    same_elsewhere(specs, tmp_path)


@pytest.mark.slow
def test_fingerprints_of_texts_are_the_same_in_another_process(minilm: str, tmp_path: Path) -> None:
    same_elsewhere([minilm, minilm.replace("sentence_transformers:", "transformers:")], tmp_path)


@pytest.mark.parametrize("spec", BY_NAME)
def test_without_a_network_one_line_says_what_to_give_instead(
    spec: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    import huggingface_hub.constants

    # Where the hub's library was imported before, its switch in the environment is not read again.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(InputError) as caught:
        load_backbone(spec)
    message = str(caught.value)
    assert message.startswith(f"could not fetch {spec}: no network, or no such name (")
    assert f"give a local copy instead, {BY_NAME[spec]}" in message
    assert "\n" not in message
    assert capfd.readouterr().out == ""  # results alone go to stdout
