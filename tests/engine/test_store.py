"""What is stored comes back byte for byte or not at all, and only for what it was computed of.

A cache that a stranger wrote, or changed, gives no number; only what specdid marked is replaced.
"""

from __future__ import annotations

import errno
import hmac
import logging
import pickle
from dataclasses import fields, replace
from io import FileIO
from zlib import crc32

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from pace import within
from panels import VCOVS_SMALL, members_of, random_problem, reference_problem, reference_specs
from specdid._diagnostics import OutputError
from specdid._records.fits import pack_fits, unpack_fits
from specdid.engine import execute, store
from specdid.engine.cache_keys import Content, digest, used_columns
from specdid.engine.problem import Effects, Members, Problem, Sunab
from specdid.engine.store import HEAD, MARK, NAME, SIGNED, UNSIGNED, Store, _described, clean, decode, encode, recall

SECRET = bytes(range(32))
ARRAYS = {
    "floats": np.array([[1.5, np.nan], [-0.0, np.inf]]),
    "same": np.full((3, 2), 7, np.int64),
    "none": np.zeros((0, 4)),
    "one": np.array([3], np.int8),
    "flags": np.array([True, False]),
    "words": np.frombuffer("中文 \n".encode(), np.uint8),
    "digests": np.array([[1, 2**64 - 1]], np.uint64),
}


def keyed(name: str) -> bytes:
    return digest(name)


def assert_same(found, expected=ARRAYS):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def filled(folder, names="abc") -> Store:
    kept = Store(folder, SECRET)
    for name in names:
        kept.put(keyed(name), {**ARRAYS, "own": np.frombuffer(name.encode(), np.uint8)})
    kept.close()
    return kept


def test_arrays_come_back_as_they_were(tmp_path):
    kept = filled(tmp_path)
    for one in (kept, Store(tmp_path, SECRET)):
        assert_same(one.get(keyed("b")), {**ARRAYS, "own": np.frombuffer(b"b", np.uint8)})
        assert one.get(keyed("d")) is None


def test_every_cut_leaves_the_records_before_it(tmp_path, caplog):
    filled(tmp_path)
    pack = tmp_path / NAME / "0001.pack"
    content = pack.read_bytes()
    third = len(content) // 3
    for length in (0, 1, 20, third - 1, third, third + 5, 2 * third + 1, len(content) - 1):
        pack.write_bytes(content[:length])
        caplog.clear()
        kept = Store(tmp_path, SECRET)
        there = [kept.get(keyed(name)) is not None for name in "abc"]
        assert there == [length >= third * (k + 1) for k in range(3)]
        assert (str(pack) in caplog.text) == (length % third != 0)


@settings(max_examples=examples(60))
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_changed_byte_never_gives_other_numbers(tmp_path_factory, place, change):
    folder = tmp_path_factory.mktemp("store")
    filled(folder)
    pack = folder / NAME / "0001.pack"
    content = bytearray(pack.read_bytes())
    content[int(place * len(content))] ^= change
    pack.write_bytes(content)
    logger, said = logging.getLogger("specdid"), []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger.addHandler(handler)
    try:
        kept = Store(folder, SECRET)
        lost = 0
        for name in "abc":
            found = kept.get(keyed(name))
            lost += found is None
            if found is not None:
                assert_same(found, {**ARRAYS, "own": np.frombuffer(name.encode(), np.uint8)})
    finally:
        logger.removeHandler(handler)
    assert lost == 1
    assert len(said) == 1
    assert str(pack) in said[0]
    kept.put(keyed("a"), ARRAYS)
    kept.sweep()
    assert len(said) == 1


class FullDisk(FileIO):
    """A file of which a second record does not fit but for its first bytes."""

    room = 1

    def write(self, content):
        if FullDisk.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        FullDisk.room -= 1
        return super().write(content if FullDisk.room >= 0 else content[:40])


def test_a_full_disk_leaves_no_half_record(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "FileIO", FullDisk)
    kept = Store(tmp_path, SECRET)
    kept.put(keyed("a"), ARRAYS)
    with pytest.raises(OutputError, match="No space left on device"):
        kept.put(keyed("b"), ARRAYS)
    monkeypatch.setattr(FullDisk, "room", 9)
    kept.put(keyed("c"), ARRAYS)
    again = Store(tmp_path, SECRET)
    assert [again.get(keyed(name)) is not None for name in "abc"] == [True, False, True]


