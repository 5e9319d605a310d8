"""A cache that a stranger wrote, or changed, gives no number; only what specdid marked is replaced."""

from __future__ import annotations

import hmac
import pickle
import time
from zlib import crc32

import numpy as np
import pytest
from specdid._diagnostics import OutputError
from specdid.engine.cache_keys import digest
from specdid.engine.store import HEAD, MARK, NAME, SIGNED, UNSIGNED, Store, _described, clean, encode, recall

MINE, THEIRS = b"m" * 32, b"t" * 32


def numbers(value: float) -> dict:
    return {"estimate": np.arange(5.0) + value}


def filled(folder, secret=MINE, names="abc"):
    kept = Store(folder, secret)
    for k, name in enumerate(names):
        kept.put(digest(name), numbers(k))
    kept.close()
    return max((folder / NAME).iterdir())


def size_of_a_record() -> int:
    return HEAD.size + len(encode(numbers(0.0)))


def found(folder, secret=MINE, names="abc") -> list[bool]:
    kept = Store(folder, secret)
    return [kept.get(digest(name)) is not None for name in names]


def test_a_changed_number_with_a_right_checksum_is_not_taken(tmp_path, caplog):
    """All that the file itself allows to be made right is right: what is missing is the secret."""
    pack = filled(tmp_path)
    content = bytearray(pack.read_bytes())
    size = size_of_a_record()
    payload = bytes(encode(numbers(7.0)))
    owner = content[SIGNED : SIGNED + 8]
    described = _described(bytes(owner), digest("b"), len(payload))
    for signature in (bytes(content[size + 8 : size + 40]), hmac.digest(b"", described + payload, "sha256"), bytes(32)):
        record = MARK + signature + described + payload
        assert crc32(described[:-4]) == int.from_bytes(described[-4:], "little")
        pack.write_bytes(content[:size] + record + content[2 * size :])
        caplog.clear()
        assert found(tmp_path) == [True, False, True]
        assert caplog.text.count("is damaged, cut off or changed") == 1


def test_a_record_that_stands_under_another_key_is_not_taken(tmp_path):
    pack = filled(tmp_path)
    size = size_of_a_record()
    one, two, three = (pack.read_bytes()[k * size : (k + 1) * size] for k in range(3))
    described = _described(one[SIGNED : SIGNED + 8], digest("b"), size - HEAD.size)
    pack.write_bytes(one[:SIGNED] + described + one[HEAD.size :] + three)
    assert found(tmp_path) == [False, False, True]
    # The head of one on the numbers of another.
    pack.write_bytes(one[: HEAD.size] + two[HEAD.size :] + three)
    assert found(tmp_path) == [False, False, True]


def test_the_last_of_two_records_of_one_key_is_no_way_in(tmp_path):
    pack = filled(tmp_path)
    size = size_of_a_record()
    content = pack.read_bytes()
    forged = bytearray(content[:size])
    forged[-1] ^= 1
    pack.write_bytes(content + forged)
    assert found(tmp_path) == [False, True, True]


def test_nothing_is_taken_from_another_users_cache_and_it_is_replaced(tmp_path):
    pack = filled(tmp_path, THEIRS)
    mine = tmp_path / NAME / "0009.pack"
    mine.write_bytes(b"a user's own file of that name")
    kept = Store(tmp_path, MINE)
    assert kept.foreign == 3
    assert [kept.get(digest(name)) for name in "abc"] == [None] * 3
    for k, name in enumerate("abc"):
        kept.put(digest(name), numbers(k))
    kept.sweep()
    assert not pack.exists()
    assert mine.read_bytes() == b"a user's own file of that name"
    assert found(tmp_path) == [True] * 3
    assert found(tmp_path, THEIRS) == [False] * 3


def test_a_pack_of_several_users_keeps_what_is_mine(tmp_path):
    theirs, mine = filled(tmp_path, THEIRS, "ab").read_bytes(), filled(tmp_path, MINE, "cd")
    mine.write_bytes(theirs + mine.read_bytes())
    kept = Store(tmp_path, MINE)
    assert kept.foreign == 4  # the other's own pack, and the copies in mine
    assert [kept.get(digest(name)) is not None for name in "abcd"] == [False, False, True, True]
    kept.sweep()
    assert len(mine.read_bytes()) == 2 * size_of_a_record()
    assert found(tmp_path, MINE, "cd") == [True, True]


def test_packs_of_earlier_versions_are_not_taken_and_are_removed(tmp_path):
    (tmp_path / NAME).mkdir()
    old = tmp_path / NAME / "0001.pack"
    old.write_bytes(UNSIGNED + bytes(99))
    kept = Store(tmp_path, MINE)
    assert kept.foreign == 1
    kept.put(digest("a"), numbers(0.0))
    kept.sweep()
    assert [p.name for p in (tmp_path / NAME).iterdir()] == ["0002.pack"]
    old.write_bytes(UNSIGNED + bytes(99))
    assert clean(tmp_path) > 99
    assert not (tmp_path / NAME).exists()


def test_without_a_secret_nothing_is_taken_kept_or_removed(tmp_path):
    pack = filled(tmp_path)
    before = pack.read_bytes()
    kept = Store(tmp_path, None)
    assert kept.get(digest("a")) is None
    kept.put(digest("d"), numbers(3.0))
    kept.sweep()
    kept.close()
    assert [p.name for p in (tmp_path / NAME).iterdir()] == [pack.name]
    assert pack.read_bytes() == before


def test_a_linked_cache_is_refused_with_and_without_what_it_leads_to(tmp_path):
    (tmp_path / NAME).symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="is a link"):
        Store(tmp_path, MINE)


def test_the_secret_goes_to_no_worker(tmp_path):
    """Not with a store, which nothing that is sent to workers may hold."""
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(Store(tmp_path, MINE))


def drawn(folder, audited=True, change=0.0, null="wild"):
    """Recall ten parts of draws; gives the store, and which were computed."""
    computed = []

    def compute(missing):
        computed.extend(missing)
        return ((k, float(k) + change) for k in missing)

    kept = Store(folder, MINE, audited=audited)
    results = recall(
        kept, 10, lambda k: digest(str(k)), lambda k, x: numbers(x), lambda k, a: float(a["estimate"][0]), compute, null
    )
    assert sorted(k for k, _ in results) == list(range(10))
    kept.close()
    return kept, computed


def test_a_sample_of_stored_draws_is_drawn_again_and_compared(tmp_path):
    assert len(drawn(tmp_path)[1]) == 10
    kept, computed = drawn(tmp_path)
    assert (len(computed), kept.taken, kept.drawn_again, kept.differing) == (1, 10, 1, 0)
    assert drawn(tmp_path)[1] == computed, "the sample is the user's secret and the content's"
    assert drawn(tmp_path, change=0.5)[0].differing == 1
    assert drawn(tmp_path, audited=False)[1] == []
    assert drawn(tmp_path, null="")[1] == []


def test_ten_thousand_records_are_signed_and_verified_in_no_time(tmp_path):
    kept = Store(tmp_path, MINE)
    payload = {"table": np.random.default_rng(1).normal(size=64)}
    keys = [digest(str(k)) for k in range(10_240)]
    for key in keys:
        kept.put(key, payload)
    kept.close()
    began = time.process_time()
    again = Store(tmp_path, MINE)
    opened = time.process_time() - began
    assert all(again.get(key) is not None for key in keys)
    seconds = time.process_time() - began
    assert opened < 2, opened
    assert seconds < 5, seconds  # half a second where nothing else runs
