import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_models import FACTORY, rows_are_independent
from torchvision.transforms.functional import to_tensor

from pcbm.backbones import Backbone, load_backbone, reload_backbone
from pcbm.errors import InputError


def load(path: Path | str, factory: str = "net", **options: str) -> Backbone:
    backbone = load_backbone(f"python:{path}:{factory}", device="cpu", **options)
    assert backbone is not None
    return backbone


def write(path: Path, *more: str) -> Path:
    path.write_text("\n".join((FACTORY, *more)))
    return path


def test_a_module_alone_gets_pixels_between_0_and_1(
    factory_file: Path, images: list[Image.Image]
) -> None:
    backbone = load(factory_file)
    pixels = np.stack([np.asarray(image) for image in images]).transpose(0, 3, 1, 2) / 255
    with torch.inference_mode():
        expected = backbone._tower.module(torch.tensor(pixels, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(backbone.encode(images), expected, atol=1e-6)
    assert (backbone.kind, backbone.dim) == ("image", 8)
    rows_are_independent(backbone, images)
    assert torch.equal(backbone.prepare(images[0]), to_tensor(images[0]))
    layer = load(factory_file, layer="first")
    assert (layer.dim, layer.pooling) == (6, "mean-hw")


def test_the_files_own_preprocessing_is_used(tmp_path: Path, images: list[Image.Image]) -> None:
    path = write(
        tmp_path / "own.py",
        "from torchvision import transforms as t",
        "def dark(): return net(), t.Compose([t.Resize((16, 16)), lambda i: t.ToTensor()(i) / 2])",
        "def plain(): return net(), t.Compose([t.Resize((16, 16)), t.ToTensor()])",
    )
    dark, plain = load(path, "dark"), load(path, "plain")
    torch.testing.assert_close(dark.prepare(images[0]) * 2, plain.prepare(images[0]))
    assert dark.fingerprint != plain.fingerprint
    assert dark.record["python"]["probe"] != plain.record["python"]["probe"]


def test_the_fingerprint_follows_the_file_and_what_it_computes(
    factory_file: Path, tmp_path: Path
) -> None:
    backbone = load(factory_file)
    (tmp_path / "elsewhere").mkdir()
    moved = write(tmp_path / "elsewhere" / "another_name.py")
    assert load(moved).fingerprint == backbone.fingerprint
    write(moved, "# a comment")
    assert load(moved).fingerprint != backbone.fingerprint


def test_code_that_the_file_imports_shows_in_the_probe(tmp_path: Path) -> None:
    path = tmp_path / "uses_neighbour.py"
    path.write_text(
        "import torch\nfrom torch import nn\n"
        "class Scale(nn.Module):\n"
        "    def forward(self, x):\n"
        "        from pcbm_test_neighbour import shift\n"
        "        return torch.cat([x.mean((2, 3)), x.amax((2, 3)) + shift()], 1)\n"
        "def net():\n    import pcbm_test_neighbour\n    return Scale()\n"
    )
    neighbour = tmp_path / "pcbm_test_neighbour.py"
    neighbour.write_text("VALUE = 1.0\ndef shift(): return VALUE\n")
    first = load(path)
    import sys

    sys.modules["pcbm_test_neighbour"].VALUE = 2.0
    second = load(path)
    del sys.modules["pcbm_test_neighbour"]
    assert first.record["weights_sha256"] == second.record["weights_sha256"]
    assert first.fingerprint != second.fingerprint


def test_a_recorded_file_runs_only_unchanged(tmp_path: Path, images: list[Image.Image]) -> None:
    path = write(tmp_path / "own.py")
    record = load(path, layer="first").record
    recorded = hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["python"]["sha256"] == recorded
    assert reload_backbone(record, device="cpu").record == record
    marker = tmp_path / "ran"
    write(path, f"open({str(marker)!r}, 'w').close()")
    with pytest.raises(InputError) as caught:
        reload_backbone(record)
    assert not marker.exists()
    assert recorded in str(caught.value)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in str(caught.value)
    assert "\n" not in str(caught.value)
    load(path)  # named anew, it runs
    assert marker.exists()


def test_a_module_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pcbm_test_package").mkdir()
    (tmp_path / "pcbm_test_package" / "__init__.py").touch()
    path = write(tmp_path / "pcbm_test_package" / "nets.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    backbone = load("pcbm_test_package.nets")
    assert backbone.fingerprint == load(path).fingerprint
    assert reload_backbone(backbone.record).record == backbone.record
    write(path, "changed = True")
    with pytest.raises(InputError, match="has changed since it was recorded"):
        reload_backbone(backbone.record)


def test_a_model_of_one_input_size_is_probed_at_that_size(
    tmp_path: Path, images: list[Image.Image]
) -> None:
    path = write(
        tmp_path / "own.py",
        "def fixed(): return nn.Sequential(nn.Flatten(), nn.Linear(3 * 96 * 96, 4))",
    )
    backbone = load(path, "fixed")
    assert backbone.dim == 4
    assert backbone.encode([images[0].resize((96, 96))]).shape == (1, 4)


def test_an_output_that_grows_with_the_image_is_refused(
    tmp_path: Path, images: list[Image.Image]
) -> None:
    path = write(tmp_path / "own.py", "def open_size(): return nn.Flatten()")
    backbone = load(path, "open_size")
    with pytest.raises(InputError, match="its output depends on the size of the input; resize in"):
        backbone.encode(images)


def test_images_of_different_sizes_need_a_preprocessing(
    factory_file: Path, images: list[Image.Image]
) -> None:
    backbone = load(factory_file)
    with pytest.raises(InputError, match=r"different shapes .*let the preprocessing bring them to"):
        backbone.encode([images[0], images[1].resize((20, 20))])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def bad(): return 3", "the factory returned int: expected a torch.nn.Module, or (module"),
        ("def bad(): raise OSError('no weights')", "the factory failed (OSError: no weights): men"),
        ("def bad(): return net(), 3", "the factory returned tuple: expected a torch.nn.Module"),
        ("def bad(): return net(), lambda i: 3", "its preprocessing returned int: expected a tens"),
        ("def bad(): return net(), lambda i: i.nope", "its preprocessing failed on an image of 32"),
        ("def bad(): return nn.Linear(7, 2)", "failed on every probe input (RuntimeError: "),
        ("def bad(: pass", "failed while it was read (SyntaxError"),
        ("def bat(): return net()", "there is no factory 'bad' in the file: did you mean 'bat'"),
    ],
)
def test_a_wrong_factory_gets_one_line(tmp_path: Path, code: str, message: str) -> None:
    path = write(tmp_path / "own.py", code)
    with pytest.raises(InputError) as caught:
        load(path, "bad")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "code",
    [
        "class Bad(nn.Module):\n    def forward(self, x): return (x - x.mean(0)).mean((2, 3))",
        "class Bad(nn.Module):\n"
        "    def forward(self, x): return nn.functional.dropout(x).mean((2, 3))",
        "class Bad(nn.Module):\n    def forward(self, x): return x.mean((2, 3)) / 0",
    ],
    ids=["batch statistics", "dropout", "not finite"],
)
def test_a_module_that_is_no_function_of_one_input_is_refused(tmp_path: Path, code: str) -> None:
    path = write(tmp_path / "own.py", code)
    with pytest.raises(InputError, match="is no function of one input"):
        load(path, "Bad")


def test_a_mean_that_cancels_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = write(
        tmp_path / "own.py",
        "class Centred(nn.Module):",
        "    def forward(self, x):",
        "        return x - x.mean((2, 3), keepdim=True)",
    )
    assert load(path, "Centred").dim == 3


def test_random_preprocessing_is_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path / "own.py",
        "from torchvision import transforms as t",
        "def bad(): return net(), t.Compose([t.RandomCrop(20), t.ToTensor()])",
    )
    with pytest.raises(InputError, match="its preprocessing is random"):
        load(path, "bad")


