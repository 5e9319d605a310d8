"""report.html opened in Chromium: what a reader does with mouse and keyboard, at some 400 and at 10,240."""

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
import specdid
from browser import Watched, open_browser
from matplotlib.markers import MarkerStyle
from pages import HOSTILE, column, embedded, hostile_study, large_study, number, read_page, run_report
from small_studies import small_panel, small_study
from specdid.figures._style import MARKERS, marker_of, shape_of
from undrawn import nothing_drawn


class Opened:
    """A page, and the rows of the results it shows in the order of its curve."""

    def __init__(self, browser, study, directory):
        self.browser, self.study = browser, study
        self.path = path = run_report(study, directory)
        content = embedded(read_page(path))
        order = pl.DataFrame({"index": column(content["columns"]["index"]).astype(int)})
        results = pl.read_parquet(path.parent / "results.parquet")
        self.vcovs = content["vcovs"]
        self.rows = order.join(results.filter(pl.col("vcov") == self.vcovs[0]), on="index", how="left")
        self.other = order.join(results.filter(pl.col("vcov") == self.vcovs[-1]), on="index", how="left")
        self.preferred = content["preferred"]
        self.varying = [d["name"] for d in content["dimensions"] if len(d["words"]) > 1]
        self.tab = None

    def fresh(self, **window):
        """Open the page: in the tab of the test before where that left it open, as a process of its own is dear."""
        if window:
            return Watched(self.browser, self.path, **window)
        if self.tab is None or self.tab.page.is_closed():
            self.tab = Watched(self.browser, self.path)
        else:
            self.tab.again()
        return self.tab


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def small(browser, tmp_path_factory):
    return Opened(browser, hostile_study(), tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def large(browser, tmp_path_factory):
    return Opened(browser, large_study(), tmp_path_factory.mktemp("large"))


@pytest.fixture(params=["small", "large"])
def opened(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def seen(opened):
    """Open the page anew; nothing may have gone wrong."""
    seen = opened.fresh()
    yield seen
    assert seen.wrong == []


AT_EITHER_SIZE = pytest.mark.parametrize("opened", ["small"], indirect=True)
"""What a page of four hundred and one of ten thousand do by the same lines is tried on the quicker one."""


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
    if opened.preferred < 0:
        assert all(row[name] in reading for name in opened.varying)
        return
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


@AT_EITHER_SIZE
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
    estimate, p = rows["estimate"].to_numpy(), rows["p_value"].to_numpy()
    significant, lacking = p < alpha, ~np.isfinite(p)
    expected = [significant & (estimate < 0), p >= alpha, significant & (estimate >= 0), lacking]
    counts = seen.page.locator("#filters [data-sign] .count").all_inner_texts()
    assert [number(n) for n in counts] == [int(e.sum()) for e in expected]


@AT_EITHER_SIZE
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


@AT_EITHER_SIZE
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


def test_an_answer_at_ten_thousand_builds_a_screenful(large):
    # What takes time is building elements: a filter that rewrote a row for each specification would build 50,000.
    # (The time itself is a benchmark's: a slow machine is no fault of the page.)
    seen = large.fresh()
    built = seen.page.evaluate(
        """async () => {
          const frame = () => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
          let built = 0;
          const count = changes => changes.forEach(c => c.addedNodes.forEach(
            n => { built += 1 + (n.querySelectorAll ? n.querySelectorAll("*").length : 0); }));
          const observer = new MutationObserver(count);
          observer.observe(document.body, {childList: true, subtree: true});
          const before = document.querySelector("#status").innerText;
          document.querySelector("#filters input[type=checkbox]").click();
          await frame();
          count(observer.takeRecords());
          return [built, before === document.querySelector("#status").innerText];
        }"""
    )
    assert 0 < built[0] < 2_000, built
    assert not built[1], "nothing was filtered"
    assert seen.wrong == []


def test_no_label_becomes_markup(small):
    seen = small.fresh()
    page = seen.page
    assert page.inner_text("h1") == f"智慧城市 {HOSTILE}"
    page.focus("#chart")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert page.locator("#filters .words", has_text=HOSTILE).count() == 1
    assert page.evaluate(
        "[...document.images].every(i => i.src.startsWith('data:image/svg+xml') && i.naturalWidth > 0)"
    )
    assert page.evaluate("document.querySelectorAll('[onerror], iframe, object, embed').length") == 0
    assert seen.wrong == []


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


def test_a_narrow_window_and_paper(opened):
    seen = opened.fresh(width=390, height=844)
    assert seen.page.evaluate("document.documentElement.scrollWidth") == 390
    assert seen.page.locator("#chart canvas").bounding_box()["width"] <= 390
    seen.page.emulate_media(media="print")
    assert seen.page.is_hidden("#filters-fold")
    assert seen.page.is_hidden(".toolbar >> nth=0")
    assert seen.page.is_visible("#chart canvas")
    assert len(seen.page.pdf(format="A4")) > 20_000
    assert seen.wrong == []
    seen.page.close()


def wait_until(page, condition):
    """Wait in the page, whose policy lets no text be run by a timer."""
    page.evaluate(f"async () => {{ while (!({condition})) await new Promise(requestAnimationFrame) }}")


def with_terms(rows, terms="x1 x2 x3 w"):
    """Add a column for each control: whether it is among the controls."""
    has = [pl.col("controls").str.split(" + ").list.contains(t).alias(f"has {t}") for t in terms.split()]
    return rows.with_columns(has)


def test_a_selection_is_answered_in_words(small):
    seen = small.fresh()
    seen.drag(0.0, 0.2)
    low, high = (int(seen.page.input_value(f"#{end}")) for end in ("from", "to"))
    mine = small.rows.slice(low - 1, high - low + 1)
    words = seen.page.inner_text("#answer")
    assert words.startswith(f"{len(mine)} selected")
    assert mine["estimand"].n_unique() == 1
    median, least, most = (number(t) for t in re.search(r"median (\S+), (\S+) to (−?[\d.]+\d)\.", words).groups())
    expected = [mine["estimate"].median(), mine["estimate"].min(), mine["estimate"].max()]
    assert [median, least, most] == pytest.approx(expected, abs=6e-4)
    found = re.findall(r"Fixed effects = two-way: ([\d.]+) times its share \((\d+)% here, (\d+)% of all\)", words)
    shares = [float((r["fixed_effects"] == "two-way").mean()) for r in (mine, small.rows)]
    assert [float(t) for t in found[0]] == pytest.approx([shares[0] / shares[1], *(100 * s for s in shares)], abs=0.51)
    seen.page.focus("#chart")
    seen.page.keyboard.press("Escape")
    assert "selected" not in seen.page.inner_text("#answer").split(":")[0]
    assert seen.wrong == []


def changes_shown(page):
    """Give mean, ends and pairs of each option's change by its name."""
    rows = page.eval_on_selector_all(
        "#choices-table tbody tr:not(.factor)", "rows => rows.map(r => [...r.cells].map(c => c.textContent))"
    )
    numbers = {cells[0]: re.findall(r"[+−]?\d[\d,]*\.\d+", cells[5]) for cells in rows}
    return {c[0]: ([number(t.replace("+", "")) for t in numbers[c[0]]], c[6]) for c in rows if numbers[c[0]]}


def change_expected(rows, name, level, reference, others):
    """Give what the change must be: a join of both options on everything else."""
    both = [rows.filter(pl.col(name) == v).select(*others, "estimate") for v in (reference, level)]
    change = (
        both[0].join(both[1], on=others).select(pl.col("estimate_right") - pl.col("estimate")).to_series().to_numpy()
    )
    return [change.mean(), *np.quantile(change, (0.05, 0.95))], f"{len(change):,}"


def test_choices_are_told_by_paired_changes_that_follow_the_filters(small):
    seen = small.fresh()
    page = seen.page
    rows = with_terms(small.rows).filter(pl.col("estimator") == "OLS")
    names = ["outcome", "fixed_effects", "sample", "裁剪", *(f"has {t}" for t in ("x1", "x2", "x3", "w"))]
    asked = [("fixed_effects", "unit", "two-way"), ("sample", "later", "所有"), ("has x2", True, False)]
    shown = {"has x2": "with x2"}

    def check(part, some):
        found = changes_shown(page)
        for name, level, reference in some:
            expected, pairs = change_expected(part, name, level, reference, [n for n in names if n != name])
            got = found[shown.get(name, level)]
            assert got[0] == pytest.approx(expected, abs=6e-4), name
            assert got[1] == pairs

    check(rows, asked)
    page.click('#choices-table button[title="Highlight two-way"]')
    assert page.is_checked("#filters fieldset:nth-of-type(3) input >> nth=0")
    check(rows.filter(pl.col("fixed_effects") == "two-way"), asked[1:])
    before = changes_shown(page)
    page.locator("#filters [data-sign='1'] input").check()  # selects by the estimate: pairs must not follow
    assert changes_shown(page) == before
    seen.drag(0.0, 0.3)
    assert changes_shown(page) == before
    assert page.locator("#choices-table thead", has_text="In selection").count() == 1
    assert seen.wrong == []


@pytest.mark.usefixtures("undrawn_test")
def test_what_long_options_have_in_common_is_said_once_as_in_the_figure(browser, tmp_path):
    common = "!(first_exec < 1984 & !is.na(first_exec))"
    labels = (common, f"{common} & group == 1", f"{common} & group > 1", "all")
    samples = {label: f"year >= {2001 + k}" for k, label in enumerate(labels)}
    seen = Opened(browser, small_study(sample=samples), tmp_path).fresh()
    brief = ["[…]", "[…] & group == 1", "[…] & group > 1", "all"]
    said = f"Sample: […] stands for {common}."
    tiles = seen.page.locator("#panel .label")
    assert {*brief} <= {*tiles.all_inner_texts()}
    assert tiles.filter(has_text="group == 1").get_attribute("title") == f"{common} & group == 1"
    assert seen.page.locator("#panel-note").inner_text() == said
    buttons = seen.page.locator("#choices-table button.option")
    assert {*brief} <= {*buttons.all_inner_texts()}
    assert buttons.filter(has_text="group == 1").get_attribute("title").endswith(f"{common} & group == 1")
    assert said in seen.page.locator("#choices-note").inner_text()
    seen.page.select_option("#view", "volcano")
    assert not seen.page.locator("#panel-note").is_visible()
    assert seen.wrong == []
    seen.page.close()


def test_shares_of_choices_are_in_order(small):
    seen = small.fresh()
    heads = seen.page.locator("#choices-table .factor").all_inner_texts()
    shares = [0.5 if "< 1%" in h else float(re.search(r"(\d+)% of the variance", h)[1]) for h in heads]
    assert shares == sorted(shares, reverse=True)
    assert heads[0].startswith("Fixed effects")


def test_steps_are_what_differs_in_one_choice(small):
    seen = small.fresh()
    rows = with_terms(small.rows)
    names = ["outcome", "fixed_effects", "sample", "estimator", "裁剪", *(f"has {t}" for t in ("x1", "x2", "x3", "w"))]
    preferred = rows.row(small.preferred, named=True)
    near = [r for r in rows.iter_rows(named=True) if sum(r[n] != preferred[n] for n in names) == 1]
    cells = seen.page.eval_on_selector_all(
        "#steps-table tbody tr:not(.preferred)", "rows => rows.map(r => [...r.cells].map(c => c.textContent))"
    )
    assert sorted(number(c[3]) for c in cells if len(c) == 7) == pytest.approx(
        sorted(r["estimate"] for r in near), abs=6e-4
    )
    assert next(c for c in cells if c[0] == "Estimator")[4] == "another estimand"
    changes = [number(c[4].replace("+", "")) for c in cells if len(c) == 7 and c[0] != "Estimator"]
    expected = [r["estimate"] - preferred["estimate"] for r in near if r["estimator"] == preferred["estimator"]]
    assert sorted(changes) == pytest.approx(sorted(expected), abs=6e-4)
    assert any(c[2] == "nobody" and "failed" in c[3] for c in cells)
    seen.page.locator("#steps-table button").first.click()
    assert seen.page.is_visible("#detail")
    assert seen.wrong == []


def test_two_pinned_specifications_are_compared(small):
    seen = small.fresh()
    page = seen.page
    page.focus("#chart")
    for key in ("Home", "a", "ArrowRight", "ArrowRight", "ArrowRight", "b"):
        page.keyboard.press(key)
    cells = page.eval_on_selector_all("#pins tbody tr", "rows => rows.map(r => [...r.cells].map(c => c.textContent))")
    a, b = (small.rows.row(k, named=True) for k in (0, 3))
    assert [number(c) for c in cells[0][1:]] == pytest.approx(
        [a["estimate"], b["estimate"], b["estimate"] - a["estimate"]], abs=6e-4
    )
    page.keyboard.press("End")
    page.keyboard.press("b")
    assert "no difference is taken" in page.inner_text("#pins")
    assert page.locator("#pins tbody tr").first.locator("td").last.inner_text() == "–"
    assert seen.wrong == []


def test_a_click_on_a_tile_selects_its_specifications(small):
    seen = small.fresh()
    page = seen.page
    left, line = page.evaluate("[xAt(across[120]), lines.find(l => l.label === 'two-way').strip]")
    page.locator("#panel").click(position={"x": left, "y": line + 3})
    low, high = (int(page.input_value(f"#{end}")) for end in ("from", "to"))
    assert low <= 121 <= high <= low + 3
    assert page.is_visible("#detail")
    page.locator("#panel .label", has_text="two-way").click()
    assert page.is_checked("#filters fieldset:nth-of-type(3) input >> nth=0")
    assert seen.wrong == []


def test_the_address_brings_back_what_is_seen(small, browser):
    seen = small.fresh()
    page = seen.page
    page.select_option("#order", label="by sample")
    page.check("#filters fieldset:nth-of-type(1) input >> nth=1")  # its label is markup
    page.locator("#filters fieldset", has_text="Controls").locator("select").first.select_option("without")
    page.focus("#chart")
    for key in ("Home", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Enter", "a"):
        page.keyboard.press(key)
    wait_until(page, "location.hash.includes('A=')")
    again = browser.new_page()
    again.goto(page.url)
    looks = """() => [addressOf(), byId("order").value,
      ...[...document.querySelectorAll("#table-box td")].map(c => c.textContent),
      ...["status", "answer", "detail-heading", "pins", "choices-table"].map(id => byId(id).textContent)]"""
    assert again.evaluate(looks) == page.evaluate(looks)
    assert "at places 2 to 4" in page.inner_text("#answer")
    again.close()
    assert seen.wrong == []


def test_an_address_from_a_stranger_is_text(small):
    seen = small.fresh()
    page = seen.page
    asked = "<img src=x onerror=alert(1)>"
    page.evaluate(
        "t => { location.hash = '#?' + t }",
        f"order={asked}&is.sample={asked}&constructor=1&show=zz&level=9&__proto__=2",
    )
    page.wait_for_selector("#lacking:not([hidden])")
    words = page.inner_text("#lacking")
    assert words.count(asked) == 2
    assert "constructor: 1" in words
    assert "specification zz" in words
    assert page.evaluate("document.querySelectorAll('[onerror]').length") == 0
    assert page.evaluate("state.alpha") == 0.05
    assert seen.wrong == []


def test_pictures_of_what_is_seen(small):
    seen = small.fresh()
    page = seen.page
    page.select_option("#null", "0")
    saved = {}
    for kind in ("png", "svg"):
        with page.expect_download() as download:
            page.click(f"#save-{kind}")
        saved[kind] = Path(download.value.path()).read_bytes()
    assert saved["png"].startswith(b"\x89PNG")
    tree = ElementTree.fromstring(saved["svg"])
    tags = {e.tag.removeprefix("{http://www.w3.org/2000/svg}") for e in tree.iter()}
    assert tags == {"svg", "rect", "path", "text", "g", "clipPath"}
    texts = [e.text for e in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert f"智慧城市 {HOSTILE}" == texts[0]
    assert "Fixed effects" in texts
    page.emulate_media(color_scheme="dark")
    seen.settle()
    with page.expect_download() as download:
        page.click("#save-svg")
    assert Path(download.value.path()).read_bytes() == saved["svg"]  # paper is white, whatever the screen is
    assert seen.wrong == []
    page.close()


def test_programs_to_copy_are_those_of_show(small):
    seen = small.fresh()
    page = seen.page
    page.focus("#chart")
    page.keyboard.press("p")
    page.keyboard.press("Enter")
    programs = page.eval_on_selector_all("#detail .program pre", "all => all.map(p => p.textContent)")
    for text, language in zip(programs, ("python", "r", "stata"), strict=True):
        expected = specdid.show(small.study, data=small_panel(), out=small.path.parent, code=language)
        assert text == expected.rstrip("\n")
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (t) => { window.copied = t } } })"
    )
    page.locator("#detail .copied button").first.click()
    wait_until(page, "window.copied !== undefined")
    assert page.evaluate("copied") == small.rows.row(small.preferred, named=True)["formula"]


