"""report.html without a browser: every number in it is one of the results' files."""

import base64
import hashlib
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import specdid
from browser import Watched, open_browser
from pages import HOSTILE, column, embedded, hostile_study, number, read_page, run_report, table_rows, words
from small_studies import small_panel, small_study
from specdid._records import Status
from specdid.report import page as page_module
from specdid.report._data import _numbers
from specdid.report.summary import plain

INT = ("nobs", "n_units", "n_treated", "n_control", "n_missing", "n_log0", "n_singletons")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run")
    run_report(hostile_study(), directory)
    return directory


@pytest.fixture(scope="module")
def page(directory):
    return read_page(directory / "report.html")


@pytest.fixture(scope="module")
def content(page):
    return embedded(page)


@pytest.fixture(scope="module")
def rows(directory, content):
    """Give the results of the specifications on the page, in its order, by vcov."""
    results = pl.read_parquet(directory / "results.parquet")
    order = pl.DataFrame({"index": column(content["columns"]["index"]).astype(int)})
    return {v: order.join(results.filter(pl.col("vcov") == v), on="index", how="left") for v in content["vcovs"]}


def test_every_estimate_is_on_the_page_once(directory, content):
    results = pl.read_parquet(directory / "results.parquet")
    ok = set(results.filter(pl.col("status") == "ok")["index"].to_list())
    shown = column(content["columns"]["index"]).astype(int).tolist()
    assert len(ok) > 100
    assert len(shown) == len(set(shown))
    assert set(shown) == ok


def test_numbers_are_those_of_the_results(content, rows):
    columns = content["columns"]
    first = rows[content["vcovs"][0]]
    for name in ("estimate", *INT):
        assert np.array_equal(column(columns[name]), first[name].to_numpy().astype(float)), name
    for v, label in enumerate(content["vcovs"]):
        names = ("std_error", "p_value", "conf_low", "conf_high")
        for name in names if v else (*names, "statistic", "df", "n_clusters"):
            expected = rows[label][name].to_numpy().astype(float)
            exact = expected if v == 0 else expected.astype(np.float32).astype(float)
            assert np.array_equal(column(columns[f"{name}:{v}"]), exact, equal_nan=True), (name, label)


@pytest.mark.filterwarnings("ignore")
def test_the_mean_of_the_outcome_is_marked_where_weights_are_used():
    weights = {"none": "1", "size": "exp(w)"}
    results = specdid.run(small_study(weights=weights), small_panel(), audit=0).results
    places = np.flatnonzero(results.status == Status.OK)
    used = results.planned.dimension("weights").codes[places]
    assert column(_numbers(results, places)["weighted"]).tolist() == used.tolist()
    assert set(used.tolist()) == {0, 1}


def test_words_are_those_of_the_results(content, rows):
    first = rows[content["vcovs"][0]]
    for dimension in content["dimensions"]:
        assert words(dimension) == first[dimension["name"]].to_list()
    for name in ("formula", "term", "estimand", "dropped"):
        assert words(content[name]) == first[name].to_list(), name
    assert content["spec_id"] == first["spec_id"].to_list()
    assert first["preferred"].to_list().index(True) == content["preferred"]


def test_terms_are_those_of_the_formula(content):
    dimension = content["dimensions"][content["terms"]["dimension"]]
    codes = column(dimension["codes"]).astype(int)
    for label, members in zip(content["terms"]["labels"], content["terms"]["members"], strict=True):
        has = column(members)[codes].astype(bool)
        expected = [label in text.split(" + ") for text in words(dimension)]
        assert has.tolist() == expected, label


def test_each_curve_is_sorted_and_ranked_within_its_estimand(content):
    estimate = column(content["columns"]["estimate"])
    rank = column(content["columns"]["rank"])
    estimand = np.array(words(content["estimand"]))
    assert len(set(estimand.tolist())) == 2
    for name in set(estimand.tolist()):
        mine = estimand == name
        assert (np.diff(estimate[mine]) >= 0).all()
        assert rank[mine].tolist() == list(range(1, mine.sum() + 1))


