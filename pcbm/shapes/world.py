"""A small world of pictures: one coloured shape on a textured background.

A scene is six integers, one for each attribute of `ATTRIBUTES`; `render` turns scenes into
64 x 64 pictures. Everything is vectorised over scenes and follows from the seed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

SIDE = 64

SHAPES = ("circle", "square", "triangle", "star", "cross", "ring", "diamond", "heart")
COLOURS = {
    "red": (220, 30, 35),
    "green": (40, 180, 60),
    "blue": (50, 90, 240),
    "yellow": (245, 225, 40),
    "purple": (150, 50, 200),
    "orange": (250, 140, 20),
    "pink": (250, 120, 190),
    "cyan": (60, 220, 230),
}
TEXTURES = ("plain", "striped", "checkered", "dotted", "speckled")
BACKGROUNDS = {
    "white": (240, 240, 240),
    "black": (18, 18, 18),
    "gray": (125, 125, 125),
    "brown": (115, 70, 30),
    "navy": (15, 25, 95),
    "beige": (225, 200, 150),
    "teal": (0, 105, 105),
    "maroon": (105, 10, 40),
}
SIZES = {"small": 8.5, "large": 14.5}  # radius in pixels
POSITIONS = {  # displacement of the shape's centre in pixels (right, down)
    "center": (0.0, 0.0),
    "left": (-14.5, 0.0),
    "right": (14.5, 0.0),
    "top": (0.0, -14.5),
    "bottom": (0.0, 14.5),
}

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "colour": tuple(COLOURS),
    "texture": TEXTURES,
    "background": tuple(BACKGROUNDS),
    "size": tuple(SIZES),
    "position": tuple(POSITIONS),
}
"""Attribute -> its words; the order of the keys is the order of a scene's columns."""

COLUMN = {name: column for column, name in enumerate(ATTRIBUTES)}

JITTER = {"centre": 1.5, "radius": 0.08, "turn": 0.12, "colour": 12.0}
NOISE = 5  # grey levels, up or down
TEXTURE_CONTRAST = 55.0


def sample_scenes(
    n: int, rng: np.random.Generator, allowed: Mapping[str, Sequence[int]] | None = None
) -> np.ndarray:
    """Draw scenes with independent, uniform attributes.

    Parameters
    ----------
    n : int
        How many scenes.
    rng : numpy.random.Generator
    allowed : mapping, optional
        Attribute -> the value indices to draw from; attributes not named may take all values.

    Returns
    -------
    ndarray (n, 6) of int64
        Value indices, columns in the order of `ATTRIBUTES`.
    """
    columns = []
    for name, words in ATTRIBUTES.items():
        values = np.asarray((allowed or {}).get(name, range(len(words))))
        columns.append(values[rng.integers(len(values), size=n)])
    return np.stack(columns, axis=1).astype(np.int64)


