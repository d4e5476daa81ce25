from pathlib import Path

import pytest

from pcbm.backbones import load_backbone, parse_spec
from pcbm.backbones.spec import existing_path, looks_like_path
from pcbm.errors import InputError


@pytest.mark.parametrize(
    ("text", "library", "what"),
    [
        ("open_clip:ViT-B-32/openai", "open_clip", "ViT-B-32/openai"),
        ("open-clip:local-dir:/models/x", "open_clip", "local-dir:/models/x"),
        ("python:a/b.py:net", "python", "a/b.py:net"),
        (" none ", "none", ""),
    ],
)
def test_the_library_ends_at_the_first_colon(text: str, library: str, what: str) -> None:
    spec = parse_spec(text)
    assert (spec.library, spec.what) == (library, what)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tim:resnet18", "did you mean 'timm'?"),
        ("resnet18", "expected LIBRARY:WHAT; known: demo, none, open_clip"),
        ("timm:", "is incomplete: expected timm:NAME"),
        ("none:x", "is incomplete: expected none"),
    ],
)
def test_a_wrong_name_is_refused_with_help(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_spec(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_none_is_no_backbone() -> None:
    assert load_backbone("none") is None


@pytest.mark.parametrize("text", ["./x", "/x", "~/x", "model.pth", "a/b/c", "folder/"])
def test_paths_are_told_from_names(text: str) -> None:
    assert looks_like_path(text)


@pytest.mark.parametrize("text", ["openai", "google/vit-base", "all-MiniLM-L6-v2"])
def test_names_are_no_paths(text: str) -> None:
    assert not looks_like_path(text)


def test_an_absent_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.pth does not exist: check the path"):
        existing_path(str(tmp_path / "missing.pth"), "timm:resnet18@missing.pth")
