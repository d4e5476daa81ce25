"""Two models in one pass: each layer is what the backbone of that layer gives, rows in step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_nets import write_factory, write_pictures

from pcbm.activations import Dataset, extract, read_data
from pcbm.analysis import both
from pcbm.analysis.both import LayersOf, both_batches, gathered
from pcbm.backbones import load_backbone
from pcbm.errors import InputError

LAYERS = ["stem", "blocks.0", "blocks.1"]


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = write_factory(tmp_path_factory.mktemp("nets") / "nets.py")
    return f"python:{path}"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_data(write_pictures(tmp_path_factory.mktemp("pictures"), a_class=7, size=32))


@pytest.mark.parametrize("pool", [None, "flatten"])
@pytest.mark.parametrize("room", [1 << 30, 0])
def test_layers_are_those_of_the_backbones(nets, data, pool, room, monkeypatch):
    monkeypatch.setattr(both, "IN_MEMORY", room)  # 0: everything goes to temporary files
    models = [
        LayersOf(f"{nets}:{name}", ["stem", "blocks.*"], pool=pool) for name in ("one", "two")
    ]
    done = []
    batches = both_batches(data, *models, batch_size=8, progress=lambda *at: done.append(at))
    with gathered(batches, len(data)) as (rows, *sides):
        assert rows.tolist() == list(range(21))
        for name, model, tables in zip(("one", "two"), models, sides, strict=True):
            assert model.names == LAYERS
            for layer, table in zip(LAYERS, tables, strict=True):
                backbone = load_backbone(f"{nets}:{name}", layer=layer, pool=pool)
                alone = extract(data, backbone, batch_size=8)
                assert np.array_equal(table, alone.X)
        kept = [Path(str(getattr(table, "filename", ""))) for table in sides[0]]
        assert all(path.is_file() for path in kept) == (room == 0)
    assert not any(path.is_file() for path in kept)
    assert done == [(8, 21), (16, 21), (21, 21)]


def test_what_cannot_be_read_is_left_out_for_both(nets, tmp_path):
    data = read_data(write_pictures(tmp_path, a_class=3))
    (tmp_path / "class1" / "01.png").write_bytes(b"no picture")
    model = LayersOf(f"{nets}:one", ["stem"])
    with pytest.raises(InputError, match="add --skip-unreadable"):
        list(both_batches(data, model, model, batch_size=4))
    found = list(both_batches(data, model, model, batch_size=4, skip_unreadable=True))
    assert np.concatenate([batch.rows for batch in found]).tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    for batch in found:
        assert np.array_equal(batch.left[0], batch.right[0])


def test_models_that_read_other_inputs_are_refused(nets, data):
    with pytest.raises(InputError, match=r"no layer 'blocks\.7': did you mean"):
        LayersOf(f"{nets}:one", ["blocks.7"])
    texts = Dataset("texts", "text", np.array(["a", "b"]), ["one", "two"])
    model = LayersOf(f"{nets}:one", ["stem"])
    with pytest.raises(InputError, match="texts holds texts, but"):
        list(both_batches(texts, model, model, batch_size=4))
