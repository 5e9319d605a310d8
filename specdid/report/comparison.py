"""A comparison of two runs in words and tables, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from specdid._compare import (
    ALIKE,
    Comparison,
    FamilyMove,
    OptionMove,
    Side,
    StatusChange,
    in_errors,
    redefined_options,
    shown_group,
)
from specdid._diagnostics import first_few, many
from specdid._records import Results, Status
from specdid._records.cautions import headline
from specdid._records.numerals import decimals_for, minus, ordinal, signed, specifications
from specdid.inference._base import null_words
from specdid.report.summary import joined, table

MOST = 10
"""Rows listed of what may be thousands; the rest is in the CSV file."""
SETTINGS, LONGEST = 40, 160
"""Settings listed, and characters of each."""
LEAST = 0.01
"""Choices that explain less of the moves' variance are not listed."""


@dataclass(frozen=True, slots=True)
class ComparedBlock:
    """A heading, lines, and a table whose first ``texts`` columns are text; a table may be absent."""

    title: str
    lines: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    texts: int = 1


def markdown(comparison: Comparison) -> str:
    """Write the whole comparison as Markdown."""
    lines: list[str] = []
    for k, block in enumerate(blocks(comparison)):
        lines += ["", f"## {block.title}", ""] if k else [f"# {block.title}", ""]
        lines += block.lines
        if block.rows:
            lines += [*([""] if block.lines else []), *table(block.header, block.rows, block.texts)]
    return joined(lines) + "\n"


def blocks(comparison: Comparison) -> tuple[ComparedBlock, ...]:
    """Return what there is to say, in order; blocks without anything are left out."""
    found = [
        _head(comparison),
        _specifications(comparison),
        _settings(comparison),
        ComparedBlock("Changes of status", tuple(_statuses(comparison.statuses, comparison.new))),
        *(_family(comparison, f) for f in comparison.families),
        _significance(comparison),
        _tests(comparison),
        _largest(comparison),
        *_options(comparison),
    ]
    return tuple(b for b in found if b.lines or b.rows)


def _head(comparison: Comparison) -> ComparedBlock:
    old, new = comparison.old.counts, comparison.new.counts
    words = ("planned", "ok", "failed", "excluded", "duplicate")
    rows = [(w, f"{getattr(old, w):,}", f"{getattr(new, w):,}") for w in words]
    titles = dict.fromkeys((comparison.old.planned.title, comparison.new.planned.title))
    title = " → ".join(visible(t) for t in titles if t) or "Two specification curves"
    rows.insert(0, ("results", *comparison.names))
    failed = comparison.failed
    head = f"{headline(failed[0])}. {title}" if failed else title
    return ComparedBlock(f"{head}: two runs", tuple(f"- {line}" for line in failed), ("", "old", "new"), tuple(rows))


def _specifications(comparison: Comparison) -> ComparedBlock:
    """Count by kind of change, then name the options and labels that differ."""
    pairs = comparison.pairs
    status = comparison.old.status[pairs.old] != comparison.new.status[pairs.new]
    other = comparison.changed & ~pairs.redefined
    same = len(pairs.new) - np.count_nonzero(other | status | pairs.redefined)
    alone = "" if comparison.vcovs else " estimate, under other standard errors"
    parts = {
        f"the same{alone}": int(same),
        "with other numbers": int(np.count_nonzero(other)),
        "with another status": int(np.count_nonzero(status & ~pairs.redefined)),
        "redefined (same labels, other content)": int(np.count_nonzero(pairs.redefined)),
        "added": len(pairs.added),
        "removed": len(pairs.removed),
    }
    counts = ", ".join(f"{n:,} {words}" for words, n in parts.items() if n)
    lines = [f"- {counts or 'none'} (matched by content; duplicates count once)"]
    for name, labels in redefined_options(comparison).items():
        lines.append(f"- redefined in {visible(name)}: {first_few([f'`{visible(label)}`' for label in labels], MOST)}")
    lines += _renames(comparison)
    lines += _options_that_differ(comparison)
    lines += [f"- {line}" for line in comparison.setup]
    return ComparedBlock("Specifications", tuple(lines))


