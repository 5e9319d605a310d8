"""The estimation commands of a do-file: reghdfe, xtreg with fe, areg, regress, ppmlhdfe and ivreghdfe.

Macros and literal loops are written out. All other lines are kept as text: what they make of the data is not followed.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from specdid._draft.regression import (
    MOST_REGRESSIONS,
    Code,
    Facts,
    NotReadError,
    OtherModelError,
    Preparation,
    Regression,
    State,
    names_in,
    of_main,
    unique,
)
from specdid._draft.stata_condition import all_of, condition
from specdid._draft.stata_terms import VariableList, columns_of_word, lagged, words
from specdid.language import write_name

COMMANDS = {
    "reghdfe": "reghdfe",
    "areg": "areg",
    "ppmlhdfe": "ppmlhdfe",
    "ivreghdfe": "ivreghdfe",
    "xtreg": "xtreg",
    **{"regress"[:k]: "regress" for k in range(3, 8)},
}
_SSC = {"areg": "areg", "regress": "lsdv", "xtreg": "", "reghdfe": "reghdfe", "ivreghdfe": "reghdfe"}
_MAKES = re.compile(
    r"(?:by\w*\s[^:]*:\s*)?(?:(?:qui\w*|cap\w*|noi\w*)\s+)*"
    r"(?:g(?:en(?:erate)?)?|egen|replace|recode|encode|decode|destring|rename|ren|xtile|winsor2?|tab\w*|merge|mvdecode|"
    r"clonevar|predict|gegen|xtset|tsset)\s+(.*)"
)
_ROWS = re.compile(
    r"(?:by\w*\s[^:]*:\s*)?(?:(?:qui\w*|cap\w*|noi\w*)\s+)*"
    r"(?:keep|drop|merge|append|joinby|reshape|collapse|duplicates\s+drop|sample|expand|fillin|tsfill|xtbalance|"
    r"use|import|insheet|gcollapse)\b(.*)"
)
_BEHIND = r"(?:(?:qui|noi|cap|xi|by|eststo)\w*|" + "|".join(COMMANDS) + r")\b"
"""What stands behind the colon of a prefix that is taken away."""
_NAME_FOLLOWS = re.compile(r"\s*(?:(?:byte|int|long|float|double|str\w*)\s+)?([^\W\d]\w*)")
_SETS_LOCALS = re.compile(
    r"\b(?:foreach|forv\w*|args|syntax|tempvar|tempname|tempfile|unab|ds|loc(?:al)?)\b([^\n]*)|\bl(?:ocal)?\(\s*(\w+)|"
    r"\blevelsof\b.*\bl\w*\((\w+)"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A command as written, the line it begins in, and the comment right above it."""

    line: int
    text: str
    above: str = ""


def statements(text: str) -> list[Statement]:
    """Split a do-file into commands; ``{`` ends one, ``}`` is one. Comments go, continued lines become one."""
    found: list[Statement] = []
    written, at, line, start, above, delimited, quoted = "", 0, 1, 0, "", False, False

    def end() -> None:
        nonlocal written, start, above
        if written.strip():
            found.append(Statement(start, re.sub(r"\s+", " ", written).strip(), above))
            above = ""
        written, start = "", 0

    while at < len(text):
        letter, two = text[at], text[at : at + 2]
        fresh = not written.strip()
        if not quoted and two == "/*":
            stop = text.find("*/", at + 2)
            stop = len(text) if stop < 0 else stop + 2
            if fresh:
                above = text[at + 2 : stop - 2].strip(" *\n")
            line += text.count("\n", at, stop)
            at = stop
            continue
        if not quoted and (
            (two == "//" and (at == 0 or text[at - 1].isspace()))
            or (letter == "*" and fresh and (not delimited or text[:at].rstrip(" \t")[-1:] in ("", ";", "\n")))
        ):
            stop = text.find(";" if delimited and letter == "*" else "\n", at)
            stop = len(text) if stop < 0 else stop
            if text.startswith("///", at):
                written, line, at = written + " ", line + 1, stop + 1
                continue
            if fresh:
                above = text[at:stop].strip(" /*-=\t")
            line += text.count("\n", at, stop)
            at = stop + (delimited and letter == "*")
            continue
        if not quoted and fresh and (switch := re.compile(r"#d\w*\s*(;|cr)").match(text, at)):
            delimited, at, written = switch[1] == ";", switch.end(), ""
            continue
        if letter == "\n":
            line += 1
            if not delimited:
                quoted = False
                end()
            else:
                written += " "
        elif letter == ";" and delimited and not quoted:
            end()
        elif letter == "{" and not quoted and text[at - 1 : at] != "$" and _opens(text, at):
            start = start or line
            written += "{"
            end()
        elif letter == "}" and not quoted and not re.search(r"\$\{[^}]*$", written):
            end()
            start, written = line, "}"
            end()
        else:
            quoted ^= letter == '"'
            if not letter.isspace():
                start = start or line
            written += letter
        at += 1
    end()
    return found


