"""The appendices of the three examples: every number stands in a file of results, and they compile."""

from __future__ import annotations

import csv
import json
import re
import shutil
import tomllib
from math import prod
from os import environ
from pathlib import Path

import polars as pl
import pytest
import specdid
from latex import compile_tex, complaints, inlined, is_printed_of, numerals, paper, plain
from specdid._records import KINDS
from specdid.language import relabel

PAPERS = (r"\documentclass[12pt]{article}", r"\documentclass[twocolumn]{article}")
"""With the margins of their class, narrower than most."""
SPECS = Path(__file__).parents[2] / "specs"
EXAMPLES = ("castle", "minimum_wage", "smart_city")
STRUCTURAL = {
    "0.001",               # "p < 0.001"
    "0.05", "95", "90", "97.5", "8",     # alpha, 95% of draws, 90% intervals, their quantile, digits of an id
    "0.0001", "-0.0001",   # an estimate that rounds to zero is smaller than this
    "0", "1978", "1994", "2022", "1",  # the reference of an event study; (Mundlak 1978) and other sources; part 1
    "2011",                # a moderator "is taken in 2011", the year of its condition
}  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run an example with few draws and without pictures that the appendix does not use."""
    monkeypatch.setattr("specdid._run.describe._drawings", lambda *_: ())
    monkeypatch.setattr("specdid._run.report.write_report", lambda *_, **__: ())

    def of(name):
        text = (SPECS / f"{name}.toml").read_text(encoding="utf-8").replace('"data/', f'"{SPECS.as_posix()}/data/')
        text = re.sub(r"(?m)^draws *=.*", "draws = 19", text)
        # Its permutations are those of castle, and here fits of Sun and Abraham again and again.
        if name == "smart_city":
            text = re.sub(r"(?m)^null *=.*", 'null = ["wild"]', text)
        text = re.sub(r"(?m)^formats *=.*", 'formats = ["pdf"]', text)
        spec = tmp_path / f"{name}.toml"
        spec.write_text(text, encoding="utf-8")
        return specdid.run(spec, out=tmp_path / "out", jobs=1, audit=0), tmp_path / "out"

    return of


def combinations(tie):
    """Count the combinations of tied options; a list within a row is crossed."""
    sizes = ([len(x) if isinstance(x, list) else 1 for x in row] for row in tie["options"])
    return str(sum(map(prod, sizes)))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_number_is_one_of_the_results_and_it_compiles(run, tmp_path, example):
    curve, out = run(example)
    check_estimates(out, curve)
    check_selected(out)
    spec = tomllib.loads((tmp_path / f"{example}.toml").read_text(encoding="utf-8"))
    written = texts(out, curve) | strings(spec) | {combinations(tie) for tie in spec.get("together", [])}
    unknown = [found for part, pool in parts(out, curve) for found in strangers(part, pool, written)]
    assert not unknown, "\n".join(f"{token}: …{' '.join(around.split())}…" for token, around in unknown[:20])
    if shutil.which("pdflatex") is None and environ.get("CI") != "true":
        pytest.skip("the numbers are right; no pdflatex (texlive-latex-extra) to compile with")
    assert not complaints(compile_tex(out / "appendix_main.tex"))
    for document in PAPERS:
        assert not complaints(compile_tex(paper(out, document)))


def strangers(part, pool, labels):
    pool = [*pool, *(float(text) for text in labels if is_number(text))]
    found = numerals(plain(part), {text for text in labels if not is_number(text)})
    assert found, "no number was read"
    return [(token, around) for token, around in found if token not in STRUCTURAL and not is_printed_of(token, pool)]


def parts(out, curve):
    """Give the sections with the numbers each may print: those of its own files."""
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    head, *sections = inlined(out / "appendix.tex").split(r"\specdidsection{")[1:]
    of_curve = [
        *cells(out / "inference.csv"),
        *cells(out / "appendix_estimates.csv"),
        len(rows(out / "appendix_estimates.csv")) - 1,  # the kinds that the table has besides
        *of_results(out),
        manifest["seed"],
        *manifest["counts"].values(),
        *ranks(out, curve),
        *under_nulls(out),
    ]
    # Versions are texts, so they are looked for as such.
    for version in (manifest["versions"][name] for name in ("python", "pyfixest", "numpy", "scipy")):
        assert version in head
        head = head.replace(version, "")
    if r"\begin{minipage}" in head:
        before, _, rest = head.partition(r"\begin{minipage}")
        frame, _, after = rest.partition("\n")[2].partition(r"\end{minipage}")
        head = before + after
        yield frame, of_warnings(out)
    yield head.replace(specdid.__version__, ""), of_curve
    # The last section's text is followed by all tables, each for itself; one that goes on has no label.
    pools = {
        "appendix_choices": [*cells(out / "choices.csv"), *whole_shares(out)],
        "appendix_selected": cells(out / "appendix_selected.csv"),
        "appendix_estimates": of_curve,
        "inference": of_curve,
    }
    pool = None
    _, *tables = re.split(r"(?=\\edef\\specdidfloat|\\begin\{landscape\})", sections[-1])
    assert len(tables) >= 5
    for table in tables:
        for stem in re.findall(r"tab:[^:]+:([\w-]+)\}", table):
            files = [p for p in out.glob("*.csv") if key(p.stem).startswith(stem)]
            pool = next((pools[own] for own in pools if stem.startswith(key(own))), None)
            pool = pool or [manifest["seed"], *(n for p in files for n in cells(p))]
        yield table, pool


def of_warnings(out):
    """Give the numbers in the messages of warnings.csv, and how many of a kind there are besides the first."""
    found = rows(out / "warnings.csv")
    kinds = [row["code"] for row in found]
    messages = [token for row in found for token, _ in numerals(f"{row['where']}: {row['message']}", set())]
    return [*map(float, messages), *(kinds.count(kind) - 1 for kind in dict.fromkeys(kinds))]


def under_nulls(out):
    """Count the specifications under each null."""
    nulls = [row["null"] for row in rows(out / "inference_specifications.csv")]
    return [nulls.count(null) for null in dict.fromkeys(nulls)]


def key(stem):
    return re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-")


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cells(path):
    """Give the numbers of a CSV file, and the roots of its variances, which Hausman's table prints."""
    found = [(name, float(value)) for row in rows(path) for name, value in row.items() if is_number(value)]
    return [n for _, n in found] + [n**0.5 for name, n in found if name.startswith("variance_")] + through(path)


