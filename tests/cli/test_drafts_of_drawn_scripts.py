"""R scripts drawn at random: each regression of the draft has R's rows and regressors, or the script's is not read."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from frames_as_panels import panel_of, values
from r_scripts import Script, script
from specdid._draft.of_code import facts_of, read_code
from specdid.language import LanguageError
from specdid.panel.errors import EvaluationError
from specdid.panel.files import cells_as_written, read_columns

FIRST, SCRIPTS = int(os.environ.get("SPECDID_DRAWN_FIRST", "0")), int(os.environ.get("SPECDID_DRAWN", "150"))
"""More of them by hand."""


def judged(drawn: Script, path: Path) -> list[tuple[str, str, str]]:
    """Of each regression that is taken over: its regressor, "right", "asks" for a column, or "wrong", and how."""
    columns = {n: [None if v is None or v != v else v for v in c] for n, c in drawn.data.items() if n != "row"}
    pl.DataFrame(columns, strict=False).write_csv(path, null_value="" if drawn.blank else "NA")
    facts = facts_of(read_columns(path, path.name).columns, "", cells_as_written(path).missing)
    code = read_code(drawn.text, ".R", facts)
    listed = {line for line, *_ in code.skipped}
    first = 1 + drawn.text[: drawn.text.index("feols(")].count("\n")
    lines = {first + k: term for k, term in enumerate(drawn.terms)}
    assert {*lines} == {r.line for r in code.regressions} | (listed & {*lines}), "a regression is lost"
    panel, found = panel_of(columns, "id", "t"), []
    for r in code.regressions:
        try:
            kept = values(panel, r.condition, **code.derived) if r.condition != "TRUE" else [1.0] * len(columns["id"])
            y, *terms = (values(panel, one, **code.derived) for one in (r.outcome, *r.terms))
            for effect in r.effects.split(" + "):
                values(panel, effect, **code.derived)
        except (LanguageError, EvaluationError) as error:  # a run stops, at a column that a listed line makes
            asks = isinstance(error, LanguageError) and code.skipped
            found.append((lines[r.line], "asks" if asks else "wrong", str(error)))
            continue
        expected = drawn.expected(lines[r.line])
        got = {
            k: one
            for k, one in enumerate(terms[0])
            if kept[k] == 1 and one is not None and y[k] is not None and np.isfinite(one)
        }
        same = got.keys() == expected.keys() and len(terms) == 1
        same = same and all(np.isclose(one, expected[k], rtol=1e-8, atol=1e-9) for k, one in got.items())
        differ = [(k, got.get(k), expected.get(k)) for k in sorted({*got, *expected}) if got.get(k) != expected.get(k)]
        told = [*code.comments.get("derive", ()), *code.comments.get("sample", ())]
        told = [one for one in told if "in R" in one]  # what is infinite there, and rows that are a group
        how = f"{r.terms} {r.condition} {code.derived} {differ[:3]} {told} {sorted(listed)}"
        found.append((lines[r.line], "right" if same else "told" if told else "wrong", how))
    return found


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_drafts_of_drawn_scripts_have_the_rows_and_regressors_of_r_or_list_the_line(tmp_path):
    count: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + SCRIPTS):
        drawn = script(seed)
        for term, what, how in judged(drawn, tmp_path / "a.csv"):
            count[what] += 1
            assert what != "wrong", f"seed {seed}, {term}: {how}\n{drawn.text}"
    assert count["right"] > SCRIPTS / 3, count