def test_nulls_are_those_of_inference_specifications(directory, content):
    written = pl.read_csv(directory / "inference_specifications.csv")
    index = column(content["columns"]["index"]).astype(int)
    assert [n["name"] for n in content["nulls"]] == list(dict.fromkeys(written["null"].to_list()))
    for joint in content["nulls"]:
        mine = {r["index"]: r for r in written.filter(pl.col("null") == joint["name"]).iter_rows(named=True)}
        assert mine
        for name in ("p_null", "p_adjusted", "band_low", "band_high"):
            expected = np.array([mine[i][name] if i in mine else np.nan for i in index.tolist()], float)
            np.testing.assert_allclose(column(joint[name]), expected, rtol=1e-7)


def test_bands_are_those_of_the_file(directory, content):
    written = pl.read_parquet(directory / "inference_bands.parquet")
    position = column(content["columns"]["position"]).astype(int)
    (group,) = content["groups"]
    shown = {n["name"]: band for n, band in zip(content["nulls"], group["bands"], strict=True) if band}
    assert "wild" in shown
    assert set(shown) == set(written["null"].to_list())
    for name, band in shown.items():
        mine = written.filter(pl.col("null") == name)
        for values, end in zip(band, ("low", "median", "high"), strict=True):
            np.testing.assert_allclose(column(values), mine[end].to_numpy()[position - 1], rtol=1e-6)


def test_joint_tests_are_those_of_inference(directory, page):
    written = pl.read_csv(directory / "inference.csv").rows()
    tables = page.find("section", id="tests")[0].find("table")
    shown = [row for table in tables[1:] for row in table_rows(table)[1:]]
    assert len(shown) == len(written)
    for (_, statistic, value, low, high, p, draws, role, *_), cells in zip(written, shown, strict=True):
        assert cells[0] == statistic.removeprefix("'") + " (primary)" * (role == "primary")
        assert number(cells[1]) == pytest.approx(value, rel=5e-4)
        assert [number(end) for end in cells[2].split(" to ")] == pytest.approx([low, high], rel=5e-4)
        assert number(cells[3]) == pytest.approx(p, abs=5e-4)
        assert number(cells[4]) == draws


def test_the_table_of_estimates_is_that_of_the_results(directory, page):
    first = pl.read_parquet(directory / "results.parquet").filter(
        (pl.col("vcov") == "unit") & (pl.col("status") == "ok")
    )
    rows = table_rows(page.find("section", id="tests")[0].find("table")[0])[1:]
    assert len(rows) == 2
    for cells in rows:
        mine = first.filter(pl.col("estimand") == cells[1])
        estimate, p = mine["estimate"].to_numpy(), mine["p_value"].to_numpy()
        assert number(cells[2]) == len(mine)
        found = [number(c) for c in cells[3:6]]
        assert found == pytest.approx([np.median(estimate), estimate.min(), estimate.max()], abs=5e-4)
        assert number(cells[6]) == len(mine)
        for cell, sign in ((cells[7], -1), (cells[9], 1)):
            share = np.mean((p < 0.05) & (sign * estimate > 0))
            assert number(cell.rstrip("%")) == pytest.approx(100 * share, abs=0.051)


def test_the_first_line_is_the_finding(directory, page):
    line = page.find("p", class_="finding")[0].text
    assert line.startswith("Serious warnings stand against these estimates: ")
    first = pl.read_parquet(directory / "results.parquet").filter(
        (pl.col("vcov") == "unit") & (pl.col("status") == "ok") & (pl.col("estimator") == "OLS")
    )
    median = first["estimate"].median()
    found = re.search(r"\. ([\d,]+) estimates of the .*: median ([−\d.]+) 对数点; ([\d.]+)% positive", line)
    assert number(found[1]) == len(first)
    assert number(found[2]) == pytest.approx(median, abs=5e-4)


