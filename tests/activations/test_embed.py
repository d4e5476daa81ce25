from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pcbm.activations import ActivationSet, embed, extract, read_data
from pcbm.errors import InputError

RUN = """
import sys
from pcbm.activations import embed
from pcbm.backbones import load_backbone
module, images, out = sys.argv[1:]
backbone = load_backbone(f"python:{module}:tiny", device="cpu")
report = lambda done, total: print(done, flush=True)
embed(images, backbone, out, batch_size=3, shard_rows=8, progress=report)
"""


def state(out: Path) -> dict[str, tuple[str, int]]:
    """Return name -> (hash, time of change) of the files in a store."""
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(out.iterdir())
    }


def contents(out: Path) -> dict[str, str]:
    return {name: digest for name, (digest, _) in state(out).items()}


def stop_at(rows: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done >= rows:
            raise KeyboardInterrupt

    return progress


def test_a_store_holds_what_extract_gives_and_describes_itself(
    image_folder: Path, backbone: Any, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    acts = embed(
        image_folder,
        backbone,
        tmp_path / "acts",
        batch_size=4,
        shard_rows=8,
        progress=lambda done, total: seen.append((done, total)),
    )
    whole = extract(image_folder, backbone, batch_size=30)
    np.testing.assert_allclose(acts.X, whole.X, rtol=1e-6)
    assert acts.ids.tolist() == whole.ids.tolist()
    assert (len(acts), acts.dim, acts.cached) == (30, 6, False)
    assert acts.fingerprint == backbone.fingerprint
    assert seen[0] == (0, 30) and seen[-1] == (30, 30)
    assert [done for done, _ in seen] == [0, 4, 8, 12, 16, 20, 24, 28, 30]

    manifest = json.loads((tmp_path / "acts" / "manifest.json").read_text())
    assert manifest["state"] == "complete"
    assert [shard["rows"] for shard in manifest["shards"]] == [8, 8, 8, 6]
    assert (manifest["dim"], manifest["dtype"], manifest["batch_size"]) == (6, "float32", 4)
    assert manifest["backbone"] == json.loads(json.dumps(backbone.record))
    for shard in manifest["shards"]:
        content = (tmp_path / "acts" / shard["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == shard["sha256"]

    again = ActivationSet.load(tmp_path / "acts")
    assert again.y is not None and acts.y is not None
    assert again.y.tolist() == acts.y.tolist() == ["cat"] * 15 + ["dog"] * 15
    assert again.class_names == ["cat", "dog"]
    assert again.record == manifest["backbone"]


def test_batches_never_cross_shards(image_folder: Path, backbone: Any, tmp_path: Path) -> None:
    seen: list[int] = []
    embed(
        image_folder,
        backbone,
        tmp_path / "acts",
        batch_size=5,
        shard_rows=8,
        progress=lambda done, total: seen.append(done),
    )
    assert seen == [0, 5, 8, 13, 16, 21, 24, 29, 30]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the script forks")
def test_killed_before_any_of_its_steps_on_disk_it_continues_to_the_same_bytes(
    tmp_path: Path,
) -> None:
    script = Path(__file__).with_name("crash_points.py")
    run = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, timeout=120, check=True
    )
    found = json.loads(run.stdout)
    whole = {name: digest for name, (digest, _) in found["whole"].items()}
    assert sorted(whole) == ["manifest.json", "rows.parquet", "shard-00000.npy", "shard-00001.npy"]
    assert len(found["reports"]) > 30
    finished_early = 0
    for report in found["reports"]:
        before = report["before"]
        if "error" in report:  # the last step had been done: a complete store is refused
            assert "exists already" in report["error"]
            assert {name: digest for name, (digest, _) in before.items()} == whole
            continue
        assert {name: digest for name, (digest, _) in report["after"].items()} == whole
        for name, (digest, changed) in before.items():
            if name.startswith("shard-"):
                assert digest == whole[name]
                assert report["after"][name] == [digest, changed]
                finished_early += 1
    assert finished_early > 20


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9")
def test_a_real_backbone_that_is_killed_keeps_its_finished_shards(
    image_folder: Path, module_file: Path, backbone: Any, tmp_path: Path
) -> None:
    embed(image_folder, backbone, tmp_path / "whole", batch_size=3, shard_rows=8)
    out = tmp_path / "killed"
    command = [sys.executable, "-c", RUN, str(module_file), str(image_folder), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= 19:
                break
        child.send_signal(signal.SIGKILL)
    before = {name: kept for name, kept in state(out).items() if name.startswith("shard-")}
    assert {"shard-00000.npy", "shard-00001.npy"} <= set(before)
    with pytest.raises(InputError, match=r"is unfinished \(\d+ of 30 rows\): run the same pcbm em"):
        read_data(out)

    acts = embed(image_folder, backbone, out, batch_size=3, shard_rows=8)
    assert contents(out) == contents(tmp_path / "whole")
    assert {name: state(out)[name] for name in before} == before
    assert any("were there from an interrupted run" in note for note in acts.notes)


def test_the_recorded_batch_and_shard_sizes_are_used(
    image_folder: Path, backbone: Any, tmp_path: Path
) -> None:
    embed(image_folder, backbone, tmp_path / "whole", batch_size=3, shard_rows=8)
    with pytest.raises(KeyboardInterrupt):
        embed(
            image_folder,
            backbone,
            tmp_path / "acts",
            batch_size=3,
            shard_rows=8,
            progress=stop_at(14),
        )
    embed(image_folder, backbone, tmp_path / "acts", batch_size=7, shard_rows=1000)
    assert contents(tmp_path / "acts") == contents(tmp_path / "whole")


def test_interrupted_before_the_first_shard_it_leaves_nothing(
    image_folder: Path, backbone: Any, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        embed(image_folder, backbone, tmp_path / "acts", batch_size=3, progress=stop_at(3))
    assert not (tmp_path / "acts").exists()


def test_a_damaged_shard_of_an_unfinished_store_is_made_again_alone(
    image_folder: Path, backbone: Any, tmp_path: Path
) -> None:
    out = tmp_path / "acts"
    embed(image_folder, backbone, tmp_path / "whole", batch_size=3, shard_rows=8)
    with pytest.raises(KeyboardInterrupt):
        embed(image_folder, backbone, out, batch_size=3, shard_rows=8, progress=stop_at(25))
    kept = state(out)["shard-00002.npy"]
    content = bytearray((out / "shard-00001.npy").read_bytes())
    content[-1] ^= 1
    (out / "shard-00001.npy").write_bytes(content)
    embed(image_folder, backbone, out)
    assert contents(out) == contents(tmp_path / "whole")
    assert state(out)["shard-00002.npy"] == kept


def test_a_complete_store_is_refused_without_force_and_replaced_with_it(
    image_folder: Path, backbone: Any, tmp_path: Path
) -> None:
    out = tmp_path / "acts"
    embed(image_folder, backbone, out, shard_rows=8)
    before = state(out)
    with pytest.raises(InputError, match=r"exists already: choose another --out, or add --force"):
        embed(image_folder, backbone, out)
    assert state(out) == before
    kept = embed(image_folder, backbone, out, keep_finished=True)
    assert kept.cached
    assert state(out) == before
    replaced = embed(image_folder, backbone, out, shard_rows=100, force=True)
    assert not replaced.cached
    assert sorted(contents(out)) == ["manifest.json", "rows.parquet", "shard-00000.npy"]


def test_other_data_or_another_backbone_cannot_continue_a_store(
    image_folder: Path, backbone: Any, module_file: Path, tmp_path: Path
) -> None:
    from pcbm.backbones import load_backbone

    out = tmp_path / "acts"
    with pytest.raises(KeyboardInterrupt):
        embed(image_folder, backbone, out, batch_size=4, shard_rows=8, progress=stop_at(20))
    before = state(out)
    other = load_backbone(f"python:{module_file}:tiny", layer="0", device="cpu")
    with pytest.raises(InputError, match=r"was begun with another backbone, layer or pooling") as e:
        embed(image_folder, other, out)
    assert other.fingerprint in str(e.value) and backbone.fingerprint in str(e.value)
    data = read_data(image_folder)
    with pytest.raises(InputError, match=r"was begun with other data \(30 rows, now 29\)"):
        embed(data.take(np.arange(29)), backbone, out)
    with pytest.raises(InputError, match=r"was begun with other data \(content "):
        embed(data.take(np.arange(30)[::-1]), backbone, out)
    assert state(out) == before


def test_labels_may_change_between_the_runs(
    image_folder: Path, backbone: Any, tmp_path: Path
) -> None:
    out = tmp_path / "acts"
    with pytest.raises(KeyboardInterrupt):
        embed(image_folder, backbone, out, batch_size=4, shard_rows=8, progress=stop_at(20))
    renamed = image_folder.rename(tmp_path / "elsewhere")
    (renamed / "cat").rename(renamed / "a cat")
    acts = embed(renamed, backbone, out)
    assert acts.class_names == ["a cat", "dog"]
    assert acts.ids[0] == "a cat/00.png"


def test_unreadable_images_are_named_or_left_out_and_counted(
    image_folder: Path, backbone: Any, tmp_path: Path
) -> None:
    (image_folder / "cat" / "03.png").write_bytes(b"no image")
    whole = (image_folder / "dog" / "02.png").read_bytes()
    (image_folder / "dog" / "02.png").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "acts"
    with pytest.raises(InputError, match=r"image 'cat/03.png' cannot be read: it is no image .*un"):
        embed(image_folder, backbone, out, shard_rows=8)
    assert not out.exists()
    acts = embed(image_folder, backbone, out, shard_rows=8, skip_unreadable=True)
    assert acts.skipped == ("cat/03.png", "dog/02.png")
    assert "2 unreadable input(s) left out, first 'cat/03.png'" in acts.notes
    assert len(acts) == 28
    assert not set(acts.skipped) & set(acts.ids.tolist())
    stored = ActivationSet.load(out)
    good = extract(read_data(image_folder), backbone, skip_unreadable=True)
    np.testing.assert_allclose(stored.X, good.X, rtol=1e-6)
    assert stored.ids.tolist() == good.ids.tolist()
    assert stored.y is not None and good.y is not None
    assert stored.y.tolist() == good.y.tolist()


def test_a_part_finished_without_unreadable_images_is_not_continued_as_if_whole(
    image_folder: Path, backbone: Any, tmp_path: Path
) -> None:
    (image_folder / "cat" / "03.png").write_bytes(b"no image")
    out = tmp_path / "acts"
    with pytest.raises(KeyboardInterrupt):
        embed(
            image_folder,
            backbone,
            out,
            batch_size=4,
            shard_rows=8,
            skip_unreadable=True,
            progress=stop_at(20),
        )
    with pytest.raises(InputError, match=r"left out 1 unreadable image\(s\), first 'cat/03.png'"):
        embed(image_folder, backbone, out)
    acts = embed(image_folder, backbone, out, skip_unreadable=True)
    assert acts.skipped == ("cat/03.png",)


def test_the_output_must_be_a_store_or_nothing(
    image_folder: Path, backbone: Any, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("x")
    for force in (False, True):
        with pytest.raises(InputError, match="choose another --out"):
            embed(image_folder, backbone, mine, force=force)
    assert (mine / "thesis.txt").read_text() == "x"
    with pytest.raises(InputError, match="is a file: give a folder"):
        embed(image_folder, backbone, mine / "thesis.txt", force=True)


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")
def test_two_writers_at_once_are_refused(
    image_folder: Path, module_file: Path, backbone: Any, tmp_path: Path
) -> None:
    out = tmp_path / "acts"
    refused: list[str] = []

    def second(done: int, total: int) -> None:
        if done == 8:
            with pytest.raises(InputError) as caught:
                embed(image_folder, backbone, out)
            refused.append(str(caught.value))

    embed(image_folder, backbone, out, batch_size=4, shard_rows=8, progress=second)
    assert refused == [f"{out} is being written by another pcbm: wait for it"]
    assert len(ActivationSet.load(out)) == 30


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9")
def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    image_folder: Path, module_file: Path, backbone: Any, tmp_path: Path
) -> None:
    embed(image_folder, backbone, tmp_path / "whole", batch_size=3, shard_rows=8)
    rng = np.random.default_rng(0)
    out = tmp_path / "killed"
    command = [sys.executable, "-c", RUN, str(module_file), str(image_folder), str(out)]
    for _ in range(12):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(float(rng.uniform(0, 0.05)))
            child.send_signal(signal.SIGKILL)
        if out.exists() and "rows.parquet" in contents(out):
            break
    if json.loads((out / "manifest.json").read_text())["state"] == "open":
        embed(image_folder, backbone, out)
    assert contents(out) == contents(tmp_path / "whole")