def render(scenes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw scenes as pictures.

    Centre, radius, angle and colours vary a little around each attribute's value, edges are
    anti-aliased, and brightness carries a little noise per pixel.

    Parameters
    ----------
    scenes : ndarray (n, 6) of int
        See `sample_scenes`.
    rng : numpy.random.Generator
        The source of the small variations.

    Returns
    -------
    ndarray (n, 64, 64, 3) of uint8
    """
    n = len(scenes)
    values = {name: scenes[:, column] for name, column in COLUMN.items()}
    ground = _colours(tuple(BACKGROUNDS.values()), values["background"], rng)
    paint = _colours(tuple(COLOURS.values()), values["colour"], rng)
    pattern = _pattern(values["texture"], rng)[..., None]
    cover = _cover(values["shape"], values["size"], values["position"], rng)[..., None]

    # The second tone of a texture is lighter on dark grounds and darker on light ones.
    shade = np.where(ground.mean(axis=1, keepdims=True) < 128, TEXTURE_CONTRAST, -TEXTURE_CONTRAST)
    picture = ground[:, None, None, :] + pattern * shade[:, None, None, :].astype(np.float32)
    picture += cover * (paint[:, None, None, :] - picture)
    picture += rng.integers(-NOISE, NOISE + 1, size=(n, SIDE, SIDE, 1), dtype=np.int8)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _colours(
    palette: Sequence[tuple[int, int, int]], index: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    jitter = rng.uniform(-JITTER["colour"], JITTER["colour"], size=(len(index), 3))
    return (np.asarray(palette, dtype=np.float64)[index] + jitter).astype(np.float32)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Return x (1, 1, 64) and y (1, 64, 1), pixel centres measured from the picture's middle."""
    axis = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    return axis[None, None, :], axis[None, :, None]


def _pattern(texture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return how much of the second tone each pixel takes, (n, 64, 64) in [0, 1]."""
    n = len(texture)
    x, y = _grid()
    phase = rng.uniform(0, 2 * np.pi, size=(2, n, 1, 1)).astype(np.float32)
    period = rng.uniform(7.0, 9.5, size=(n, 1, 1))
    angle = rng.uniform(0, np.pi, size=(n, 1, 1))
    speckle_seed = int(rng.integers(2**63))
    out = np.zeros((n, SIDE, SIDE), dtype=np.float32)
    step = (2 * np.pi / period).astype(np.float32)

    rows = texture == TEXTURES.index("striped")
    along = x * np.cos(angle[rows]).astype(np.float32) + y * np.sin(angle[rows]).astype(np.float32)
    out[rows] = np.clip(0.5 + 1.5 * np.sin(along * step[rows] + phase[0, rows]), 0, 1)

    rows = texture == TEXTURES.index("checkered")
    product = np.sin(x * step[rows] * 0.75 + phase[0, rows]) * np.sin(
        y * step[rows] * 0.75 + phase[1, rows]
    )
    out[rows] = np.clip(0.5 + 4.0 * product, 0, 1)

    rows = texture == TEXTURES.index("dotted")
    bumps = np.cos(x * step[rows] + phase[0, rows]) + np.cos(y * step[rows] + phase[1, rows])
    out[rows] = np.clip(2.0 * (bumps - 0.6), 0, 1)

    rows = texture == TEXTURES.index("speckled")
    speckles = np.random.default_rng(speckle_seed).random(
        (int(rows.sum()), SIDE // 2, SIDE // 2), dtype=np.float32
    )
    out[rows] = (speckles > 0.7).repeat(2, axis=1).repeat(2, axis=2)
    return out


def _cover(
    shape: np.ndarray, size: np.ndarray, position: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return how much of each pixel the shape covers, (n, 64, 64) in [0, 1]."""
    n = len(shape)
    x, y = _grid()
    centre = np.asarray(tuple(POSITIONS.values()))[position]
    centre = centre + rng.uniform(-JITTER["centre"], JITTER["centre"], size=(n, 2))
    radius = np.asarray(tuple(SIZES.values()))[size]
    radius = radius * (1 + rng.uniform(-JITTER["radius"], JITTER["radius"], size=n))
    turn = rng.uniform(-JITTER["turn"], JITTER["turn"], size=n)
    cos, sin = (f(turn).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    r = radius.astype(np.float32)[:, None, None]
    dx = (x - centre[:, 0, None, None].astype(np.float32)) / r
    dy = (y - centre[:, 1, None, None].astype(np.float32)) / r
    u, v = dx * cos + dy * sin, dy * cos - dx * sin
    distance = np.empty((n, SIDE, SIDE), dtype=np.float32)
    for index, name in enumerate(SHAPES):
        rows = shape == index
        if rows.any():
            distance[rows] = OUTLINES[name](u[rows], v[rows])
    return np.clip(0.5 - distance * r, 0, 1)


# Outlines: signed distance (negative inside) or a close bound of it, for a shape of radius 1
# at the origin; u points right, v points down.


def _circle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.sqrt(u * u + v * v) - 0.95


def _ring(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.abs(np.sqrt(u * u + v * v) - 0.75) - 0.25


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u), np.abs(v)) - 0.84


def _diamond(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (1.4 * np.abs(u) + np.abs(v) - 1.1) / 1.72


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    v = v - 0.15
    return np.maximum(v, 0.866 * np.abs(u) - 0.5 * v) - 0.57


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    a, b = np.abs(u), np.abs(v)
    return np.minimum(np.maximum(a - 0.3, b - 1.0), np.maximum(b - 0.3, a - 1.0))


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    sector = 2 * np.pi / 5
    angle = np.abs((np.arctan2(u, -v) + sector / 2) % sector - sector / 2)
    rho = np.sqrt(u * u + v * v)
    outer = 1.1
    inner = (0.46 * np.cos(np.pi / 5), 0.46 * np.sin(np.pi / 5))  # the notch between two points
    edge = np.array([inner[0] - outer, inner[1]])
    edge /= np.linalg.norm(edge)
    return (rho * np.cos(angle) - outer) * edge[1] - rho * np.sin(angle) * edge[0]


def _heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    half = 0.6
    v = v - 0.1
    side = np.maximum(np.abs(u + v), np.abs(u - v)) / np.sqrt(2) - half
    bulge = half / np.sqrt(2)
    lobes = np.sqrt((np.abs(u) - bulge) ** 2 + (v + bulge) ** 2) - half
    return np.minimum(side, lobes)


OUTLINES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
    "diamond": _diamond,
    "heart": _heart,
}
