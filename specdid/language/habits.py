"""What users of Stata, R and Python write, in the spelling of this language.

A proposal is made only where it can be read and passes the check of its role; whoever takes
it gets what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from specdid.language.check import Role, check
from specdid.language.functions import FUNCTIONS
from specdid.language.grammar import parse
from specdid.language.tree import MAX_LENGTH, LanguageError

HabitRole = Role | str
"""A role, or "treatment", whose term is no category, or "column", which is one name."""

LONGEST = 300
"""Characters; nobody's habit is longer."""
MOST_LISTED = 40

_NAME = r"[^\W\d]\w*"
_NUMBER = r"-?\d+(?:\.\d+)?"
_VALUE = rf"(?:{_NUMBER}|\0\d+\0)"
_OPERAND = r"(?:[\w.\0]+(?:\([^()]*\))?)"
_SERIES = re.compile(rf"(?<![\w.])([LFDS][LFDS\d]*|[lfds]\d*)\.({_NAME})(?![\w.(])")
_LAG_RANGE = re.compile(rf"(?<![\w.])([LFlf])\((\d+)\s*[/-]\s*(\d+)\)\.({_NAME})")
_PIECE = rf"(?:(?:ib?n?\d*|b\d+|c|o|\d+)\.)?{_NAME}"
_PRODUCT = re.compile(rf"(?<![\w.#]){_PIECE}(?:\s*##?\s*{_PIECE})+(?![\w.#])")
_FACTOR = re.compile(rf"(?<![\w.#])(i|c|ib?\d+|b\d+|\d+)\.({_NAME})(?![\w.(#])")
_EGEN = "mean|median|min|max|sd|total|sum|rank|count"
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_PACKAGE = re.compile(r"(?<![\w.])(?:np|numpy|math|pd|pandas|stats|base|dplyr|plm|fixest|data\.table)(?:\.|::)(?=\w)")
_COLUMN_OF = re.compile(
    rf"(?<![\w.])(?:df|data|dat|panel)(?:\[\[?\s*\0(\d+)\0\s*\]?\]|\$({_NAME})|\.({_NAME})(?!\w*\())"
)
_METHOD = re.compile(rf"({_NAME})\.(isna|isnull|notna|notnull|isin|between|shift|fillna|diff|abs|astype)\(([^()]*)\)")
_CONVERSION = re.compile(
    r"(?<![\w.])(?:as\.(?:integer|numeric|double|logical)|int|float|bool)\(((?:[^()]|\([^()]*\))*)\)"
)
_NOTHING = {"none", "null", "na", "nan", "no", "nothing", "empty", "false", "-", ".", "_cons", "cons", "no controls"}
_EVERYTHING = {"true", "all", "1", "*", "everything", "all rows", "none", "full", "full sample", "1 == 1"}
_MISSING = r"(?:NA|None|NULL|null|nan|NaN|NAN|np\.nan|\.)"
_COMPARISONS = (("&&", "&"), ("||", "|"), ("=<", "<="), ("=>", ">="), ("<>", "!="), ("~=", "!="), ("===", "=="))
_RENAMED = {
    "ln": "log", "loge": "log", "ihs": "asinh", "arcsinh": "asinh", "logp1": "log1p", "ln1p": "log1p",
    "zscore": "scale", "standardize": "scale", "demean": "center", "isna": "is.na", "isnull": "is.na",
    "missing": "is.na", "mi": "is.na", "is.null": "is.na", "is.nan": "is.na", "isnan": "is.na", "if_else": "ifelse",
    "fifelse": "ifelse", "where": "ifelse", "cond": "ifelse", "iff": "ifelse",
    "rowmax": "pmax", "rowmin": "pmin", "lag": "l", "shift": "l", "L": "l", "lead": "f", "F": "f", "diff": "d",
    "D": "d", "as.factor": "factor", "winsorise": "winsorize", "Winsorize": "winsorize", "absolute": "abs",
    "frollmean": "roll_mean", "rollmean": "roll_mean", "frollsum": "roll_sum", "rollsum": "roll_sum", "avg": "mean",
    "average": "mean", "pct_change": "growth", "ceil": "ceiling", "strlen": "nchar", "str_length": "nchar",
    "strlower": "tolower", "strupper": "toupper", "lower": "tolower", "upper": "toupper", "strtrim": "trimws",
    "str_trim": "trimws", "fcase": "case_when", "locf": "carry_forward", "na.locf": "carry_forward",
}  # fmt: skip


