"""The inputs beside an embedded sample: small pictures or short texts, within a limit of bytes."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from pcbm.activations import Dataset
from pcbm.activations.images import UnreadableError, open_image

INPUT_BYTES = 250_000
PICTURE = 96  # pixels on the longer side
QUALITY = 70
LONGEST_TEXT = 400


def shown_inputs(data: Dataset, order: np.ndarray) -> dict[str, list[str | None]]:
    """Return what a page can show of each row, as far as the limit reaches.

    Parameters
    ----------
    data : Dataset
        The rows of the sample.
    order : ndarray of int, shape (n,)
        Their positions, those first that it helps most to see.

    Returns
    -------
    dict
        ``texts`` and ``pictures`` (``data:`` URIs), one entry a row, None where there is none.
    """
    show = {"text": _text, "image": _picture}.get(data.kind)
    found: list[str | None] = [None] * len(data)
    left = INPUT_BYTES
    if show is not None:
        for i in order:
            shown = show(data.inputs[i])
            left -= len((shown or "").encode())
            if left < 0:
                break
            found[i] = shown
    nothing: list[str | None] = [None] * len(data)
    is_text = data.kind == "text"
    return {"texts": found if is_text else nothing, "pictures": nothing if is_text else found}


def _text(item: Any) -> str:
    text = str(item)
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rstrip() + " …"


def _picture(item: Any) -> str | None:
    try:
        image = open_image(item, "")
    except UnreadableError:
        return None
    image.thumbnail((PICTURE, PICTURE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
