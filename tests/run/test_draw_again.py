"""``specdid plot`` draws what the run drew, from its files alone."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._records import NullShares
from specdid._run.write import BANDS_FILE, NullFigure, draw_again, read_bands, write_bands


@pytest.fixture(autouse=True)
def curves_alone(monkeypatch):
    """Of a run's figures only the curve is drawn again."""
    monkeypatch.setattr("specdid._run.describe._drawings", lambda *_: ())


NULLS = {"draws": 19, "null": ["wild", "permutation"], "assign": "d + cohort"}


def a_run(directory, **changes):
    figure = {"formats": ["png", "svg", "pdf"], **changes.pop("figure", {})}
    study = small_study(inference=NULLS, figure=figure, **changes)
    return specdid.run(study, small_panel(), out=directory, jobs=1, audit=0)


def named(directory):
    return {p.name: p.read_bytes() for p in sorted(directory.glob("curve.*"))}


ESTIMATORS = {"OLS": "feols", "Sun-Abraham": "sunab", "Poisson": "fepois"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One directory for runs that differ in their figures: all but the first take draws and estimates from there."""
    return tmp_path_factory.mktemp("drawn")


@pytest.mark.parametrize("figure", [{}, {"width": 3.5}, {"sort": "controls"}], ids=["plain", "narrow", "sorted"])
def test_the_same_bytes_as_the_run(figure, place):
    curve = a_run(
        place,
        estimator=ESTIMATORS,
        outcome={"z": "z", "log z": "log(z)"},
        figure=figure,
        controls={"any": "mvsw(x1, x2)"},
        fixed_effects={"two-way": "id + year"},
        exclude=[{"when": {"estimator": "Poisson", "outcome": "log z"}, "because": "levels"}],
        preferred={"controls": "x1"},
    )
    drawn = named(place)
    assert set(drawn) == {"curve.pdf", "curve.png", "curve.svg"}
    for path in place.glob("curve.*"):
        path.write_bytes(b"")
    draw_again(place, None, ())
    assert named(place) == drawn
    out = io.BytesIO()
    curve.plot().savefig(out, format="svg")
    assert out.getvalue()


def test_many_specifications_under_two_estimands(tmp_path):
    a_run(
        tmp_path,
        estimator={k: ESTIMATORS[k] for k in ("OLS", "Sun-Abraham")},
        fixed_effects={"two-way": "id + year"},
        sample={f"s{k}": f"id != {k}" for k in range(1, 9)},
        outcome={"y": {"formula": "y", "scale": "points"}},
    )
    bands = read_bands(tmp_path).bands
    assert {scale for scale, _ in bands} == {"points"}
    assert [band.shape for band in bands.values()] == [(3, 64), (3, 64)]
    drawn = named(tmp_path)
    draw_again(tmp_path, "estimate", ())
    assert named(tmp_path) == drawn


def test_the_file_holds_the_bands_of_every_null(tmp_path):
    curve = a_run(tmp_path)
    tests = curve.tests
    table = pl.read_parquet(tmp_path / BANDS_FILE)
    assert table.columns == ["null", "scale", "estimand", "rank", "low", "median", "high"]
    assert table["null"].unique(maintain_order=True).to_list() == ["wild", "permutation"]
    for test in tests:
        for key, band in test.bands.items():
            mine = table.filter(
                pl.struct("null", "scale", "estimand")
                == pl.struct(null=pl.lit(test.null), scale=pl.lit(key[0]), estimand=pl.lit(key[1]))
            )
            assert mine["rank"].to_list() == list(range(1, band.shape[1] + 1))
            assert np.array_equal(mine.select("low", "median", "high").to_numpy().T, band)


@pytest.mark.usefixtures("undrawn_test")
def test_a_run_without_a_null_removes_the_bands_of_an_earlier_one(tmp_path):
    key = ("log points", "ATT")
    band = {key: np.arange(12.0).reshape(3, 4)}
    shown = NullFigure(band, {key: NullShares(4, 0.5, 0.25, 0.1, 0.2, "state", null_high=0.4)})
    write_bands({"wild": band}, shown, tmp_path)
    found = read_bands(tmp_path)
    assert np.array_equal(found.bands[key], band[key])
    assert found.shares == shown.shares
    whole = (tmp_path / BANDS_FILE).read_bytes()
    table = pq.read_table(tmp_path / BANDS_FILE)
    pq.write_table(table.rename_columns([*table.column_names[:-1], "\x1b[2J"]), tmp_path / BANDS_FILE)
    with pytest.raises(specdid.SpecError, match="is not the file that a run writes"):
        read_bands(tmp_path)
    (tmp_path / BANDS_FILE).write_bytes(whole[:-9])
    with pytest.raises(specdid.SpecError, match="is not the file that a run writes"):
        read_bands(tmp_path)
    (tmp_path / BANDS_FILE).unlink()
    (tmp_path / BANDS_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(specdid.SpecError, match="is not the file that a run writes"):
        read_bands(tmp_path)
    (tmp_path / BANDS_FILE).unlink()
    a_run(tmp_path, controls={"none": "1"}, figure={"formats": ["png"]})
    assert read_bands(tmp_path) not in (found, NullFigure())
    study = small_study(figure={"formats": ["png"]}, controls={"none": "1"})
    specdid.run(study, small_panel(), out=tmp_path, jobs=1, audit=0)
    assert not (tmp_path / BANDS_FILE).exists()
    assert read_bands(tmp_path) == NullFigure()


def written(figure):
    """Return a figure's texts as one line: where they are broken depends on the font."""
    return " ".join(word for text in figure.texts for word in text.get_text().split())


@pytest.mark.usefixtures("undrawn_test")
def test_plot_in_python_is_the_runs_figure_too(tmp_path):
    curve = a_run(tmp_path, figure={"width": 3.5})
    assert curve.plot().get_size_inches()[0] == 3.5
    assert curve.plot(width=7.0).get_size_inches()[0] == 7.0
    assert "(null: mean" in written(curve.plot())
    bare = dataclasses.replace(curve, draw=curve.draw.func)
    assert "(null: mean" not in written(bare.plot())


def test_a_sort_that_is_no_dimension_is_a_fault(tmp_path):
    a_run(tmp_path, controls={"none": "1"})
    drawn = named(tmp_path)
    with pytest.raises(specdid.SpecError) as caught:
        draw_again(tmp_path, "fixed_efects", ())
    (fault,) = caught.value.faults
    assert fault.message == "the curve cannot be sorted by `fixed_efects`"
    assert fault.help == "did you mean `fixed_effects`?"
    assert named(tmp_path) == drawn
