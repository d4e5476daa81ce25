import json
import math

import numpy as np
import pytest
import torch

from pcbm.errors import InputError
from pcbm.shapes import recipe as recipes
from pcbm.shapes import train as training
from pcbm.shapes.captions import vocabulary
from pcbm.shapes.clip import CONFIG, MERGES, WEIGHTS, load_clip, model_config
from pcbm.shapes.recipe import Recipe, Run, make_batch, schedule
from pcbm.shapes.tokens import build_merges, merges_file, read_tokenizer
from pcbm.shapes.train import CHECKPOINT, Learner, train
from pcbm.shapes.world import ATTRIBUTES, COLUMN

SMALL = Recipe(
    runs=(Run(2, 1e-3, 1.0, ("colour",)), Run(2, 5e-4, 0.5, ("shape",))), batch=16, warm_up=1
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("merges") / MERGES
    path.write_bytes(merges_file(build_merges(vocabulary())))
    return read_tokenizer(path)


def test_training_steps_lower_both_losses(tokenizer):
    recipe = Recipe(runs=(Run(12, 2e-3, 1.0, ()),), batch=32, warm_up=1)
    learner = Learner.start(recipe, model_config(tokenizer.vocab_size), seed=0)
    batch = make_batch(recipe, tokenizer, 0, 0)
    losses = [learner.train_step(batch, recipe) for _ in range(12)]
    assert losses[0]["contrastive"] > math.log(32) - 0.5
    assert losses[-1]["contrastive"] < losses[0]["contrastive"] - 0.5
    assert losses[-1]["attribute"] < losses[0]["attribute"] - 0.5


def test_a_batch_follows_from_seed_and_step(tokenizer):
    recipe = Recipe(batch=8)
    one, same, other = (make_batch(recipe, tokenizer, 0, step) for step in (3, 3, 4))
    assert torch.equal(one.pictures, same.pictures)
    assert torch.equal(one.tokens, same.tokens)
    assert not torch.equal(one.pictures, other.pictures)
    assert one.pictures.is_contiguous(memory_format=torch.channels_last)


def test_the_stated_share_of_batches_is_hard_in_the_attributes_of_its_run(tokenizer, monkeypatch):
    monkeypatch.setattr(recipes, "render", lambda scenes, rng: np.zeros((1, 64, 64, 3), np.uint8))
    runs = (Run(100, 1.0, 1.0, ("colour", "position")), Run(100, 1.0, 1.0, ("shape",)))
    recipe = Recipe(runs=runs, batch=32)
    scenes = np.stack([make_batch(recipe, tokenizer, 0, step).scenes for step in range(200)])
    kinds = {
        name: np.array([len(np.unique(batch[:, column])) <= 2 for batch in scenes])
        for name, column in COLUMN.items()
    }
    np.testing.assert_array_equal(kinds["colour"], kinds["position"])
    assert kinds["colour"][:100].mean() == pytest.approx(recipe.hard_share, abs=0.12)
    assert kinds["shape"][100:].mean() == pytest.approx(recipe.hard_share, abs=0.12)
    assert not kinds["colour"][100:].any()
    assert not kinds["shape"][:100].any()
    assert not kinds["background"].any()


def test_rate_and_attribute_weight_follow_the_schedule():
    recipe = Recipe(runs=(Run(100, 1.0, 2.0, ()), Run(50, 0.5, 1.0, ())), warm_up=10)
    points = [schedule(recipe, step) for step in range(150)]
    rates, weights = zip(*points, strict=True)
    assert rates[0] == pytest.approx(0.1)
    assert max(rates[:100]) == pytest.approx(1.0, abs=0.05)
    assert rates[99] < 0.001
    assert rates[100] == pytest.approx(0.05)
    assert weights[0] == 2.0
    assert weights[35] == pytest.approx(1.0)
    assert weights[70:100] == (0.0,) * 30
    assert weights[100] == 1.0


def test_training_writes_a_loadable_model_without_pickle(tmp_path):
    train(tmp_path, seed=1, recipe=SMALL, every=4, n_scenes=50)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [CHECKPOINT, CONFIG, MERGES, WEIGHTS]
    )
    model, _, tokenizer = load_clip(tmp_path)
    assert model.encode_text(tokenizer(["a red circle"])).shape == (1, 64)
    record = json.loads((tmp_path / CONFIG).read_text())["training"]
    assert record["seed"] == 1
    assert record["recipe"]["batch"] == 16


@pytest.mark.slow
def test_an_interrupted_training_ends_like_an_undisturbed_one(tmp_path, capsys):
    train(tmp_path / "whole", seed=0, recipe=SMALL, every=4, n_scenes=50)
    tokenizer = read_tokenizer(tmp_path / "whole" / MERGES)
    learner = Learner.start(SMALL, model_config(tokenizer.vocab_size), 0)
    for step in range(2):
        learner.train_step(make_batch(SMALL, tokenizer, 0, step), SMALL)
    learner.save(tmp_path / "cut" / CHECKPOINT, 0)
    train(tmp_path / "cut", seed=0, recipe=SMALL, every=4, n_scenes=50)
    assert "continuing at step 2" in capsys.readouterr().err
    assert (tmp_path / "cut" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()


def test_a_checkpoint_of_another_seed_is_refused(tmp_path, tokenizer):
    learner = Learner.start(SMALL, model_config(tokenizer.vocab_size), 0)
    learner.save(tmp_path / CHECKPOINT, 0)
    with pytest.raises(InputError, match="is of seed 0, not 1: choose another --out"):
        train(tmp_path, seed=1, recipe=SMALL)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "nothing to do: give --out DIR to train, or --evaluate\n"),
        (["--evaluate", "/nowhere"], "/nowhere has no open_clip_config.json: give a folder"),
    ],
)
def test_wrong_arguments_end_with_code_2_and_one_line(arguments, told, capsys):
    with pytest.raises(SystemExit) as end:
        training.main(arguments)
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(told)
    assert err.count("\n") == 1


def test_attribute_heads_ignore_what_a_caption_does_not_tell():
    heads = training.AttributeHeads(64)
    unit = torch.nn.functional.normalize(torch.randn(4, 64, generator=torch.Generator()), dim=-1)
    scenes = torch.zeros(4, len(ATTRIBUTES), dtype=torch.long)
    told = torch.zeros(4, len(ATTRIBUTES), dtype=torch.bool)
    assert heads.loss(unit, scenes, told).item() == 0.0
    told[0, 0] = True
    expected = torch.nn.functional.cross_entropy(heads[0](8.0 * unit[:1]), scenes[:1, 0])
    assert heads.loss(unit, scenes, told).item() == pytest.approx(expected.item(), rel=1e-5)