def test_sweep_keeps_what_was_used_and_nothing_else(tmp_path):
    filled(tmp_path, "abc")
    filled(tmp_path, "de")
    assert len(list((tmp_path / NAME).iterdir())) == 2
    kept = Store(tmp_path, SECRET)
    assert kept.get(keyed("b")) is not None
    kept.put(keyed("f"), ARRAYS)
    kept.sweep()
    again = Store(tmp_path, SECRET)
    assert [again.get(keyed(name)) is not None for name in "abcdef"] == [False, True, False, False, False, True]
    assert sorted(p.name for p in (tmp_path / NAME).iterdir()) == ["0001.pack", "0003.pack"]
    assert_same(again.get(keyed("b")), {**ARRAYS, "own": np.frombuffer(b"b", np.uint8)})


def test_fresh_and_clean_remove_all(tmp_path):
    filled(tmp_path)
    assert Store(tmp_path, SECRET, fresh=True).get(keyed("a")) is None
    filled(tmp_path)
    assert store.clean(tmp_path) > 0
    assert not (tmp_path / NAME).exists()
    assert store.clean(tmp_path) == 0


def moved(problem: Problem, members: Members, order: np.ndarray) -> tuple[Problem, Members]:
    """The same study with its columns of values elsewhere: column c becomes order[c]."""
    values = np.asfortranarray(np.empty((len(problem.values), int(order.max()) + 1)))
    values[:] = np.random.default_rng(5).normal(size=values.shape)
    values[:, order] = problem.values
    labels = [f"other {k}" for k in range(values.shape[1])]
    for c, k in enumerate(order):
        labels[k] = problem.labels[c]
    with_none = np.append(order, -1)
    return (
        replace(problem, values=values, labels=tuple(labels)),
        replace(
            members,
            outcome=order[members.outcome],
            treatment=order[members.treatment],
            controls=order[members.controls],
            weights=with_none[members.weights],
        ),
    )


def test_a_key_is_content_and_not_place():
    problem, members = reference_problem(), members_of(reference_specs()[:40])
    key = Content(problem).members(members, used_columns(members))
    elsewhere = moved(problem, members, np.arange(len(problem.labels)) * 2 + 3)
    assert Content(elsewhere[0]).members(elsewhere[1], used_columns(elsewhere[1])) == key
    values = problem.values.copy(order="F")
    values[17, 3] = np.nextafter(values[17, 3], np.inf)
    assert Content(replace(problem, values=values)).members(members, used_columns(members)) != key
    fewer = members.take(np.arange(39))
    assert Content(problem).members(fewer, used_columns(fewer)) != key


def test_every_role_of_a_column_is_in_the_key():
    """Two members over the same columns, rows and effects, each role in turn dealt out the other way round."""
    problem = reference_problem()
    slopes = (Effects((0,), ((1, 3),)), Effects((0,), ((1, 4),)))
    problem = replace(problem, effects=(*problem.effects, *slopes))
    aggregates = (Sunab(8, 9), Sunab(8, 9, (-2,)))
    specs = [(0, 2, (3, 5), 0, 1, 7), (1, 3, (5, 4), 1, 2, -1)]
    members = replace(members_of(specs, [0, 1], aggregates), extra_rows=np.array([5, 4]))
    roles = ("outcome", "treatment", "rows", "effects", "weights", "extra_rows", "sunab")
    others = [replace(members, **{role: getattr(members, role)[::-1]}) for role in roles]
    others += [replace(members, controls=np.array([5, 4, 3, 5])), replace(members, aggregates=aggregates[::-1])]
    others += [replace(members, effects=np.full(2, 4)), replace(members, effects=np.full(2, 5))]
    found = {Content(problem).members(m, used_columns(m)) for m in (members, *others)}
    assert len(found) == 1 + len(others)


@pytest.mark.parametrize("change", [{"alpha": 0.1}, {"vcovs": VCOVS_SMALL[:2]}, {"unit": 2}])
def test_what_the_study_shares_is_in_every_key(change):
    problem = random_problem(1, 8, 5, 1.0, False)
    assert Content(replace(problem, **change)).study != Content(problem).study


def same(one, two):
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(two, field.name)
        if field.name == "extra":
            assert {n: v.tobytes() for n, v in a.items()} == {n: v.tobytes() for n, v in b.items()}
        elif not isinstance(a, np.ndarray):
            assert a == b, field.name
        elif field.name != "seconds":
            assert a.dtype == b.dtype, field.name
            assert a.tobytes() == b.tobytes(), field.name