def test_an_order_by_a_choice_is_labelled_with_medians(small):
    seen = small.fresh()
    seen.page.select_option("#order", label="by sample")
    parts = seen.page.evaluate("parts.map(p => [p.words, p.medians.map(m => m.median)])")
    assert [p[0] for p in parts] == ["所有", "later", "now"]
    for words, medians in parts:
        mine = small.rows.filter(pl.col("sample") == words).partition_by("estimand", maintain_order=True)
        assert medians == pytest.approx([m["estimate"].median() for m in mine])
    seen.page.select_option("#order", label="by estimate")
    seen.page.locator("#filters fieldset", has_text="Fixed effects").locator("input").first.check()
    before = seen.page.evaluate("plot.y.max")
    seen.page.check("#fit")
    low, high = seen.page.evaluate("[plot.y.min, plot.y.max]")
    mine = small.rows.filter(pl.col("fixed_effects") == "two-way")
    assert low < mine["conf_low"].min() < low + 0.1
    assert mine["conf_high"].max() < high < before + 1e-9
    assert seen.wrong == []


EITHER_WINDOW = pytest.mark.parametrize(("width", "scheme"), [(1300, "light"), (420, "dark")])


@EITHER_WINDOW
def test_every_control_is_reached_seen_and_answers_by_keyboard(small, width, scheme):
    seen = small.fresh(width=width, scheme=scheme)
    seen.unfold()
    seen.begin()
    controls, walked = seen.controls(), seen.walk()
    assert [name for name, _ in walked if name in controls] == controls
    assert [name for name, shown in walked if not shown] == []
    assert {"#chart", "#alpha", "#whole", "#zoom", "#save", "#next", "#from", "#to", "#clear-filters"} <= set(controls)
    watch, repeated = width == 1300, seen.repeated()
    tried = [name for name in controls if name not in repeated]  # what a row's button does is the same code in each
    assert {name.partition(" ")[0] for name in tried} == {name.partition(" ")[0] for name in controls}
    pressed = seen.drive(tried if watch else tried[::3], watch)  # in the narrow window a third of them
    assert [(p.name, p.key) for p in pressed if p.lost] == []
    idle = {p.name for p in pressed} - {p.name for p in pressed if p.changed}
    assert [
        name for name in idle if watch and not name.startswith("body > ")
    ] == []  # links at the top, to where one is
    assert seen.wrong == []
    seen.page.close()