def test_tables_of_analyses_are_their_files(directory, page):
    folded = [d for d in page.find("details") if "data-file" in d.attributes]
    files = {d.attributes["data-file"] for d in folded}
    assert {"event_study.csv", "placebo.csv", "placebo_draws.csv"} <= files
    assert len([f for f in files if f.startswith("heterogeneity")]) == 2
    for part in folded:
        written = pl.read_csv(directory / part.attributes["data-file"], infer_schema=False)
        header, *rows = table_rows(part.find("table")[0])
        assert header == written.columns
        assert len(rows) == min(120, len(written))
        for cells, expected in zip(rows, written.rows(), strict=False):
            for cell, value in zip(cells, expected, strict=True):
                assert same_cell(cell, value), (part.attributes["data-file"], cell, value)


def same_cell(cell, value):
    """Compare a cell of the page with one of the file: texts alike, numbers to 6 digits."""
    if value is None:
        return cell == ""
    try:
        return number(cell) == pytest.approx(float(value), rel=5e-6)
    except ValueError:
        return cell == (value[1:] if value[:2] in ("'=", "'+", "'-", "'@") else value)


def test_the_account_says_why_and_what_they_share(directory, page):
    part = page.find("section", id="account")[0]
    results = pl.read_parquet(directory / "results.parquet").filter(pl.col("vcov") == "unit")
    left = results.filter(pl.col("status") != "ok")
    rows = table_rows(part.find("table")[0])[1:]
    assert sum(number(r[4]) for r in rows) == len(left)
    for status, code, message, shared, n, _ in rows:
        mine = left.filter((pl.col("status") == status) & (pl.col("code") == code))
        same = mine.filter(pl.col("message").str.replace_all("`", "") == message.replace("`", ""))
        assert len(same) == number(n)
        if "no years" in message:
            assert "estimator: Sun-Abraham" in shared
            assert "fixed_effects: unit" in shared
        if code == "no_rows":
            assert shared == "sample: nobody"
    assert {"rule", "no_rows"} <= {r[1] for r in rows}


def test_no_label_leaves_its_place(directory, page):
    source = (directory / "report.html").read_text(encoding="utf-8")
    assert page.find("h1")[0].text == f"智慧城市 {HOSTILE}"
    assert source.count("</script>") == source.count("<script")
    assert page.find("img")
    assert all(n.attributes["src"].startswith("data:image/svg+xml;base64,") for n in page.find("img"))
    handlers = [a for n in everything(page) for a in n.attributes if a.startswith("on") or a == "style"]
    assert handlers == []


def everything(node):
    for child in node.children:
        if not isinstance(child, str):
            yield child
            yield from everything(child)


def test_the_policy_allows_what_is_in_the_page_and_nothing_else(page):
    policy = page.find("meta", http_equiv="Content-Security-Policy")[0].attributes["content"]
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("img-src") == "data:"
    assert rules.pop("base-uri") == rules.pop("form-action") == "'none'"
    for kind, nodes in (("style-src", page.find("style")), ("script-src", page.find("script"))):
        texts = [n.text for n in nodes if n.attributes.get("type") != "application/json"]
        hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in texts]
        assert rules.pop(kind).split() == hashes
    assert not rules


def test_everything_is_within_the_file(page):
    assert not page.find("link") + page.find("iframe") + page.find("object")
    assert all("src" not in n.attributes for n in page.find("script"))
    assert all(a.attributes["href"].startswith("#") for a in page.find("a"))
    targets = {n.attributes["id"] for n in everything(page) if "id" in n.attributes}
    assert {a.attributes["href"][1:] for a in page.find("a")} <= targets


def test_every_analysis_has_its_figure_and_table(page, directory):
    articles = page.find("section", id="analyses")[0].find("article")
    assert [a.find("h3")[0].text for a in articles] == ["Event study", "Placebo", f"Heterogeneity: 按组 {HOSTILE}"]
    assert all(a.find("img") and a.find("table") for a in articles)
    told = [i.attributes["alt"].partition("; numbers beside it: ") for i in page.find("img")]
    assert all(title for title, *_ in told)
    files = [name for *_, names in told for name in names.split(", ") if names]
    named = {title: names for title, _, names in told}
    assert named["Estimates by option"] == "results.csv, choices.csv"
    assert named["The median estimate under the null"] == "inference.csv"
    assert all((directory / name).is_file() for name in files)


