"""report.html opened in Chromium: what a reader does with mouse and keyboard, at some 400 and at 10,240."""

import re
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from browser import Watched, open_browser
from pages import HOSTILE, column, embedded, hostile_study, large_study, number, read_page, run_report
from small_studies import small_study


class Opened:
    """A page, and the rows of the results it shows in the order of its curve."""

    def __init__(self, browser, path, **window):
        self.browser, self.path = browser, path
        content = embedded(read_page(path))
        order = pl.DataFrame({"index": column(content["columns"]["index"]).astype(int)})
        results = pl.read_parquet(path.parent / "results.parquet")
        self.vcovs = content["vcovs"]
        self.rows = order.join(results.filter(pl.col("vcov") == self.vcovs[0]), on="index", how="left")
        self.other = order.join(results.filter(pl.col("vcov") == self.vcovs[-1]), on="index", how="left")
        self.preferred = content["preferred"]
        self.varying = [d["name"] for d in content["dimensions"] if len(d["words"]) > 1]

    def fresh(self, **window):
        return Watched(self.browser, self.path, **window)


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def small(browser, tmp_path_factory):
    return Opened(browser, run_report(hostile_study(), tmp_path_factory.mktemp("small")))


@pytest.fixture(scope="module")
def large(browser, tmp_path_factory):
    return Opened(browser, run_report(large_study(), tmp_path_factory.mktemp("large")))