def test_a_button_that_has_done_its_last_hands_the_focus_on(small):
    seen = small.fresh()
    seen.begin()
    focused = "document.activeElement.id"
    for button, kept in (("next", "next"), ("previous", "next"), ("zoom", "zoom"), ("whole", "from")):
        seen.press(f"#{button}", "Enter")
        assert seen.page.evaluate(focused) == kept
    seen.page.fill("#to", "60")
    seen.press("#to", "Enter")
    seen.press("#next", "Enter")
    assert seen.page.evaluate(focused) == "previous"
    assert seen.wrong == []


@EITHER_WINDOW
def test_axe_finds_nothing(small, width, scheme):
    seen = small.fresh(width=width, scheme=scheme)
    seen.unfold()
    seen.begin()
    if scheme == "light":
        assert seen.axe(contrast=False) == []
    # Every row was looked at; colours, and other widths, are the same for all rows of one make.
    seen.leave_one_of_each()
    assert seen.page.locator("tbody tr").count() > 20
    assert seen.axe() == []
    if scheme == "light":
        seen.page.emulate_media(media="print")  # paper is the same for any window
        assert seen.axe() == []
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
    with nothing_drawn():
        return run_report(study, tmp_path_factory.mktemp("apart"))


@pytest.fixture(scope="module")
def seen_apart(browser, apart):
    return Watched(browser, apart)


