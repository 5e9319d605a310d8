"""Tables of draws: the same numbers in memory and in a file, whole or in part, and a full disk said."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specdid._describe.curve_tests import rank_band
from specdid.inference import _draw_tables
from specdid.inference._draw_tables import DrawTable

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 300))


def filled(values: np.ndarray, directory: Path | None = None) -> DrawTable:
    """Enter rows in an odd order and draws in two parts."""
    table = DrawTable.empty(*values.shape, directory)
    order = np.random.default_rng(1).permutation(len(values))
    cut = values.shape[1] // 3
    for places in np.array_split(order, 3):
        table.enter(places, values[places, :cut])
        table.enter(places, values[places, cut:], cut)
    return table


@given(shape=SHAPES, large=st.booleans(), block=st.sampled_from([1, 1000, 2**25]), seed=st.integers(0, 99))
def test_what_is_entered_is_read(shape, large, block, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_draw_tables, "LARGE", 0 if large else 2**60)
        patch.setattr(_draw_tables, "BLOCK_BYTES", block)
        table = filled(values)
        assert (table.file is not None) is large
        assert table.shape == shape
        np.testing.assert_array_equal(np.concatenate(list(table.read()), axis=1), values)
        rows, draws = np.flatnonzero(rng.random(shape[0]) < 0.5), rng.random(shape[1]) < 0.5
        some = table.take(rows).keep(draws)
        assert some.shape == (len(rows), draws.sum())
        np.testing.assert_array_equal(np.asarray(some), values[rows][:, draws])
        band = rank_band(table, rows)
        expected = np.quantile(np.sort(values[rows], axis=0), [0.025, 0.5, 0.975], axis=1)
        np.testing.assert_array_equal(band, expected.reshape(band.shape))


def test_a_file_has_no_name_and_is_not_kept_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(_draw_tables, "LARGE", 0)
    table = filled(np.zeros((20_000, 1_000)), tmp_path)  # 160 MB
    assert list(tmp_path.iterdir()) == []
    before = resident()
    assert sum(float(block.sum()) for block in table.read()) == 0.0
    assert resident() - before < 60e6


def resident() -> float:
    path = Path("/proc/self/statm")
    if not path.exists():
        pytest.skip("no /proc here")
    return int(path.read_text().split()[1]) * 4096.0


def test_a_full_disk_is_said_before_anything_is_drawn(monkeypatch, tmp_path):
    from specdid._diagnostics import OutputError
    from specdid.inference._base import Context

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_draw_tables, "LARGE", 0)
    monkeypatch.setattr(_draw_tables, "_file_of_nan", full)
    context = Context(*[None] * 6, 99, 1)  # type: ignore[arg-type]
    with pytest.raises(OutputError, match="No space left on device"):
        context.table(50)
