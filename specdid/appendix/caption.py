"""What stands after the curve: everything a reader needs to judge it, in short sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from specdid._describe.joint_tests import statistic_names, towards
from specdid._records import Counts, Family, Planned, Results, Status
from specdid._records.numerals import decimals_for, ordinal, p_text
from specdid.analyses._words import listed, number
from specdid.analyses.table import error_words
from specdid.appendix._base import Material
from specdid.inference._curve_tests import CurveTests
from specdid.tables._base import PrintTable, Row, TidyTable

ESTIMATES = (
    "scale", "estimand", "n", "median", "lowest", "highest", "tested", "significant_negative", "null_negative",
    "significant_positive", "null_positive", "null",
)  # fmt: skip
"""Columns of appendix_estimates.csv; the first column is the outcome where there is no scale."""
_READING = (
    "The upper panel shows the estimates with their confidence intervals, in order of size{within}, the lower one "
    "which options made each."
)
IN_WORDS = 2
"""Up to so many families of estimates are described in the text, more in a table."""


def _reading(material: Material) -> str:
    """Say how to read the figure: what is in order, and whether one specification is marked."""
    groups = [family.group for family in material.families]
    within = " within an estimand" if len(set(groups)) < len(groups) else ""
    marked = material.results.preferred >= 0 and material.results.status[material.results.preferred] == Status.OK
    return _READING.format(within=within) + (" The preferred specification is marked." if marked else "")


def curve_account(material: Material) -> tuple[tuple[str, str], ...]:
    """Return (what of, sentences), in the order of a referee's questions."""
    account = (
        ("The figure", _reading(material) if material.figures else ""),
        ("What was varied", varied(material)),
        ("Specifications", counts_words(material.results.counts)),
        ("Estimates", _estimates(material, material.families)),
        joint_tests(material.tests, material.results),
        ("Against them", material.against.verdict),
        ("Preferred specification", _preferred(material.results)),
        ("Samples", _samples(material.results)),
        ("Standard errors", _errors(material)),
        ("Software", _software(material)),
    )
    return tuple((head, text) for head, text in account if text)


def counts_words(counts: Counts) -> str:
    """Say what became of the specifications planned, in the words of a paper."""
    rest = (
        (counts.failed, "could not be estimated"),
        (counts.excluded, "excluded beforehand, since the options do not go together"),
        (counts.duplicate, "left out as the same model as another"),
    )
    if counts.ok == counts.planned:
        return f"{counts.planned:,} planned, all estimated."
    parts = [f"{counts.ok:,} estimated", *(f"{n:,} {words}" for n, words in rest if n)]
    return f"{counts.planned:,} planned: {listed(parts)}."


def varied(material: Material) -> str:
    """Say which dimensions have how many options."""
    planned, label = material.results.planned, material.bench.label
    counted = {
        n: f"{label(n.replace('_', ' '))} ({len(texts):,})"
        for n, texts in zip(planned.dimensions, planned.labels, strict=True)
        if len(texts) > 1
    }
    tied = {n for tie in planned.together for n in tie}
    free = [text for n, text in counted.items() if n not in material.one_at_a_time and n not in tied]
    single = [text for n, text in counted.items() if n in material.one_at_a_time]
    free += [_tied(planned, [counted.get(n, n) for n in tie], tie) for tie in planned.together]
    crossed = ", in all combinations." if single else "."
    parts = [f"{_capital(listed(free))}{crossed}"] if free else []
    if single:
        parts.append(f"{'Besides, one' if free else 'One'} at a time: {listed(single)}.")
    return " ".join([*parts, "In parentheses the number of options."]) if parts else "Nothing."


def _tied(planned: Planned, counted: Sequence[str], tie: Sequence[str]) -> str:
    """Name dimensions that are tied, with the number of their combinations that are planned."""
    options, _ = planned.combined(planned.choice(tie), np.arange(len(planned)))
    return f"{' with '.join(counted)} where they belong together ({len(options):,} combinations)"


def _estimates(material: Material, found: tuple[Family, ...]) -> str:
    """Describe few families all, of many only the preferred specification's, or the first."""
    if len(found) <= IN_WORDS:
        return " ".join(_family(material, f) for f in found)
    mine = next((f for f in found if material.results.preferred in f), found[0])
    others = len(found) - 1
    return f"{_family(material, mine)} The table of estimates has the other {others} kinds."


def _family(material: Material, family: Family) -> str:
    n, median, low, high, tested, negative, null_negative, positive, null_positive = numbers(material, family)
    said = f"{_capital(family.name)}: median {median}, range {low} to {high} ({n} estimates)."
    if not null_negative:
        return said
    alpha = material.results.planned.alpha
    errors, under = material.null_shares[family.key].errors, material.null_shares[family.key].null
    under = f" ({under})" if under else ""
    level = f"p < {alpha:g}" + (f" under standard errors clustered by {errors}" if errors else "")
    many = f"Of the {tested} tested, {negative}" if tested != n else negative
    return (
        f"{said} {many} are negative with {level}, where {null_negative} are expected without any effect{under}, "
        f"and {positive} positive, where {null_positive} are."
    )


def numbers(material: Material, family: Family) -> tuple[str, ...]:
    """Return a family's count, median, range, and of those a null tested the shares significant beside the null's."""
    results, places = material.results, family.places
    estimate = results.estimate[places]
    decimals = decimals_for(estimate)
    spread = (np.median(estimate), estimate.min(), estimate.max())
    head = (f"{len(places):,}", *(number(float(v), decimals) for v in spread))
    null = material.null_shares.get(family.key)
    if null is None:
        return (*head, "", "", "", "", "")
    shares = (null.negative, null.null_negative, null.positive, null.null_positive)
    return (*head, f"{null.tested:,}", *(f"{s:.1%}" for s in shares))


