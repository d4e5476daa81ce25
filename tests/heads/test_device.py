"""Passes over the data in torch: the same solutions as in numpy."""

import numpy as np
import pytest
from elastic_net import FAMILIES
from head_problems import draw

import pcbm.heads.device as devices
import pcbm.heads.inputs as inputs
import pcbm.heads.screen as screen
from pcbm.errors import InputError
from pcbm.heads import elastic_net_path
from pcbm.heads.device import on_device
from pcbm.heads.inputs import check_problem

pytestmark = pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")

N, K = 2000, 8
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def given(family, seed=0):
    """Return Z and y, with weights, some zero, an offset and a mask of free coefficients."""
    rng = np.random.default_rng(seed)
    Z, y = draw(family, seed, n=N, K=K)
    rows = 1 if family == "binomial" else 3
    options = {
        "family": family,
        "sample_weight": rng.uniform(0.5, 2, N) * (rng.random(N) < 0.8),
        "offset": rng.normal(size=(N, rows)) / 2,
        "free": rng.random((rows, K)) < 0.8,
    }
    return Z + 3, y, options


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("where", ["copied", "read"])
def test_torch_finds_what_numpy_finds(device, family, where, monkeypatch):
    if where == "read":
        monkeypatch.setattr(inputs, "COPY_UP_TO", 0)
        monkeypatch.setattr(screen, "SINGLE_FROM", 0)  # single precision first
    monkeypatch.setattr(devices, "CHUNK_BYTES", 1 << 16)
    Z, y, options = given(family)
    Z = Z.astype(np.float32) if where == "read" else Z
    lams = elastic_net_path(Z, y, n_lams=5, lam_min_ratio=0.02, **options).lams
    host, other = (
        elastic_net_path(Z, y, lams=lams, tol=1e-9, device=place, **options)
        for place in (None, device)
    )
    np.testing.assert_allclose(other.objective, host.objective, rtol=1e-12)
    np.testing.assert_allclose(other.coefs, host.coefs, atol=2e-9)
    np.testing.assert_allclose(other.gap, host.gap, atol=1e-9)
    assert other.kkt.max() <= 1e-9


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_point_on_a_device_is_the_point_on_the_host(device, family):
    Z, y, options = given(family, 1)
    problem, _ = check_problem(Z, y, *options.values())
    rng = np.random.default_rng(0)
    at = rng.normal(size=problem.shape), rng.normal(size=problem.shape[0])
    there = on_device(problem, device)
    point, other = problem.point(*at), there.point(*at)
    assert other.loss == pytest.approx(point.loss, rel=1e-13)
    np.testing.assert_allclose(other.slopes, point.slopes, atol=1e-13)
    np.testing.assert_allclose(other.level, point.level, atol=1e-13)
    np.testing.assert_allclose(there.row_curvature(*at), problem.row_curvature(*at), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda:99"}, "device='cuda:99' cannot be used here"),
        ({"device": "tpu"}, "device='tpu' cannot be used here"),
        ({"device": "mps"}, "device='mps' has no double precision"),
        (
            {"device": "cpu", "solver": "saga"},
            "solver='saga' does not serve device: use",
        ),
    ],
)
def test_devices_that_do_not_serve_are_refused(options, message):
    with pytest.raises(InputError, match=message) as error:
        elastic_net_path(*draw("binomial", 2), family="binomial", **options)
    assert "\n" not in str(error.value)
