"""Regressions of a Stata do-file or an R script, read for a draft; nothing of the code is run.

Read are reghdfe, xtreg with fe, areg, regress and ppmlhdfe, with local and global macros and foreach; feols, fepois
and felm with one formula written out. A regression with a part that is not understood
is left out, and listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from specdid.language import LanguageError, Role, check, in_our_spelling, parse

LONGEST = 2_000_000
"""Characters of code that are read."""
MOST = 2_000
"""Statements, loops written out."""
LONGEST_STATEMENT = 10_000
"""Characters of a statement, macros put in."""
_COMMANDS = {
    "reghdfe": "feols",
    "xtreg": "feols",
    "areg": "feols",
    "regress": "feols",
    "reg": "feols",
    "ppmlhdfe": "fepois",
}
_CALLS = {"feols": "feols", "fepois": "fepois", "felm": "feols"}
_OTHERS = re.compile(
    r"^(?:iv\w*reg\w*|ivreg\w*|ivppmlhdfe|x?t?(?:logit|probit|poisson|nbreg|tobit|abond)|csdid2?|did_\w+|did2s|drdid|jwdid|lpdid"
    r"|eventstudyinteract|x?t?h?didregress|sdid|synth|reg3|sureg|nl|cnsreg|rreg|qreg|areg2|reghdfejl|fese|stackedev|wooldid)\b"
)
"""Commands that estimate and are not read."""
_TIME = re.compile(r"(?<![\w.])[LFD]\d*\.[A-Za-z_]|[=<>]\s*\.(?![\w])")
"""What is a name of R, too: L.x, and the missing value of Stata."""
_PREFIX = re.compile(
    r"^(?:(?:qui(?:etly)?|cap(?:ture)?|noi(?:sily)?|xi|eststo(?:\s+\w+)?(?:\s*,[^:]*)?)\s*:?\s*)+(?=[a-z_]+\b)"
)
_ROWS = re.compile(r"^(keep|drop)\s+(?:if|in)\b|^(merge|joinby|append|collapse|reshape|expand|replace)\b")


@dataclass(frozen=True, slots=True)
class Regression:
    """One regression in the spelling of a spec file; ``effects`` is "0" for none, ``cluster`` what errors allow for."""

    line: int
    outcome: str
    terms: tuple[str, ...]
    effects: str = "0"
    condition: str = "TRUE"
    weights: str = "1"
    vcov: str = "iid"
    ssc: str = ""
    estimator: str = "feols"


@dataclass(slots=True)
class ReadCode:
    """What was read: regressions, and what else the code says of the panel; ``skipped`` is (line, text, why)."""

    regressions: list[Regression] = field(default_factory=list)
    data: str | None = None
    unit: str | None = None
    time: str | None = None
    derived: dict[str, str] = field(default_factory=dict)
    skipped: list[tuple[int, str, str]] = field(default_factory=list)


class _NotReadError(Exception):
    """Why a statement is not understood."""


def read_code(text: str, ending: str) -> ReadCode:
    """Read a do-file (``.do``, ``.ado``) or an R script (``.r``).

    Raises
    ------
    ValueError
        The file is too long, or of another kind.
    """
    if len(text) > LONGEST:
        raise ValueError(f"the file has more than {LONGEST:,} characters")
    readers: dict[str, Callable[[str], ReadCode]] = {".do": _stata, ".ado": _stata, ".r": _r}
    reader = readers.get(ending.casefold())
    if reader is None:
        raise ValueError("code is read from .do and .R files")
    return reader(text.replace("\r\n", "\n").replace("\r", "\n"))


def _ours(text: str, role: Role) -> str:
    """Write an expression as it is written here.

    Raises
    ------
    _NotReadError
        Where that is not known.
    """
    text = text.strip()
    if _TIME.search(text) and (found := in_our_spelling(text, role)) is not None:
        return found
    try:
        if not check(parse(text), role):
            return text
    except LanguageError:
        pass
    found = in_our_spelling(text, role)
    if found is None:
        raise _NotReadError(f"`{text}` is not understood")
    return found


# Stata


def _stata(text: str) -> ReadCode:
    found = ReadCode()
    macros: dict[str, str] = {}
    for line, statement in _loops(list(_statements(text))):
        _statement(_expanded(statement, macros), line, macros, found)
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Return statements with their lines, without comments, continued lines joined."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.DOTALL)
    by_line, begun, first = True, "", 1
    for number, raw in enumerate(text.split("\n"), 1):
        line = re.sub(r"^\s*\*.*$", "", raw)
        line, _, continued = re.sub(r"(?:^|\s)//(?!/).*$", "", line).partition("///")
        if delimiter := re.match(r"^\s*#d(?:elimit)?\s+(\S+)", line):
            by_line = delimiter[1] != ";"
            continue
        first = first if begun.strip() else number
        begun += " " + line
        if by_line and not (_ or continued):
            yield first, " ".join(begun.split())
            begun = ""
        while not by_line and ";" in begun:
            one, _, begun = begun.partition(";")
            yield first, " ".join(one.split())
            first = number
    yield first, " ".join(begun.split())


def _loops(statements: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Write foreach loops over written lists out; of others the body stands once."""
    given = 0
    macros: dict[str, str] = {}
    stack: list[tuple[str, list[str], list[tuple[int, str]]]] = []
    for line, text in statements:
        if macro := _macro(text):
            macros[macro[0]] = _expanded(macro[1], macros)
        loop = re.match(r"^foreach\s+(\w+)\s+(?:in|of\s+(varlist|local|global))\s+(.*?)\s*\{$", text)
        if loop:
            name = {"local": "`{}'", "global": "${{{}}}"}.get(loop[2] or "", "{}").format(loop[3])
            stack.append((loop[1], _expanded(name, macros).split(), []))
            continue
        if text.endswith("{"):
            stack.append(("", [""], []))
            continue
        done = [(line, text)] if text != "}" else []
        if text == "}" and stack:
            name, values, body = stack.pop()
            written = ((n, t.replace(f"`{name}'", value) if name else t) for value in values for n, t in body)
            done = list(islice(written, MOST))
        if stack:
            stack[-1][2].extend(done)
            continue
        for one in done:
            given += 1
            if given <= MOST:
                yield one