def test_a_module_in_training_mode_is_switched(tmp_path: Path, images: list[Image.Image]) -> None:
    path = write(
        tmp_path / "own.py",
        "def norm(): return nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(), nn.AvgPool2d(4))",
    )
    rows_are_independent(load(path, "norm"), images)


def test_a_model_that_insists_on_single_precision_has_a_fingerprint(tmp_path: Path) -> None:
    path = write(
        tmp_path / "own.py",
        "class Single(nn.Module):",
        "    def __init__(self):",
        "        super().__init__()",
        "        self.net = net()",
        "    def forward(self, x):",
        "        return self.net(x.to(torch.float32))",
    )
    assert load(path, "Single").fingerprint == load(path, "Single").fingerprint
    assert next(load(path, "Single")._tower.module.parameters()).dtype == torch.float32


def test_the_probe_leaves_the_weights_as_they_were(factory_file: Path) -> None:
    from pcbm.backbones.weights import hash_weights

    backbone = load(factory_file)
    assert hash_weights(backbone._tower.module) == backbone.record["weights_sha256"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("python:nowhere.py:net", "nowhere.py does not exist: check the path"),
        ("python:nowhere.py", "names no factory: expected python:PATH.py:factory"),
        ("python:pcbm_no_such.module:net", "cannot find the module (ModuleNotFoundError"),
        ("python:pcbm_no_such:net", "there is no importable Python module 'pcbm_no_such'"),
        ("python:math:sqrt", "there is no importable Python module 'math'"),
    ],
)
def test_wrong_names_are_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_backbone(spec)
    assert message in str(caught.value)


@pytest.mark.data
def test_the_cifar_resnet_of_a_user(data_folder: Path) -> None:
    """Its published accuracy is found again, so layout, preprocessing and mode are right."""
    import io
    import tarfile

    names = "airplane automobile bird cat deer dog frog horse ship truck"
    classes = names.split(" ")
    images, labels = [], []
    with tarfile.open(data_folder / "cifar" / "cifar10_small.tar") as tar:
        for member in tar:
            parts = member.name.split("/")
            if parts[1:2] == ["test"] and member.isfile() and int(Path(parts[3]).stem) % 4 == 0:
                file = tar.extractfile(member)
                assert file is not None
                images.append(Image.open(io.BytesIO(file.read())))
                labels.append(classes.index(parts[2]))
    path = data_folder / "cifar" / "resnet_cifar.py"
    accuracy = np.mean(load(path, "resnet20").encode(images).argmax(1) == labels)
    assert accuracy == pytest.approx(0.8135, abs=0.04)
    layer = load(path, "resnet20", layer="layer3")
    assert (layer.dim, layer.pooling) == (64, "mean-hw")