def through(path):
    """Give what the mediator takes of each effect: that without it less that with it, which is printed alone."""
    effects = {}
    for row in rows(path) if path.name.startswith("mechanism") else ():
        if "equation" in row and row["estimate"]:
            effects.setdefault((row["outcome"], row["vcov"], row["term"]), []).append(float(row["estimate"]))
    return [e[0] - e[-1] for e in effects.values() if len(e) == 3]


def whole_shares(out):
    """Give each dimension's share of the variance, the controls' added up."""
    shares = [r for r in rows(out / "choices.csv") if r["measure"] == "variance share"]
    kinds = dict.fromkeys((r["scale"], r["estimand"], r["dimension"]) for r in shares)
    return [
        sum(float(r["value"]) for r in shares if (r["scale"], r["estimand"], r["dimension"]) == kind) for kind in kinds
    ]


def of_results(out):
    """Give what the caption may take from results.parquet: options, ranges of sizes, the preferred row."""
    table = pl.read_parquet(out / "results.parquet")
    first = table.filter(pl.col("vcov") == table["vcov"][0])
    ok = first.filter(pl.col("status") == "ok")
    dimensions = table.columns[2 : table.columns.index("vcov")]
    sizes = [getattr(ok[c], f)() for c in ("nobs", "n_units", "n_treated", "n_clusters") for f in ("min", "max")]
    preferred = first.filter(pl.col("preferred")).select("estimate", "conf_low", "conf_high", "p_value").row(0)
    others = ok.select("scale", "estimand").n_unique() - 1
    return [*(first[d].n_unique() for d in dimensions), *sizes, *preferred, others]


def ranks(out, curve):
    """Give the preferred specification's rank among its own kind, counted anew."""
    table = pl.read_parquet(out / "results.parquet").filter(pl.col("status") == "ok")
    first = table.filter(pl.col("vcov") == table["vcov"][0])
    mine = first.filter(pl.col("preferred"))
    kind = first.filter((pl.col("scale") == mine["scale"][0]) & (pl.col("estimand") == mine["estimand"][0]))
    return [int((kind["estimate"] <= mine["estimate"][0]).sum()), len(kind)]


