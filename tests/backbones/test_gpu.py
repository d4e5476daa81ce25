from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pcbm.backbones import load_backbone

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def test_a_gpu_gives_the_same_fingerprint_and_nearly_the_same_rows(
    shufflenet_file: Path, images: list[Image.Image]
) -> None:
    spec = f"torchvision:shufflenet_v2_x0_5/{shufflenet_file}"
    cpu, gpu, half = (
        load_backbone(spec, layer="stage3", device=device, dtype=dtype)
        for device, dtype in (("cpu", "float32"), ("auto", "float32"), ("cuda:0", "float16"))
    )
    assert cpu is not None
    assert gpu is not None
    assert half is not None
    assert gpu.device.type == "cuda"
    assert cpu.fingerprint == gpu.fingerprint == half.fingerprint
    expected = cpu.encode(images)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(gpu.encode(images), expected, atol=5e-3 * scale)
    np.testing.assert_allclose(half.encode(images), expected, atol=2e-2 * scale)


def test_a_python_backbone_has_the_same_fingerprint_on_a_gpu(factory_file: Path) -> None:
    spec = f"python:{factory_file}:net"
    cpu, gpu = load_backbone(spec, device="cpu"), load_backbone(spec, device="cuda")
    assert cpu is not None
    assert gpu is not None
    assert cpu.fingerprint == gpu.fingerprint


def test_real_exhaustion_of_memory_halves_the_batch(
    tmp_path: Path, images: list[Image.Image]
) -> None:
    path = tmp_path / "greedy.py"
    path.write_text(
        "import torch\n"
        "class Greedy(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        torch.empty((len(x), 2**28), device=x.device)\n"  # 1 GiB an item
        "        return x.mean((2, 3))\n"
    )
    backbone = load_backbone(f"python:{path}:Greedy", device="cuda")
    assert backbone is not None
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(2.5 * 2**30 / total)
    try:
        rows = backbone.encode(images)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    pixels = np.stack([np.asarray(image) for image in images]).mean((1, 2)) / 255
    np.testing.assert_allclose(rows, pixels, atol=1e-4)
    assert backbone._limits["input"] == 2
