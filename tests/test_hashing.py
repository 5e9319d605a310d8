"""Hashes and ids are made in one place, and are those of the runs before."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import specdid
from specdid._hashing import GOLDEN, beginning, begins_id, digest_of, id_text, spread, text_word
from specdid._records.numerals import minus, signed

PACKAGE = Path(specdid.__file__).parent


def test_the_finaliser_is_splitmix64s():
    """The first five outputs of the reference implementation seeded with 1234567 (Vigna 2015)."""
    state = np.uint64(1234567) + np.arange(1, 6, dtype=np.uint64) * np.uint64(GOLDEN)
    assert spread(state).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_parts_cannot_be_moved_from_one_to_the_next():
    assert digest_of("ab", "c") != digest_of("a", "bc") != digest_of("abc")
    assert digest_of("x", np.arange(3.0)) == digest_of(b"x", np.arange(3.0).tobytes())
    assert digest_of("\ud800") == digest_of(b"\xed\xa0\x80")


def test_words_of_text_are_known():
    assert text_word("t:x") == int.from_bytes(text_word("t:x", "little").to_bytes(8, "big"), "little")
    assert id_text(text_word("")) == "e4a6a0577479b2b4"


@pytest.mark.parametrize(
    ("text", "holds"), [("", False), ("0", True), ("AbC", True), ("f" * 16, True), ("f" * 17, False), ("g", False)]
)
def test_what_begins_an_id(text, holds):
    assert begins_id(text) is holds


def test_ids_are_found_by_their_beginning_in_either_case():
    ids = np.array([0x0A, 0xAB << 56, (0xAB << 56) + 1, 2**64 - 1], np.uint64)
    assert beginning(ids, "AB").tolist() == [1, 2]
    assert beginning(ids, id_text(ids[2])).tolist() == [2]
    assert beginning(ids, "f").tolist() == [3]
    assert beginning(ids, "00").tolist() == [0]


def test_a_zero_has_no_sign_and_hyphens_become_minus_signs():
    assert [signed(t) for t in ("-0.00", "+0.0", "-1,000.5", "+2", "3")] == ["0.00", "0.0", "−1,000.5", "+2", "3"]
    assert minus("-1 to -2") == "−1 to −2"


@pytest.mark.parametrize(
    ("what", "pattern", "place"),
    [
        ("a minus sign for a hyphen", r'replace\("-", ', "_records/numerals.py"),
        ("SplitMix64", r"0xBF58476D1CE4E5B9|0x9E3779B97F4A7C15", "_hashing.py"),
        ("an id's digits", r":016x|0123456789abcdef", "_hashing.py"),
    ],
)
def test_one_place_for(what, pattern, place):
    found = {
        p.relative_to(PACKAGE).as_posix()
        for p in PACKAGE.rglob("*.py")
        if re.search(pattern, p.read_text(encoding="utf-8"))
    }
    assert found == {place}, what