def texts(out, curve):
    """Give every text of the study that may hold a digit: labels, terms, names of files, ids."""
    planned = curve.results.planned
    found = {label for labels in planned.labels for label in labels}
    found |= {*planned.dimensions, *planned.control_terms, *planned.term.words, *planned.vcovs}
    found |= {*planned.display.values(), *planned.scale.words, *planned.estimand.words, planned.title, "s²₁", "s²₀"}
    for path in out.glob("*.csv"):
        if path.stem not in ("results", "inference_specifications", "warnings"):
            found |= {v for row in rows(path) for k, v in row.items() if not is_number(v) or k == "spec_id"}
    labels = curve.results.planned.display
    found |= {relabel(text, labels) for text in (*found, *curve.results.planned.control_terms)}
    found |= {part for text in {*labels.values(), *found} if "::" not in text for part in broken(text)}
    found |= {row["spec_id"][:8] for row in rows(out / "appendix_selected.csv")}
    found |= {h for text in out.glob("*.tex") for h in re.findall(r"caption\{([^{}]*)\}", text.read_text("utf-8"))}
    return {text for text in found if text and re.search(r"\d", text)} | {f"({k})" for k in range(1, 20)}


def broken(text):
    """Give the beginnings and ends of a label that is broken over lines, but no numbers."""
    words = text.split()
    if len(words) > 8:
        return set()
    parts = {" ".join(words[a:b]) for k in range(len(words) + 1) for a, b in ((0, k), (k, None))}
    return {part for part in parts if re.search(r"[A-Za-z–]", part)}


def strings(table):
    """Give the texts of a spec file, keys and values."""
    if isinstance(table, str):
        return {table}
    if isinstance(table, list):
        return {text for item in table for text in strings(item)}
    return {*table, *(text for item in table.values() for text in strings(item))} if isinstance(table, dict) else set()


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


REAL = ("significant_negative", "significant_positive")
NULL = ("null_negative", "null_positive", "null_high")


def check_estimates(out, curve):
    """Compute appendix_estimates.csv again from results.parquet; the null's shares are the run's."""
    table = pl.read_parquet(out / "results.parquet").filter(pl.col("status") == "ok")
    first, planned = table.filter(pl.col("vcov") == table["vcov"][0]), curve.results.planned
    for row in rows(out / "appendix_estimates.csv"):
        kind = first.filter((pl.col("scale") == row["scale"]) & (pl.col("estimand") == row["estimand"]))
        kind = kind.filter(pl.Series([KINDS[planned.kind[k - 1]] == row["type"] for k in kind["index"]]))
        y, significant = kind["estimate"], kind["p_value"].fill_null(1) < 0.05
        shares = [(significant & side).mean() for side in (y < 0, y > 0)]
        again = [len(kind), y.median(), y.min(), y.max()]
        said = ("n", "median", "lowest", "highest")
        assert [float(row[k]) for k in said] == pytest.approx(again, rel=1e-9, abs=1e-12)
        null = curve.null_shares.get((row["scale"], row["estimand"])) if row["type"] == KINDS[0] else None
        if null is None:
            assert not any(row[k] for k in ("tested", *REAL, *NULL))
            continue
        assert int(row["tested"]) == null.tested
        assert [float(row[k]) for k in NULL] == pytest.approx([null.null_negative, null.null_positive, null.null_high])
        assert [float(row[k]) for k in REAL] == pytest.approx([null.negative, null.positive])
        if null.tested == len(kind) and not null.errors:
            assert [float(row[k]) for k in REAL] == pytest.approx(shares, rel=1e-9, abs=1e-12)


def check_selected(out):
    """The treatment's row of every selected specification is that of results.parquet."""
    table = {(r["index"], r["vcov"]): r for r in pl.read_parquet(out / "results.parquet").iter_rows(named=True)}
    seen = set()
    for row in rows(out / "appendix_selected.csv"):
        place = (row["table"], int(row["index"]), row["vcov"])
        if place in seen:
            continue
        seen.add(place)
        result = table[place[1:]]
        assert row["spec_id"] == result["spec_id"]
        for name in ("estimate", "std_error", "p_value", "nobs", "n_units", "n_treated", "n_clusters", "r2_within"):
            if result[name] is None:
                assert row[name] in ("", "-1")
            else:
                assert float(row[name]) == pytest.approx(result[name], rel=1e-7), name
    roles = {row["role"] for row in rows(out / "appendix_selected.csv")}
    assert any(r.startswith("Preferred") for r in roles)
    assert any("ighest" in r for r in roles)