def fit(problem, members, kept=None):
    """Run as `execute.run` does, with a store."""
    total = execute.blank_fits(members.index, len(problem.vcovs))
    for at, part in execute.run_parts(problem, members, store=kept):
        execute.place(total, part, at)
    return total


def test_fits_are_packed_without_their_places():
    problem = random_problem(3, 9, 5, 1.0, False)
    specs = [(0, d, c, 0, e, -1) for d in (1, 13) for c in ((), (2, 3, 4), (2, 6, 14), (7,)) for e in (0, 1, 2)]
    members = members_of(specs)
    fits = fit(problem, members)
    assert fits.dropped
    assert fits.code.any()
    columns = used_columns(members)
    fits = replace(fits, detail={3: "为什么"}, vcov_detail={(4, 1): "not offered"}, extra={"n": fits.r2_within})
    same(unpack_fits(decode(encode(pack_fits(fits, columns))), members.index, columns), fits)
    tail = unpack_fits(pack_fits(fits, columns, slice(4, None)), members.index[4:], columns)
    assert tail.dropped == {p - 4: lost for p, lost in fits.dropped.items() if p >= 4}
    assert (tail.detail, tail.vcov_detail) == ({}, {(0, 1): "not offered"})


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(execute, "PIECE", 1)
    monkeypatch.setattr(execute, "LISTWISE_RUN", 64)


@pytest.mark.parametrize("missing", [True, False], ids=["listwise", "dense"])
def test_another_grid_takes_what_it_shares_and_gets_a_fresh_runs_bytes(tmp_path, small_pieces, missing):
    """Options are taken out, others put in, columns move: the numbers are those of a run without a store."""
    problem = reference_problem()
    if not missing:
        problem = replace(problem, values=np.nan_to_num(problem.values))
    specs = reference_specs()
    grids = [specs, [s for s in specs if s[3] != 1], [s for s in specs if s[5] < 0 and 5 not in s[2]], specs[::-1]]
    grids.append([s for s in specs if s[0] == 1])
    # Municipalities are alone in their province and year: without them the rows are the same, a batch is smaller.
    touched = 0 if missing else 2
    recalled = []
    for k, grid in enumerate(grids):
        place = np.arange(len(problem.labels)) * (1 + k % 2) + k
        here, members = moved(problem, members_of(grid), place)
        kept = Counting(tmp_path)
        same(fit(here, members, kept), fit(here, members))
        kept.close()
        recalled.append((kept.found, kept.computed))
    assert recalled[0][0] == 0
    assert recalled[1][0] > 0
    assert recalled[1][1] == touched
    everything = Counting(tmp_path)
    same(fit(problem, members_of(specs), everything), fit(problem, members_of(specs)))
    assert (everything.found, everything.computed) == (recalled[0][1], 0)


class Counting(Store):
    """A store that counts."""

    def __init__(self, directory):
        super().__init__(directory, SECRET)
        self.found = self.computed = 0

    def get(self, key):
        found = super().get(key)
        self.found += found is not None
        return found

    def put(self, key, arrays):
        self.computed += 1
        super().put(key, arrays)


@settings(max_examples=examples(15))
@given(st.integers(0, 2**32 - 1), st.booleans(), st.data())
def test_random_grids_on_random_panels(tmp_path_factory, seed, zeros, data):
    """Sun-Abraham, slopes, crossed effects, failures: what a store gives is what a run gives."""
    problem = random_problem(seed, 9, 5, 0.85, zeros)
    effects = (*problem.effects, Effects((0,), ((0, 9),)))
    cohort = np.where(problem.values[:, 1].cumsum() % 3 == 0, np.nan, 2.0)
    problem = replace(
        problem,
        effects=effects,
        values=np.asfortranarray(np.column_stack([problem.values, cohort])),
        labels=(*problem.labels, "cohort"),
    )
    one = st.tuples(
        st.just(0),
        st.sampled_from([1, 12, 13]),
        st.lists(st.integers(2, 10), max_size=4, unique=True).map(tuple),
        st.just(0),
        st.integers(0, len(effects) - 1),
        st.sampled_from([-1, 11]),
    )
    aggregates = (Sunab(15, 9),)
    folder = tmp_path_factory.mktemp("store")
    for _ in range(2):
        specs = data.draw(st.lists(one, min_size=1, max_size=25))
        sunab = data.draw(st.lists(st.sampled_from([-1, -1, -1, 0]), min_size=len(specs), max_size=len(specs)))
        members = members_of(specs, sunab, aggregates)
        fresh = fit(problem, members)
        kept = Store(folder, SECRET)
        same(fit(problem, members, kept), fresh)
        kept.close()
        same(fit(problem, members, Store(folder, SECRET)), fresh)


