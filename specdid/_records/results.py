"""Results: the plan's columns and the fits' columns side by side, as arrays; the parts of what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints
from specdid._columns import DIMENSIONS, NUMBERS
from specdid._hashing import id_text
from specdid._records.fits import NOT_POSITIVE
from specdid._records.numerals import ordinal
from specdid._words import later, say, say_choice, told
from specdid.language import common_start, relabel

Labels = NDArray[np.int32]
Numbers = Mapping[str, NDArray[np.float64] | NDArray[np.int32]]


class Status(IntEnum):
    """What became of a planned specification."""

    OK = 0
    FAILED = 1
    EXCLUDED = 2
    DUPLICATE = 3


CODES: tuple[str, ...] = (
    "",
    "rule", "own_outcome", "not_honoured", "no_cohort", "not_binary", "no_main_effects", "unfit_outcome",
    "switches_off",
    "same_content", "same_model",
    "no_rows", "no_outcome_variation", "no_treatment_variation", "absorbed", "not_identified",
    "too_few_clusters", "not_converged", "estimator_error", "interrupted",
)  # fmt: skip
"""Every reason for a row without numbers; codes in memory are places in this tuple."""


KINDS: tuple[str, ...] = (later("equivalent"), later("uncertain"), later("nonequivalent"))
"""What the types of options make of a specification (Del Giudice and Gangestad 2021); the first enters the tests."""


MEDIAN = "median estimate"
"""The statistic that is of one scale (or outcome) and one estimand; the others are of the whole curve."""


SHARE = "share significant, dominant sign"
TIMES = later("times the expected sign")


def statistic_name(kind: str, group: str = "", estimand: str = "", direction: str = "estimated") -> str:
    """Name a statistic of the curve, a median with the scale (or outcome) and the estimand that it is of.

    ``direction`` "expected": it is of estimates times the sign expected of their outcome, another number
    than that of the estimates as they are, and named so.
    """
    words = kind
    if direction == "expected":
        words = f"median of estimates {TIMES}" if kind == MEDIAN else f"{kind} {TIMES}"
    return f"{words} ({group}; {estimand})" if group else words


def code_of(name: str) -> int:
    """Return the place of a reason's name in CODES."""
    return CODES.index(name)


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of text by dictionary: ``words[codes[s]]``, and nothing where the code is -1."""

    words: Sequence[str]
    codes: Labels

    def at(self, position: int) -> str | None:
        """Return the text at one position."""
        code = int(self.codes[position])
        return self.words[code] if code >= 0 else None

    @classmethod
    def encode(cls, values: Iterable[str | None]) -> TextColumn:
        """Build the dictionary in order of first appearance."""
        place: dict[str, int] = {}
        codes = [-1 if v is None else place.setdefault(v, len(place)) for v in values]
        return cls(tuple(place), np.asarray(codes, dtype=np.int32))


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen at once: a dimension, or several that are tied, by their places among the dimensions."""

    name: str
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """What is known of S specifications before anything is estimated, as columns in plan order.

    Attributes
    ----------
    title : the study's title.
    alpha : intervals and significance are at 1 - alpha.
    dimensions : D names, in the order of the columns of the results.
    labels : for each dimension the labels of its options, in declared order.
    codes : (S, D) int32, the option of each dimension.
    ids : (S,) uint64, printed as 16 hex digits.
    vcovs : V labels.
    formulas : ``formulas(start, stop)`` writes the formulas of these positions.
    term, estimand, scale : (S,) each; a scale may be absent.
    status : (S,) int8, a Status; OK where the specification is to be estimated.
    code : (S,) int8, a place in CODES.
    reason : (S,) why it is excluded or a duplicate, absent elsewhere.
    twin : (S,) int64, the position of a duplicate's twin, or -1.
    preferred : position of the preferred specification, or -1.
    control_terms : P terms that occur in any option of `controls`, for the choice panel.
    control_members : (options of `controls`, P) bool, which option has which term.
    display : how a term or column is called in figures and tables, where not by its name.
    types : dimension -> label -> type, of the options that have one.
    together : dimensions that are tied, of each [[together]]: they are one choice.
    language : of figures and pages.
    """

    title: str
    alpha: float
    dimensions: tuple[str, ...]
    labels: tuple[Sequence[str], ...]
    codes: Labels
    ids: NDArray[np.uint64]
    vcovs: tuple[str, ...]
    formulas: Callable[[int, int], Sequence[str]]
    term: TextColumn
    estimand: TextColumn
    scale: TextColumn
    status: NDArray[np.int8]
    code: NDArray[np.int8]
    reason: TextColumn
    twin: Ints
    preferred: int = -1
    control_terms: tuple[str, ...] = ()
    control_members: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.bool_))
    display: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    together: tuple[tuple[str, ...], ...] = ()
    language: str = "en"

    def __len__(self) -> int:
        return len(self.ids)

    def shown(self, text: str) -> str:
        """Return a term, a sum of terms or an option's label as readers know it."""
        return relabel(text, self.display)

    def common(self, choice: str) -> dict[str, str]:
        """Return by dimension of a choice what its labels have in common, where that is long: figures write […]."""
        names = [n for n in choice.split(" + ") if n in self.dimensions]
        found = {n: common_start([*map(self.shown, self.labels[self.dimensions.index(n)])]) for n in names}
        return {self.shown_choice(name): words for name, words in found.items() if words}

    @property
    def kind(self) -> NDArray[np.int8]:
        """Places in KINDS, (S,): the last of its options' types; options without one are equivalent.

        Only specifications of kind 0 enter the joint tests; the others are drawn apart.
        """
        kind = np.zeros(len(self), np.int8)
        for name, types in self.types.items():
            d = self.dimensions.index(name)
            of = np.array([KINDS.index(types.get(label, KINDS[0])) for label in self.labels[d]], np.int8)
            np.maximum(kind, of[self.codes[:, d]], out=kind)
        return kind

    def spec_id(self, place: int) -> str:
        """Return the id of the specification at ``place`` as it is written."""
        return id_text(self.ids[place])

    def choices(self, places: Ints) -> Iterator[Choice]:
        """Return what was chosen at ``places``, in the order of the dimensions; tied ones that vary are one choice.

        Controls that vary within what they are tied to are a choice of their own: their variables are looked at.
        """
        ties = []
        for tie in self.together:
            vary = [n for n in tie if len(np.unique(self.codes[places, self.dimensions.index(n)])) > 1]
            others = [name for name in vary if name != "controls"]
            if "controls" in vary and others and self.control_terms:
                options = [len(self.combined(self.choice(names), places)[0]) for names in (others, vary)]
                vary = vary if options[0] == options[1] else others
            ties += [self.choice(vary)] if vary else []
        for d, name in enumerate(self.dimensions):
            choice = next((tied for tied in ties if d in tied.places), Choice(name, (d,)))
            if d == choice.places[0]:
                yield choice

    def choice(self, names: Iterable[str]) -> Choice:
        """Return the choice that some dimensions are together."""
        places = sorted(map(self.dimensions.index, names))
        return Choice(" + ".join(self.dimensions[d] for d in places), tuple(places))

    def combined(self, choice: Choice, places: Ints) -> tuple[Labels, Ints]:
        """Return the options of a choice that occur at ``places``, and which of them each has.

        Returns
        -------
        options : (n, dimensions of the choice) int32, ascending
        which : (places,) int64
        """
        columns = [self.codes[places, d].astype(np.int64) for d in choice.places]
        which = columns[0]
        for d, column in zip(choice.places[1:], columns[1:], strict=True):
            _, which = np.unique(which, return_inverse=True)  # so that no product of sizes overflows
            which = which * len(self.labels[d]) + column
        _, first, which = np.unique(which, return_index=True, return_inverse=True)
        options = np.stack([column[first] for column in columns], axis=1)
        return options.astype(np.int32), which.reshape(-1).astype(np.int64)

    def shown_choice(self, name: str) -> str:
        """Return what options are of as readers know it: by [labels], or by its own name in words."""
        words = name.replace("_", " ")
        return self.shown(words) if words in self.display else say_choice(name)

    def option(self, choice: Choice, codes: Sequence[int], shown: bool = False) -> str:
        """Return the label of an option of a choice, of tied dimensions joined by commas; ``shown`` by [labels]."""
        labels = (self.labels[d][c] for d, c in zip(choice.places, codes, strict=True))
        return ", ".join(map(self.shown, labels) if shown else labels)

    def within(self, place: int) -> str:
        """Return the sample and the options of variants at ``place``, where there are several: no formula has them."""
        found = []
        for d, (name, labels) in enumerate(zip(self.dimensions, self.labels, strict=True)):
            if len(labels) > 1 and (name == "sample" or name not in DIMENSIONS):
                words = self.shown(name) if name in self.display else say_choice(name, spaced=False)
                found.append(say("{words}: {name}", words=words, name=self.shown(labels[self.codes[place, d]])))
        return say(", ").join(found)

    def dimension(self, name: str) -> TextColumn:
        """Return one dimension's labels as a column of text."""
        place = self.dimensions.index(name)
        return TextColumn(self.labels[place], self.codes[:, place])


