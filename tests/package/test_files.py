"""Outputs appear whole or not at all, and messages offer the names that come close."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcbm.errors import InputError, near
from pcbm.files import new_folder, refuse_existing, write_text


def test_a_folder_takes_its_place_only_on_success(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with new_folder(out, mark="a") as draft:
        (draft / "a").write_text("1")
        assert not out.exists()
    with pytest.raises(RuntimeError), new_folder(out, mark="a", force=True) as draft:
        (draft / "a").write_text("2")
        raise RuntimeError
    assert (out / "a").read_text() == "1"
    with new_folder(out, mark="a", force=True) as draft:
        (draft / "b").write_text("3")
    assert [path.name for path in out.iterdir()] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_that_was_not_written_here_is_not_replaced(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    with new_folder(photos, mark="config.json", force=True):
        pass
    (photos / "cat.jpg").write_text("")
    message = r"photos is a folder that pcbm did not write, so --force does not replace it"
    with pytest.raises(InputError, match=message), new_folder(photos, mark="a", force=True):
        pass
    assert (photos / "cat.jpg").exists()


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    with new_folder(tmp_path / "link", mark="a", force=True):
        pass
    assert not (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "link"]


def test_an_output_that_cannot_be_made_is_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file is a file: choose another --out"):
        refuse_existing(tmp_path / "file" / "deep" / "run", force=False)
    (tmp_path / "here" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "deep")
    for path in (Path(), Path(".."), tmp_path / "here"):
        with pytest.raises(InputError, match="holds the current folder: choose another --out"):
            refuse_existing(path, force=True)
    refuse_existing(Path("new") / "run", force=False)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="is a folder, expected a file"):
        refuse_existing(tmp_path / "folder", force=True)
    with pytest.raises(InputError, match="is a file, expected a folder"):
        refuse_existing(tmp_path / "file", force=True, mark="config.json")
    with pytest.raises(InputError, match="is no regular file or folder"):
        refuse_existing(Path("/dev/null"), force=True)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc to be refused by")
def test_errors_of_the_system_name_what_was_asked_for() -> None:
    asked = Path("/proc/asked")
    with pytest.raises(OSError, match="/proc/asked'"):
        write_text(asked, "")
    with pytest.raises(OSError, match="/proc/asked'"), new_folder(asked, mark="x"):
        pass


def test_near_names_are_found_among_very_many() -> None:
    names = [f"img/{i:07d}.png" for i in range(100_000)]
    assert "'img/0099999.png'" in near("img/0099999.pg", names)
    assert "'img/0000042.png'" in near("mg/0000042.png", names)
    assert near("q", names).endswith("(100000 in all)")