MINE, THEIRS = b"m" * 32, b"t" * 32


def numbers(value: float) -> dict:
    return {"estimate": np.arange(5.0) + value}


def filled_by(folder, secret=MINE, names="abc"):
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
    pack = filled_by(tmp_path)
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
    pack = filled_by(tmp_path)
    size = size_of_a_record()
    one, two, three = (pack.read_bytes()[k * size : (k + 1) * size] for k in range(3))
    described = _described(one[SIGNED : SIGNED + 8], digest("b"), size - HEAD.size)
    pack.write_bytes(one[:SIGNED] + described + one[HEAD.size :] + three)
    assert found(tmp_path) == [False, False, True]
    # The head of one on the numbers of another.
    pack.write_bytes(one[: HEAD.size] + two[HEAD.size :] + three)
    assert found(tmp_path) == [False, False, True]


def test_the_last_of_two_records_of_one_key_is_no_way_in(tmp_path):
    pack = filled_by(tmp_path)
    size = size_of_a_record()
    content = pack.read_bytes()
    forged = bytearray(content[:size])
    forged[-1] ^= 1
    pack.write_bytes(content + forged)
    assert found(tmp_path) == [False, True, True]


def test_nothing_is_taken_from_another_users_cache_and_it_is_replaced(tmp_path):
    pack = filled_by(tmp_path, THEIRS)
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
    theirs, mine = filled_by(tmp_path, THEIRS, "ab").read_bytes(), filled_by(tmp_path, MINE, "cd")
    mine.write_bytes(theirs + mine.read_bytes())
    kept = Store(tmp_path, MINE)
    assert kept.foreign == 4  # the other's own pack, and the copies in mine
    assert [kept.get(digest(name)) is not None for name in "abcd"] == [False, False, True, True]
    kept.sweep()
    assert len(mine.read_bytes()) == 2 * size_of_a_record()
    assert found(tmp_path, MINE, "cd") == [True, True]


def test_a_pack_of_nothing_but_marks_or_of_others_records_is_not_read_to_its_end(tmp_path, monkeypatch, caplog):
    """A gigabyte of marks took two minutes, and compresses to a megabyte."""
    mine = filled_by(tmp_path, MINE, "ab")
    content = mine.read_bytes()
    empty = MARK + bytes(32) + _described(b"stranger", bytes(16), 0)
    for planted in (MARK, empty):
        mine.write_bytes(content[: size_of_a_record()] + planted * 50 + content[size_of_a_record() :])
        for most, there in ((50, False), (51, True)):
            monkeypatch.setattr(store, "PASSED_OVER", most)
            caplog.clear()
            assert found(tmp_path, MINE, "ab") == [True, there]
            assert (str(mine) in caplog.text) == (planted == MARK or not there)
    # The bound is of the directory, whatever the number of its packs.
    monkeypatch.setattr(store, "PASSED_OVER", 60)
    (tmp_path / NAME / "0000.pack").write_bytes(MARK * 50)
    assert found(tmp_path, MINE, "ab") == [True, False]


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
    pack = filled_by(tmp_path)
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


def test_which_part_is_drawn_again_is_not_to_be_foreseen_without_the_secret(tmp_path):
    keys = [digest(str(k)) for k in range(50)]
    chosen = {Store(tmp_path / str(k), bytes([k]) * 32, audited=True).sample("wild", keys) for k in range(20)}
    assert len(chosen) > 10


def test_ten_thousand_records_are_signed_and_verified_in_no_time(tmp_path):
    kept = Store(tmp_path, MINE)
    payload = {"table": np.random.default_rng(1).normal(size=64)}
    keys = [digest(str(k)) for k in range(10_240)]
    for key in keys:
        kept.put(key, payload)
    kept.close()
    with within(5):  # half a second where nothing else runs
        with within(2):
            again = Store(tmp_path, MINE)
        assert all(again.get(key) is not None for key in keys)