def _expanded(text: str, macros: dict[str, str]) -> str:
    """Put macros in; what grows beyond LONGEST_STATEMENT is left as it is."""
    for _ in range(10):
        room = LONGEST_STATEMENT - len(text)

        def value(match: re.Match[str], sigil: str = "") -> str:
            nonlocal room
            found = macros.get(sigil + match[1], match[0])
            room -= len(found)
            return found if room > 0 else match[0]

        new = re.sub(r"`(\w+)'", value, text)
        new = re.sub(r"\$\{?(\w+)\}?", partial(value, sigil="$"), new)
        if new == text:
            break
        text = new
    return text


def _macro(text: str) -> tuple[str, str] | None:
    """Return the name of the macro that a statement sets, a global's with $, and its text."""
    found = re.match(r"^(local|gl(?:obal)?)\s+(\w+)\s*=?\s*(.*)$", text)
    return (("" if found[1] == "local" else "$") + found[2], found[3].strip().strip('"')) if found else None


def _statement(text: str, line: int, macros: dict[str, str], found: ReadCode) -> None:
    if macro := _macro(text):
        macros[macro[0]] = macro[1]
        return
    text = _PREFIX.sub("", text)
    if use := re.match(r'^(?:use|import\s+\w+(?:\s+using)?|insheet\s+using)\s+(?:"([^"]+)"|([^\s,]+))', text):
        found.data = found.data or use[1] or use[2]
    elif key := re.match(r"^(?:xtset|tsset|iis)\s+(\w+)(?:\s+(\w+))?", text):
        found.unit, found.time = key[1], key[2] or found.time
    elif made := re.match(r"^g(?:en(?:erate)?)?\s+(?:byte\s+|int\s+|float\s+|double\s+)?(\w+)\s*=\s*(.+)$", text):
        _define(found, line, text, made[1], made[2])
    elif made := re.match(r"^(?:by\w*\s+[^:]*:\s*)?egen\s+(?:\w+\s+)?(\w+)\s*=", text):
        _define(found, line, text, made[1], text)
    elif (command := text.partition(" ")[0]) in _COMMANDS:
        try:
            found.regressions.append(_command(command, text[len(command) :], line, found))
        except _NotReadError as error:
            found.skipped.append((line, text, str(error)))
    elif _OTHERS.match(text):
        found.skipped.append((line, text, f"{command} is not read"))
    elif _ROWS.match(text):
        found.skipped.append((line, text, "changes rows or values; do it before, or write it in the spec"))


def _define(found: ReadCode, line: int, text: str, name: str, expression: str) -> None:
    try:
        found.derived[name] = _ours(expression, "value")
    except _NotReadError as error:
        found.skipped.append((line, text, f"{error}; the column `{name}` has to be in the data"))