def _settings(comparison: Comparison) -> ComparedBlock:
    """List what the spec files say otherwise, old and new."""
    changes = comparison.settings
    rows = tuple(
        (_short(c.setting), _short(c.old) or "not set", _short(c.new) or "not set") for c in changes[:SETTINGS]
    )
    rest = len(changes) - SETTINGS
    lines = ("Tests and levels hold for choices made before results were seen: say in the paper which are not.",)
    more = (f"{many(rest, 'more setting')} changed: compare the two spec files.",) if rest > 0 else ()
    return ComparedBlock("Settings that changed", (*lines, *more) if rows else (), ("setting", "old", "new"), rows, 3)


def _short(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _renames(comparison: Comparison) -> Iterator[str]:
    for r in comparison.renamed[:MOST]:
        what = f"{visible(r.dimension)}: " if r.dimension else "dimension "
        yield f"- renamed: {what}`{visible(r.old)}` → `{visible(r.new)}`"
    if len(comparison.renamed) > MOST:
        yield f"- renamed: {many(len(comparison.renamed) - MOST, 'more label')}"


def _options_that_differ(comparison: Comparison) -> Iterator[str]:
    """Name the options that one run alone has, dimension by dimension."""
    before, after = _labels(comparison.old), _labels(comparison.new)
    named = {"": {r.new: r.old for r in comparison.renamed if not r.dimension}}
    for dimension in dict.fromkeys([*after, *before]):
        if dimension in named[""].values():
            continue
        old = before.get(named[""].get(dimension, dimension), ())
        new = after.get(dimension, ())
        known = {r.old: r.new for r in comparison.renamed if r.dimension == dimension}
        came = [label for label in new if label not in old and label not in known.values()]
        went = [label for label in old if label not in new and label not in known]
        for words, labels in (("added", came), ("removed", went)):
            if labels:
                shown = first_few([f"`{visible(label)}`" for label in labels], 4)
                yield f"- {words} in {visible(dimension)}: {shown}"


def _labels(results: Results) -> dict[str, tuple[str, ...]]:
    planned = results.planned
    return {name: tuple(planned.labels[d]) for d, name in enumerate(planned.dimensions)} | {"vcov": planned.vcovs}


def _statuses(changes: Sequence[StatusChange], new: Results) -> Iterator[str]:
    for change in changes[:MOST]:
        words = f"{change.old.name.lower()} → {change.new.name.lower()}"
        why = f" `{change.code}`: {visible(change.message)}" if change.code else ""
        before = " (before:" if change.new == Status.OK and why else ""
        example = new.planned.spec_id(change.example)
        yield f"- {change.n:,} {words}{before}{why}{')' if before else ''}; such as {example}"
    rest = sum(c.n for c in changes[MOST:])
    if rest:
        yield f"- {rest:,} more for other reasons"


def _estimands(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(f.estimand for f in comparison.families))


def _what(comparison: Comparison, family: FamilyMove) -> str:
    """Name the estimand where runs have several, and a kind that is apart."""
    estimand = visible(family.estimand) if len(_estimands(comparison)) > 1 else ""
    return "; ".join(filter(None, (estimand, family.apart)))


def _family(comparison: Comparison, family: FamilyMove) -> ComparedBlock:
    old, new = family.old, family.new
    ends = [s.low for s in (old, new)] + [s.high for s in (old, new)]
    decimals = decimals_for(np.array([e for e in ends if np.isfinite(e)] or [0.0]))

    def row(words: str, name: str) -> tuple[str, str, str, str]:
        a, b = getattr(old, name), getattr(new, name)
        return words, number(a, decimals), number(b, decimals), number(b - a, decimals, sign=True)

    rows = [
        ("specifications", f"{old.n:,}", f"{new.n:,}", minus(f"{new.n - old.n:+,}")),
        row("median", "median"),
        row("lowest", "low"),
        row("highest", "high"),
    ]
    if old.rank or new.rank:
        rows += [row("preferred", "preferred"), ("its rank", _rank(old), _rank(new), "")]
    name = f"{'Estimates in' if family.scaled else 'Effect on'} {visible(shown_group(comparison, family))}"
    what = _what(comparison, family)
    title = f"{name}: {what}" if what else name
    return ComparedBlock(title, _decomposed(family, decimals), ("", "old", "new", "move"), tuple(rows))


def _rank(side: Side) -> str:
    return f"{ordinal(side.rank)} of {side.of:,}" if side.rank else "–"


def _decomposed(family: FamilyMove, decimals: int) -> tuple[str, ...]:
    """Say how much of the median's move is due to the specifications that both runs have."""
    if not len(family.both_new) or not family.old.n or not family.new.n:
        return ()
    whole = family.new.median - family.old.median
    both = f"{specifications(len(family.both_new))} estimated in both runs"
    if len(family.both_new) == family.old.n == family.new.n:
        return (f"All {both}: the median moved by {number(whole, decimals, sign=True)}.",)
    rest = number(whole - family.median_both, decimals, sign=True)
    moved = f"The median moved by {number(whole, decimals, sign=True)}"
    own = number(family.median_both, decimals, sign=True)
    return (f"{moved}: {own} in the {both}, {rest} because the others differ.",)


def _significance(comparison: Comparison) -> ComparedBlock:
    """Set standard errors and significance side by side where errors or alpha differ: of the first vcov of each run."""
    old, new, pairs = comparison.old, comparison.new, comparison.pairs
    both = (old.status[pairs.old] == Status.OK) & (new.status[pairs.new] == Status.OK)
    a, b = pairs.old[both], pairs.new[both]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = new.first("std_error")[b] / old.first("std_error")[a]
    ratio = ratio[np.isfinite(ratio)]
    alphas = old.planned.alpha, new.planned.alpha
    if not len(a) or (alphas[0] == alphas[1] and not np.any(np.abs(ratio - 1) > ALIKE)):
        return ComparedBlock("Standard errors and significance")
    sides = [
        (run.first("p_value")[at] < alpha, run.estimate[at] < 0)
        for run, at, alpha in zip((old, new), (a, b), alphas, strict=True)
    ]
    was, now = sides[0][0], sides[1][0]
    rows = (
        ("first vcov", *(visible(run.planned.vcovs[0]) for run in (old, new))),
        ("significant is", *(f"p < {alpha:g}" for alpha in alphas)),
        ("significant, < 0", *(f"{np.count_nonzero(found & below):,}" for found, below in sides)),
        ("significant, > 0", *(f"{np.count_nonzero(found & ~below):,}" for found, below in sides)),
    )
    lost, won = int(np.count_nonzero(was & ~now)), int(np.count_nonzero(now & ~was))
    line = f"Of the {specifications(len(a))} in both runs {lost:,} lose and {won:,} gain significance"
    if len(ratio):
        low, middle, high = (f"{q:.2f}" for q in np.quantile(ratio, [0, 0.5, 1]))
        line += f"; new standard errors are {middle} times the old ones at the median ({low} to {high})"
    return ComparedBlock("Standard errors and significance", (f"{line}.",), ("", "old", "new"), rows)


def _tests(comparison: Comparison) -> ComparedBlock:
    """Set the joint tests side by side; the estimand is not repeated where there is one."""
    words = _estimands(comparison)
    alone = f"; {words[0]})" if len(words) == 1 else "\n"
    rows = tuple(
        (
            visible(null_words(t.null)),
            visible(_statistic(comparison, t.statistic).replace(alone, ")")),
            _four_digits(t.old),
            _four_digits(t.new),
            number(t.p_old, 3),
            number(t.p_new, 3),
            {"old": "in the old run", "new": "in the new run", "both": "in both"}.get(t.primary, ""),
        )
        for t in comparison.tests
    )
    header = ("null", "statistic", "old", "new", "old p", "new p", "primary test")
    return ComparedBlock("Joint tests", (), header, rows, texts=2)


def _four_digits(value: float) -> str:
    return minus(f"{value:.4g}") if np.isfinite(value) else "–"


def _statistic(comparison: Comparison, name: str) -> str:
    new = comparison.new.shown_statistic(name)
    return new if new != name else comparison.old.shown_statistic(name)


def _largest(comparison: Comparison) -> ComparedBlock:
    largest, moves = comparison.largest[:MOST], comparison.moves
    old, new, pairs = comparison.old, comparison.new, comparison.pairs
    if not len(largest):
        return ComparedBlock("Largest moves")
    shown = np.concatenate([old.estimate[pairs.old[largest]], new.estimate[pairs.new[largest]]])
    decimals = decimals_for(shown)
    rows = []
    for k in largest.tolist():
        a, b = int(pairs.old[k]), int(pairs.new[k])
        before, after = float(old.estimate[a]), float(new.estimate[b])
        rows.append(
            (
                new.planned.spec_id(b),
                _choices(new, b),
                number(before, decimals),
                number(after, decimals),
                number(after - before, decimals, sign=True),
                number(float(moves[k]), 2, sign=True),
            )
        )
    header = ("specification", "choices", "old", "new", "move", "in old SE")
    return ComparedBlock("Largest moves", (), header, tuple(rows), texts=2)


def _choices(results: Results, place: int) -> str:
    """Return the labels of the dimensions that vary."""
    planned = results.planned
    varying = [d for d, labels in enumerate(planned.labels) if len(labels) > 1]
    chosen = (planned.shown(planned.labels[d][planned.codes[place, d]]) for d in varying)
    return " · ".join(map(visible, chosen)) or "the only one"


def _options(comparison: Comparison) -> Iterator[ComparedBlock]:
    """List what each option's specifications moved by, for the choices that matter.

    Where content was redefined, a share is of a redefined choice alone: in what the others' specifications
    moved by stands the redefinition.
    """
    pairs, redefined = comparison.pairs, redefined_options(comparison)
    for family in comparison.families:
        moves = in_errors(comparison.old, comparison.new, family.both_old, family.both_new)
        if not family.options or not np.any(np.abs(moves) > ALIKE):
            continue
        decimals = decimals_for(np.array([o.mean for o in family.options]))
        shown = [o for o in family.options if o.share >= LEAST][: 2 * MOST]
        other = int(np.count_nonzero(np.isin(family.both_new, pairs.new[pairs.redefined])))
        rows = tuple(
            _option(
                o,
                decimals,
                share=(not k or shown[k - 1].choice != o.choice) and (not other or o.dimension in redefined),
                redefined=o.option in redefined.get(o.dimension, ()),
            )
            for k, o in enumerate(shown)
        )
        named = [visible(shown_group(comparison, family)), _what(comparison, family)]
        name = f": {'; '.join(filter(None, named))}" if len(comparison.families) > 1 else ""
        line = (
            f"Once for each choice its share of the variance of the moves, where at least {LEAST:.0%}; "
            "mean moves of the specifications in both runs."
        )
        if other:
            line += (
                f" {other:,} of these {len(family.both_new):,} have other content under the same labels: where moves "
                "differ by a choice that was not redefined, that does not make them its own, and it has no share."
            )
        header = ("choice", "option", "share", "n", "mean move", "in old SE")
        yield ComparedBlock(f"Which options moved{name}", (line,), header, rows, texts=2)


def _option(option: OptionMove, decimals: int, share: bool, redefined: bool) -> tuple[str, ...]:
    return (
        visible(option.choice),
        visible(option.option) + (" (redefined)" if redefined else ""),
        percent(option.share) if share else "",
        f"{option.n:,}",
        number(option.mean, decimals, sign=True),
        number(option.mean_se, 2, sign=True),
    )


def number(value: float, decimals: int, sign: bool = False) -> str:
    """Write a number with a real minus sign, a dash where there is none."""
    if not np.isfinite(value):
        return "–"
    return signed(f"{value:{'+' if sign else ''},.{decimals}f}")


def percent(value: float, sign: bool = False) -> str:
    """Write a share in percent."""
    return number(100 * value, 1, sign) + ("%" if np.isfinite(value) else "")


def visible(text: str) -> str:
    """Put a space for what a terminal would obey: labels are a stranger's text."""
    return "".join(c if c.isprintable() else " " for c in text)
