"""The same algorithm with its passes over the data on a device of torch.

The data move to the device once, in the precision they came in. Loss, gradient, curvature of the
rows and working sets are computed there, in single or double precision as on the host; only
coefficients and gradients (C, K) travel. Sampled rows of a metric and the models of K dimensions
are small and stay with the host.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pcbm.errors import InputError
from pcbm.heads.datafits import Datafit, Gaussian, Multinomial
from pcbm.heads.problem import Passes, Point, Problem
from pcbm.heads.rows import Read, Rows, Stored, parts

Array = NDArray[np.float64]

CHUNK_BYTES = 64 << 20  # rows are visited in chunks of about this size


def on_device(problem: Problem, device: str) -> Problem:
    """Return the problem with its data on a device of torch.

    Raises
    ------
    InputError
        No such device here, or one without double precision.
    """
    place = _device(device)
    return DeviceProblem(
        features=DeviceRows.of(problem.features, place),
        fit=DeviceFit.of(problem.datafit, problem.offset, place),
        datafit=problem.datafit,
        free=problem.free,
        offset=problem.offset,
        shift=problem.shift,
        constant=problem.constant,
        passes=problem.passes,
    )


def _device(name: str) -> Any:
    import torch

    try:
        place = torch.device(name)
        if place.type == "mps":
            raise InputError(
                f"device={name!r} has no double precision, in which solutions are checked: "
                "leave device out, or give 'cuda'"
            )
        torch.zeros(1, device=place, dtype=torch.float64).cpu()
    except InputError:
        raise
    except (RuntimeError, AssertionError, TypeError):
        raise InputError(
            f"device={name!r} cannot be used here: leave device out, or give 'cpu' or a CUDA device"
        ) from None
    return place


@dataclass(frozen=True)
class DeviceRows:
    """Columns on a device, centred as they are visited.

    Parameters
    ----------
    values : (K, n) tensor, as it came
    centre : (K,) tensor to subtract on a visit, double; zero where the values are centred
    means : (K,) what the values of a visit were shifted by in all
    dtype : precision of a visit
    """

    values: Any
    centre: Any
    means: Array
    dtype: np.dtype

    @classmethod
    def of(cls, rows: Rows, device: Any) -> DeviceRows:
        """Move columns to a device, some rows at a time, in the precision they came in."""
        import torch

        width, n = rows.shape
        plain, centre, single = rows, np.zeros(width), False
        if isinstance(rows, Read):
            plain, centre = Read(rows.source, np.zeros(width), rows.kept), rows.means
            single = rows.source.dtype == np.float32
        kind = np.float32 if single else np.float64
        values = torch.empty((width, n), dtype=getattr(torch, kind.__name__), device=device)
        for part in parts(plain):
            block = np.ascontiguousarray(plain.chunk(part), dtype=kind)
            values[:, part] = torch.from_numpy(block).to(device)
        centred = torch.from_numpy(centre).to(device)
        return cls(values, centred, rows.means, np.dtype(np.float64))

    @property
    def shape(self) -> tuple[int, int]:
        """(K, n)."""
        return tuple(self.values.shape)

    def visit(self, part: slice) -> Any:
        """Return some rows as a tensor (K, m)."""
        import torch

        block = self.values[:, part].to(getattr(torch, self.dtype.name))
        return block - self.centre[:, None].to(block.dtype)

    def chunk(self, part: slice) -> NDArray:
        """Return some rows on the host."""
        return self.visit(part).cpu().numpy()

    def over(self, columns: NDArray[np.intp], dtype: DTypeLike) -> DeviceRows:
        """Return some of the columns, on the device."""
        import torch

        kind = np.dtype(dtype)
        index = torch.from_numpy(columns).to(self.values.device)
        values = torch.empty(
            (len(columns), self.shape[1]),
            dtype=getattr(torch, kind.name),
            device=self.values.device,
        )
        for part in parts(self):
            values[:, part] = self.visit(part)[index].to(values.dtype)
        return DeviceRows(values, torch.zeros_like(self.centre[index]), self.means[columns], kind)

    def take(self, rows: NDArray[np.intp]) -> Stored:
        """Return some of the rows, on the host."""
        import torch

        index = torch.from_numpy(rows).to(self.values.device)
        block = self.values[:, index].to(getattr(torch, self.dtype.name))
        block = block - self.centre[:, None].to(block.dtype)
        return Stored(block.cpu().numpy(), self.means)


@dataclass(frozen=True)
class DeviceFit:
    """A loss on a device: its labels or targets, weights and offset as tensors.

    Parameters
    ----------
    host : the loss, of which this is a copy
    known : labels (n,) of a softmax, or targets (C, n)
    shares : (n,) weights
    offset : (C, n) or None
    """

    host: Datafit
    known: Any
    shares: Any
    offset: Any

    @classmethod
    def of(cls, datafit: Datafit, offset: Array | None, device: Any) -> DeviceFit:
        """Move a loss to a device."""
        import torch

        known = datafit.labels if isinstance(datafit, Multinomial) else datafit.targets  # type: ignore[attr-defined]
        arrays = (known, datafit.weights, offset)
        return cls(
            datafit, *(None if a is None else torch.from_numpy(a).to(device) for a in arrays)
        )

    def evaluate(self, eta: Any, part: slice) -> tuple[Any, Any, Any]:
        """Return value (a double), slope and response of tensors (C, m), as `Datafit.evaluate`."""
        import torch

        if self.offset is not None:
            eta = eta + self.offset[:, part].to(eta.dtype)
        weights = self.shares[part].to(eta.dtype)
        known = self.known[..., part]
        if isinstance(self.host, Multinomial):
            losses = torch.logsumexp(eta, 0) - eta.gather(0, known[None])[0]
            response = torch.softmax(eta, 0)
            slope = (response * weights).scatter_add_(0, known[None], -weights[None])
        elif isinstance(self.host, Gaussian):
            response, error = eta, eta - known.to(eta.dtype)
            losses, slope = (error.double() ** 2).sum(0) / 2, error * weights
        else:
            known = known.to(eta.dtype)
            losses = eta.clamp(min=0) - known * eta + torch.log1p(torch.exp(-eta.abs()))
            losses, response = losses.double().sum(0), torch.sigmoid(eta)
            slope = (response - known) * weights
        return losses.double() @ self.shares[part], slope, response

    def bend(self, response: Any, part: slice) -> Any:
        """Return the curvature summed over rows, (m,), as `Datafit.curvature`."""
        if isinstance(self.host, Gaussian):
            return self.shares[part]
        return (response * (1 - response)).double().sum(0) * self.shares[part]


@dataclass(frozen=True, kw_only=True)
class DeviceProblem(Problem):
    """A problem whose passes over the data run on a device.

    Parameters
    ----------
    features : the columns, on the device
    fit : the loss and the offset, on the device
    """

    features: DeviceRows
    fit: DeviceFit

    def point(self, coef: Array, intercept: Array) -> Point:
        """Return the point at these coefficients and (this problem's) intercepts."""
        import torch

        device = self.features.values.device
        value, level, slopes = (
            torch.zeros(shape, dtype=torch.float64, device=device)
            for shape in ((), self.shape[:1], self.shape)
        )
        for part, features, eta in self._responses(coef, intercept):
            loss, slope, _ = self.fit.evaluate(eta, part)
            value += loss
            level += slope.double().sum(1)
            slopes += (slope @ features.T).double()
        return Point(self, coef, intercept, float(value), slopes.cpu().numpy(), level.cpu().numpy())

    def row_curvature(self, coef: Array, intercept: Array) -> Array:
        """Return how much each data row bends the loss: its curvature summed over C, (n,)."""
        bends = [
            self.fit.bend(self.fit.evaluate(eta, part)[2], part).cpu().numpy()
            for part, _, eta in self._responses(coef, intercept)
        ]
        return np.concatenate(bends)

    def take(self, rows: NDArray[np.intp], weights: Array) -> Problem:
        """Return the problem over some data rows, with new weights, on the host."""
        return Problem(
            features=self.features.take(rows),
            datafit=self.datafit.take(rows, weights),
            free=self.free,
            offset=None if self.offset is None else self.offset[:, rows],
            shift=self.shift,
            constant=self.constant,
            passes=Passes(),
        )

    def _responses(self, coef: Array, intercept: Array) -> Iterator[tuple[slice, Any, Any]]:
        """Yield parts of the rows with their features and predictors without offset; one pass."""
        import torch

        self.passes.count += 1
        rows, width = self.shape
        size = max(1, CHUNK_BYTES // (self.features.dtype.itemsize * (width + 4 * rows)))
        kind, device = getattr(torch, self.features.dtype.name), self.features.values.device
        there = [
            torch.from_numpy(np.ascontiguousarray(a)).to(device, kind) for a in (coef, intercept)
        ]
        for part in parts(self.features, size):
            features = self.features.visit(part)
            yield part, features, torch.addmm(there[1][:, None], there[0], features)