def _command(command: str, rest: str, line: int, found: ReadCode) -> Regression:
    if re.search(r"[`$]", rest):
        raise _NotReadError("a macro is not known")
    body, options = _at_comma(rest)
    weight = re.search(r"\[\s*([afpi]?)w(?:eights?|gt)?\s*=\s*([^\]]+)\]", body)
    if weight and weight[1] in ("f", "i"):
        raise _NotReadError("weights here are analytic weights, not frequencies or importances")
    body = body.replace(weight[0], " ") if weight else body
    condition = re.search(r"\sif\s+(.*)$", body)
    body = body[: condition.start()] if condition else body
    if re.search(r"\sin\s+\S+$", body):
        raise _NotReadError("`in` names rows by their number")
    found_words = re.findall(r"(?:[^\s(]|\([^()]*\))+", body)
    if len(found_words) < 2:
        raise _NotReadError("it has no outcome and term")
    outcome, *words = found_words
    absorbed = _option(options, r"a|abs|absorb")
    effects = absorbed.replace(",", " ").split() if absorbed else []
    terms: list[str] = []
    for word in words:
        if re.fullmatch(r"\(.*\)", word) or "=" in word:
            raise _NotReadError("instrumental variables are not covered by a draft: write them in [instruments]")
        if re.search(r"[A-Za-z_]\w*-[A-Za-z_]", word):
            raise _NotReadError(f"`{word}` is a range of columns: name them, or write regex()")
        if re.fullmatch(r"i\.\w+\*i\.\w+", word):  # xi's way to write both and their interaction
            effects.append(word.replace("*", "#"))
        elif "*" in word and word.startswith("i."):
            raise _NotReadError(f"`{word}`, an interaction of xi, is not taken over")
        elif "*" in word:
            terms.append(f'regex("^{word.replace("*", ".*")}$")')
        elif re.match(r"^i[.b]", word) and "#c." not in word and "c." not in word:
            effects.append(word)
        else:
            terms.append(_ours(word, "terms"))
    unit = _option(options, r"i") or found.unit
    if command == "xtreg":
        if not re.search(r"\bfe\b", options):
            raise _NotReadError("xtreg without fe")
        if unit is None:
            raise _NotReadError("the unit of xtreg is not known: no xtset, no i()")
        effects.insert(0, unit)
        found.unit = found.unit or unit
    vcov, ssc = _errors(command, options, unit)
    written = " + ".join(_ours(re.sub(r"^i\.(\w+)$", r"\1", e), "effects") for e in dict.fromkeys(effects))
    return Regression(
        line,
        _ours(outcome, "outcome"),
        tuple(dict.fromkeys(terms)),
        written or "0",
        _ours(condition[1], "condition") if condition else "TRUE",
        _ours(weight[2], "value") if weight else "1",
        "hetero" if vcov == "iid" and weight and weight[1] == "p" else vcov,
        ssc,
        _COMMANDS[command],
    )