def test_medians_of_the_status_are_by_type_as_the_tests_are(seen_apart):
    words = seen_apart.page.inner_text("#status")
    kinds, found = seen_apart.page.evaluate(
        "[data.kind.words, Array.from(rows, i => "
        "[data.kind.codes[i], data.estimand.codes[i], data.columns.estimate[i]])]"
    )
    medians = {}
    for kind, estimand, estimate in found:
        medians.setdefault((kinds[kind], estimand), []).append(estimate)
    assert [words.count(f"; {kind}: ") for kind in kinds] == [0, 2, 2]
    said = [number(m) for m in re.findall(r"median (−?[\d.]+\d)", words)]
    assert sorted(said) == pytest.approx(sorted(float(np.median(v)) for v in medians.values()), abs=6e-4)


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


def test_series_that_share_a_colour_differ_in_shape(seen_apart):
    page = seen_apart.page
    looks = page.evaluate("Array.from({ length: 12 }, (_, code) => `${seriesColour(code)} ${seriesShape(code)}`)")
    assert len(set(looks)) == 12
    drawn = "sortIntoLayers([0, rows.length - 1]).map(l => `${l.colour} ${l.shape}`)"
    assert set(page.evaluate(drawn)) <= set(looks[:6])
    moved = page.evaluate(
        f"(() => {{ const kept = series.codes; series.codes = Array.from(kept, c => c + 6); "
        f"const found = {drawn}; series.codes = kept; return found; }})()"
    )
    assert moved
    assert set(moved) <= set(looks[6:])