@pytest.fixture(params=["small", "large"])
def opened(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def seen(opened):
    """Open the page anew and close it; nothing may have gone wrong."""
    seen = opened.fresh()
    yield seen
    assert seen.wrong == []
    seen.page.close()


def test_sizes_are_those_that_were_promised(small, large):
    assert 400 <= len(small.rows) <= 500
    assert len(large.rows) == 10_240
    assert small.path.stat().st_size < 2e6
    assert large.path.stat().st_size < 6e6


def test_hover_reads_the_specification_and_how_it_differs_from_the_preferred(opened, seen):
    seen.hover(0.4)
    reading = seen.page.inner_text("#reading")
    row = opened.rows.row(seen.place(), named=True)
    assert 0.2 < seen.place() / len(opened.rows) < 0.6
    numbers = [number(t) for t in re.findall(r"−?\d[\d,]*\.\d+", reading)[:3]]
    assert numbers == pytest.approx([row["estimate"], row["conf_low"], row["conf_high"]], abs=6e-3)
    assert f"{row['nobs']:,}" in reading
    preferred = opened.rows.row(opened.preferred, named=True)
    for name in set(opened.varying) - {"controls"}:
        assert (f": {row[name]}" in reading) == (row[name] != preferred[name]), name
    terms = [set(r["controls"].split(" + ")) - {"1"} for r in (preferred, row)]
    assert set(re.findall(r"with (\S+)", reading)) == terms[1] - terms[0]
    assert set(re.findall(r"without (\S+)", reading)) == terms[0] - terms[1]


def test_dragging_fills_the_table(opened, seen):
    seen.drag(0.25, 0.5)
    low, high = (int(seen.page.input_value(f"#{end}")) for end in ("from", "to"))
    n = len(opened.rows)
    assert low / n == pytest.approx(0.25, abs=0.02)
    assert high / n == pytest.approx(0.5, abs=0.02)
    assert seen.page.inner_text("#table-status") == f"{high - low + 1:,} specifications selected."
    check_rows(opened, seen.rows(), range(low - 1, high))
    seen.page.click("#next")
    check_rows(opened, seen.rows(), range(low - 1 + 50, high))
    seen.page.click("#zoom")
    seen.settle()
    assert seen.page.evaluate("plot.x.max - plot.x.min") == pytest.approx(high - low, abs=2)
    seen.page.click("#whole")
    assert seen.page.inner_text("#table-status") == f"{n:,} specifications on the curve."


def check_rows(opened, cells, places):
    """Compare rows of the table with the results at these places of the curve."""
    assert len(cells) == min(50, len(places))
    for shown, place in zip(cells, places, strict=False):
        row = opened.rows.row(place, named=True)
        assert number(shown[0].removeprefix("◆ ")) == place + 1
        assert number(shown[1]) == pytest.approx(row["estimate"], abs=6e-4)
        assert number(shown[2]) == pytest.approx(row["std_error"], abs=6e-5)
        assert shown[3] == ("< 0.001" if row["p_value"] < 0.001 else f"{row['p_value']:.3f}")
        assert [number(c) for c in shown[4:6]] == pytest.approx([row["conf_low"], row["conf_high"]], abs=6e-4)
        assert [number(c) for c in shown[6:9]] == [row["nobs"], row["n_units"], row["n_clusters"]]
        assert shown[9:-1] == [row[name] for name in opened.varying]
        assert shown[-1] == row["spec_id"]


def test_a_filter_recolours_and_counts(opened, seen):
    before = seen.picture()
    option = seen.page.locator("#filters fieldset", has_text="Fixed effects").locator("input").first
    option.check()
    chosen = opened.rows.filter(pl.col("fixed_effects") == "two-way")
    assert seen.picture() != before
    words = seen.page.inner_text("#status")
    assert words.startswith(f"{len(chosen):,} of {len(opened.rows):,} specifications match")
    assert seen.page.inner_text("#table-status").startswith(f"{len(chosen):,} specifications")
    seen.page.locator("#filters fieldset", has_text="Controls").locator("select").first.select_option("without")
    without = chosen.filter(~pl.col("controls").str.split(" + ").list.contains("x1"))
    assert seen.page.inner_text("#status").startswith(f"{len(without):,} of")
    medians = [number(m) for m in re.findall(r"[Mm]edian (−?[\d.]+)", seen.page.inner_text("#status"))]
    estimands = without.partition_by("estimand", maintain_order=True)
    assert medians == pytest.approx([g["estimate"].median() for g in estimands], abs=6e-4)
    seen.page.click("#clear-filters")
    assert seen.picture() == before


def test_the_slider_moves_the_level(opened, seen):
    before = seen.picture()
    seen.page.focus("#alpha")
    seen.page.keyboard.press("Home")
    assert seen.page.inner_text("#alpha-value") == "0.001"
    check_signs(opened.rows, seen, 0.001)
    seen.page.keyboard.press("End")
    assert seen.page.inner_text("#alpha-value") == "0.2"
    check_signs(opened.rows, seen, 0.2)
    assert seen.picture() != before
    seen.page.select_option("#measure", str(len(opened.vcovs) - 1))
    check_signs(opened.other, seen, 0.2)


def check_signs(rows, seen, alpha):
    """The filters count what is significant; no share is printed without a null of the same specifications."""
    assert "%" not in seen.page.inner_text("#status")
    estimate, significant = rows["estimate"].to_numpy(), rows["p_value"].to_numpy() < alpha
    expected = [significant & (estimate < 0), ~significant, significant & (estimate >= 0)]
    counts = seen.page.locator("#filters [data-sign] .count").all_inner_texts()
    assert [number(n) for n in counts] == [int(e.sum()) for e in expected]


def test_the_keyboard_moves_along_the_curve(opened, seen):
    page, last = seen.page, len(opened.rows) - 1
    page.focus("#chart")
    for key, place in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", last)):
        page.keyboard.press(key)
        assert seen.place() == place
    page.keyboard.press("PageDown")
    assert seen.place() == last - round(len(opened.rows) / 10)
    words = page.get_attribute("#chart", "aria-valuetext")
    assert opened.rows["controls"][seen.place()] in words
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    assert page.inner_text("#table-status") == "4 specifications selected."
    page.keyboard.press("Enter")
    assert f"Specification {opened.rows['index'][3]:,}" in page.inner_text("#detail-heading")
    assert page.inner_text("#spoken").startswith("In view below")
    page.keyboard.press("Escape")
    assert page.is_hidden("#detail")
    assert page.inner_text("#table-status").endswith("on the curve.")


def test_rows_of_the_table_take_the_keyboard(opened, seen):
    page = seen.page
    page.locator("#table-box tbody tr").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert seen.place() == 2
    page.keyboard.press("Enter")
    assert opened.rows["spec_id"][2] in page.inner_text("#detail-body")
    page.click('#table-box thead button[data-key="p"]')
    page.keyboard.press("Enter")
    assert page.get_attribute("#table-box th[aria-sort]", "aria-sort") == "descending"
    largest = opened.rows["p_value"].max()
    assert number(seen.rows()[0][3]) == pytest.approx(largest, abs=6e-4)


def test_the_null_band_the_volcano_and_another_order_on_demand(opened, seen):
    page, before = seen.page, seen.picture()
    page.select_option("#null", "0")
    assert seen.picture() != before
    page.select_option("#view", "volcano")
    assert page.is_hidden("#panel")
    heights = page.evaluate("Array.from(plot.heights)")
    across = page.evaluate("Array.from(across)")
    ordered = opened.rows.sort("estimate", maintain_order=True)
    assert across == pytest.approx(ordered["estimate"].to_list())
    assert heights == pytest.approx((-ordered["p_value"].log10()).to_list())
    seen.hover(0.5)
    assert page.inner_text("#reading")
    page.select_option("#view", "curve")
    page.select_option("#order", label="by fixed effects")
    assert page.is_disabled("#null")
    shown = [cells[9 + opened.varying.index("fixed_effects")] for cells in seen.rows()]
    assert set(shown) == {"two-way"}


def test_an_answer_at_once_at_ten_thousand(large):
    seen = large.fresh()
    spent = seen.page.evaluate(
        """async () => {
          const frame = () => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
          const box = document.querySelector("#filters input[type=checkbox]");
          const times = [];
          for (let k = 0; k < 6; k++) {
            const begun = performance.now();
            box.click();
            await frame();
            times.push(performance.now() - begun);
          }
          return times.sort((a, b) => a - b)[2];
        }"""
    )
    assert spent < 400
    assert seen.wrong == []
    seen.page.close()


def test_no_label_becomes_markup(small):
    seen = small.fresh()
    page = seen.page
    assert page.inner_text("h1") == f"智慧城市 {HOSTILE}"
    page.focus("#chart")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert page.locator("#filters .words", has_text=HOSTILE).count() == 1
    assert page.evaluate("[...document.images].every(i => i.src.startsWith('data:image/png') && i.naturalWidth > 0)")
    assert page.evaluate("document.querySelectorAll('[onerror], iframe, object, embed').length") == 0
    assert seen.wrong == []
    page.close()


def test_the_policy_stops_every_connection(small):
    seen = small.fresh()
    blocked = seen.page.evaluate("fetch('https://example.org/').then(() => 'reached', () => 'blocked')")
    assert blocked == "blocked"
    assert seen.wrong
    assert all("Content Security Policy" in w for w in seen.wrong)
    seen.page.close()


def test_saved_rows_are_the_selection_in_full(small):
    seen = small.fresh()
    seen.page.fill("#from", "11")
    seen.page.fill("#to", "20")
    seen.page.locator("#to").blur()
    with seen.page.expect_download() as download:
        seen.page.click("#save")
    saved = pl.read_csv(download.value.path())
    expected = small.rows.slice(10, 10)
    assert saved["estimate"].to_list() == expected["estimate"].to_list()
    assert saved["formula"].to_list() == expected["formula"].to_list()
    assert seen.wrong == []
    seen.page.close()


def test_a_narrow_window_and_paper(opened):
    seen = opened.fresh(width=390, height=844)
    assert seen.page.evaluate("document.documentElement.scrollWidth") == 390
    assert seen.page.locator("#chart canvas").bounding_box()["width"] <= 390
    seen.page.emulate_media(media="print")
    assert seen.page.is_hidden(".side")
    assert seen.page.is_hidden(".toolbar >> nth=0")
    assert seen.page.is_visible("#chart canvas")
    assert len(seen.page.pdf(format="A4")) > 20_000
    assert seen.wrong == []
    seen.page.close()


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    study = small_study(
        outcome={"y": {"formula": "y", "scale": "points"}, "z": {"formula": "z", "scale": "points"}},
        sample={"all": "TRUE", "later": {"where": "year >= 2002", "type": "uncertain"}},
        weights={"none": "1", "people": {"formula": "w", "type": "nonequivalent"}},
        fixed_effects={"two-way": "id + year"},
        estimator={"OLS": "feols", "P": "fepois"},
        exclude=[
            {"when": {"estimator": "P", "outcome": "y"}, "because": "levels"},
            {"when": {"estimator": "OLS", "outcome": "z"}, "because": "logs"},
        ],
        inference={"draws": 19},
        figure={"formats": ["png"]},
    )
    return run_report(study, tmp_path_factory.mktemp("apart"))


@pytest.fixture(scope="module")
def seen_apart(browser, apart):
    return Watched(browser, apart)


def test_what_is_not_tested_stands_apart_and_the_band_below_what_is(seen_apart):
    page = seen_apart.page
    assert page.evaluate("segments.map(s => s.words)") == ["equivalent", "uncertain", "nonequivalent"]
    kinds = page.evaluate("Array.from(rows, i => data.kind.words[data.kind.codes[i]])")
    assert kinds == sorted(kinds, key=["equivalent", "uncertain", "nonequivalent"].index)
    steps = np.diff(page.evaluate("Array.from(across)"))
    moved = [a != b for a, b in pairwise(kinds)]
    assert (steps[moved] > 1).all()
    assert (steps[~np.array(moved)] == 1).all()
    page.select_option("#null", "0")
    covered = page.evaluate("Array.from(shownBand()[0], v => !Number.isNaN(v))")
    tested = page.evaluate("Array.from(data.nulls[0].p_null, p => !Number.isNaN(p))")
    assert covered == tested
    assert 0 < sum(tested) < kinds.count("equivalent")
    ends = page.evaluate("bandPaths(x => x, y => y).flat().filter(p => p.length).map(p => p[p.length - 1][0])")
    assert ends
    assert max(ends) <= kinds.count("equivalent")
    before = seen_apart.picture()
    page.locator("#filters fieldset", has_text="Type of options").get_by_text("uncertain, not tested").click()
    assert page.inner_text("#status").startswith(f"{kinds.count('uncertain')} of {len(kinds)} ")
    assert seen_apart.picture() != before
    page.click("#clear-filters")
    for order in ("plan", "0"):
        page.select_option("#order", order)
        assert page.evaluate("Array.from(rows, i => data.kind.words[data.kind.codes[i]])") == kinds
    page.select_option("#view", "volcano")
    assert page.evaluate("segments.length") == 0
    assert not seen_apart.wrong