@dataclass(frozen=True, slots=True)
class Counts:
    """The accounting line: planned = ok + failed + excluded + duplicate."""

    planned: int
    ok: int
    failed: int
    excluded: int
    duplicate: int

    def __str__(self) -> str:
        return say(
            "{planned:,} planned = {ok:,} ok + {failed:,} failed + {excluded:,} excluded + {duplicate:,} duplicate",
            planned=self.planned,
            ok=self.ok,
            failed=self.failed,
            excluded=self.excluded,
            duplicate=self.duplicate,
        )


@dataclass(frozen=True, slots=True)
class ScaleGroup:
    """The specifications that share an axis: one scale, or one outcome where none is declared.

    ``shown`` is the name as readers know it, by [labels].
    """

    name: str
    scale: str | None
    members: Ints
    shown: str


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """The ok specifications of one scale (or outcome) and one estimand: the estimates that can be compared.

    Those of one kind in it are one curve (:meth:`Results.ranked`) and one pool (:attr:`Results.pools`): medians,
    ranges, ranks and the tests of a family are of these. What choices change is said of all of a family.

    Attributes
    ----------
    group, estimand : the scale or outcome, and the estimand, as in inference.csv.
    shown : the scale or outcome as readers know it, by [labels].
    scaled : whether the outcomes declare the scale.
    places : (n,) int64, places in the plan, ascending.
    kinds : (n,) int8, places in KINDS.
    apart : the kind of all of them, of a pool that no joint test takes; "" of others and of whole families.
    """

    group: str
    estimand: str
    shown: str
    scaled: bool
    places: Ints
    kinds: NDArray[np.int8]
    apart: str = ""

    def __contains__(self, place: object) -> bool:
        return bool(np.any(self.places == place))

    @property
    def key(self) -> tuple[str, str]:
        """What tests, shares and null curves name it by."""
        return self.group, self.estimand

    @property
    def name(self) -> str:
        """Scale (or outcome) and estimand as readers know them, and what kind is apart."""
        return say("; ").join(part for part in (self.shown, self.what) if part)

    @property
    def what(self) -> str:
        """The estimand as readers know it, and what kind is apart."""
        return say("; ").join(part for part in (told(self.estimand), self.apart and say(self.apart)) if part)

    def shares(self, found: Mapping[tuple[str, str], NullShares]) -> NullShares | None:
        """Return the shares significant of this family; a pool that no test takes has none."""
        return None if self.apart else found.get(self.key)