def test_captions_of_wide_tables_are_read_whole_on_a_telephone(small):
    seen = small.fresh(width=420)
    ends = seen.page.evaluate(
        "[...document.querySelectorAll('caption')].filter(c => c.offsetWidth && !c.classList.contains('unseen'))"
        ".map(c => c.getBoundingClientRect().right)"
    )
    assert ends
    assert max(ends) <= 420
    assert seen.wrong == []
    seen.page.close()


@pytest.mark.usefixtures("undrawn_test")
def test_a_preferred_one_without_a_p_is_a_hollow_diamond_in_the_key_as_well(browser, tmp_path):
    study = small_study(
        vcov={"robust": "hetero"}, estimator={"CS": "csdid", "OLS": "feols"}, fixed_effects={"two-way": "id + year"},
        controls={"n": "1"}, preferred={"estimator": "CS"},
    )  # fmt: skip
    seen = Watched(browser, run_report(study, tmp_path))
    assert seen.page.locator("#key .swatch.crossed").count() == 1
    assert seen.page.locator("#key .swatch.diamond").count() == 0
    assert seen.wrong == []
    seen.page.close()


@pytest.fixture(scope="module")
def untested(tmp_path_factory):
    estimators = {"OLS": "feols", "CS": "csdid"}
    vcov = {"robust": "hetero", "unit": "~id"}
    study = small_study(vcov=vcov, estimator=estimators, fixed_effects={"two-way": "id + year"}, controls={"n": "1"})
    with nothing_drawn():
        return run_report(study, tmp_path_factory.mktemp("untested"))