def estimates_csv(material: Material) -> TidyTable:
    """Return every family's numbers in full, and of those tested the shares beside those the first null expects."""
    results, rows = material.results, []
    for family in material.families:
        estimate = results.estimate[family.places]
        null = material.null_shares.get(family.key)
        names = ("tested", "negative", "null_negative", "positive", "null_positive")
        shares = [None if null is None else getattr(null, name) for name in names]
        spread = (float(np.median(estimate)), float(estimate.min()), float(estimate.max()))
        rows.append((*family.key, len(estimate), *spread, *shares, None if null is None else null.null or None))
    return TidyTable(ESTIMATES, tuple(rows))


def estimates_table(material: Material) -> PrintTable | None:
    """Tabulate the families where they are too many for the note below the figure."""
    found = material.families
    if len(found) <= IN_WORDS:
        return None
    rows = [(f, numbers(material, f)) for f in found]
    tested = any(cells[5] for _, cells in rows)
    kept = range(9 if tested else 4)
    columns = ("Estimates", "Median", "Lowest", "Highest", "Tested", "Below 0", "Null", "Above 0", "Null")
    blocks = []
    for group in dict.fromkeys(f.shown for f, _ in rows):
        mine = [Row(_capital(f.estimand or group), tuple(c[k] for k in kept)) for f, c in rows if f.shown == group]
        alone = len({f.shown for f, _ in rows}) == 1 or mine[0].label == _capital(group)
        blocks.append(tuple(mine) if alone else (Row(group, ("",) * len(kept)), *mine))
    nulls = dict.fromkeys(s.null for f in found if (s := material.null_shares.get(f.key)) and s.null)
    of = {null: [f.name for f in found if (s := material.null_shares.get(f.key)) and s.null == null] for null in nulls}
    named = [null if len(nulls) == 1 else f"{null}: {', '.join(of[null])}" for null in nulls]
    notes: tuple[str, ...] = ("Estimates of different scales or estimands are not compared with each other.",)
    if tested:
        notes += (
            f"Below and above 0: of the specifications tested, the share with p < {material.results.planned.alpha:g}; "
            f"Null: the share of the same that is expected without any effect ({'; '.join(named)}).",
        )
        if not all(cells[5] for _, cells in rows):
            notes += ("No share is given where no null tested the specifications.",)
    notes += (material.against.verdict,) if material.against.verdict else ()
    return PrintTable("Estimates by estimand", tuple(columns[k] for k in kept), tuple(blocks), notes=notes)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def joint_tests(tests: tuple[CurveTests, ...], results: Results) -> tuple[str, str]:
    """Return the p-values under one null after the other: the primary test, then the others, of equal p together."""
    if not tests:
        return "Joint tests", ""
    names = statistic_names(tests, results)
    said = [f"{_capital(t.title)} ({t.drawn}): {_by_role(t, names)}." for t in tests]
    said.append("The table of tests has the statistics and their ranges without any effect.")
    return "Joint tests", " ".join(said)


def _by_role(test: CurveTests, names: Mapping[str, str]) -> str:
    def of(role: str) -> tuple[tuple[str, float], ...]:
        mine = [r for r in test.tests if r.role == role]
        return tuple((names.get(r.statistic, r.statistic) + towards(r), r.p_value) for r in mine)

    primary, secondary = of("primary"), of("secondary")
    if not primary:
        return _p_values(secondary)
    lead = f"primary test {_p_values(primary)}"
    return f"{lead}; secondary {_p_values(secondary)}" if secondary else lead


def _p_values(tests: tuple[tuple[str, float], ...]) -> str:
    alike: dict[str, list[str]] = {}
    for name, p in tests:
        alike.setdefault(p_text(p), []).append(name)
    if len(alike) == 1 and len(tests) > 1:
        return f"{next(iter(alike))} for every statistic"
    return ", ".join(f"{p} ({'; '.join(names)})" for p, names in alike.items())


def _preferred(results: Results) -> str:
    place = results.preferred
    if place < 0 or results.status[place] != Status.OK:
        return "It has no estimate." if results.planned.preferred >= 0 else ""
    estimate = float(results.estimate[place])
    low, high, p = (float(results.first(n)[place]) for n in ("conf_low", "conf_high", "p_value"))
    decimals = decimals_for(np.array([estimate]))
    rank, of = results.rank(place)
    level = f"{100 * (1 - results.planned.alpha):g}%"
    interval = f" ({level} interval {number(low, decimals)} to {number(high, decimals)}, {p_text(p)})"
    beside = interval if np.isfinite(low) else ""
    return f"{number(estimate, decimals)}{beside}; {ordinal(rank)} of {of:,} from the lowest."


def _samples(results: Results) -> str:
    ok = results.status == Status.OK
    words = {"nobs": "observations", "n_units": "units", "n_treated": "treated units", "n_clusters": "clusters"}
    return _capital(listed(list(_ranges(results, ok, words)))) + "."


def _ranges(results: Results, ok: np.ndarray, words: dict[str, str]) -> Iterator[str]:
    for name, what in words.items():
        values = results.first(name)[ok]
        values = values[values >= 0]
        if len(values):
            low, high = int(values.min()), int(values.max())
            yield f"{low:,} {what}" if low == high else f"{low:,} to {high:,} {what}"


def _errors(material: Material) -> str:
    first = error_words(material.bench)
    others = material.results.planned.vcovs[1:]
    also = f"; results.csv has them by {listed(others)} too" if others else ""
    return f"{_capital(first)}{also}."


def _software(material: Material) -> str:
    listed = ", ".join(f"{name} {version}" for name, version in material.versions.items())
    return f"{listed}; seed {material.bench.study.seed}." if listed else ""
