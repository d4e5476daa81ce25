"""The merges file that makes each word of the world one token of open_clip's SimpleTokenizer."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from open_clip.tokenizer import SimpleTokenizer

CONTEXT_LENGTH = 24
BYTES_AND_SPECIALS = 2 * 256 + 2  # every byte, inside a word and at its end; start and end of text


def build_merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """Return byte-pair merges, first = strongest, under which each word is one token.

    A word takes the merges that are there already; what remains in pieces is joined from the left
    by new, weaker merges. Weaker merges never undo an earlier word, because byte-pair encoding
    always applies the strongest pair first and the earlier word has one until it is whole.
    """
    merges: list[tuple[str, str]] = []
    for word in words:
        pieces = [*word[:-1], word[-1] + "</w>"]
        for pair in merges:
            pieces = _join(pieces, pair)
        while len(pieces) > 1:
            merges.append((pieces[0], pieces[1]))
            pieces = _join(pieces, merges[-1])
    return merges


def _join(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    joined: list[str] = []
    for piece in pieces:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def merges_file(merges: Iterable[tuple[str, str]]) -> bytes:
    """Return the gzip file that SimpleTokenizer reads: a heading line, then one merge a line.

    No line end follows the last merge: SimpleTokenizer would read it as one more, empty, token.
    """
    lines = ["#version: pcbm shapes", *(" ".join(pair) for pair in merges)]
    return gzip.compress("\n".join(lines).encode(), mtime=0)


def read_tokenizer(path: Path) -> SimpleTokenizer:
    """Return open_clip's SimpleTokenizer over a merges file, with the tiny CLIP's context."""
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer(bpe_path=str(path), context_length=CONTEXT_LENGTH)