HabitRule = Callable[[str, HabitRole], str]

_ELSEWHERE: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("terms", "treatment"), r"^\s*absorb\s*\(", "fixed effects stand in [fixed_effects], joined by `+`"),
    (
        ("terms", "effects", "formula"),
        r"\b(?:Entity|Time|Other)Effects\b",
        "fixed effects stand in [fixed_effects] under their columns' names; without that table they are unit + time",
    ),
    (("terms", "treatment"), r"\sif\s", "a condition stands in [sample]"),
    (
        ("effects",),
        r"^\[?(?:fe|fixed effects?)\]?$|^two-?ways?$|^unit \+ time$|^both$",
        "name the columns, joined by `+`; without [fixed_effects] they are the unit and the time of [study]",
    ),
    (
        ("condition", "value"),
        r"(?<!\w)_[nN]\b|^in\s+\d|e\(sample\)",
        "rows have no number here: choose them by a column's values",
    ),
    (("treatment",), r"##|\*", 'write { term = "a:b", with = "a + b" } for the interaction with its main effects'),
)
"""Where, what, and where it is said instead."""


def elsewhere(text: str, place: HabitRole) -> str | None:
    """Say where what ``text`` asks for is said here, None where nothing is known."""
    return next((help for places, pattern, help in _ELSEWHERE if place in places and re.search(pattern, text)), None)


def in_our_spelling(text: str, place: HabitRole, *, meant: bool = True) -> str | None:
    """Write ``text`` as it is written here, None where nothing is known that is sure to be right.

    Parameters
    ----------
    text : str
        What cannot be read, does not pass the check, or names columns that are not there.
    place : str
        The role, "treatment" or "column".
    meant : bool
        Whether what was probably meant is written; else, of code that was run, what it does, or nothing.
    """
    if len(text) > min(LONGEST, MAX_LENGTH) or re.search("[\0-\x03]", text):
        return None
    kept: list[str] = []
    new = _hidden(text.strip(), kept)
    for rule in _BEFORE:
        new = rule(new, place)
    new = _parts(new, place, kept, meant)
    for rule in _AFTER:
        if rule is _mended and not meant:
            continue
        new = _restored_names(rule(new, place), kept)
    found = _bracketed(_whole(new, kept).strip())
    found = re.sub(r"(?<=\()\s+|\s+(?=\))", "", found)
    role: Role = {"treatment": "terms", "column": "names"}.get(place, place)  # type: ignore[assignment]
    return found if found != text and _fine(found, role) else None


