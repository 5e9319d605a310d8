"""The joint tests in words: the primary one, which the study names, before all others."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from specdid._describe.curve_tests import CurveTests
from specdid._records import JointTest, Results
from specdid._records.numerals import minus, p_text
from specdid._records.results import MEDIAN, SHARE, TIMES, statistic_name
from specdid._words import say, told
from specdid.inference._base import null_words

_NAMED = 4
"""Medians whose tests are written out beside the primary one; inference.csv has all."""
_ARM = re.compile(r"(?P<effect>.+): .+ against (?P<reference>.+)")
"""The estimand of an arm."""


def primary_lines(
    joint: Sequence[JointTest],
    estimated: int,
    shown: Callable[[str], str] = str,
    named: Callable[[str], str] = str,
) -> tuple[str, ...]:
    """Return the primary test under every null, a line for each statistic: with several medians there are several.

    Where it is of several estimands together, a line has the test of each one's median.

    Parameters
    ----------
    joint : the tests of all nulls.
    estimated : specifications with an estimate; a test of fewer says of how many.
    shown, named : give a statistic's name and that of a scale or outcome as readers know them.
    """
    primary = [t for t in joint if t.role == "primary"]
    lines = []
    for name in dict.fromkeys(t.statistic for t in primary):
        mine = [t for t in primary if t.statistic == name]
        under = say(", ").join(
            say(
                "{p} ({statistics})",
                p=p_text(t.p_value),
                statistics=null_words(t.null) + _part(t, estimated) + floor(t),
            )
            for t in mine
        )
        value = minus(f"{mine[0].value:.4g}")
        pooled = say(", of all arms together") if not mine[0].group and _arms(joint) else ""
        lines.append(
            say(
                "Primary test, {statistic}{pooled}: {value}{towards}; {nulls}.",
                statistic=told(shown(name)),
                pooled=pooled,
                value=value,
                towards=towards(mine[0]),
                nulls=under,
            )
        )
    if medians := [t for t in joint if t.kind == MEDIAN and any(pooled_with(t, p) for p in primary)]:
        names = list(dict.fromkeys((t.group, t.estimand) for t in medians))
        scales = len({group for group, _ in names}) > 1
        said = [
            say(
                "{median}, {n:,} specifications, {nulls}",
                median=say(", ").join([*([named(key[0])] if scales else []), told(key[1])])
                + towards(next(t for t in medians if (t.group, t.estimand) == key)),
                n=max(t.specifications for t in medians if (t.group, t.estimand) == key),
                nulls=say(", ").join(
                    say("{p} ({statistics})", p=p_text(t.p_value), statistics=null_words(t.null) + floor(t))
                    for t in medians
                    if (t.group, t.estimand) == key
                ),
            )
            for key in names[:_NAMED]
        ]
        rest = len(names) - _NAMED
        said += [say("{rest:,} more in inference.csv", rest=rest)] if rest > 0 else []
        lines.append(say("Tests of single medians: {said}.", said=say("; ").join(said)))
    return tuple(lines)


def pooled_with(median: JointTest, primary: JointTest) -> bool:
    """Return whether a primary test is of a median's specifications and of others with them."""
    return median.null == primary.null and not primary.group and median.specifications < primary.specifications


def _arms(joint: Sequence[JointTest]) -> bool:
    """Say whether medians are of several arms of one treatment: "…: cash against control"."""
    found = (_ARM.fullmatch(estimand) for estimand in {t.estimand for t in joint})
    pairs = [(m["effect"], m["reference"]) for m in found if m]
    return len(pairs) > len(set(pairs))


def towards(test: JointTest) -> str:
    """Say whether a statistic lies in the expected direction, where there is one."""
    if test.direction != "expected" or test.value == 0:
        return ""
    return say(", in the expected direction") if test.value > 0 else say(", against the expected direction")


def floor(test: JointTest) -> str:
    """Say that a p-value is the smallest that its draws can give, where it is: none was as far from zero."""
    least = bool(test.draws) and test.p_value * (test.draws + 1) < 1.5
    return say(", the smallest p of {draws:,} draws", draws=test.draws) if least else ""


def _part(test: JointTest, estimated: int) -> str:
    if not test.specifications or test.specifications == estimated:
        return ""
    return say(", {n:,} of {of:,} specifications", n=test.specifications, of=estimated)


def marked(test: JointTest, name: str) -> str:
    """Name a statistic, the primary one as such."""
    return say("{name} (primary)", name=name) if test.role == "primary" else name


def statistic_names(tests: tuple[CurveTests, ...], results: Results) -> dict[str, str]:
    """Name the statistics of inference.csv for print: a median by its scale and estimand, where these differ."""
    medians = [r for t in tests for r in t.tests if r.kind == MEDIAN]
    scales, estimands = len({r.group for r in medians}) > 1, len({r.estimand for r in medians}) > 1
    return {
        r.statistic: say(", ").join(
            [
                told(statistic_name(MEDIAN, direction=r.direction)),
                *([results.planned.shown(r.group)] if scales else []),
                *([told(r.estimand)] if estimands else []),
            ]
        )
        for r in medians
    }


def share_words(tests: Sequence[JointTest]) -> str:
    """Say what the share significant is the share of, where there is one."""
    found = next((t for t in tests if t.kind == SHARE), None)
    if found is None:
        return ""
    times = " " + say(TIMES) if found.direction == "expected" else ""
    return say(
        "Share significant, dominant sign: the larger of two shares of all specifications tested, of those "
        "significantly above and of those significantly below 0{times}; in every draw anew.",
        times=times,
    )
