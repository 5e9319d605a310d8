"""Every field of a spec that takes an expression or a name refuses what is hostile, and says where."""

import polars as pl
import pytest
import specdid
from hostile import COLUMNS, HOSTILE
from specdid.language import LanguageError, parse
from specdid.language.tree import Name

NO_NAMES = """
[study]
unit = "city_id"
time = "year"
scale = "log points"
cohort = {0}

[derive]
bad = {0}

[macros]
bad = {0}

[outcome]
"good" = "y"
"bad" = {0}
"worse" = {{ formula = {0} }}

[treatment]
"good" = "x"
"bad" = {0}
"worse" = {{ term = {0} }}
"with" = {{ term = "x", with = {0} }}
"cohort" = {{ term = "x", cohort = {0} }}

[controls]
"bad" = {0}
"worse" = {{ formula = {0} }}

[fixed_effects]
"bad" = {0}

[sample]
"bad" = {0}
"worse" = {{ where = {0} }}
"on" = {{ match = {{ on = {0} }} }}
"at" = {{ match = {{ on = "x", at = {0} }} }}
"treated" = {{ match = {{ on = "x", treated = {0} }} }}
"exact" = {{ match = {{ on = "x", exact = {0} }} }}

[weights]
"bad" = {0}

[estimator]
"bad" = {0}
"worse" = {{ method = {0} }}

[variant."v"]
"off" = {{}}
"derive" = {{ derive = {{ y = {0} }} }}
"add" = {{ add = {0} }}
"absorb" = {{ absorb = {0} }}
"where" = {{ where = {0} }}

[vcov]
"bad" = {0}
"worse" = {1}

[[exclude]]
when = {{ controls = {{ has = {0} }} }}
because = "has"
[[exclude]]
when = {{ controls = {{ lacks = {0} }} }}
because = "lacks"

[inference]
null = {0}
cluster = {0}
assign = {0}
level = {0}
strata = {0}

[run]
backend = {0}

[figure]
sort = {0}
formats = [{0}]
"""

KEYS = """
[study]
unit = {0}
time = {0}
outcome = "y"
treatment = "x"
"""

SHORT = """
[study]
step = {0}
missing = {0}
never = {0}
one_at_a_time = [{0}]
outcome = {0}
treatment = {0}
formula = {0}
sead = {0}
"""


@pytest.fixture(autouse=True)
def read_once(monkeypatch):
    """A text is the same tree, or the same mistake, in every field: some take a while."""
    known = {}

    def remembered(text):
        if text not in known:
            try:
                known[text] = parse(text)
            except LanguageError as error:
                known[text] = error
        if isinstance(known[text], LanguageError):
            raise known[text]
        return known[text]

    monkeypatch.setattr("specdid.language.parse", remembered)


def toml(text: str) -> str:
    """Write ``text`` as a TOML text on one line."""
    plain = set(map(chr, range(32, 127))) - set('"\\\\')
    return '"' + "".join(c if c in plain else f"\\U{ord(c):08x}" for c in text) + '"'


def fault_lines(template: str, text: str, tmp_path) -> tuple[set[int], set[int]]:
    """The lines that hold the hostile text, and those with a fault."""
    path = tmp_path / "a.toml"
    written = template.format(toml(text), toml("~" + text))
    path.write_text(written, encoding="utf-8")
    expected = {n for n, line in enumerate(template.split("\n"), 1) if "{0}" in line or "{1}" in line}
    frame = pl.DataFrame({name: [1.0, 2.0, 3.0, 4.0] for name in COLUMNS})
    faults = specdid.check(path, frame)
    assert all(f.message and f.place for f in faults.errors), text[:60]
    return expected, {f.place.line for f in faults.errors}


@pytest.mark.parametrize("template", [NO_NAMES, SHORT, KEYS], ids=["tables", "short forms", "keys"])
def test_refused_in_every_field(template, tmp_path):
    lines = template.split("\n")
    wrong = []
    for text in HOSTILE:
        expected, found = fault_lines(template, text, tmp_path)
        wrong += [(text[:60], lines[n - 1]) for n in sorted(expected - found)]
    assert wrong == []


@pytest.mark.parametrize("table", ["derive", "macros"])
def test_no_definition_has_a_hostile_name(table, tmp_path):
    path, wrong = tmp_path / "a.toml", []
    for text in (t for t in HOSTILE if len(t) < 300):
        spec = f'[study]\noutcome = "y"\ntreatment = "x"\n[{table}]\n{toml(text)} = "a"\n'
        path.write_text(spec, encoding="utf-8")
        faults = specdid.check(path, pl.DataFrame({name: [1.0, 2.0] for name in COLUMNS}))
        refused = any(f.place and f.place.line == 5 for f in faults.errors)
        if refused == is_name(text):
            wrong.append((text[:60], "is refused" if refused else "is not refused"))
    assert wrong == []


def is_name(text: str) -> bool:
    """``x.T`` and anything in backticks are names, and harmless ones."""
    try:
        return isinstance(parse(text), Name)
    except LanguageError:
        return False
