"""The estimation commands of an R script: feols, fepois, felm, lm, and plm with model = "within".

Strings, formulas and vectors that are assigned are put in, literal loops written out. All other lines are kept as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from specdid._draft.regression import (
    MOST_REGRESSIONS,
    Code,
    Facts,
    NotReadError,
    OtherModelError,
    Preparation,
    Regression,
    State,
    canonical,
    fine,
    names_in,
    of_main,
    unique,
)
from specdid._draft.stata_condition import all_of
from specdid.language import LanguageError, expand, parse, write, write_name
from specdid.language.tree import Binary, Call, Node, Number, Unary, chain

COMMANDS = ("feols", "fepois", "felm", "lm", "plm")
_LAGS = {"lag": "l", "lead": "f", "diff": "d"}
_PLM_LAG = re.compile(r"(?<![\w.])(lag|lead|diff)\(")
_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<name>`[^`]*`|(?:[^\W\d]|\.)[\w.]*|\.)"""
    r"""|(?P<number>\d[\w.]*)"""
    r"""|(?P<sign><<-|<-|->|%[^%\s]*%|\|>|:::?|==|!=|<=|>=|&&|\|\||:=|\[\[|[^\s\w])"""
    r"""|(?P<end>\n)|(?P<blank>[^\S\n]+)""",
    re.DOTALL,
)
_OPEN, _CLOSE = ("(", "[", "{", "[["), (")", "]", "}")
_ORDER = {
    "feols": ("fml", "data", "vcov", "weights"), "fepois": ("fml", "data", "vcov", "weights"),
    "felm": ("formula", "data"), "lm": ("formula", "data", "subset", "weights"),
    "plm": ("formula", "data", "subset", "weights"),
}  # fmt: skip
_STEPS = r"mutate|transmute|transform|filter|subset|merge|\w+_join|na\.omit|drop_na|distinct|slice|rename|within"
_ROWS = re.compile(
    r"\b(?:filter|subset|merge|\w+_join|na\.omit|drop_na|distinct|slice\w*|complete\.cases|rbind|bind_rows|aggregate|"
    r"summari[sz]e|pivot_\w+|reshape|duplicated|unique|read[\w.]*|fread|load|data)\(|\w\[[^\[\]]*,\s*\]"
)
_CUTS = (
    r"\b(?:filter|subset|na\.omit|drop_na|distinct|slice\w*|aggregate|summari[sz]e|unique)\(|<- *[\w.]+\[[^\[\]]*,\s*\]"
)
_MAKES = re.compile(rf"\$|:=|\b(?:{_STEPS}|group_by|across|setnames|factor)\b|\w\[")
_READS = re.compile(r"\b(?:read[\w.]*|fread|load|import)\(\s*(?:file\s*=\s*)?[\"']([^\"']+)[\"']")
_ERRORS = re.compile(
    r"\b(?:coeftest|vcovHC|vcovCL|vcovDC|vcovBK|vcovSCC|boottest|cluster_se|coef_test)\(|"
    r"\b(?:summary|e?s?table)\([^()]*(?:cluster|vcov|se|robust)\s*="
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, sign, number or text; ``space`` is whether a blank or a line stands before it."""

    kind: str
    text: str
    line: int
    space: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """Tokens of one expression, and the comment right above it."""

    tokens: tuple[Token, ...]
    above: str = ""


def tokens_of(text: str) -> list[Token]:
    """Split a script into tokens; ends of lines are tokens, comments too."""
    found, at, line, space = list[Token](), 0, 1, False
    while at < len(text) and (match := _TOKEN.match(text, at)):
        kind, word = str(match.lastgroup), match[0]
        at = match.end()
        if kind != "blank":
            found.append(Token(kind, word, line, space))
        space = kind in ("blank", "end")
        line += word.count("\n")
    return found


def written(tokens: Sequence[Token]) -> str:
    """Return tokens as text in one line."""
    return "".join(f"{' ' * (one.space and k > 0)}{one.text}" for k, one in enumerate(tokens) if one.kind != "comment")


def statements(tokens: Sequence[Token]) -> Iterator[Statement]:
    """Split tokens at ends of lines and ``;`` where no bracket is open and no operator waits for more."""
    own: list[Token] = []
    above, depth = "", list[str]()
    for k, one in enumerate(tokens):
        if one.kind == "comment":
            above = one.text.strip("# -=") if not own else above
            continue
        if one.kind == "end" or (one.text == ";" and not depth):
            waits = bool(own) and own[-1].kind == "sign" and own[-1].text not in (")", "]", "}")
            behind = next((t for t in tokens[k + 1 :] if t.kind not in ("end", "comment")), None)
            waits |= behind is not None and behind.text == "else"
            waits |= bool(own) and re.fullmatch(r"(?:else|function)", own[-1].text) is not None
            if depth:
                own.append(one)
            if not own or depth or waits or _headless(own):
                continue
            yield Statement(tuple(own), above)
            own, above = [], ""
            continue
        if one.text in _OPEN:
            depth += [one.text] if one.text != "[[" else ["[", "["]
        elif one.text in _CLOSE and depth:
            depth.pop()
        own.append(one)
    if own:
        yield Statement(tuple(own), above)


def _headless(own: Sequence[Token]) -> bool:
    """Say whether a loop or condition has no body yet."""
    if own[0].text not in ("for", "if", "while") or len(own) < 2:
        return False
    return own[1].text == "(" and closing(own, 1) == len(own) - 1


def closing(tokens: Sequence[Token], at: int) -> int:
    """Return where the bracket at ``at`` closes."""
    depth = 0
    for k in range(at, len(tokens)):
        text = tokens[k].text if tokens[k].kind == "sign" else ""
        depth += (2 if text == "[[" else 1) if text in _OPEN else -1 if text in _CLOSE else 0
        if not depth:
            return k
    return len(tokens) - 1


def pieces(tokens: Sequence[Token], sign: str) -> list[list[Token]]:
    """Split tokens at a sign outside brackets."""
    found, depth = [list[Token]()], 0
    for one in tokens:
        if one.kind == "sign" and one.text == sign and not depth:
            found.append([])
            continue
        if one.kind == "sign":
            depth += (2 if one.text == "[[" else 1) if one.text in _OPEN else -1 if one.text in _CLOSE else 0
        found[-1].append(one)
    return found


def arguments(tokens: Sequence[Token], order: Sequence[str]) -> dict[str, list[Token]]:
    """Return the arguments of a call by name; those without one take the names of ``order`` that are left."""
    named: dict[str, list[Token]] = {}
    bare: list[list[Token]] = []
    for one in pieces([t for t in tokens if t.kind not in ("end", "comment")], ","):
        if len(one) > 2 and one[1].text == "=" and one[0].kind in ("name", "text"):
            named[one[0].text.strip("\"'`")] = one[2:]
        elif one:
            bare.append(one)
    left = [name for name in order if name not in named]
    return {**dict(zip(left, bare, strict=False)), **named}


@dataclass(slots=True)
class _Frame:
    """A data frame as rows of another one: what is translated, and what is not."""

    base: str
    condition: str = "TRUE"
    open_rows: str = ""


@dataclass(slots=True)
class _Reader:
    facts: Facts
    code: Code = field(default_factory=Code)
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    frames: dict[str, _Frame] = field(default_factory=dict)
    states: list[State] = field(default_factory=list)
    rows: dict[str, State] = field(default_factory=dict)
    """The lines that have chosen the rows of a frame."""

    # Statements

    def block(self, tokens: Sequence[Token]) -> None:
        for one in statements(tokens):
            if len(self.code.regressions) < MOST_REGRESSIONS:
                self._statement(one)

    def _statement(self, one: Statement) -> None:
        own = [t for t in one.tokens if t.kind not in ("end", "comment")]
        if not own:
            return
        if own[0].text == "for" and self._loop(one.tokens):
            return
        if own[0].text in ("if", "while", "for", "repeat"):
            opening = next((k for k, t in enumerate(one.tokens) if t.text == "{"), None)
            if opening is not None:
                self.block(one.tokens[opening + 1 : closing(one.tokens, opening)])
                self.block(one.tokens[closing(one.tokens, opening) + 1 :])
                return
        if own[0].text in ("{", "else"):
            self.block(one.tokens[1 : -1 if own[0].text == "{" else None])
            return
        target, value = _assigned(own)
        called = [k for k, t in enumerate(own) if t.text in COMMANDS and own[k + 1 : k + 2] and own[k + 1].text == "("]
        if called:
            if not self._applied(one, own):
                function = any(t.text in ("function", "{") for t in own)
                if (
                    function
                    and (opening := next((k for k, t in enumerate(one.tokens) if t.text == "{"), None)) is not None
                ):
                    inner = one.tokens[opening + 1 : closing(one.tokens, opening)]
                    if any(t.text in COMMANDS for t in inner):
                        self.block(inner)
                        return
                for k in called:
                    self._estimation(own, k, one.above)
            return
        text = written(own)
        if own[0].text == "setFixest_fml":
            for name, formula in arguments(own[2:-1], ()).items():
                self.values[name] = (self._text(formula).lstrip("~ "),)
            return
        if own[0].text == "assign" and (named := arguments(own[2:-1], ("x", "value"))).keys() >= {"x", "value"}:
            target, value = "".join(self._value(named["x"]) or ()), named["value"]
        if target and value and (known := self._value(value)) is not None:
            self.values[target] = known
            return
        if target and value and (frame := self._selection(value)) is not None and frame.base != target:
            self.frames[target] = frame
        if _ERRORS.search(text):
            self.code.errors.append((own[0].line, text))
            return
        if target and re.search(_CUTS, text):
            self.rows[target] = (*self.rows.get(target, ()), f"line {own[0].line}: {text}")
        self._preparation(own[0].line, text)

    def _preparation(self, line: int, text: str) -> None:
        if (found := _READS.search(text)) and self.code.data is None:
            self.code.data = found[1]
        if found := re.search(
            r"(?:panel|pdata\.frame|setFixest_estimation)\((?:.*(?:index|panel\.id) ?=|[^,]*,) ?(.*)\)", text
        ):
            self._index(found[1])
        makes, rows = _MAKES.search(text), _ROWS.search(text)
        if not (makes or rows) or re.match(r"(?:library|require|print|cat|summary|head|plot|ggplot)\b", text):
            return
        made = {*re.findall(r"\$`?([\w.]+)`?(?:\[.*?\])? *(?:<-|=)(?!=)", text), *re.findall(r"([\w.]+) *:=", text)}
        if re.search(rf"\b(?:{_STEPS})\(", text):
            made |= {*re.findall(r"[(,]\s*([\w.]+) *=(?!=)", text)}
        self.code.preparation.append(Preparation(line, text, frozenset(made), rows is not None))

    def _index(self, text: str) -> None:
        """Take unit and time from an index: ``~id + year`` or ``c("id", "year")``."""
        names = [name for name in re.findall(r"[\w.]+", text) if name != "c"]
        if names and self.code.unit is None:
            self.code.unit, self.code.time = names[0], names[1] if len(names) > 1 else None

    def _loop(self, tokens: Sequence[Token]) -> bool:
        """Write a loop over literals out; False where its values are not known."""
        stop = closing(tokens, 1)
        head = [t for t in tokens[2:stop] if t.kind not in ("end", "comment")]
        known = self._value(head[2:]) if len(head) > 2 and head[1].text == "in" else None
        if known is None:
            return False
        before = self.values.get(head[0].text)
        body = tokens[stop + 1 :]
        for value in known:
            self.values[head[0].text] = (value,)
            self.block(body)
        if before is not None:
            self.values[head[0].text] = before
        return True

    def _applied(self, one: Statement, own: Sequence[Token]) -> bool:
        """Write `lapply(c("a", "b"), function(x) …)` out; False where it is none."""
        at = next((k for k, t in enumerate(own) if re.fullmatch(r"[lsv]apply|map\w*", t.text)), None)
        if at is None or own[at + 1 : at + 2] == [] or own[at + 1].text != "(":
            return False
        given = [p for p in pieces(own[at + 2 : closing(own, at + 1)], ",") if p]
        known = self._value(given[0]) if len(given) == 2 else None
        if known is None or given[1][0].text not in ("function", "\\"):
            return False
        body = given[1][closing(given[1], 1) + 1 :]
        for value in known:
            self.values[given[1][2].text] = (value,)
            self._statement(Statement(tuple(body), one.above))
        self.values.pop(given[1][2].text, None)
        return True

    # Constants

    def _value(self, tokens: Sequence[Token]) -> tuple[str, ...] | None:
        """Return the texts that an expression of literals is, a formula as one text; None for anything else."""
        if not tokens:
            return None
        first = tokens[0]
        if len(tokens) == 1:
            if first.kind in ("text", "number"):
                return (first.text.strip("\"'").removesuffix("L"),)
            return self.values.get(first.text) if first.kind == "name" else None
        if tokens[1].text == ":" and first.kind == "number" and (end := self._value(tokens[2:])):
            ends = (first.text.rstrip("L"), end[0])
            return _counted(int(ends[0]), int(ends[1])) if all(one.isdigit() for one in ends) else None
        if first.text in self.values and tokens[1].text in ("[", "[[") and closing(tokens, 1) == len(tokens) - 1:
            at = self._value([t for t in tokens[2:-1] if t.text != "]"])
            own = self.values[first.text]
            found = [own[int(k) - 1] for k in at or () if k.isdigit() and 0 < int(k) <= len(own)]
            return tuple(found) or None
        if first.kind == "name" and tokens[1].text == "(" and closing(tokens, 1) == len(tokens) - 1:
            return self._called(first.text, tokens[2:-1])
        if any(t.text == "~" for t in tokens) and all(t.text not in ("<-", "%>%", "|>", "{") for t in tokens):
            return (self._text(tokens),) if len(pieces(tokens, "~")) == 2 else None
        return None

    def _called(self, function: str, inside: Sequence[Token]) -> tuple[str, ...] | None:
        given = arguments(inside, ())
        bare = [p for p in pieces(inside, ",") if p and not (len(p) > 2 and p[1].text == "=")]
        parts = [self._value(p) for p in bare]
        if function in ("c", "list"):
            named = [self._value(v) for v in given.values()]
            every = [*parts, *named]
            return None if not every or None in every else tuple(v for part in every for v in part or ())
        if (
            function in ("length", "seq_along", "seq", "seq_len")
            and len(parts) == 1
            and (known := parts[0]) is not None
        ):
            if function == "length":
                return (str(len(known)),)
            count = (
                len(known) if function == "seq_along" or len(known) > 1 else int(known[0]) if known[0].isdigit() else 0
            )
            return _counted(1, count)
        if function in ("as.formula", "formula", "Formula", "noquote") and len(parts) == 1:
            return parts[0]
        if function in ("paste", "paste0", "sprintf", "reformulate") and (not parts or None in parts):
            return None
        texts = [part or () for part in parts]
        if function in ("paste", "paste0"):
            sep = (self._value(given["sep"]) or (" ",))[0] if "sep" in given else " " * (function == "paste")
            most = max(map(len, texts))
            if not all(texts) or most > MOST_REGRESSIONS:
                return None
            joined = [sep.join(part[k % len(part)] for part in texts) for k in range(most)]
            collapse = self._value(given["collapse"]) if "collapse" in given else None
            return (collapse[0].join(joined),) if collapse else tuple(joined)
        if function == "sprintf" and texts[0][0].count("%s") == len(texts) - 1:
            return tuple(texts[0][0].replace("%s", "{}").format(*row) for row in product(*texts[1:]))
        if function == "reformulate":
            left = self._value(given["response"]) if "response" in given else texts[1] if len(texts) > 1 else None
            return (f"{left[0] if left else ''} ~ {' + '.join(texts[0])}",)
        return None

    def _text(self, tokens: Sequence[Token]) -> str:
        """Return a formula as text, with ``..name`` and ``.[name]`` put in."""
        text = written(tokens)

        def put(match: re.Match[str]) -> str:
            inner = [t for t in tokens_of(match[1]) if t.kind != "end"]
            known = self._value(inner)
            return match[0] if known is None else " + ".join(known) if len(known) > 1 else known[0]

        text = re.sub(r"\.\[([^\[\]]*)\]", put, text)
        for _ in range(5):
            text = re.sub(
                r"(?<![\w.])(\.\.[A-Za-z]\w*)", lambda m: " + ".join(self.values.get(m[1], (m[0],))).lstrip("~ "), text
            )
        return text

    # Data frames

    def _selection(self, tokens: Sequence[Token]) -> _Frame | None:
        """Return which rows of which frame an expression is, None where it is no frame."""
        steps = [step for part in pieces(tokens, "%>%") for step in pieces(part, "|>")]
        first = steps[0]
        if len(first) == 1 and first[0].kind == "name":
            frame = replace(self.frames.get(first[0].text, _Frame(first[0].text)))
        elif first[1:2] and first[1].text == "(" and closing(first, 1) == len(first) - 1:
            given = [p for p in pieces(first[2:-1], ",") if p]
            if (
                first[0].text not in ("subset", "filter", "na.omit", "as.data.frame", "data.table", "as.data.table")
                or not given
            ):
                return None
            inner = self._selection(given[0])
            return None if inner is None else self._step(inner, first[0].text, given[1:], written(first))
        elif first[1:2] and first[1].text == "[" and closing(first, 1) == len(first) - 1:
            frame = replace(self.frames.get(first[0].text, _Frame(first[0].text)))
            rows = pieces(first[2:-1], ",")[0]
            self._step(frame, "filter", [rows] if rows else [], written(first))
        else:
            return None
        for step in steps[1:]:
            if step[1:2] and step[1].text == "(":
                inside = step[2 : closing(step, 1)]
                self._step(frame, step[0].text, [p for p in pieces(inside, ",") if p], written(step))
        return frame

    def _step(self, frame: _Frame, name: str, given: Sequence[Sequence[Token]], text: str) -> _Frame:
        if name in ("subset", "filter"):
            for one in given:
                if not (len(one) > 1 and one[1].text == "=" and one[0].text in ("select", "drop")):
                    self._cut(frame, one)
        elif _ROWS.search(text) or name == "group_by":
            frame.open_rows = "; ".join(filter(None, [frame.open_rows, text]))
        return frame

    def _cut(self, frame: _Frame, tokens: Sequence[Token]) -> None:
        """Add a condition, or keep it as text where it has no translation."""
        own = list(tokens[2:] if len(tokens) > 2 and tokens[1].text == "=" else tokens)
        text = _of_frame(written(own)).lstrip("~ ")
        plain = re.sub(r"(?<![\w.])which\((.*)\)$", r"\1", text)
        for name in names_in([plain]) - {*self.facts.columns}:
            if known := self.values.get(name):
                as_code = ", ".join(v if re.fullmatch(r"-?[\d.]+", v) else f'"{v}"' for v in known)
                plain = re.sub(
                    rf"(?<![\w.]){re.escape(name)}(?![\w.(])", f"c({as_code})" if len(known) > 1 else as_code, plain
                )
        if fine(plain, "condition"):
            frame.condition = all_of([frame.condition, write(parse(plain))])
        else:
            frame.open_rows = "; ".join(filter(None, [frame.open_rows, text]))

    # Regressions

    def _estimation(self, own: Sequence[Token], at: int, above: str) -> None:
        command, stop = own[at].text, closing(own, at + 1)
        call = list(own[at : stop + 1])
        order = _ORDER[command]
        given = arguments(call[2:-1], order)
        piped = at > 0 and own[at - 1].text in ("%>%", "|>")
        if piped and "data" not in given:
            given = arguments(call[2:-1], [name for name in order if name != "data"])
        start = max([0, *(k + 1 for k in range(at) if own[k].text in ("<-", "=", "(", ",", "{", "return"))])
        if piped and ("data" not in given or written(given["data"]) == "."):
            given["data"] = list(own[start : at - 1])
        try:
            self._regressions(command, call, given, above)
        except OtherModelError as error:
            self.code.others.append((call[0].line, written(call), str(error)))
        except (NotReadError, LanguageError) as error:
            self.code.left.append((call[0].line, written(call), str(error)))

    def _regressions(self, command: str, call: Sequence[Token], given: Mapping[str, list[Token]], above: str) -> None:
        if command == "plm" and written(given.get("model", [])).strip("\"'") not in ("within", ""):
            raise OtherModelError('of plm only model = "within" is read')
        formula = given.get("fml", given.get("formula", []))
        known = self._value(formula)
        text = self._text([t for t in tokens_of(known[0]) if t.kind != "end"]) if known else self._text(formula)
        sides = pieces([t for t in tokens_of(text) if t.kind != "end"], "~")
        if len(sides) < 2:
            raise NotReadError("its formula is not written out")
        left, (right, *more) = written(sides[0]), pieces(_joined(sides[1:]), "|")
        if not left:
            raise NotReadError("its formula has no outcome")
        frame, doubts = self._frame(given)
        terms = [_terms(written(right), command, doubts)]
        effects, iv, cluster = self._parts(command, [written(p) for p in more], given, doubts)
        vcov, ssc, unstated = self._errors(command, given, cluster, effects, doubts)
        weights = "1"
        if "weights" in given:
            weights = canonical(_of_frame(written(given["weights"])).lstrip("~ "), "value")
        endogenous, instruments = iv
        for outcome, (kept, dummies), absorbed in product(
            _options(left, 1.0), [one for found in terms for one in found], _effects(effects, doubts)
        ):
            self.states.append((*([f"data = {frame.base}"] if frame.base else []), *self.rows.get(frame.base, ())))
            self.code.regressions.append(
                Regression(
                    "R", call[0].line, written(call), outcome, unique([*endogenous, *kept]),
                    unique([*absorbed, *dummies]), frame.condition, frame.open_rows, weights,
                    "fepois" if command == "fepois" else "feols", instruments, vcov,
                    "lsdv" if command == "lm" and dummies else ssc, unstated, unique(doubts), above,
                )
            )  # fmt: skip

    def _frame(self, given: Mapping[str, list[Token]]) -> tuple[_Frame, list[str]]:
        doubts: list[str] = []
        data = given.get("data", [])
        frame = self._selection(data) if data else None
        if frame is None:
            frame = _Frame("", "TRUE", written(data))
        for name in ("subset", "split", "fsplit"):
            if name == "subset" and name in given:
                self._cut(frame, given[name])
            elif name in given:
                frame.open_rows = "; ".join(filter(None, [frame.open_rows, f"{name} = {written(given[name])}"]))
        for name in ("panel.id", "index"):
            if name in given:
                self._index(written(given[name]))
        return frame, doubts

    def _parts(
        self, command: str, more: Sequence[str], given: Mapping[str, list[Token]], doubts: list[str]
    ) -> tuple[str, tuple[tuple[str, ...], tuple[str, ...]], str]:
        """Return effects, endogenous regressors with instruments, and the clusters of felm."""
        effects, iv, cluster = "0", "", ""
        if command == "felm":
            effects, iv, cluster = [*more, "0", "0", "0"][:3]
        elif command == "plm":
            unit, time = write_name(self.code.unit or "unit"), write_name(self.code.time or "time")
            if self.code.unit is None:
                doubts.append("COMPLETE unit and time of plm: the code does not say its index in a way that is read")
            effect = written(given.get("effect", [])).strip("\"'")
            effects = {"twoways": f"{unit} + {time}", "time": time}.get(effect, unit)
            if more:
                raise NotReadError("instruments of plm are not read")
        else:
            effects = next((part for part in more if "~" not in part), "0")
            iv = next((part for part in more if "~" in part), "")
        endogenous: tuple[str, ...] = ()
        instruments: tuple[str, ...] = ()
        if "~" in iv:
            left, right = iv.strip("() ").split("~")
            endogenous, instruments = (
                tuple(t for t in re.split(r"\s*[+|]\s*", side.strip())) for side in (left, right)
            )
            if len(endogenous) > 1:
                raise NotReadError("it has several endogenous regressors, [instruments] takes one")
        return effects, (endogenous, instruments), cluster.strip() if cluster.strip() != "0" else ""

    def _errors(
        self, command: str, given: Mapping[str, list[Token]], cluster: str, effects: str, doubts: list[str]
    ) -> tuple[str, str, bool]:
        """Return the errors, their correction, and whether the version of fixest decides."""
        if command in ("lm", "plm", "felm"):
            return (f"~{cluster}" if cluster else "iid"), "lsdv" * (command == "lm"), False
        if "ssc" in given or "dof" in given:
            doubts.append("COMPLETE its ssc() is not read: [vcov] has the default of fixest")
        absorbed = [one for one in re.split(r"\s*\+\s*", effects) if re.fullmatch(r"[\w.`^]+", one) and one != "0"]
        asked = next((given[name] for name in ("vcov", "cluster", "se") if name in given), None)
        if asked is None:
            return (f"~{absorbed[0]}", "", True) if absorbed else ("iid", "", False)
        text = written(asked)
        known = self._value(asked)
        if known is not None and "~" not in text:
            if "vcov" not in given and "cluster" in given:
                return "~" + " + ".join(map(write_name, known[:2])), "", False
            first = known[0].casefold()
            if first in ("iid", "standard"):
                return "iid", "", False
            if first in ("hetero", "hc1", "white", "robust"):
                return "hetero", "", False
            if first in ("cluster", "twoway") and absorbed:
                return "~" + " + ".join(absorbed[: 1 + (first == "twoway")]), "", False
        named = re.fullmatch(r"(?:cluster ?)?~ ?([\w.`^]+(?: ?\+ ?[\w.`^]+)?)", text)
        if named:
            return f"~{named[1]}", "", False
        doubts.append(f"COMPLETE its errors are {text}, which is not read; iid stands in their place")
        return "iid", "", False


def _of_frame(text: str) -> str:
    """Write ``df$x`` and ``df[["x"]]`` as x."""
    text = re.sub(r"(?<![\w.])[\w.]+\$(?=[\w`.])", "", text)
    return re.sub(r"(?<![\w.])[\w.]+\[\[[\"']([\w.]+)[\"']\]\]", r"\1", text)


def _counted(low: int, high: int) -> tuple[str, ...]:
    return tuple(map(str, range(low, high + 1)[:MOST_REGRESSIONS]))


def _joined(sides: Sequence[Sequence[Token]]) -> list[Token]:
    """Put the ``~`` of instruments back between the parts that it split."""
    found = list(sides[0])
    for side in sides[1:]:
        found += [Token("sign", "~", 0, True), *side]
    return found


def _assigned(own: Sequence[Token]) -> tuple[str, Sequence[Token]]:
    """Return the name that a statement sets, and to what; "" where it sets none."""
    if len(own) > 2 and own[0].kind == "name" and own[1].text in ("<-", "=", "<<-"):
        return own[0].text, own[2:]
    return "", ()


def _options(text: str, empty: float) -> list[str]:
    """Write `c()`, `sw()`, `csw()` and the like out; one that is none of this language stays as it is."""
    found = [write(node) for node in expand(parse(text), {}, (), empty, MOST_REGRESSIONS)]
    return [one for one in found if one]


def _terms(text: str, command: str, doubts: list[str]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the terms of every alternative of a right side, and the factors among them, which are fixed effects."""
    found = []
    for option in _options(text, 1.0):
        terms: list[str] = []
        dummies: list[str] = []
        for node in _summands(parse(option)):
            one = write(node)
            if isinstance(node, Number) or one in ("-1", "NULL"):
                continue
            if one == ".":
                doubts.append("COMPLETE the regressors: `.` is all columns of its data")
            elif isinstance(node, Call) and node.function in ("factor", "as.factor") and len(node.arguments) == 1:
                dummies.append(write(node.arguments[0].value or Number(1.0)))
            elif fine(one, "terms"):
                terms.append(one)
            elif command == "plm" and fine(lagged := _PLM_LAG.sub(lambda m: f"{_LAGS[m[1]]}(", one), "terms"):
                terms.append(lagged)
            else:
                doubts.append(f"COMPLETE `{one}` has no translation; it is left out")
        found.append((unique(terms), unique(dummies)))
    return found


def _summands(node: Node) -> Iterator[Node]:
    """Yield summands; ``a * b`` is a, b and ``a:b``, what is subtracted is left out."""
    for one in chain(node, "+"):
        if isinstance(one, Binary) and one.operator == "-":
            left = {write(part): part for part in _summands(one.left)}
            left.pop(write(one.right), None)
            yield from left.values()
        elif isinstance(one, Unary):
            continue
        elif isinstance(one, Binary) and one.operator == "*":
            sides = [list(_summands(one.left)), list(_summands(one.right))]
            yield from (*sides[0], *sides[1], *(Binary(":", a, b) for a, b in product(*sides)))
        else:
            yield one


def _effects(text: str, doubts: list[str]) -> list[tuple[str, ...]]:
    """Return the fixed effects of every alternative; ``a:b`` of felm is ``a^b`` here."""
    text = re.sub(r"\b(?:as\.)?factor\(([\w.]+)\)", r"\1", re.sub(r"(?<=[\w.]) ?: ?(?=[\w.])", "^", text)) or "0"
    found = []
    for option in _options(text, 0.0):
        own = []
        for node in chain(parse(option), "+"):
            one = write(node)
            if isinstance(node, Number):
                continue
            if fine(one, "effects"):
                own.append(one)
            else:
                doubts.append(f"COMPLETE `{one}` has no translation; it is left out of the fixed effects")
        found.append(tuple(own))
    return found


def read_r(text: str, facts: Facts) -> Code:
    """Read the regressions of an R script; those of another frame than most have rows that a person must say."""
    reader = _Reader(facts)
    reader.block(tokens_of(text))
    reader.code.regressions = of_main(reader.code.regressions, reader.states)
    return reader.code