def test_a_figure_without_numbers_in_files_promises_none():
    (image,) = page_module.picture(page_module.Picture("scores", "Overlap", b"")).iter("img")
    assert image.attrib["alt"] == "Overlap"


def test_nothing_that_others_wrote_is_in_the_package():
    scripts = [p for p in Path(page_module.__file__).parent.rglob("*") if p.suffix in (".js", ".css")]
    assert len(scripts) > 10
    assert (
        max(len(line) for p in scripts for line in p.read_text(encoding="utf-8").splitlines()) < 400
    )  # nothing minified
    assert not [p for p in Path(page_module.__file__).parent.rglob("*") if "vendor" in p.parts or p.name == "LICENSE"]


def test_warnings_and_provenance(directory, page):
    import json

    manifest = json.loads((directory / "manifest.json").read_text())
    text = page.find("section", id="provenance")[0].text
    for known in (manifest["data"]["sha256"], manifest["code_sha256"], str(manifest["seed"])):
        assert str(known) in text
    assert f"polars {manifest['versions']['polars']}" in text
    summary = (directory / "details.md").read_text(encoding="utf-8").split("## Warnings\n\n")[1]
    shown = [n.text for n in page.find("section", id="warnings")[0].find("li")]
    lines = summary.strip().splitlines()
    assert [s.replace("`", "") for s in shown] == [
        plain(line).removeprefix("- ").removeprefix("**serious**: ").replace("`", "") for line in lines
    ]


def test_a_run_without_any_estimate_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("specdid._check.possible.MOST_TRIED", 0)  # else `check` refuses it
    study = small_study(sample={"untreated": "year == 2001"}, fixed_effects={"none": "0"}, figure={"formats": ["svg"]})
    page = read_page(run_report(study, tmp_path))
    assert "No specification could be estimated" in page.find("p", class_="finding")[0].text
    assert "no_treatment_variation" in page.find("section", id="account")[0].text


@pytest.fixture(scope="module")
def thinned(tmp_path_factory):
    """Give a page that holds some 120 of its estimates, with its directory."""
    from specdid._run import report
    from specdid.report import _data

    whole = report.write_page
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "write_page", lambda given: whole(given, most=120))
        patch.setattr(_data, "ENDS", 5)
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


def test_a_thinned_page_weighs_what_it_holds(thinned):
    directory, page = thinned
    first = pl.read_parquet(directory / "results.parquet").filter(
        (pl.col("status") == "ok") & (pl.col("vcov") == "unit") & (pl.col("estimator") == "OLS")
    )
    with open_browser() as browser:
        seen = Watched(browser, directory / "report.html")
        sums = seen.page.evaluate("data.groups.map(g => weights.subarray(g.start, g.stop).reduce((a, b) => a + b, 0))")
        assert sums == pytest.approx([g["n"] for g in embedded(page)["groups"]])
        words = seen.page.inner_text("#status")
        assert "about" in words
        median = number(re.search(r"median (−?[\d.]+)", words)[1])
        assert median == pytest.approx(first["estimate"].median(), abs=0.1 * first["estimate"].std())
        seen.page.focus("#chart")
        for key in ("Home", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight"):
            seen.page.keyboard.press(key)
        position = column(embedded(page)["columns"]["position"]).astype(int)
        assert f"at places 1 to {position[3]}" in seen.page.inner_text("#answer")
        assert seen.page.input_value("#to") == str(position[3])
        seen.page.keyboard.press("Escape")
        rows = seen.page.locator("#choices-table tr", has_text="two-way").first.locator("td").all_inner_texts()
        assert number(rows[0]) == len(first.filter(pl.col("fixed_effects") == "two-way"))
        assert seen.wrong == []


def test_figures_drawn_for_the_page_alone_are_not_left(directory):
    assert list(directory.glob("multiverse.png"))
    assert not list(directory.glob("*.svg"))


def test_figures_that_are_not_drawn_as_png_are_drawn_for_the_page(thinned):
    _, page = thinned
    articles = page.find("section", id="analyses")[0].find("article")
    assert all(a.find("img") for a in articles)
