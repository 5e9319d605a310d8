"""The appendix before it is LaTeX, Markdown or Word: what stands in which part, and in which words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from specdid._describe.choices import Change, Choices
from specdid._describe.curve_tests import CurveTests, pooled_with, statistic_names, towards
from specdid._describe.instruments import beside_estimate
from specdid._records import Counts, Family, Planned, Results, Status
from specdid._records.cautions import capital, headline
from specdid._records.numerals import decimals_for, p_text, percent
from specdid._records.results import KINDS, MEDIAN
from specdid._words import later, said_list, say, sentences, told
from specdid.analyses._base import Bench, CellFit
from specdid.analyses._fit import CONSTANT_LABEL
from specdid.analyses._words import number
from specdid.analyses.table import HEADER as NUMBERS
from specdid.analyses.table import coefficients, effects, error_words, notes, statistics, tidy_rows
from specdid.appendix._base import AnalysisSection, Appendix, FigureItem, Material, Part, Picked, Selection, TableItem
from specdid.tables._base import PrintTable, Row, TidyTable, Value, unusable

FAMILIES = 4
"""So many families of estimates have tables of choices and of selected specifications of their own."""
MOST = 80
"""Options in one table; how many others there are is said."""
_COLUMNS = (later("Share of variance"), later("Mean change"), later("Pairs"))
_TREATMENT = later("Treatment effect")
_ID = 8
_NAMED = 8
ESTIMATES = (
    "scale", "estimand", "type", "n", "median", "lowest", "highest", "tested", "significant_negative", "null_negative",
    "significant_positive", "null_positive", "null_high", "null",
)  # fmt: skip
"""Columns of appendix_estimates.csv; the first column is the outcome where there is no scale."""
_READING = later(
    "The upper panel shows the estimates with their confidence intervals, in order of size{within}, "
    "the lower one which options made each."
)
_WITHOUT_ROWS = later(
    "The figure shows the estimates with their confidence intervals, in order of size{within}; for choices below them "
    "it has no room."
)
IN_WORDS = 2
"""Up to so many families of estimates are described in the text, more in a table."""


def key(name: str) -> str:
    """Make a study's name fit for references: ``smart_city`` is ``smart-city``.

    Two names never give one key: what the simple rule would take away is coded behind it.
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
    if re.fullmatch(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*", name):
        return plain
    return f"{plain}-{blake2b(name.encode(), digest_size=3).hexdigest()}".lstrip("-")


def label(name: str, file: str) -> str:
    """Return the reference of a file of a study, without its kind: ``castle:event-study``."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", file).strip("-")
    coded = "" if file.isascii() else "-" + "".join(f"{ord(c):x}" for c in file if not c.isascii())
    return f"{key(name)}:{plain}{coded}"


def assemble(material: Material) -> Appendix:
    """Put the appendix together."""
    parts = [
        Part(say("Specification curve"), tuple(_curve(material)), account=curve_account(material)),
        Part(say("Joint tests"), tuple(_tests(material))),
        Part(say("Choices"), tuple(_choices(material)), (*_more(material), *_reasons(material))),
        Part(say("Selected specifications"), tuple(_selected(material)), _not_selected(material)),
        *(_analysis(material, section) for section in material.analyses),
    ]
    title = material.results.planned.title or material.name
    others = tuple(
        _figure(material, stem, say("{where}: {message}", where=say(kind), message=title))
        for stem, kind in material.others
    )
    return Appendix(title, tuple(p for p in parts if p.items or p.text or p.account), material.against, others)


def _table(material: Material, stem: str, table: PrintTable, own: bool) -> TableItem:
    named = replace(table, label=f"tab:{label(material.name, stem)}")
    return TableItem(stem, unusable(named, material.against.failed), own)


def _figure(material: Material, stem: str, caption: str) -> FigureItem:
    failed = headline(material.against.failed)
    said = say("{failed}. {caption}", failed=failed, caption=caption) if failed else caption
    note = material.notes.get(stem, "") if material.figures == "pdf" else ""
    return FigureItem(f"{stem}.{material.figures}", said, f"fig:{label(material.name, stem)}", note)


def _curve(material: Material) -> Iterator[FigureItem | TableItem]:
    if material.figures:
        title = say("Specification curve: {title}", title=material.results.planned.title or material.name)
        yield _figure(material, "curve", title)
    table = estimates_table(material)
    if table is not None:
        yield _table(material, "appendix_estimates", table, True)


def _tests(material: Material) -> Iterator[TableItem]:
    if material.inference is not None:
        yield _table(material, "inference", material.inference, False)


def _choices(material: Material) -> Iterator[TableItem]:
    for k, one in enumerate(material.choices[:FAMILIES]):
        table = choices_table(material, one, alone=len(material.choices) == 1)
        yield _table(material, _numbered("appendix_choices", k), table, True)


def _more(material: Material) -> tuple[str, ...]:
    left = len(material.choices) - FAMILIES
    return (
        (
            say(
                "choices.csv has the same for {left:,} further kinds of estimates."
                if left > 1
                else "choices.csv has the same for {left:,} further kind of estimates.",
                left=left,
            ),
        )
        if left > 0
        else ()
    )


def _reasons(material: Material) -> Iterator[str]:
    """Say of what type options are, and why, in the words of the study."""
    for dimension, option, kind, why in material.reasons:
        name = material.bench.dimension(dimension)
        typed = say(" ({kind})", kind=say(kind)) if kind else ""
        of = {"dimension": capital(name), "option": material.bench.option(dimension, option), "type": typed}
        yield (
            say("{dimension}, {option}{type}: {why}.", **of, why=why.rstrip("."))
            if why
            else say("{dimension}, {option}{type}.", **of)
        )


def _selected(material: Material) -> Iterator[TableItem]:
    for k, selection in enumerate(material.selections):
        yield _table(material, _numbered("appendix_selected", k), selected_table(material, selection), True)


def _not_selected(material: Material) -> tuple[str, ...]:
    """Say of which estimates the tables of selected specifications have none: kinds, and outcomes of other kinds."""
    shown = {p.place for selection in material.selections for p in selection.picked}
    families = material.families
    lacking = [f.name for f in families if not any(place in f for place in shown)]
    outcome, ranked = material.results.planned.dimension("outcome"), material.results.ranked
    known = {c for f in families if f.name not in lacking for c in outcome.codes[ranked(f)].tolist()}
    lacking += [outcome.words[c] for c in sorted(known - {outcome.codes[place] for place in shown})]
    if not lacking:
        return ()
    more = len(lacking) - _NAMED
    names = [f"“{told(name)}”" for name in lacking[: _NAMED if more > 0 else None]]
    listed = said_list([*names, *([say("{more:,} more", more=more)] if more > 0 else [])])
    return (
        say(
            "These tables and appendix_selected.csv have no specification of {listed}: results.csv has them all, and "
            "[appendix] show adds those that it names.",
            listed=listed,
        ),
    )


def _numbered(stem: str, k: int) -> str:
    return stem if not k else f"{stem}_{k + 1}"


def _analysis(material: Material, section: AnalysisSection) -> Part:
    tables = [_table(material, stem, table, False) for stem, table in section.tables]
    figures = [_figure(material, stem, caption) for stem, caption in section.figures if material.figures]
    failure = (
        () if section.failure is None else (say("It could not be run: {failure}", failure=told(section.failure, True)),)
    )
    return Part(section.heading, (*tables, *figures), failure, analysis=True)


def choices_table(material: Material, choices: Choices, alone: bool) -> PrintTable:
    """Tabulate one family; ``alone`` where the curve has no other."""
    changes = [c for c in choices.changes if c.pairs]
    left = len(changes) - MOST
    shown = sorted(sorted(changes, key=lambda c: -abs(c.mean))[:MOST], key=changes.index) if left > 0 else changes
    decimals = decimals_for(np.array([c.mean for c in shown])) if shown else 3
    blocks = tuple(_block(material, choices, name, shown, decimals) for name in _dimensions(choices))
    rest = (Row(say("Combinations of choices"), (f"{choices.shares.rest:.1%}", "", "")),)
    family = say(": {family}", family=choices.family.name) if not alone else ""
    how = say("exact, since the choices are balanced") if choices.shares.balanced else told(choices.averaged, True)
    notes = (
        say(
            "Mean change: of the estimate when the option takes the place of the one in the first line of "
            "its block, all other choices equal, over the pairs of specifications that differ in nothing "
            "else."
        ),
        say("Shares of the variance of the estimates are {how}.", how=how),
        *([say("{left:,} more options, of smaller changes, are not shown.", left=left)] if left > 0 else []),
    )
    return PrintTable(
        say("Choices and what they change{family}", family=family),
        tuple(map(say, _COLUMNS)),
        (*(b for b in blocks if b), rest),
        notes=notes,
    )


def _dimensions(choices: Choices) -> Iterator[str]:
    yield from dict.fromkeys([*(f.dimension for f in choices.factors), *(c.factor.dimension for c in choices.changes)])


def _block(material: Material, choices: Choices, name: str, shown: list[Change], decimals: int) -> tuple[Row, ...]:
    """Return a dimension: its share, its reference, its options; controls one by one where they are so compared."""
    label = material.bench.label
    both = zip(choices.factors, choices.shares.share.tolist(), strict=True)
    shares = {f.name: share for f, share in both if f.dimension == name}
    mine = [c for c in shown if c.factor.dimension == name]
    whole = material.bench.dimension(name)
    head = capital(whole)
    by_variable = [c for c in mine if c.factor.name != name]
    if by_variable:
        rows = [_variable(label(c.factor.name), shares, c, decimals) for c in by_variable]
        return (Row(say("{head}: with, instead of without", head=head), ("", "", "")), *rows)
    total = sum(shares.values())
    if not mine:
        return (Row(head, (f"{total:.1%}", "", "")),)
    factor = mine[0].factor
    instead = material.bench.option(name, factor.labels[factor.reference])
    rows = [_option(material, c, decimals) for c in mine]
    return (Row(say("{head}, instead of {instead}", head=head, instead=instead), (f"{total:.1%}", "", "")), *rows)


def _variable(label: str, shares: dict[str, float], change: Change, decimals: int) -> Row:
    """Return a variable's row; its change is that of having it, whatever the preferred specification has."""
    share = shares.get(change.factor.name)
    mean = change.mean if change.factor.labels[change.level] == "with" else -change.mean
    cells = ("" if share is None else f"{share:.1%}", *_change(mean, change.pairs, decimals))
    return Row(label, cells, indent=True)


def _option(material: Material, change: Change, decimals: int) -> Row:
    label = material.bench.option(change.factor.dimension, change.factor.labels[change.level])
    return Row(label, ("", *_change(change.mean, change.pairs, decimals)), indent=True)


def _change(mean: float, pairs: int, decimals: int) -> tuple[str, str]:
    sign = "+" if mean > 0 else ""
    return f"{sign}{number(mean, decimals)}", f"{pairs:,}"


def selected_table(material: Material, selection: Selection) -> PrintTable:
    """Print specifications side by side: coefficients, what they consist of, their sizes and ranks."""
    bench, picked = material.bench, selection.picked
    fits = [_one_row(p.fit, picked) for p in picked]
    differing, common = _differing(material, picked)
    title = say("Specifications asked for") if selection.asked else say("Selected specifications")
    blocks = (
        _in_order(material, coefficients(bench, fits)),
        effects(bench, fits),
        tuple(_chosen(bench, picked, differing)),
        (*statistics(fits), *_standing(picked)),
    )
    kinds = say("scale, estimand and type") if material.results.planned.types else say("scale and estimand")
    said = (
        *notes(bench, fits),
        *(
            [say("In all columns: {listed}.", listed=say("; ").join(_pairs(bench, picked[0], common)))]
            if common
            else []
        ),
        say(
            "Rank: by estimate from the lowest, among specifications of the same {kinds}; Id: the first {id} "
            "digits of the specification's id, which specdid show takes.",
            kinds=kinds,
            id=_ID,
        ),
        *_lower_middle(picked),
    )
    return PrintTable(
        title + (say(": {family}", family=selection.family) if selection.family else ""),
        tuple(f"({k + 1})" for k in range(len(picked))),
        tuple(b for b in blocks if b),
        (tuple((_role(p.role), 1) for p in picked),),
        said,
    )


def _lower_middle(picked: Sequence[Picked]) -> Iterator[str]:
    """Say of an even number of estimates, whose median is none of them, which one is shown as the median."""
    for p in picked:
        if "median" in p.role.lower().split(", ") and p.of % 2 == 0:
            yield say(
                "Median: of {of:,} estimates the one nearest below their median, which is the mean of the two in the "
                "middle.",
                of=p.of,
            )


_ROLES = (later("Preferred"), later("The only one"), later("lowest"), later("median"), later("highest"))


def _role(role: str) -> str:
    """Say why a specification is shown, which may be for several reasons: ``Preferred, median``."""
    return said_list(map(say, role.split(", ")), ", ")


def _one_row(fit: CellFit, picked: Sequence[Picked]) -> CellFit:
    """Call the treatment the same in all columns where they differ in its definition."""
    if len({p.fit.terms[0] for p in picked}) == 1:
        return fit
    return replace(fit, terms=(say(_TREATMENT), *fit.terms[1:]))


def _in_order(material: Material, rows: Sequence[Row]) -> tuple[Row, ...]:
    """Put the controls in written order, below the treatment; the constant is last."""
    terms = material.results.planned.control_terms
    place = {material.bench.label(term): k for k, term in enumerate(terms)}
    place[say(CONSTANT_LABEL)] = len(terms) + 1
    return (rows[0], *sorted(rows[1:], key=lambda row: place.get(row.label, len(terms))))


def _differing(material: Material, picked: Sequence[Picked]) -> tuple[list[str], list[str]]:
    """Part the dimensions that vary in the study: those these columns differ in, those they share.

    Fixed effects have rows of their own; controls too where all columns give their coefficients.
    """
    planned = material.results.planned
    shown = {"fixed_effects"} | ({"controls"} if not any(p.fit.alone for p in picked) else set())
    options = zip(planned.dimensions, planned.labels, strict=True)
    names = [n for n, texts in options if len(texts) > 1 and n not in shown]
    differing = [n for n in names if len({p.fit.cell.labels[n] for p in picked}) > 1]
    return differing, [n for n in names if n not in differing]


def _chosen(bench: Bench, picked: Sequence[Picked], names: Sequence[str]) -> Iterator[Row]:
    for name in names:
        yield Row(_title(bench, name), tuple(bench.option(name, p.fit.cell.labels[name]) for p in picked))


def _pairs(bench: Bench, picked: Picked, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        yield f"{bench.dimension(name)} {bench.option(name, picked.fit.cell.labels[name])}"


def _title(bench: Bench, name: str) -> str:
    return capital(bench.dimension(name))


def _standing(picked: Sequence[Picked]) -> Iterator[Row]:
    yield Row(say("Rank"), tuple(say("{rank:,} of {of:,}", rank=p.rank, of=p.of) for p in picked))
    yield Row(say("Id"), tuple(_spec_id(p)[:_ID] for p in picked))


def _spec_id(picked: Picked) -> str:
    return picked.fit.cell.plan.spec_id(picked.place)


def selected_csv(material: Material) -> TidyTable:
    """Return every coefficient of every selected specification under every vcov."""
    dimensions = material.results.planned.dimensions
    header = ("table", "role", "index", "spec_id", "rank", "of", "column", *dimensions, *NUMBERS)
    return TidyTable(header, tuple(_rows(material)))


def _rows(material: Material) -> Iterator[tuple[Value, ...]]:
    for t, selection in enumerate(material.selections):
        for k, p in enumerate(selection.picked):
            lead = (t + 1, p.role, p.place + 1, _spec_id(p), p.rank, p.of)
            for row in tidy_rows(material.bench, k + 1, p.fit):
                yield (*lead, *row)


def _reading(material: Material) -> str:
    """Say how to read the figure: what is in order, and whether one specification is marked."""
    groups = [family.group for family in material.families]
    within = say(" within an estimand") if len(set(groups)) < len(groups) else ""
    marked = material.results.preferred >= 0 and material.results.status[material.results.preferred] == Status.OK
    reading = say(_READING if material.rows else _WITHOUT_ROWS, within=within)
    return reading + (say(" The preferred specification is marked.") if marked else "")


def curve_account(material: Material) -> tuple[tuple[str, str], ...]:
    """Return (what of, sentences), in the order of a referee's questions."""
    account = (
        (say("The figure"), _reading(material) if material.figures else ""),
        (say("What was varied"), varied(material)),
        (say("Specifications"), counts_words(material.results.counts, ruled_out(material.results))),
        (say("Estimates"), _estimates(material, material.results.pools)),
        joint_tests(material.tests, material.results),
        (say("Against them"), material.against.verdict),
        (say("Preferred specification"), _preferred(material.results)),
        (say("Samples"), _samples(material.results)),
        (say("Standard errors"), _errors(material)),
        (say("Software"), _software(material)),
    )
    return tuple((head, text) for head, text in account if text)


def ruled_out(results: Results) -> tuple[tuple[str, int], ...]:
    """Return (reason, specifications) of the study's own [[exclude]], the most first."""
    return tuple((r.message, len(r.places)) for r in results.reasons() if r.code == "rule")


def counts_words(counts: Counts, ruled: Sequence[tuple[str, int]] = ()) -> str:
    """Say what became of the specifications planned, in the words of a paper; ``ruled`` are those of own rules."""
    own = sum(n for _, n in ruled)
    why = [f"“{reason}”" + (f": {n:,}" if len(ruled) > 1 else "") for reason, n in ruled]
    rest = (
        (counts.failed, say("could not be estimated")),
        (own, say("excluded beforehand by rules of the study ({why})", why="; ".join(why))),
        (counts.excluded - own, say("excluded beforehand, since the options do not go together")),
        (counts.duplicate, say("left out as the same model as another")),
    )
    if counts.ok == counts.planned:
        return say("{planned:,} planned, all estimated.", planned=counts.planned)
    parts = [say("{ok:,} estimated", ok=counts.ok), *(f"{n:,} {words}" for n, words in rest if n)]
    return say("{planned:,} planned: {parts}.", planned=counts.planned, parts=said_list(parts))


def varied(material: Material) -> str:
    """Say which dimensions have how many options."""
    planned = material.results.planned
    counted = {
        n: f"{material.bench.dimension(n)} ({len(texts):,})"
        for n, texts in zip(planned.dimensions, planned.labels, strict=True)
        if len(texts) > 1
    }
    tied = {n for tie in planned.together for n in tie}
    free = [text for n, text in counted.items() if n not in material.one_at_a_time and n not in tied]
    single = [text for n, text in counted.items() if n in material.one_at_a_time]
    free += [_tied(planned, [counted.get(n, n) for n in tie], tie) for tie in planned.together]
    crossed = capital(said_list(free))
    parts = [say("{free}, in all combinations." if single else "{free}.", free=crossed)] if free else []
    if single:
        parts.append(
            say("Besides, one at a time: {single}." if free else "One at a time: {single}.", single=said_list(single))
        )
    return sentences([*parts, say("In parentheses the number of options.")]) if parts else say("Nothing.")


def _tied(planned: Planned, counted: Sequence[str], tie: Sequence[str]) -> str:
    """Name dimensions that are tied, with the number of their combinations that are planned."""
    options, _ = planned.combined(planned.choice(tie), np.arange(len(planned)))
    return say(
        "{choices} where they belong together ({options:,} combinations)",
        choices=say(" with ").join(counted),
        options=len(options),
    )


def _estimates(material: Material, found: tuple[Family, ...]) -> str:
    """Describe few families all, of many only the preferred specification's, or the first."""
    if len(found) <= IN_WORDS:
        return sentences(_family(material, f) for f in found)
    mine = next((f for f in found if material.results.preferred in f), found[0])
    others = len(found) - 1
    return say(
        "{family} The table of estimates has the other {others} kinds.", family=_family(material, mine), others=others
    )


def _family(material: Material, family: Family) -> str:
    n, median, low, high, tested, negative, null_negative, positive, null_positive = numbers(material, family)
    said = say(
        "{name}: median {median}, range {low} to {high} ({n} estimates).",
        name=capital(family.name),
        median=median,
        low=low,
        high=high,
        n=n,
    )
    if not null_negative:
        return said
    alpha = material.results.planned.alpha
    errors, under = material.null_shares[family.key].errors, told(material.null_shares[family.key].null)
    under = say(" ({kind})", kind=under) if under else ""
    level = f"p < {alpha:g}" + (say(" under standard errors clustered by {errors}", errors=errors) if errors else "")
    many = say("Of the {tested} tested, {negative}", tested=tested, negative=negative) if tested != n else negative
    return say(
        "{said} {many} are negative with {level}, where {null_negative} are expected under "
        "the null{under}, and {positive} positive, where {null_positive} are.",
        said=said,
        many=many,
        level=level,
        null_negative=null_negative,
        under=under,
        positive=positive,
        null_positive=null_positive,
    )


def numbers(material: Material, family: Family) -> tuple[str, ...]:
    """Return a family's count, median, range, and of those a null tested the shares significant beside the null's."""
    results, places = material.results, family.places
    decimals = decimals_for(results.estimate[places])
    head = (f"{len(places):,}", *(number(v, decimals) for v in results.spread(family)))
    null = family.shares(material.null_shares)
    if null is None:
        return (*head, "", "", "", "", "")
    shares = (null.negative, null.null_negative, null.positive, null.null_positive)
    return (*head, f"{null.tested:,}", *(percent(s, 1) for s in shares))


def estimates_csv(material: Material) -> TidyTable:
    """Return every pool's numbers in full, and of those tested the shares beside those the first null expects."""
    rows: list[tuple[Value, ...]] = []
    for family in material.results.pools:
        null = family.shares(material.null_shares)
        names = ("tested", "negative", "null_negative", "positive", "null_positive", "null_high")
        shares = [None if null is None else getattr(null, name) for name in names]
        spread = material.results.spread(family)
        lead = (*family.key, family.apart or KINDS[0], len(family.places))
        rows.append((*lead, *spread, *shares, None if null is None else null.null or None))
    return TidyTable(ESTIMATES, tuple(rows))


def estimates_table(material: Material) -> PrintTable | None:
    """Tabulate the families where they are too many for the note below the figure."""
    found = material.results.pools
    if len(found) <= IN_WORDS:
        return None
    rows = [(f, numbers(material, f)) for f in found]
    tested = any(cells[5] for _, cells in rows)
    kept = range(9 if tested else 4)
    columns = (
        say("Estimates"),
        say("Median"),
        say("Lowest"),
        say("Highest"),
        say("Tested"),
        say("Below 0"),
        say("Null"),
        say("Above 0"),
        say("Null"),
    )
    blocks = []
    for group in dict.fromkeys(f.shown for f, _ in rows):
        mine = [Row(capital(f.what or group), tuple(c[k] for k in kept)) for f, c in rows if f.shown == group]
        alone = len({f.shown for f, _ in rows}) == 1 or mine[0].label == capital(group)
        blocks.append(tuple(mine) if alone else (Row(group, ("",) * len(kept)), *mine))
    nulls = dict.fromkeys(told(s.null) for f in found if (s := f.shares(material.null_shares)) and s.null)
    of = {
        null: [f.name for f in found if (s := f.shares(material.null_shares)) and told(s.null) == null]
        for null in nulls
    }
    named = [
        null if len(nulls) == 1 else say("{null}: {of}", null=null, of=said_list(of[null], ", ")) for null in nulls
    ]
    notes: tuple[str, ...] = (say("Estimates of different scales or estimands are not compared with each other."),)
    if tested:
        notes += (
            say(
                "Below and above 0: of the specifications tested, the share with p < {alpha:g}; Null: the share "
                "of the same that is expected under the null ({listed}).",
                alpha=material.results.planned.alpha,
                listed=say("; ").join(named),
            ),
        )
        if not all(cells[5] for _, cells in rows):
            notes += (say("No share is given where no null tested the specifications."),)
    notes += (material.against.verdict,) if material.against.verdict else ()
    return PrintTable(say("Estimates by estimand"), tuple(columns[k] for k in kept), tuple(blocks), notes=notes)


def joint_tests(tests: tuple[CurveTests, ...], results: Results) -> tuple[str, str]:
    """Return the p-values under one null after the other: the primary test, then the others, of equal p together."""
    if not tests:
        return say("Joint tests"), ""
    names = statistic_names(tests, results)
    said = [
        say(
            "{title} ({drawn}): {tests}.",
            title=capital(told(t.title)),
            drawn=told(t.drawn, True),
            tests=_by_role(t, names),
        )
        for t in tests
    ]
    said.append(say("The table of tests has the statistics and their ranges under the null."))
    return say("Joint tests"), sentences(said)


def _by_role(test: CurveTests, names: Mapping[str, str]) -> str:
    def of(role: str) -> tuple[tuple[str, float], ...]:
        mine = [r for r in test.tests if r.role == role]
        return tuple((told(names.get(r.statistic, r.statistic)) + towards(r), r.p_value) for r in mine)

    primary, secondary = of("primary"), of("secondary")
    if not primary:
        return _p_values(secondary)
    lead = say("primary test {p_values}", p_values=_p_values(primary))
    first = next(r for r in test.tests if r.role == "primary")
    if any(r.kind == MEDIAN and pooled_with(r, first) for r in test.tests):
        n = first.specifications
        lead = say("primary test, of all {n:,} specifications tested, {p_values}", n=n, p_values=_p_values(primary))
    return say("{lead}; secondary {p_values}", lead=lead, p_values=_p_values(secondary)) if secondary else lead


def _p_values(tests: tuple[tuple[str, float], ...]) -> str:
    alike: dict[str, list[str]] = {}
    for name, p in tests:
        alike.setdefault(p_text(p), []).append(name)
    if len(alike) == 1 and len(tests) > 1:
        return say("{p} for every statistic", p=next(iter(alike)))
    of = (say("{p} ({statistics})", p=p, statistics=say("; ").join(names)) for p, names in alike.items())
    return said_list(of, ", ")


def _preferred(results: Results) -> str:
    place = results.preferred
    if place < 0 or results.status[place] != Status.OK:
        return say("It has no estimate.") if results.planned.preferred >= 0 else ""
    estimate = float(results.estimate[place])
    low, high, p = (float(results.first(n)[place]) for n in ("conf_low", "conf_high", "p_value"))
    decimals = decimals_for(np.array([estimate]))
    rank, of = results.place_among(place)
    level = f"{100 * (1 - results.planned.alpha):g}%"
    interval = say(
        " ({level} interval {low} to {high}, {p})",
        level=level,
        low=number(low, decimals),
        high=number(high, decimals),
        p=p_text(p),
    )
    beside = interval if np.isfinite(low) else ""
    within = results.planned.within(results.planned.preferred)
    of_sample = say(" ({kind})", kind=within) if within else ""
    said = say(
        "{estimate}{beside}; {rank} of {of:,} from the lowest{sample}.",
        estimate=number(estimate, decimals),
        beside=beside,
        rank=rank,
        of=of,
        sample=of_sample,
    )
    return said + told(beside_estimate(results.extra, place, results.planned.alpha))


def _samples(results: Results) -> str:
    always = (results.span("n_always_treated") or (0, 0))[1] > 0
    words = {
        "nobs": (later("observation"), later("observations")),
        "n_units": (later("unit"), later("units")),
        "n_treated": (
            (later("treated unit (not always)"), later("treated units (not always)"))
            if always
            else (later("treated unit"), later("treated units"))
        ),
        **({"n_always_treated": (later("always treated unit"), later("always treated units"))} if always else {}),
        "n_clusters": (later("cluster"), later("clusters")),
    }
    found = [(what, span) for name, what in words.items() if (span := results.span(name)) is not None]
    said = [
        say(
            "{low:,} {what}" if low == high else "{low:,} to {high:,} {what}",
            low=low,
            high=high,
            what=say(one if high == 1 else many),
        )
        for (one, many), (low, high) in found
    ]
    return say("{sample}.", sample=capital(said_list(said)))


def _errors(material: Material) -> str:
    first = error_words(material.bench)
    ok = material.results.status == Status.OK
    errors = np.asarray(material.results.numbers["std_error"], dtype=np.float64)[ok]
    others = [n for v, n in enumerate(material.results.planned.vcovs) if v and np.isfinite(errors[:, v]).any()]
    others = [f"“{n}”" for n in others] if any("," in n for n in others) else others
    also = say("; computed by {others} too", others=said_list(others)) if others else ""
    return say("{sample}.", sample=capital(first) + also)


def _software(material: Material) -> str:
    software = ", ".join(f"{name} {version}" for name, version in material.versions.items())
    return say("{software}; seed {seed}.", software=software, seed=material.bench.study.seed) if software else ""