def _at_comma(text: str) -> tuple[str, str]:
    """Split at the first comma that stands in no bracket."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            return text[:k], text[k + 1 :]
    return text, ""


def _option(options: str, names: str) -> str | None:
    found = re.search(rf"\b(?:{names})\(([^()]*)\)", options)
    return found[1].strip() if found else None


def _errors(command: str, options: str, unit: str | None) -> tuple[str, str]:
    vce = _option(options, "vce") or ""
    clusters = _option(options, r"cl|cluster") or (vce.partition(" ")[2] if vce.startswith("cl") else "")
    ssc = command if command in ("areg", "reghdfe") else "lsdv" if command in ("reg", "regress") else ""
    if clusters:
        columns = clusters.replace(",", " ").split()
        if len(columns) > 2:
            raise _NotReadError("errors by more than two clusterings")
        return "~" + " + ".join(columns), ssc
    if vce.startswith(("r", "hc1")) or re.search(r"\b(?:r|ro|robust)\b", options):
        return (f"~{unit}", "") if command == "xtreg" and unit else ("hetero", ssc)
    if vce and not vce.startswith(("ols", "conv", "un")):
        raise _NotReadError(f"vce({vce})")
    return "iid", ssc


# R


def _r(text: str) -> ReadCode:
    found = ReadCode()
    text = re.sub(r"#.*", lambda m: " " * len(m[0]), text)
    frames: list[str] = []
    end = 0
    reading = r"(?:read[._]?\w*|fread)\(\s*(?:file\s*=\s*)?[\"']([^\"']+)[\"']"
    if data := re.search(reading, text):
        found.data = data[1]
    for call in list(re.finditer(r"\b(\w+)\s*\(", text))[: MOST * 10]:
        name = call[1]
        if name not in _CALLS and name not in ("feglm", "plm", "fenegbin"):
            continue
        line = text.count("\n", 0, call.start()) + 1
        if call.start() < end:  # within another
            continue
        inside = _inside(text, call.end())
        end = call.end() + len(inside)
        shown = " ".join(f"{name}({inside})".split())
        try:
            regression, frame = _call(name, inside, line)
            found.regressions.append(regression)
            frames.append(frame)
            if frame != frames[0]:
                found.skipped.append((line, shown, f"taken over, but its data are `{frame}`: other rows?"))
        except _NotReadError as error:
            found.skipped.append((line, shown, str(error)))
    return found


def _inside(text: str, start: int) -> str:
    depth, quote = 1, ""
    for k in range(start, min(len(text), start + LONGEST_STATEMENT)):
        c = text[k]
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        else:
            depth += (c in "([{") - (c in ")]}")
            if not depth:
                return text[start:k]
    return text[start : start + LONGEST_STATEMENT]


def _split(text: str, at: str) -> list[str]:
    """Split at a character that stands in no bracket and no quotes."""
    parts, depth, quote = [""], 0, ""
    for c in text:
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        else:
            depth += (c in "([{") - (c in ")]}")
        if c == at and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += c
    return [" ".join(part.split()) for part in parts]


def _call(name: str, inside: str, line: int) -> tuple[Regression, str]:
    """Return the regression and the frame that it is of."""
    if name not in _CALLS:
        raise _NotReadError(f"{name} is not read")
    given: dict[str, str] = {}
    order = iter(("fml", "data"))
    for part in _split(inside, ","):
        key, equals, value = part.partition("=")
        if equals and re.fullmatch(r"[\w.]+", key.strip()) and not value.startswith("="):
            given[{"formula": "fml"}.get(key.strip(), key.strip())] = value.strip()
        elif part and (place := next(order, None)):
            given[place] = part
    formula = given.get("fml", "")
    if "~" not in formula or re.search(r"\b(?:as\.formula|paste0?|xpd)\(|\.\[", formula):
        raise _NotReadError("its formula is not written out")
    left, _, right = formula.partition("~")
    parts = _split(right, "|")
    if name == "felm":
        parts += ["0"] * (4 - len(parts))
        instruments, clusters = parts[2], parts[3]
    else:
        instruments, clusters = (parts[2] if len(parts) > 2 else "0"), "0"
    if instruments.strip() not in ("", "0"):
        raise _NotReadError("instrumental variables are not covered by a draft: write them in [instruments]")
    effects = [] if len(parts) < 2 or parts[1].strip() in ("", "0") else [_ours(parts[1], "effects")]
    terms: list[str] = []
    for term in _split(parts[0], "+"):
        if factor := re.fullmatch(r"(?:as\.)?factor\((\w+)\)", term):
            effects.append(factor[1])
        elif term not in ("1", "0", ""):
            terms.append(_ours(term, "terms"))
    condition = next((given[key] for key in ("subset",) if key in given), "")
    if kept := re.fullmatch(r"(?:subset|filter|dplyr::filter)\(\s*[\w.]+\s*,(.*)\)", given.get("data", "")):
        condition = kept[1]
    weights = re.sub(r"^~\s*|^[\w.]+\$", "", given.get("weights", ""))
    effects_text = " + ".join(effects)
    frame = re.sub(r"^(?:[\w.]+::)?\w+\(\s*([\w.]+)\s*,.*\)$", r"\1", given.get("data", ""))
    regression = Regression(
        line,
        _ours(left, "outcome"),
        tuple(dict.fromkeys(terms)),
        effects_text or "0",
        _ours(re.sub(r"^~\s*", "", condition), "condition") if condition else "TRUE",
        _ours(weights, "value") if weights else "1",
        _r_errors(name, given, clusters, effects_text),
        "",
        _CALLS[name],
    )
    return regression, frame


def _r_errors(name: str, given: dict[str, str], clusters: str, effects: str) -> str:
    if clusters.strip() not in ("", "0"):
        return "~" + clusters.strip()
    said = given.get("cluster") or given.get("vcov") or given.get("se") or ""
    if not said:
        first = re.split(r"\s*\+\s*", effects)[0] if effects else ""
        return f"~{first}" if name != "felm" and re.fullmatch(r"\w+", first) else "iid"
    bare = re.sub(r"^\s*(?:cluster\s*)?~\s*", "~", said)
    if bare.startswith("~"):
        return bare
    names = re.findall(r"[\"']([\w.]+)[\"']", said)
    words = {"hetero": "hetero", "hc1": "hetero", "white": "hetero", "iid": "iid", "standard": "iid"}
    if len(names) == 1 and names[0].casefold() in words:
        return words[names[0].casefold()]
    if names and "cluster" in given and len(names) <= 2:
        return "~" + " + ".join(names)
    raise _NotReadError(f"standard errors {said}")