def test_what_has_no_p_is_a_cross_and_counts_as_neither(browser, untested):
    seen = Watched(browser, untested)
    page = seen.page
    drawn = "sortIntoLayers([0, rows.length - 1]).filter(l => l.untested).flatMap(l => l.places.map(k => rows[k]))"
    alone = page.evaluate("Array.from(rows).filter(i => Number.isNaN(measure().p[i]))")
    assert page.evaluate(drawn) == alone
    assert len(alone) == 1
    assert page.locator("#key .entry", has_text="no p-value").count() == 1
    field = page.locator("#filters label", has_text="no p-value")
    assert field.locator(".count").inner_text() == "1"
    field.click()
    assert page.inner_text("#status").startswith("1 of 2 ")
    assert page.evaluate("addressOf()") == "sign=no+p-value"
    page.click("#clear-filters")
    page.select_option("#view", "volcano")
    assert page.locator("#key .entry", has_text="no p-value: 1").count() == 1
    page.select_option("#view", "curve")
    page.select_option("#measure", "1")
    assert page.evaluate(drawn) == []
    assert page.locator("#key .entry", has_text="no p-value").count() == 0
    assert not page.locator("#filters label", has_text="no p-value").is_visible()
    assert not seen.wrong


def test_the_twelve_marks_are_those_of_the_figures(seen_apart):
    own = {"full": "o", "square": "s", "up": "^", "down": "v", "thin": "d", "left": "<", "right": ">"}
    shapes = seen_apart.page.evaluate("Object.keys(MARKS)")
    assert tuple(own.get(shape, shape) for shape in shapes) == MARKERS
    every = seen_apart.page.evaluate(
        "(() => { const kept = series.places; series.places = []; "
        "const found = Array.from({ length: 72 }, (_, k) => seriesShape(k)); series.places = kept; return found; })()"
    )
    assert [own.get(shape, shape) for shape in every] == [marker_of(k) for k in range(72)]
    for shape, corners in seen_apart.page.evaluate("MARKS").items():
        if not corners:
            continue
        drawn, size = shape_of(own.get(shape, shape), 1.0)
        style = MarkerStyle(drawn)
        outline = style.get_path().transformed(style.get_transform())
        wide, high = 2 * size * np.ptp(outline.vertices, axis=0)
        assert np.ptp(corners, axis=0) == pytest.approx((wide, high), rel=0.05), shape


def test_the_preferred_mark_is_hollow_where_p_is_alpha_or_more(seen_apart):
    page = seen_apart.page
    marks = """[-1, 0, 1, UNTESTED].map(sign => {
      const [kept, wished] = [signs[0], data.preferred];
      [signs[0], data.preferred] = [sign, 0];
      const mark = preferredMark();
      [signs[0], data.preferred] = [kept, wished];
      return mark;
    })"""
    assert page.evaluate(marks) == ["diamond", "open", "diamond", "crossed"]
