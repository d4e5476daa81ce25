import pytest
import torch
from torch import Tensor

from pcbm.backbones.pooling import (
    Layout,
    PoolPlan,
    TokenRule,
    apply_pooling,
    check_pool,
    plan_pooling,
)
from pcbm.errors import InputError


def pooled(output: Tensor, layout: Layout, axis: int = 0, fold: int = 1) -> tuple[str, Tensor]:
    """Plan from the shapes that such a layer gives for 1 and 2 items, then pool ``output``."""
    n = output.shape[axis] // fold
    shapes = [list(output.shape) for _ in range(2)]
    shapes[0][axis], shapes[1][axis] = fold, 2 * fold
    plan = plan_pooling(shapes[0], shapes[1], layout)
    assert (plan.axis, plan.fold) == (axis, fold)
    return plan.pooling, apply_pooling(plan, output, n, None)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_vectors_stay_as_they_are() -> None:
    x = noise(3, 5)
    for pool in (None, "mean", "flatten"):
        name, rows = pooled(x, Layout("m", pool))
        assert name == "vector"
        assert torch.equal(rows, x)


def test_maps_are_averaged_over_height_and_width() -> None:
    x = noise(3, 5, 4, 4)
    name, rows = pooled(x, Layout("m"))
    assert name == "mean-hw"
    torch.testing.assert_close(rows, x.mean((2, 3)))
    torch.testing.assert_close(pooled(x, Layout("m", "flatten"))[1], x.reshape(3, 80))


def test_channels_on_the_last_axis_are_kept_as_channels() -> None:
    x = noise(3, 4, 4, 7)
    name, rows = pooled(x, Layout("m"))
    assert name == "mean-hw-last"
    torch.testing.assert_close(rows, x.mean((1, 2)))
    oblong = noise(3, 2, 4, 7)  # the shape does not tell, the kind of layer does
    torch.testing.assert_close(
        pooled(oblong, Layout("m", channels_last=True))[1], oblong.mean((1, 2))
    )


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("n", [3, 6])  # 6 items of 6 tokens: the shape alone cannot tell
def test_tokens_are_averaged_within_an_item_in_both_layouts(axis: int, n: int) -> None:
    x = noise(n, 6, 5)
    _, rows = pooled(x.transpose(0, 1) if axis else x, Layout("m"), axis)
    torch.testing.assert_close(rows, x.mean(1))


@pytest.mark.parametrize("axis", [0, 1])
def test_the_class_token_is_the_first_of_each_item(axis: int) -> None:
    x = noise(3, 6, 5)
    x_in = x.transpose(0, 1) if axis else x
    for layout in (Layout("m", "cls"), Layout("m", tokens=TokenRule("cls", 1))):
        name, rows = pooled(x_in, layout, axis)
        assert name == "cls"
        assert torch.equal(rows, x[:, 0])


def test_patch_means_leave_the_prefix_out_unless_mean_is_asked_for() -> None:
    x = noise(3, 6, 5)
    layout = Layout("m", tokens=TokenRule("patches", 2))
    torch.testing.assert_close(pooled(x, layout)[1], x[:, 2:].mean(1))
    layout = Layout("m", "mean", tokens=TokenRule("patches", 2))
    torch.testing.assert_close(pooled(x, layout)[1], x.mean(1))


def test_windows_go_back_to_the_item_they_were_cut_from() -> None:
    x = noise(3, 4, 6, 5)  # items, windows, tokens, channels
    _, rows = pooled(x.reshape(12, 6, 5), Layout("m"), fold=4)
    torch.testing.assert_close(rows, x.mean((1, 2)))
    _, rows = pooled(x.reshape(72, 5), Layout("m"), fold=24)
    torch.testing.assert_close(rows, x.mean((1, 2)))


def test_padding_does_not_count() -> None:
    x, mask = noise(2, 4, 5), torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]])
    plan = plan_pooling((1, 4, 5), (2, 4, 5), Layout("m", mask_length=4))
    rows = apply_pooling(plan, x, 2, mask)
    torch.testing.assert_close(rows, torch.stack([x[0, :2].mean(0), x[1].mean(0)]))


def test_one_number_per_item_is_a_vector_of_one() -> None:
    assert pooled(noise(4), Layout("m"))[1].shape == (4, 1)


@pytest.mark.parametrize(
    ("shape", "layout", "message"),
    [
        ((1, 5), Layout("layer 'a'", "cls"), "layer 'a' gives one vector per item"),
        ((1, 5, 4, 4), Layout("m", "cls"), "m gives maps, which have no class token"),
        ((1, 6, 5), Layout("m", "cls", TokenRule("mean", 0)), "m has no class token"),
        ((1, 6, 5), Layout("m", "flatten", mask_length=6), "flatten has no fixed size"),
        ((1, 2, 3, 4, 5), Layout("m"), r"shape \(2, 3, 4, 5\) per item: use the pooling flatten"),
    ],
)
def test_a_pooling_that_does_not_fit_is_refused(
    shape: tuple[int, ...], layout: Layout, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        plan_pooling(shape, (2, *shape[1:]), layout)


@pytest.mark.parametrize(
    ("one", "two"), [((5, 4), (5, 4)), ((1, 4), (2, 8)), ((1, 4), (2,)), ((3, 4), (3, 8))]
)
def test_outputs_without_a_batch_axis_are_refused(
    one: tuple[int, ...], two: tuple[int, ...]
) -> None:
    with pytest.raises(InputError, match="expected one axis that counts the items"):
        plan_pooling(one, two, Layout("m"))


def test_unknown_poolings_get_near_matches() -> None:
    with pytest.raises(InputError, match=r"expected mean, cls, flatten; did you mean 'mean'\?"):
        check_pool("meen")


def test_half_precision_is_averaged_in_single_precision() -> None:
    x = torch.full((1, 70_000, 1), 1.0, dtype=torch.float16)  # the sum is beyond float16
    rows = apply_pooling(PoolPlan(0, 1, "mean-tokens"), x, 1, None)
    assert rows.item() == 1.0