def _opens(text: str, at: int) -> bool:
    """Say whether a bracket opens a block: nothing but a comment stands behind it in its line."""
    return re.match(r"\{\s*(?:;|//.*|/\*.*)?\s*(?:\n|$)", text[at : at + 200]) is not None


def read_stata(text: str, facts: Facts) -> Code:
    """Read the regressions of a do-file."""
    own = statements(text)
    first = _Reader(text, facts, frozenset())
    first.block(own)
    levels = frozenset({*first.absorbed, *filter(None, (first.code.unit, first.code.time))} - facts.binary)
    second = _Reader(text, facts, levels)
    second.code.unit, second.code.time = first.code.unit, first.code.time
    second.block(own)
    second.code.regressions = of_main(second.code.regressions, second.states)
    return second.code


class _Reader:
    """Runs through the commands in their order, with the macros as they are there."""

    def __init__(self, text: str, facts: Facts, levels: frozenset[str]) -> None:
        self.code = Code()
        self._facts, self._lists = facts, VariableList(facts, levels)
        self._locals: dict[str, str] = {}
        self._globals: dict[str, str] = {}
        self._set = {w for found in _SETS_LOCALS.findall(text) for part in found for w in re.findall(r"\w+", part)}
        self._open: list[str] = []
        self.absorbed: set[str] = set()
        self.states: list[State] = []
        self._state: State = ()
        self._data: str | None = None
        self._preserved: list[State] = []
        self._above = ""

    # Macros

    def _expand(self, text: str) -> str:
        """Put macros in; one that this file does not set stands under its own name, and is told."""
        for _ in range(100):
            new = re.sub(r"`([^`'\n]*)'", self._local, text, count=1)
            new = re.sub(r"\$\{(\w+)\}|\$([A-Za-z_]\w*)", self._global, new, count=1)
            if new == text:
                break
            text = new
        return text

    def _local(self, match: re.Match[str]) -> str:
        name = match[1].strip()
        if step := re.fullmatch(r"(\+\+|--)(\w+)", name):
            name = step[2]
            value = calculated(f"{self._locals.get(name, '')} {step[1][0]} 1")
            self._locals[name] = value or self._locals.get(name, "")
        if name.startswith("="):
            return calculated(name[1:]) or self._unknown("expression")
        if name in self._locals:
            return self._locals[name]
        return self._unknown(name) if name in self._set or not re.fullmatch(r"[A-Za-z_]\w*", name) else ""

    def _global(self, match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return self._globals[name] if name in self._globals else self._unknown(name)

    def _unknown(self, name: str) -> str:
        name = re.sub(r"\W+", "_", name).strip("_") or "macro"
        name = f"arg_{name}" if name[0].isdigit() else name
        self._open.append(name)
        return name

    def _define(self, kind: dict[str, str], text: str) -> None:
        found = re.match(r"(\w+)\s*(=|:|\+\+|--)?\s*(.*)", text)
        if found is None:
            return
        name, sign, rest = found.groups()
        text = self._expand(rest).strip()
        value: str | None = text
        quoted = re.fullmatch(r"`?\"([^\"]*)\"'?", text)
        if sign == ":":
            value = self._listed(text)
        elif quoted:
            value = quoted[1]
        elif sign == "=":
            value = calculated(text)
        if value is None:
            kind.pop(name, None)
        else:
            kind[name] = value

    def _listed(self, text: str) -> str | None:
        """Return what `: list a | b` and `: list a - b` make of macros' names."""
        found = re.fullmatch(r"list (\w+) ?([|&-]) ?(\w+)", text)
        if found is None or not {found[1], found[3]} <= {*self._locals}:
            return None
        left, right = self._locals[found[1]].split(), self._locals[found[3]].split()
        if found[2] == "|":
            return " ".join(unique([*left, *right]))
        return " ".join(one for one in left if (one in right) is (found[2] == "&"))

    # Blocks

    def block(self, own: Sequence[Statement]) -> None:
        """Read statements; the body of a literal loop as often as it runs."""
        at, taken = 0, False
        while at < len(own):
            one = own[at]
            head, body, at = one.text, list[Statement](), at + 1
            if head.endswith("{"):
                stop = _closing(own, at)
                body, at = list(own[at:stop]), stop + 1
            word = re.match(r"\w*", head)
            name = word[0] if word else ""
            if name == "foreach" or name.startswith("forv"):
                self._loop(head, body)
            elif name in ("if", "else"):
                if name == "else" and taken:
                    continue
                decided, command = self._decided(re.sub(r"^else\s*", "", head))
                if decided is not False:
                    self.block(body or ([replace(one, text=command)] if command not in ("", "{") else []))
                taken = decided is True
            elif body:
                self.block(body)
            elif head != "}":
                self._statement(one)

    def _decided(self, text: str) -> tuple[bool | None, str]:
        """Return whether a condition of texts or numbers holds, None where that is open, and the command behind it."""
        if not text.startswith("if "):
            return True, text
        value = r'("[^"]*"|-?[\d.]+)'
        text = self._quiet(text)
        found = re.match(rf"if \(?{value} ?(==|!=|>=|<=|>|<) ?{value}\)?(?: (.*)|)$", text)
        if found is None:
            rest = re.match(r"if .*?\s((?:qui\w*|eststo:?|loc\w*|gl\w*|" + "|".join(COMMANDS) + r")\b.*)$", text)
            return None, rest[1] if rest else ""
        texts = '"' in (found[1][0], found[3][0])
        equal = found[1] == found[3] if texts else float(found[1]) == float(found[3])
        if found[2] in ("==", "!="):
            return equal is (found[2] == "=="), found[4] or ""
        if texts:
            return None, found[4] or ""
        low = float(found[1]) < float(found[3])
        return (equal and "=" in found[2]) or (low if "<" in found[2] else not (low or equal)), found[4] or ""

    def _quiet(self, text: str) -> str:
        """Put macros in without keeping which are not known."""
        kept = list(self._open)
        text = self._expand(text)
        self._open = kept
        return text

    def _loop(self, head: str, body: Sequence[Statement]) -> None:
        text = self._quiet(head.removesuffix("{").strip())
        name, values = "", list[str]()
        if found := re.match(r"forv\w* (\w+) ?= ?(-?\d+) ?(?:/ ?|\( ?(-?\d+) ?\) ?)(-?\d+)", text):
            name, (low, step, high) = found[1], (int(found[2]), int(found[3] or 1), int(found[4]))
            values = [str(k) for k in range(low, high + (1 if step > 0 else -1), step or 1)]
        elif found := re.match(r"foreach (\w+) in (.*)", text):
            name, values = found[1], quoted_words(found[2])
        elif found := re.match(r"foreach (\w+) of (var|num|new|loc|glo)\w* (.*)", text):
            name = found[1]
            values = self._values(found[2], found[3])
        elif found := re.match(r"\w+ (\w+)", text):
            name = found[1]
        values = [value for value in values if not re.search(r"[*?]", value)] or [""]
        for value in values:
            if len(self.code.regressions) >= MOST_REGRESSIONS:
                return
            if value:
                self._locals[name] = value
            else:
                self._locals.pop(name, None)
            self.block(body)
        self._locals.pop(name, None)

    def _values(self, kind: str, text: str) -> list[str]:
        """Return what a loop of a kind of list goes over."""
        if kind == "var":
            return [name for word in words(text) for name in columns_of_word(word, self._facts)]
        if kind in ("loc", "glo"):
            return quoted_words((self._locals if kind == "loc" else self._globals).get(text.strip(), ""))
        return numbers(text) if kind == "num" else text.split()

    # Statements

    def _statement(self, one: Statement) -> None:
        text = without_prefixes(one.text)
        word = re.match(r"\w*", text)
        name = word[0] if word else ""
        rest = text[len(name) :].strip()
        if re.fullmatch(r"loc(?:a|al)?", name):
            self._define(self._locals, self._quiet_macro_name(rest))
        elif re.fullmatch(r"gl(?:o|ob|oba|obal)?", name):
            self._define(self._globals, self._quiet_macro_name(rest))
        elif name in COMMANDS:
            self._estimation(one, COMMANDS[name], rest)
        else:
            self._preparation(one, self._quiet(one.text))

    def _quiet_macro_name(self, text: str) -> str:
        """Put macros into the name of a macro that is set."""
        name, blank, rest = text.partition(" ")
        return f"{self._quiet(name)}{blank}{rest}" if "`" in name else text

    def _preparation(self, one: Statement, text: str) -> None:
        bare = without_prefixes(text)
        if found := re.match(r"(?:xtset|tsset) ([^\W\d]\w*)(?: ([^\W\d]\w*))?", bare):
            alone = bare.startswith("tsset") and not found[2]
            self.code.unit, self.code.time = (None, found[1]) if alone else (found[1], found[2] or self.code.time)
            return
        if found := re.match(
            r"(?:use|import \w+|insheet)(?: .*?using)? ?\"?([^\",]+?\.?\w*)\"?(?: if .*)?(?:,|$)", bare
        ):
            self._data = found[1].strip()
        if bare == "restore" or bare.startswith("preserve"):
            self._preserved = [self._state] if bare != "restore" else self._preserved
            self._state = self._preserved[-1] if bare == "restore" and self._preserved else self._state
        makes = _MAKES.match(text)
        rows = _ROWS.match(text)
        columns_alone = rows is not None and re.match(r"(?:.*?\b)?(?:keep|drop) (?!if\b|in\b)", text) is not None
        if columns_alone or not (makes or rows):
            return
        first = _NAME_FOLLOWS.match(makes[1]) if makes else None
        made = {first[1]} if first else set[str]()
        if makes:
            made |= {*re.findall(r"\bg(?:en(?:erate)?)?\((\w+)", text)}
        if makes and re.match(r"ren", bare):
            made |= {*re.findall(r"\w+", makes[1])}
        self.code.preparation.append(Preparation(one.line, text, frozenset(made), rows is not None))
        if rows is not None:
            whole = re.match(r"(?:use|import|insheet)\b", bare) is not None
            self._state = (*(() if whole else self._state), f"line {one.line}: {text}")

    def _estimation(self, one: Statement, command: str, rest: str) -> None:
        self._open = []
        rest = self._expand(rest)
        shown = f"{command} {re.sub(' +', ' ', rest)}"
        try:
            found = self._regression(one, command, rest, shown)
        except NotReadError as error:
            left = self.code.others if isinstance(error, OtherModelError) else self.code.left
            left.append((one.line, shown, str(error)))
            return
        if self._open:
            asked = ", ".join(f"`{name}`" for name in unique(self._open))
            found = replace(found, doubts=(f"COMPLETE {asked}: what the macro holds is not known", *found.doubts))
        self.code.regressions.append(found)
        self.states.append(self._state)
        self.code.data = self.code.data or self._data

    def _regression(self, one: Statement, command: str, text: str, shown: str) -> Regression:
        before, _, options = _apart(text, ",")
        weight = re.search(r"\[\s*(\w+)\s*=\s*([^\]]+?)\s*\]", before)
        before = re.sub(r"\[[^\]]*=[^\]]*\]", " ", before)
        given = options_of(options)
        if command == "xtreg" and "fe" not in given:
            raise OtherModelError("xtreg without fe has other effects: only fe is read")
        variables, rows_in, rows = re.fullmatch(
            r"(.*?)(\sin\s+\S+)?(?:\sif\b\s*(.*))?", before.strip(), re.DOTALL
        ).groups()  # type: ignore[union-attr]
        if rows and (tail := re.search(r"\sin\s+[\df]\S*$", rows)):
            rows, rows_in = rows[: tail.start()], tail[0]
        outcome, _, listed = variables.strip().partition(" ")
        if not outcome:
            raise NotReadError("it repeats the results of the one before")
        first, instruments = instrumented(listed)
        endogenous = self._lists.terms(first)
        if instruments and len(endogenous.terms) != 1:
            raise NotReadError("it has several endogenous regressors, [instruments] takes one")
        terms = self._lists.terms(re.sub(r"\([^()]*=[^()]*\)", " ", listed) if instruments else listed)
        absorbed = self._lists.effects(re.sub(r",.*", "", next((given[k] for k in _ABSORB if k in given), "")))
        unit = given.get("i", self.code.unit or "")
        errors, ssc, more = _errors(command, given, unit, weight)
        self.absorbed |= names_in([*absorbed.effects, *([errors.removeprefix("~")] if errors.startswith("~") else [])])
        doubts = [*endogenous.doubts, *terms.doubts, *absorbed.doubts]
        effects = [*absorbed.effects, *terms.effects]
        if command == "xtreg":
            if not unit:
                doubts.append("COMPLETE the unit of xtreg: no xtset is in the file")
            effects = [write_name(unit or "unit"), *effects]
        doubts += more
        z = self._lists.terms(instruments)
        weights = "1"
        if weight:
            weights = weight[2]
            if weight[1].startswith("f"):
                doubts.append("its weights are frequencies: estimates are the same, errors count rows once here")
        series = lagged(*outcome.rsplit(".", 1)) if "." in outcome else None
        outcome = series or write_name(outcome)
        regressors = unique([*endogenous.terms, *terms.terms])
        used = names_in([outcome, *regressors, *effects, weights, errors.removeprefix("~"), *z.terms])
        kept, open_rows = self._rows(rows or "", used, errors)
        by = re.match(r"by\w* ([^:]*?)(?:, ?sort)? ?:", self._quiet(one.text))
        open_rows = "; ".join(filter(None, [open_rows, (rows_in or "").strip(), by[0].rstrip(": ") if by else ""]))
        family = "fepois" if command == "ppmlhdfe" else "feols"
        return Regression(
            "Stata", one.line, shown, outcome, regressors, unique(effects), kept, open_rows, weights, family,
            tuple(z.terms), errors, ssc, False, unique(doubts), one.above,
        )  # fmt: skip

    def _rows(self, text: str, used: frozenset[str], errors: str) -> tuple[str, str]:
        """Translate a condition: what is used by the regression is not missing in its rows."""
        known = used | self._facts.complete

        def may_be_missing(expression: str) -> bool:
            return not names_in([expression]) <= known

        clusters = names_in([errors.removeprefix("~")]) if errors.startswith("~") else frozenset()
        gaps = sorted(clusters & {*self._facts.columns} - self._facts.complete)
        own = [f"!is.na({write_name(name)})" for name in gaps]
        if not text.strip():
            return all_of(own), ""
        try:
            return all_of([condition(text, may_be_missing), *own]), ""
        except NotReadError as error:
            return all_of(own), f"if {text.strip()} ({error})"


_ABSORB = ("absorb", "a", "abs", "absor", "abso", "ab")


def instrumented(text: str) -> tuple[str, str]:
    """Return the endogenous regressors and the instruments of ``(d = z1 z2)``, "" and "" where there are none."""
    found = re.search(r"\(([^()]*)=([^()]*)\)", text)
    return (found[1].strip(), found[2].strip()) if found else ("", "")


def _errors(command: str, given: dict[str, str], unit: str, weight: re.Match[str] | None) -> tuple[str, str, list[str]]:
    """Return the errors of a command, their small-sample correction and what is to be said of them."""
    ssc = _SSC.get(command, "reghdfe")
    asked = next((given[k] for k in ("vce", "vc") if k in given), "")
    sort, _, named = re.sub(r",.*", "", asked).strip().partition(" ")
    cluster = next((given[k] for k in ("cluster", "clu", "cl", "clus", "clust") if k in given), "")
    if re.fullmatch(r"cl\w*", sort):
        cluster = named
    if cluster.strip():
        columns = [part.replace("i.", "") for part in words(cluster)]
        written = ["^".join(write_name(c) for c in re.split("#+", one)) for one in columns]
        told = [f"its errors are clustered by {', '.join(columns)}: two stand here"] if len(columns) > 2 else []
        return "~" + " + ".join(written[:2]), ssc, told
    robust = sort.startswith("r") or "robust" in given or "r" in given or "rob" in given
    robust = robust or (weight is not None and weight[1].startswith("p")) or (command == "ppmlhdfe" and not sort)
    if robust:
        return (f"~{write_name(unit)}", "", []) if command == "xtreg" and unit else ("hetero", ssc, [])
    other = sort and not re.match(r"un|ols|conv", sort)
    return (
        "iid",
        ssc,
        [f"COMPLETE: its errors are vce({asked}), which is not here; iid stands in its place"] if other else [],
    )


def calculated(text: str) -> str | None:
    """Return the number that arithmetic of numbers is, None for anything else."""
    signs = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in signs:
            return float(signs[type(node.op)](value(node.left), value(node.right)))
        raise ValueError

    try:
        return f"{value(ast.parse(text.strip(), mode='eval').body):.15g}"
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def quoted_words(text: str) -> list[str]:
    """Split a list at blanks outside quotes."""
    return [quoted or bare for quoted, bare in re.findall(r"`?\"([^\"]*)\"'?|(\S+)", text)]


def numbers(text: str) -> list[str]:
    """Write a list of numbers out: ``1/3 5(5)20``."""
    found: list[str] = []
    for word in text.split():
        ends = re.fullmatch(r"(-?\d+)(?:/|\((-?\d+)\))(-?\d+)", word)
        step = int(ends[2] or 1) if ends else 1
        found += (
            [str(k) for k in range(int(ends[1]), int(ends[3]) + (1 if step > 0 else -1), step or 1)] if ends else [word]
        )
    return found[:MOST_REGRESSIONS]


def without_prefixes(text: str) -> str:
    """Take `quietly`, `eststo:` and the like away from a command."""
    while True:
        new = re.sub(r"^(?:qui\w*|noi\w*|cap\w*|xi)\b ?:? ?", "", text)
        first = re.match(r"\w*", new)
        if not first or first[0] not in COMMANDS:
            new = re.sub(rf"^\w+\b[^:\"{{}}]*?: ?(?={_BEHIND})", "", new)
        if new == text:
            return text
        text = new


def options_of(text: str) -> dict[str, str]:
    """Return options by their names in small letters, with what stands in their brackets."""
    return {name.lower(): inside for name, inside in _options(text)}


def _options(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while found := re.compile(r"[\s,]*([A-Za-z_]\w*)\s*").match(text, at):
        at, inside = found.end(), ""
        if text[at : at + 1] == "(":
            depth = 0
            for end in range(at, len(text)):
                depth += (text[end] == "(") - (text[end] == ")")
                if not depth:
                    break
            inside, at = text[at + 1 : end], end + 1
        yield found[1], inside


def _apart(text: str, sign: str) -> tuple[str, str, str]:
    """Split at the first sign outside brackets and quotes."""
    depth, quoted = 0, False
    for at, letter in enumerate(text):
        quoted ^= letter == '"'
        depth += 0 if quoted else (letter in "([") - (letter in ")]")
        if letter == sign and not depth and not quoted:
            return text[:at], sign, text[at + 1 :]
    return text, "", ""


def _closing(own: Sequence[Statement], at: int) -> int:
    """Return where the block that begins at ``at`` ends."""
    depth = 1
    for k in range(at, len(own)):
        depth += own[k].text.endswith("{") - (own[k].text == "}")
        if not depth:
            return k
    return len(own)
