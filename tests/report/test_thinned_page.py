"""report.html of more estimates than a page holds: what is kept, and what is said of the rest."""

import numpy as np
import polars as pl
import pytest
from pages import column, embedded, hostile_study, number, read_page, run_report, table_rows


@pytest.fixture(scope="module")
def thinned(tmp_path_factory):
    """Give a page that holds some 120 of its estimates, with its directory."""
    from specdid._run import report
    from specdid.report import _points

    whole = report.write_page
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "write_page", lambda given: whole(given, most=120))
        patch.setattr(_points, "ENDS", 5)
        directory = tmp_path_factory.mktemp("thinned")
        return directory, read_page(run_report(hostile_study(figure={"formats": ["svg"]}), directory))


def test_a_thinned_page_says_so_and_keeps_every_end(thinned):
    directory, page = thinned
    content = embedded(page)
    ok = pl.read_parquet(directory / "results.parquet").filter((pl.col("status") == "ok") & (pl.col("vcov") == "unit"))
    shown = column(content["columns"]["index"]).astype(int).tolist()
    assert 120 <= len(shown) < 200 < len(ok)
    assert f"This page holds {len(shown):,} of {len(ok):,} estimates" in page.find("p", class_="notice")[0].text
    kept = ok.filter(pl.col("index").is_in(shown))
    assert kept["preferred"].any()
    for name in (d["name"] for d in content["dimensions"]):
        ends = (pl.col("estimate").min().alias("low"), pl.col("estimate").max().alias("high"))
        by = ("estimand", name)
        assert kept.group_by(by).agg(ends).sort(by).equals(ok.group_by(by).agg(ends).sort(by)), name


def test_a_thinned_page_knows_places_and_ranks_among_all(thinned):
    directory, page = thinned
    content = embedded(page)
    first = pl.read_parquet(directory / "results.parquet").filter(
        (pl.col("status") == "ok") & (pl.col("vcov") == "unit")
    )
    index = column(content["columns"]["index"]).astype(int).tolist()
    estimate = dict(zip(first["index"].to_list(), first["estimate"].to_list(), strict=True))
    estimand = dict(zip(first["index"].to_list(), first["estimand"].to_list(), strict=True))
    position = column(content["columns"]["position"]).astype(int)
    assert (np.diff(position) > 0).all()
    assert position[-1] == len(first)
    for i, rank in zip(index, column(content["columns"]["rank"]).astype(int).tolist(), strict=True):
        mine = [e for k, e in estimate.items() if estimand[k] == estimand[i]]
        assert sum(e < estimate[i] for e in mine) < rank <= sum(e <= estimate[i] for e in mine)
    table = table_rows(page.find("section", id="tests")[0].find("table")[0])
    assert sum(number(row[2]) for row in table[1:]) == len(first)


def test_figures_that_are_not_drawn_as_png_are_drawn_for_the_page(thinned):
    _, page = thinned
    articles = page.find("section", id="analyses")[0].find("article")
    assert all(a.find("img") for a in articles)