@dataclass(frozen=True, slots=True)
class NotEstimated:
    """Why some specifications have no estimate of their own: in a code and in words, with their places in the plan."""

    status: Status
    code: str
    message: str
    places: Ints

    @property
    def ours(self) -> bool:
        """Whether the program wrote the message: that of a rule is the study's own."""
        return self.code != "rule"


@dataclass(frozen=True)
class Results:
    """Planned specifications and what became of them.

    Attributes
    ----------
    planned : the plan's columns.
    status, code : (S,) int8 as in Planned, now final.
    message : (S,) why there are no numbers, absent where there are.
    twin : (S,) int64, position of the specification that has a duplicate's numbers, or -1.
    numbers : the arrays of NUMBERS by name: (S,) or, for level "vcov", (S, V); absent numbers
        are NaN or -1.
    vcov_note : (S, V) why a vcov failed though the specification is ok, as a column of text
        with 2-d codes.
    dropped : (S,) collinear terms left out.
    extra : estimators' own columns, (S,) float64.
    seconds : (S,) float64, NaN where not estimated.
    dropped_columns : position -> columns of the problem's values that ``dropped`` names; none
        where results were read from a file.
    near : position -> a column of the problem's values that others leave hardly anything of, and how many times what
        single precision rounds that is; none where results were read from a file.
    """

    planned: Planned
    status: NDArray[np.int8]
    code: NDArray[np.int8]
    message: TextColumn
    twin: Ints
    numbers: Numbers
    vcov_note: TextColumn
    dropped: TextColumn
    extra: Mapping[str, Floats]
    seconds: Floats
    dropped_columns: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    near: Mapping[int, tuple[int, float]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.status)

    @property
    def counts(self) -> Counts:
        """The numbers of specifications by status."""
        found = np.bincount(self.status, minlength=len(Status))
        return Counts(len(self), *(int(n) for n in found))

    def reasons(self) -> tuple[NotEstimated, ...]:
        """Return why specifications have no estimate of their own, by status, the most frequent first."""
        places = np.flatnonzero(self.status != Status.OK)
        kinds = np.stack([self.status[places], self.code[places], self.message.codes[places]], axis=1).astype(np.int64)
        found, inverse = np.unique(kinds, axis=0, return_inverse=True)
        order = np.argsort(inverse.reshape(-1), kind="stable")
        parts = np.split(places[order], np.cumsum(np.bincount(inverse.reshape(-1)))[:-1])
        reasons = [
            NotEstimated(Status(status), CODES[code], self.message.words[message] if message >= 0 else "", part)
            for (status, code, message), part in zip(found.tolist(), parts, strict=False)
        ]
        return tuple(sorted(reasons, key=lambda r: (r.status, -len(r.places), int(r.places[0]))))

    @property
    def preferred(self) -> int:
        """Position of the row that has the preferred specification's numbers, or -1."""
        place = self.planned.preferred
        if place >= 0 and self.status[place] == Status.DUPLICATE:
            return int(self.twin[place])
        return place

    @property
    def estimate(self) -> Floats:
        """The estimates, (S,)."""
        return np.asarray(self.numbers["estimate"], dtype=np.float64)

    def first(self, name: str) -> NDArray[np.float64]:
        """Return a column of numbers under the first vcov, the one on the curve; (S,)."""
        values = np.asarray(self.numbers[name], dtype=np.float64)
        return values if values.ndim == 1 else values[:, 0]

    def without_error(self, v: int = 0) -> dict[str, int]:
        """Count the ok specifications that have no standard error under a vcov, by reason, the most first."""
        without = (self.status == Status.OK) & np.isnan(np.asarray(self.numbers["std_error"], dtype=np.float64)[:, v])
        codes, counts = np.unique(self.vcov_note.codes[without, v], return_counts=True)
        words = [self.vcov_note.words[code] if code >= 0 else NOT_POSITIVE for code in codes.tolist()]
        return dict(sorted(zip(words, counts.tolist(), strict=True), key=lambda item: -item[1]))

    def spread(self, family: Family) -> tuple[float, float, float]:
        """Return the median, the lowest and the highest estimate of a pool."""
        estimate = self.estimate[family.places]
        return float(np.median(estimate)), float(estimate.min()), float(estimate.max())

    def span(self, name: str) -> tuple[int, int] | None:
        """Return the least and the largest of a count over the ok specifications, None where it is not known."""
        values = (self.extra[name] if name in self.extra else self.first(name))[self.status == Status.OK]
        values = values[values >= 0]
        return (int(values.min()), int(values.max())) if len(values) else None

    def groups(self) -> tuple[ScaleGroup, ...]:
        """Return the specifications that share an axis, ok or not, in order of appearance."""
        outcome, scale = self.planned.dimension("outcome"), self.planned.scale
        # Two options may stand for one outcome, "both" = "c(y, z)" beside "y" = "y".
        same = np.array([outcome.words.index(word) for word in outcome.words], np.int64)
        key = np.where(scale.codes >= 0, scale.codes, len(scale.words) + same[outcome.codes])
        keys, where = np.unique(key, return_index=True)
        found = []
        for k, s in sorted(zip(keys, where, strict=True), key=lambda pair: int(pair[1])):
            name = scale.at(int(s)) or outcome.words[int(outcome.codes[s])]
            found.append(ScaleGroup(name, scale.at(int(s)), np.flatnonzero(key == k), self.planned.shown(name)))
        return tuple(found)

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """The families in order of appearance of their scales."""
        estimand, kind = self.planned.estimand, self.planned.kind
        found = []
        for group in self.groups():
            ok = group.members[self.status[group.members] == Status.OK]
            codes = estimand.codes[ok]
            for code in np.unique(codes).tolist():
                words = estimand.words[code] if code >= 0 else ""
                mine = ok[codes == code]
                found.append(Family(group.name, words, group.shown, group.scale is not None, mine, kind[mine]))
        return tuple(found)

    @cached_property
    def pools(self) -> tuple[Family, ...]:
        """The families, each by kind: medians and ranges are of these, the first as the joint tests take them."""
        return tuple(
            replace(f, places=f.places[f.kinds == k], kinds=f.kinds[f.kinds == k], apart=KINDS[k] if k else "")
            for f in self.families
            for k in np.unique(f.kinds).tolist()
        )

    def families_of(self, group: ScaleGroup) -> tuple[Family, ...]:
        """Return the families of one scale (or outcome), one for each estimand."""
        whole = group.name, group.scale is not None
        return tuple(f for f in self.families if (f.group, f.scaled) == whole)

    def ranked(self, family: Family, kind: int | None = None) -> Ints:
        """Return one curve, a family's places of one kind by estimate from the lowest; ties by place in the plan.

        Parameters
        ----------
        kind
            A place in KINDS; None is the kind of the preferred specification where it is in the family,
            else of those that enter the joint tests, where any do.
        """
        if kind is None:
            inside = family.kinds[family.places == self.preferred]
            kind = int(inside[0]) if len(inside) else int(family.kinds.min())
        places = family.places[family.kinds == kind]
        return np.take(places, np.argsort(self.estimate[places], kind="stable"))

    def curves_of(self, group: ScaleGroup) -> tuple[tuple[Family, int, Ints], ...]:
        """Return the curves of one scale: what is ranked together, as family, kind and places by estimate."""
        kinds = ((f, kind) for f in self.families_of(group) for kind in np.unique(f.kinds).tolist())
        return tuple((family, kind, self.ranked(family, kind)) for family, kind in kinds)

    def shown_statistic(self, name: str) -> str:
        """Return a statistic's name, as in inference.csv, with the scale or outcome as readers know it."""
        return self._medians().get(name, name)

    def _medians(self) -> dict[str, str]:
        """Return the names of all medians, as in inference.csv and as readers know them."""
        if not self.planned.display:
            return {}
        named = ((f, f.estimand, way) for f in self.families for way in ("estimated", "expected"))
        return {statistic_name(MEDIAN, f.group, *of): statistic_name(MEDIAN, f.shown, *of) for f, *of in named}

    def order(self, group: ScaleGroup) -> Ints:
        """Return the ok positions of a group by estimate, ties by place in the plan."""
        ok = group.members[self.status[group.members] == Status.OK]
        return np.take(ok, np.argsort(self.estimate[ok], kind="stable"))

    def rank(self, position: int) -> tuple[int, int]:
        """Return the rank of an ok specification by estimate, from 1, and among how many.

        Ranked are the ok specifications of the same scale (or outcome, where none is
        declared), estimand and kind, from the lowest estimate; ties by place in the plan.
        """
        family = next(f for f in self.families if position in f)
        order = self.ranked(family, int(family.kinds[family.places == position][0]))
        return int(np.flatnonzero(order == position)[0]) + 1, len(order)

    def place_among(self, position: int) -> tuple[str, int]:
        """Return the rank in words, and among how many: a range of ranks where others have the same number."""
        rank, of = self.rank(position)
        family = next(f for f in self.families if position in f)
        order = self.ranked(family, int(family.kinds[family.places == position][0]))
        estimate = self.estimate[position]
        alike = np.flatnonzero(np.abs(self.estimate[order] - estimate) <= 1e-9 * abs(estimate)) + 1
        if len(alike) < 2:
            return ordinal(rank), of
        first, last = ordinal(int(alike[0])), ordinal(int(alike[-1]))
        return say("{first} to {last} ({n:,} of one number)", first=first, last=last, n=len(alike)), of