def _hidden(text: str, kept: list[str]) -> str:
    """Put U+0000 and a number in the place of every text in quotes, which is kept."""

    def hide(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    return _QUOTED.sub(hide, text)


def _whole(text: str, kept: list[str]) -> str:
    return re.sub(r"\0(\d+)\0", lambda m: kept[int(m[1])], text)


def _pasted(pattern: str, form: str, text: str) -> str:
    r"""Put ``form`` in the place of calls; marks around it and its parts \\1, \\2 … may become brackets."""

    def put(match: re.Match[str]) -> str:
        whole = form
        for k, group in enumerate(match.groups(), 1):
            part = group if re.fullmatch(rf"[\w.\0]+|{_NUMBER}|\s*", group) else f"\x02{group}\x03"
            whole = whole.replace(f"\\{k}", part)
        return f"\x02{whole}\x03"

    return re.sub(pattern, put, text)


def _bracketed(text: str) -> str:
    """Write brackets in the place of marks, but for those that change nothing."""
    while (close := text.find("\x03")) >= 0 and (begin := text.rfind("\x02", 0, close)) >= 0:
        inside = text[begin + 1 : close]
        without, within = (
            f"{text[:begin]}{one}{text[close + 1 :]}".translate({2: "(", 3: ")"}) for one in (inside, f"({inside})")
        )
        try:
            plain = parse(without) == parse(within)
        except LanguageError:
            plain = False
        text = text[:begin] + (inside if plain else f"({inside})") + text[close + 1 :]
    return text


def _restored_names(text: str, kept: list[str]) -> str:
    """Take names out of the quotes in which data frames have them; rules mark them by U+0001."""
    return re.sub("\x01([0-9]+)\x01", lambda m: kept[int(m[1])][1:-1], text)


def _fine(text: str, role: Role) -> bool:
    try:
        return not check(parse(text), role)
    except LanguageError:
        return False


# Whole texts


def _commands(text: str, place: HabitRole) -> str:
    """Take the command away of which the text is an argument."""
    text = re.sub(r"^xi\s*:\s*", "", text)
    if place in ("condition",):
        text = re.sub(r"^(?:subset|where|filter)\s*=\s*", "", text)
        text = re.sub(r"^(?:filter|subset|query|where)\((.*)\)$", r"\1", text)
        if drop := re.match(r"^drop\s+if\s+(.*)$", text):
            return f"!({drop[1]})"
        return re.sub(r"^(?:keep\s+)?if\s+", "", text)
    if place == "value":
        weights = re.match(r"^\[?\s*(?:[afpi]w(?:eights?)?|weights?)\s*=\s*~?\s*(.*?)\s*\]?$", text)
        text = weights[1] if weights else re.sub(r"^~\s*", "", text)
        several = rf"{_NAME}(?:\s+{_NAME})*"
        sort, groups = rf"(?:by(?:s(?:ort)?)?\s+({several})\s*:\s*)?", rf"(?:\s*,\s*by\(({several})\))?"
        by = re.match(rf"^{sort}egen\s+{_NAME}\s*=\s*({_EGEN})\(([^()]*)\){groups}$", text)
        by_here = re.match(rf"^({_EGEN})\(([^()]*)\)\s*,\s*by\(({_NAME}(?:\s+{_NAME})*)\)$", text)
        grouped = re.match(rf"^(?:df\.)?({_NAME})\.groupby\((?:\0\d+\0|{_NAME})\)", text)
        code = re.match(rf"^egen\s+{_NAME}\s*=\s*group\(({several})\)$", text)
        if code:
            return f"group({', '.join(code[1].split())})"
        if by and (by[1] or by[4]):
            return _by_group(by[2], by[3], by[1] or by[4])
        if by_here:
            return _by_group(*by_here.groups())
        if grouped is None:
            kinds = r"(?:(?:double|float|byte|int)\s+)?"
            text = re.sub(rf"^(?:gen(?:erate)?|g|egen|replace)\s+{kinds}{_NAME}\s*=(?!=)\s*", "", text)
        more = r"\s*(?:replace|(?:g|s|lab)\w*(?:\(\w+\))?)?\s*$"
        winsor = re.match(
            rf"^winsor2?\s+({_NAME})\s*,?{more[:-1]}(?:cuts\((\d+)\s+(\d+)\)|p\((0?\.\d+)\))?{more}", text
        )
        if winsor and (winsor[2] is None or int(winsor[2]) + int(winsor[3]) == 100):
            return f"winsorize({winsor[1]}, {winsor[4] or float(winsor[2] or 1) / 100}, type = 2)"
    if place == "effects":
        text = re.sub(r"^(?:absorb|a|fe|fixed_effects)\s*\((.*)\)$", r"\1", re.sub(r"^~\s*", "", text))
    if place in ("terms", "treatment"):
        text = re.sub(r"^(?:~|\w+\s*~)\s*(?=\S)", "", text)
    if place in ("names", "column"):
        text = re.sub(r"^(?:~\s*|c(?:lu)?(?:ster)?\s*\(?\s+|cluster\s*=\s*~?)", "", text)
    return text


def _by_group(function: str, x: str, by: str) -> str:
    """Write a function of egen within groups."""
    groups = "^".join(by.split())
    if function == "count":
        return f"sum(!is.na({x.strip()}), by = {groups})"
    return f"{'sum' if function == 'total' else function}({x.strip()}, by = {groups})"


def _formula(text: str, place: HabitRole) -> str:
    """Make a formula of a whole command: ``reghdfe y d x, absorb(id year)``, ``feols(y ~ d | id, data)``."""
    if place != "formula":
        return text
    call = re.match(r"^(?:\w+[.:]*)+\(\s*([^,]*~[^,]*)(?:,.*)?\)$", text)
    if call:
        return call[1].strip()
    command = r"(?:(?:reghdfe|areg|xtreg|reg|regress|ppmlhdfe)\s+)?"
    stata = re.match(rf"^{command}({_NAME})((?:\s+[\w.#]+)+)\s*(?:,(.*))?$", text)
    if stata:
        options = stata[3] or ""
        absorbed = re.search(r"\b(?:a|abs|absorb)\(([^()]*)\)", options)
        right = " + ".join(stata[2].split())
        effects = f" | {_listed(_products(absorbed[1], 'effects'), 'effects')}" if absorbed else ""
        return f"{stata[1]} ~ {right}{effects}"
    four = re.match(r"^([^|]*~[^|]*\|[^|]*)\|\s*0\s*(?:\|[^|]*)?$", text)
    if four:
        return four[1].strip()
    text = re.sub(r"\s*,\s*(?:cluster|vcov|se|weights|data)?\s*=?\s*~?.*$", "", text) if "~" in text else text
    if "~" not in text:
        text = re.sub(rf"^({_NAME})\s*=(?!=)\s*", r"\1 ~ ", text)
    return text


def _parts(text: str, place: HabitRole, kept: list[str], meant: bool) -> str:
    """Write every part of a formula in the spelling of its role."""
    if place != "formula" or text.count("~") != 1:
        return text
    left, right = text.split("~")
    parts = [left, *right.split("|")]
    roles: tuple[HabitRole, ...] = ("value", "terms", "effects")
    if len(parts) > len(roles):
        return text
    found = [
        in_our_spelling(_whole(part.strip(), kept), role, meant=meant) for part, role in zip(parts, roles, strict=False)
    ]
    own = [part.strip() if new is None else _hidden(new, kept) for part, new in zip(parts, found, strict=True)]
    return text if not any(found) else f"{own[0]} ~ {' | '.join(own[1:])}"


def _nothing(text: str, place: HabitRole) -> str:
    bare = text.casefold().strip()
    if place == "condition" and bare in _EVERYTHING:
        return "TRUE"
    if bare in _NOTHING and place in ("terms", "effects"):
        return "0" if place == "effects" else "1"
    if place == "value" and bare in ("none", "unweighted", "no weights", "null"):
        return "1"
    return text


def _macros(text: str, place: HabitRole) -> str:
    """Turn a local or global of Stata into a macro."""
    if place not in ("terms", "effects"):
        return text
    text = re.sub(rf"`({_NAME})'", r"..\1", text)
    return re.sub(rf"(?<![\w.\])])\$\{{?({_NAME})\}}?", r"..\1", text)


# Lists of columns


def _wildcards(text: str, place: HabitRole) -> str:
    """Turn ``divx*`` into a pattern, ``divx1-divx17`` into its columns, ``_Iyear*`` into its factor."""
    if place not in ("terms",):
        return text

    def listed(match: re.Match[str]) -> str:
        stem, first, last = match[1], int(match[2]), int(match[3])
        if not first < last or last - first > MOST_LISTED:
            return match[0]
        return " + ".join(f"{stem}{k}" for k in range(first, last + 1))

    text = re.sub(r"(?<![\w.])([^\W\d]\w*?)(\d+)\s*-\s*\1(\d+)(?![\w.])", listed, text)
    text = re.sub(r"(?<![\w.])_I([a-z]+)\w*\*", r"factor(\1)", text)
    text = re.sub(rf"(?<![\w.*])({_NAME})\*(?=\s*(?:$|\+|,|\s{_NAME}))", r"regex('^\1')", text)
    text = re.sub(rf"(?<![\w.])\*({_NAME})(?=\s*(?:$|\+|,))", r"regex('\1$')", text) if text.startswith("*") else text
    return re.sub(rf"(?<![\w.])({_NAME})\?(?=\s*(?:$|\+))", r"regex('^\1.$')", text)


def _listed(text: str, place: HabitRole) -> str:
    """Join by ``+`` what stands side by side, or between commas."""
    if place not in ("terms", "effects", "names"):
        return text
    call = re.match(rf"^(log|ln|sqrt|exp|abs)\s+({_NAME})$", text)
    if call:
        return f"{_RENAMED.get(call[1], call[1])}({call[2]})"
    parts = re.split(r"\s*[,;]\s*(?![^(\[]*[)\]])|\s+(?![^(\[]*[)\]])", text)
    whole = all(re.fullmatch(r"\.{0,2}[\w.]+(?:\([^()]*\))?(?:\[[^\[\]]*\])*(?:\^[\w.]+)?", p) for p in parts)
    keywords = {"if", "in", "and", "or", *(["x"] if place == "effects" else [])} & set(parts)
    return " + ".join(parts) if len(parts) > 1 and whole and not keywords else text


# Stata's operators of time series and factor variables


def _series(text: str, place: HabitRole) -> str:
    """Write ``L2.x`` as ``l(x, 2)``; Stata's D2 is the difference of the difference, S12 that to 12 periods before.

    Stata brings several into one order and adds them up ([U] 11.4.4): LL is L2, which asks for no row between, FL is x.
    """

    def lagged(match: re.Match[str]) -> str:
        found = match[2]
        operators = [(letter.lower(), int(k or 1)) for letter, k in re.findall(r"([LFDSlfds])(\d*)", match[1])]
        lags = sum(k if kind == "l" else -k for kind, k in operators if kind in "lf")
        differences = sum(k for kind, k in operators if kind == "d")
        if max(k for _, k in operators) > 100 or differences > 4:
            return match[0]
        for kind, k in operators:
            found = f"d({found}, {k})" if kind == "s" and k else found
        for _ in range(differences):
            found = f"d({found}, 1)"
        return f"{'l' if lags > 0 else 'f'}({found}, {abs(lags)})" if lags else found

    def several(match: re.Match[str]) -> str:
        return f"{match[1].lower()}({match[4]}, {match[2]}:{match[3]})"

    return _SERIES.sub(lagged, _LAG_RANGE.sub(several, text))


def _split(piece: str) -> tuple[str, str]:
    prefix, dot, name = piece.strip().rpartition(".")
    return (prefix if dot else ""), name


def _category(prefix: str, name: str, place: HabitRole) -> str:
    base = re.fullmatch(r"i?b(\d+)", prefix)
    if prefix in ("", "c"):
        return name
    if prefix.isdigit():
        return f"({name} == {prefix})"
    if place in ("effects", "treatment", "value", "names", "column"):
        return name
    return f"i({name}, ref = {base[1]})" if base else f"factor({name})"


def _products(text: str, place: HabitRole) -> str:
    """Write ``c.x##c.x`` as ``x + I(x^2)``, ``i.id##c.year`` among effects as ``id[year]``, ``#`` as ``id[[year]]``."""

    def product(match: re.Match[str]) -> str:
        if place == "treatment" and "##" in match[0]:
            return match[0]  # which is three terms
        pieces = [_split(p) for p in re.split(r"##?", match[0])]
        full = "##" in match[0]
        names = [name for _, name in pieces]
        if place == "effects":
            slopes = [name for prefix, name in pieces if prefix == "c"]
            levels = [name for prefix, name in pieces if prefix != "c"]
            joint = "^".join(levels)
            if not levels:
                return match[0]
            if slopes:
                return joint + "".join(f"[{s}]" if full else f"[[{s}]]" for s in slopes)
            return " + ".join([*levels, joint]) if full else joint
        if len(set(names)) == 1 and {prefix for prefix, _ in pieces} <= {"c", ""}:
            powers = [f"I({names[0]}^{k})" for k in range(2, len(names) + 1)]
            return " + ".join([names[0], *powers]) if full else powers[-1]
        if place == "value":
            return " * ".join(names)
        prefixes = [prefix for prefix, _ in pieces]
        if not full and len(pieces) == 2 and sorted(p[:1] for p in prefixes) == ["c", "i"] and place == "terms":
            of, x = names if prefixes[0].startswith("i") else names[::-1]
            base = re.search(r"\d+", "".join(prefixes))
            return f"i({of}, {x}, ref = {base[0]})" if base else f"i({of}, {x})"
        return ("*" if full else ":").join(_category(*piece, place) for piece in pieces)

    if place == "effects":
        text = re.sub(rf"({_NAME})\s*\*\s*c\.({_NAME})", r"\1[\2]", text)
    text = _PRODUCT.sub(product, text)
    return _FACTOR.sub(lambda m: _category(m[1], m[2], place), text)


# Effects, terms, values, conditions


def _effects(text: str, place: HabitRole) -> str:
    if place != "effects":
        return text
    text = re.sub(rf"(?:as\.)?(?:factor|C|fct|categorical)\(({_NAME})\)", r"\1", text)
    text = re.sub(rf"\[({_NAME})\s*,\s*({_NAME})\]", r"[\1][\2]", text)
    text = re.sub(rf"\[({_NAME}(?:\^\d+|\*\*\d+))\]", lambda m: f"[I({m[1].replace('**', '^')})]", text)
    text = re.sub(rf"^({_NAME})\s*:\s*({_NAME})$", r"\1^\2", text)
    text = re.sub(rf"^({_NAME})\s*\*\s*({_NAME})$", r"\1 + \2 + \1^\2", text)
    return re.sub(r"\s*-\s*1$", "", text)


def _terms(text: str, place: HabitRole) -> str:
    if place not in ("terms", "treatment"):
        return text
    plain = rf"(?<![\w.()^:*/]) *({_NAME}) *"
    text = re.sub(rf"^({_NAME}) *\* *\1$", r"\1 + I(\1^2)", text)
    text = re.sub(rf"^({_NAME}) *: *\1$", r"I(\1^2)", text)
    text = re.sub(rf"^({_NUMBER}) *\* *({_NAME})$", r"I(\1 * \2)", text)
    text = re.sub(rf"^{plain}/ *({_NAME}|{_NUMBER})$", r"I(\1 / \2)", text)
    if place == "treatment":
        text = re.sub(r"^\((.*==.*)\)$", r"\1", text)
    return re.sub(rf"^({_NAME}) *%in% *({_NAME})$", r"\1:\2", text)


def _numbers(text: str, place: HabitRole) -> str:
    """Write ``0,5`` as 0.5 and ``1,000`` as 1000, where a comma can separate nothing."""
    if re.search(r"[(\[{]|\bin\b", text) or place in ("names", "effects", "formula"):
        return text
    text = re.sub(r"(?<![\w.,])([1-9]\d{0,2}),(\d{3})(?![\w.,])", r"\1\2", text)
    return re.sub(r"(?<![\w.,])(\d+),(\d+)(?![\w.,])", r"\1.\2", text)


def _names(text: str, place: HabitRole) -> str:
    """Take packages and data frames away, and call functions by their names here."""
    text = _PACKAGE.sub("", text)
    text = _COLUMN_OF.sub(lambda m: f"\1{m[1]}\1" if m[1] else m[2] or m[3], text)
    text = re.sub(r"(?<![\w.])Q\(\s*\0(\d+)\0\s*\)", "\x01\\1\x01", text)
    pipe = re.match(rf"^({_OPERAND})\s*(?:%>%|\|>)\s*({_NAME})\(\)$", text)
    if pipe:
        text = f"{pipe[2]}({pipe[1]})"
    text = re.sub(rf"({_NAME})\[_n\s*-\s*(\d+)\]", r"l(\1, \2)", text)
    text = re.sub(rf"({_NAME})\[_n\s*\+\s*(\d+)\]", r"f(\1, \2)", text)
    text = _METHOD.sub(_method, text)
    text = re.sub(
        rf"({_NAME})\.groupby\((?:\0(\d+)\0|({_NAME}))\)(?:\[[^\]]*\])?\.transform\(\0(\d+)\0\)",
        lambda m: f"\1{m[4]}\1({m[1]}, by = {f'{chr(1)}{m[2]}{chr(1)}' if m[2] else m[3]})",
        text,
    )
    text = _pasted(rf"(?<![\w.])grepl\(\s*(\0\d+\0)\s*,\s*({_NAME})\s*\)", r"\2 %like% \1", text)
    finds = r"(?:str_detect|u?s?t?r?regexm)"
    text = _pasted(rf"(?<![\w.]){finds}\(\s*({_NAME})\s*,\s*(\0\d+\0)\s*\)", r"\1 %like% \2", text)
    if place == "value":
        text = _pasted(r"(?<![\w.])(?:as\.(?:integer|numeric)|int)\(([^()]*[<>=][^()]*)\)", r"1 * \1", text)
    text = re.sub(r"(?<![\w.])(?:notna|notnull|nonmissing)\(", "!is.na(", text)
    text = _CONVERSION.sub(_converted, text)
    filled = rf"(?<![\w.])(?:fillna|nvl)\(({_NAME})\s*,\s*({_NUMBER})\)"
    text = re.sub(filled, r"ifelse(is.na(\1), \2, \1)", text)
    text = _pasted(r"(?<![\w.])mod\(\s*([^(),]*?)\s*,\s*([^(),]*?)\s*\)", r"\1 %% \2", text)
    return re.sub(r"(?<![\w.])([A-Za-z_.][\w.]*)\(", _renamed, text)


def _converted(match: re.Match[str]) -> str:
    """Leave out a conversion to 0 and 1 of what is a condition, and 0 and 1, anyhow."""
    inside = match[1].strip()
    if not re.search(r"[<>=!&|]|\bis\.?n[au]\w*\(|%in%", inside):
        return match[0]
    return inside if match[0] == match.string.strip() else f"({inside})"


def _renamed(match: re.Match[str]) -> str:
    name = match[1]
    return f"{_RENAMED[name]}(" if name in _RENAMED and name not in FUNCTIONS else match[0]


def _method(match: re.Match[str]) -> str:
    name, method, inside = match[1], match[2], match[3].strip()
    values = inside.strip("[]{} ")
    whole = inside.lstrip("-").isdigit()
    found = {
        "isna": f"is.na({name})",
        "isnull": f"is.na({name})",
        "notna": f"!is.na({name})",
        "notnull": f"!is.na({name})",
        "isin": f"{name} %in% c({values})",
        "abs": f"abs({name})",
        "shift": f"l({name}, {inside or 1})",
        "fillna": f"ifelse(is.na({name}), {inside}, {name})",
        "diff": f"d({name}, {inside or 1})" if whole or not inside else match[0],
        "astype": name,
    }
    ends = [part.strip() for part in inside.split(",")]
    found["between"] = f"{name} >= {ends[0]} & {name} <= {ends[1]}" if len(ends) == 2 else match[0]
    return found[method]


def _choices(text: str, place: HabitRole) -> str:
    """Write ``a if c else b``, ``c ? a : b`` and Stata's ``a if c`` as ``ifelse``."""
    if place != "value":
        return text
    python = re.fullmatch(r"(.+?)\s+if\s+(.+?)\s+else\s+(.+)", text)
    if python:
        return f"ifelse({python[2]}, {python[1]}, {python[3]})"
    c = re.fullmatch(r"(.+?)\s*\?\s*(.+?)\s*:\s*(.+)", text)
    if c:
        return f"ifelse({c[1]}, {c[2]}, {c[3]})"
    stata = re.fullmatch(r"(.+?)\s+if\s+(.+)", text)
    return f"ifelse({stata[2]}, {stata[1]}, NA)" if stata else text


def _conditions(text: str, place: HabitRole) -> str:
    """Write comparisons, lists and missing values as R has them."""
    a = rf"({_NAME}|is\.na\({_NAME}\))"
    if place in ("condition", "value", "treatment", "terms"):
        text = re.sub(r"(?<![\w.])inlist\(([^,()]+),([^()]*)\)", _one_of, text)
        text = _pasted(
            r"(?<![\w.])(?:inrange|between)\(\s*([^,()]+?)\s*,\s*([^,()]+?)\s*,\s*([^,()]+?)\s*\)",
            r"\1 >= \2 & \1 <= \3",
            text,
        )
        text = re.sub(rf"{a}\s+not\s+in\s+[\[(]([^\[\]()]*)[\])]", r"!(\1 %in% c(\2))", text)
        text = re.sub(rf"{a}\s+(?:in|%in%)\s+[\[(]([^\[\]()]*)[\])]", r"\1 %in% c(\2)", text)
        text = re.sub(rf"{a}\s+is\s+not\s+{_MISSING}(?!\w)", r"!is.na(\1)", text)
        text = re.sub(rf"{a}\s+is\s+{_MISSING}(?!\w)", r"is.na(\1)", text)
        text = re.sub(rf"{a}\s*(?:!=|~=|<)\s*{_MISSING}(?![\w.(])", r"!is.na(\1)", text)
        text = re.sub(rf"{a}\s*(?:==|>=)\s*{_MISSING}(?![\w.(])", r"is.na(\1)", text)
        for wrong, right in _COMPARISONS:
            text = text.replace(wrong, right)
        text = re.sub(r"(?<=[\w)\0])\s+and\s+(?=[\w(!])", " & ", text, flags=re.IGNORECASE)
        text = re.sub(r"(?<=[\w)\0])\s+or\s+(?=[\w(!])", " | ", text, flags=re.IGNORECASE)
        text = re.sub(rf"(?<![\w.])not\s+({_NAME}\s*(?:[<>=!]=|<|>|%in%)\s*(?:{_VALUE}|c\([^()]*\)))", r"!(\1)", text)
        text = re.sub(r"(?<![\w.])not\s*\(", "!(", text)
        text = re.sub(r"(?<![\w.)\]\0] )(?<![\w.)\]\0])~\s*\(", "!(", text)
        text = re.sub(r"(?<![\w.])(?:[Tt]rue)(?![\w.(])", "TRUE", text)
        text = re.sub(r"(?<![\w.])(?:[Ff]alse)(?![\w.(])", "FALSE", text)
    if place == "condition":
        text = re.sub(r"\s*,\s*(?![^()]*\))", " & ", text)
    return text


def _one_of(match: re.Match[str]) -> str:
    return f"\x02\x02{match[1].strip()}\x03 %in% c({match[2].strip()})\x03"


def _mended(text: str, place: HabitRole) -> str:
    """Write what was meant by ``region == 2 | 3`` and the like, which programs read and take for something else."""
    text = re.sub(r"(?<![\w.])(max|min)\((?=[^(),]+,[^()]*\))(?![^()]*\bby\s*=)", r"p\1(", text)
    if place in ("condition", "value", "treatment", "terms"):
        text = re.sub(rf"(?<![\w.])({_VALUE})\s*(<=?)\s*({_NAME})\s*(<=?)\s*({_VALUE})", r"\1 \2 \3 & \3 \4 \5", text)
        text = re.sub(rf"({_NAME})\s*==\s*(c\([^()]*\)|\d+:\d+)", r"\1 %in% \2", text)
        text = re.sub(
            rf"^({_NAME})\s*==\s*({_VALUE}(?:\s*\|\s*{_VALUE})+)$",
            lambda m: f"{m[1]} %in% c({re.sub('[ ]*[|][ ]*', ', ', m[2])})",
            text,
        )
    if place in ("condition", "treatment"):
        text = re.sub(r"(?<![<>=!~])=(?![=<>~])(?![^()]*\))", "==", text)
    return text


def _operators(text: str, place: HabitRole) -> str:
    text = text.replace("**", "^")
    text = re.sub(r"(?<=[\w)])\s*//\s*(?=[\w(])", " %/% ", text)
    text = re.sub(r"(?<=[\w)])(?<!%in)\s*(?<!%)%(?![%/\w])\s*(?=[\w(])", " %% ", text)
    text = re.sub(r"(?<=,)\s*\.(?=\s*[,)])", " NA", text)
    text = re.sub(r"raw\s*=\s*True", "raw = TRUE", text)
    return re.sub(
        r"winsorize\(([^(),]+),\s*([1-9]\d?)\s*\)",
        _percent,
        re.sub(r"winsorize\(([^(),]+),\s*(0?\.\d+)\s*,\s*(0?\.\d+)\s*\)", _two_tails, text),
    )


def _percent(match: re.Match[str]) -> str:
    tail = min(int(match[2]), 100 - int(match[2]))
    return f"winsorize({match[1]}, {tail / 100:g})" if tail < 50 else match[0]


def _two_tails(match: re.Match[str]) -> str:
    low, high = float(match[2]), float(match[3])
    return f"winsorize({match[1]}, {low:g})" if abs(low + high - 1) < 1e-9 else match[0]


_BEFORE: tuple[HabitRule, ...] = (_macros, _commands, _formula, _nothing)
"""Rules of a whole text; then a formula's parts are looked at by themselves."""
_AFTER: tuple[HabitRule, ...] = (
    _numbers, _names, _series, _products, _wildcards, _choices, _conditions, _mended, _operators, _effects, _terms,
    _listed,
)  # fmt: skip
