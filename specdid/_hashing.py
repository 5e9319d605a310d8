"""Hashes of content, and the ids of specifications that come of them.

Words of 64 bits are spread by the finaliser of SplitMix64 (Steele, Lea and Flood 2014, figure 15).
Nothing here depends on the process: hash seeds, machines and versions of Python give the same.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

GOLDEN = 0x9E3779B97F4A7C15
"""2^64 over the golden ratio: what successive states of SplitMix64 differ by."""
DIGITS = 16
"""Hex digits of a specification's id."""
_HEX = frozenset("0123456789abcdef")


def text_word(text: str, order: Literal["big", "little"] = "big") -> int:
    """Return a text as a number below 2^64; ``order`` is that of the hash's bytes."""
    return int.from_bytes(blake2b(_bytes(text), digest_size=8).digest(), order)


def spread(words: Words) -> Words:
    """Return words each bit of which depends on every bit of the words given, one to one."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def words(index: NDArray[np.int64], stream: int) -> Words:
    """Return two words for each index (splitmix64); different streams are unrelated.

    Returns
    -------
    (len(index), 2) uint64
    """
    both = np.repeat(index.astype(np.uint64) * np.uint64(2), 2).reshape(-1, 2)
    both[:, 1] += np.uint64(1)
    return mix(both + np.uint64(stream * 0x632BE59BD9B4E019 % 2**64))


def mix(x: Words) -> Words:
    """Return a word of each, as the next state of SplitMix64 gives it; one to one."""
    with np.errstate(over="ignore"):
        return spread((x + np.uint64(1)) * np.uint64(GOLDEN))


def digest_of(*parts: bytes | str | NDArray[Any]) -> bytes:
    """Return 16 bytes that no other sequence of parts gives; each part enters with its length."""
    state = blake2b(digest_size=16)
    for part in parts:
        raw = _bytes(part)
        state.update(len(raw).to_bytes(8, "little"))
        state.update(raw)
    return state.digest()


def _bytes(part: bytes | str | NDArray[Any]) -> bytes:
    if isinstance(part, bytes):
        return part
    return part.encode("utf-8", "surrogatepass") if isinstance(part, str) else np.ascontiguousarray(part).tobytes()


def id_text(word: int | np.uint64) -> str:
    """Return an id as it is written."""
    return f"{int(word):0{DIGITS}x}"


def begins_id(text: str) -> bool:
    """Say whether some id could begin so, in upper or lower case."""
    return 0 < len(text) <= DIGITS and set(text.lower()) <= _HEX


def beginning(ids: Words, text: str) -> NDArray[np.int64]:
    """Return the places of the ids that begin with ``text``, for which :func:`begins_id` holds."""
    low, high = (np.uint64(int(text.lower().ljust(DIGITS, digit), 16)) for digit in "0f")
    return np.flatnonzero((ids >= low) & (ids <= high))