def empty_numbers(n: int, n_vcovs: int) -> dict[str, NDArray[np.float64] | NDArray[np.int32]]:
    """Return an array of absent numbers for every column of NUMBERS."""
    return {
        c.name: np.full((n, n_vcovs) if c.level == "vcov" else n, np.nan)
        if c.kind == "float"
        else np.full((n, n_vcovs) if c.level == "vcov" else n, -1, dtype=np.int32)
        for c in NUMBERS
    }


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and lines of Markdown that a later stage adds to details.md.

    ``on_page``: report.html shows it, which has the rest of details.md in parts of its own.
    """

    title: str
    lines: tuple[str, ...]
    on_page: bool = False


@dataclass(frozen=True, slots=True)
class JointTest:
    """One row of inference.csv: a statistic of the whole curve and its distribution without any effect.

    Attributes
    ----------
    null, kind : how the draws were made, and of what.
    value : of the data.
    low, high : the range of the null beyond which p <= .05.
    p_value : (1 + draws at least as far from zero) / (draws + 1).
    draws : how many.
    role : "primary" is the test that the study names as the one that counts; "secondary".
    direction : "expected" where estimates are times the sign expected of their outcome, so that a
        value above 0 (of a share its ``side``) is in the expected direction; "estimated" where they are as they are.
    specifications : how many the statistic is of.
    group, estimand : the scale (or outcome) and estimand of a median, else empty.
    side : on which side of 0 it lies, "above" or "below"; of a share that of most significant
        estimates, "both" where they are as many on either; "" where on neither.
    dropped : draws that do not count, since a specification failed in them.
    """

    null: str
    kind: str
    value: float
    low: float
    high: float
    p_value: float
    draws: int
    role: str = "secondary"
    direction: str = "estimated"
    specifications: int = 0
    group: str = ""
    estimand: str = ""
    side: str = ""
    dropped: int = 0

    @property
    def statistic(self) -> str:
        """The kind of statistic and what it is of, as inference.csv has it."""
        return statistic_name(self.kind, self.group, self.estimand, self.direction)


@dataclass(frozen=True, slots=True)
class NullShares:
    """Shares significant of the specifications that a null tested, in the data and without any effect.

    Attributes
    ----------
    tested : how many specifications.
    negative, positive : shares with p < alpha and that sign, under the standard errors of the null.
    null_negative, null_positive : the mean of the same over the draws.
    errors : what the null's standard errors are clustered by, where the curve's are others.
    null : which null it is, in words.
    null_high : the share with one sign, whichever has more, that 95% of the draws do not exceed; NaN if not known.
    """

    tested: int
    negative: float
    positive: float
    null_negative: float
    null_positive: float
    errors: str = ""
    null: str = ""
    null_high: float = float("nan")
