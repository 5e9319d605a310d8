"""An R script: feols, fepois and felm with one formula written out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from specdid._draft.memory import Memory, NotReadError, ReadCode, Regression, State, ours

LONGEST_CALL = 10_000
"""Characters of a call."""
_CALLS = {"feols": "feols", "fepois": "fepois", "felm": "feols"}
_NAME = r"[A-Za-z.][\w.]*"
_READING = re.compile(r"(?:\w+::)?(?:read[._]?\w*|fread)\(\s*(?:file\s*=\s*)?[\"']([^\"']+)[\"']")
_PART = r"(?:(?:base|dplyr)::)?(?:subset|filter)\(\s*[\w.]+\s*,(.*)\)"
_CHANGING = frozenset({"split", "fsplit", "split.keep", "split.drop", "offset", "family", "exactDOF"})
"""Arguments that make other regressions, or other numbers."""
_HEAD = re.compile(r"^\s*(?:for|while|if|repeat)\b|\bfunction\s*\(|\\\(|\b(?:[slvm]apply|map\w*|pmap)\s*\(")
_IN_PLACE = re.compile(r"(?<![\w.])(?:source|attach|load|data|assign|list2env|eval|set|setnames)\(|:=|%<>%")
"""What changes data without an assignment, or may."""


_GOES_ON = re.compile(r"(?:[-+*/^~,=|&<>!:]|%[^%\s]*%)\s*$")


def read_r(text: str) -> ReadCode:
    """Return the regressions of an R script."""
    return _R().read(text)


class _R(Memory):
    """An R script, statement by statement; every frame has a state of its own."""

    def read(self, text: str) -> ReadCode:
        text = re.sub(r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|#.*", lambda m: m[1] or " " * len(m[0]), text)
        statements = list(_r_statements(text))
        calls = [_r_calls(statement) for _, statement in statements]
        used = [_frame_of(_arguments(inside)) for found in calls for _, _, inside in found]
        frames = _sources(statements, {f for f in used if f})
        self._main = Counter(f for f in used if f).most_common(1)[0][0] if any(used) else ""
        self._of_frame: dict[str, State] = {}
        within: list[bool] = []  # whether a regression stands before the next closing brace
        for (_, statement), found in zip(reversed(statements), reversed(calls), strict=True):
            within.append(bool(found) or (statement != "}" and bool(within) and within[-1]))
        within.reverse()
        for k, ((line, statement), found) in enumerate(zip(statements, calls, strict=True)):
            if _HEAD.search(statement) and (found or statement.rstrip().endswith("{")) and within[k]:
                why = "a loop, condition or function is not run: the regressions in it are read once, as written"
                self.skip(line, " ".join(statement.split()), why)
            for name, at, inside in found:
                self._regression(
                    name, inside, line + statement.count("\n", 0, at), "%>%" in statement or "|>" in statement
                )
            if not found:
                self._other(" ".join(statement.split()).rstrip("{} "), line, frames)
        if data := _READING.search(text):
            self.found.data = self.found.data or data[1]
        return self.finish()

    def _regression(self, name: str, inside: str, line: int, piped: bool) -> None:
        shown = " ".join(f"{name}({inside})".split())
        try:
            regression, frame = _call(name, inside, line)
            if frame in ("", ".", "_") and piped:
                self.skip(line, shown, "its data come by a pipe: name them")
                return
            self.state = self._of_frame.setdefault(frame, State())
            self.add(regression, frame)
        except NotReadError as error:
            self.skip(line, shown, str(error))

    def _other(self, text: str, line: int, frames: set[str]) -> None:
        """Follow an assignment to data, list what else may change them."""
        text = re.sub(r"^(?:else\s+)?(?:(?:if|for|while)\s*\((?:[^()]|\([^()]*\))*\)\s*|else\s+)", "", text)
        assigned = _assigned(text)
        if assigned is None:
            if _IN_PLACE.search(text):
                name = re.match(rf"^(?:\w+\()?({_NAME})", text)
                self._changed(name[1] if name else "", "", line, text)
            return
        target, place, value = assigned
        if target not in frames:
            return
        reading = _READING.match(value)
        if reading and not place and re.fullmatch(r"[^)]*\)", value[reading.end() :]):
            if target == self._main:
                self.found.data = reading[1]
            else:
                self.skip(line, text, "reads other data than most regressions have")
            self._of_frame[target] = State()
            return
        if not place:
            source = next((n for n in re.findall(_NAME, value) if n in self._of_frame), target)
            self._of_frame[target] = self._of_frame.get(source, State()).copy()
        self._changed(target, place, line, text)

    def _changed(self, frame: str, place: str, line: int, text: str) -> None:
        """Note that a line changes a frame: some of its columns where these are named, else its rows."""
        self.state = self._of_frame.setdefault(frame, State())
        column = re.match(rf"^(?:\$|@)`?({_NAME})|^\[\[?\s*,?\s*[\"']({_NAME})[\"']\s*\]", place)
        names = [column[1] or column[2]] if column else []
        if not names and not re.search(r"filter|subset|merge|join|bind|summari|drop_na|na\.omit|distinct|pivot", text):
            bare = re.sub(r"\"[^\"]*\"|'[^']*'", "", text)
            if "mutate(" in bare or "transform(" in bare:
                names = re.findall(rf"(?:mutate\(|transform\(|,)\s*({_NAME})\s*=(?!=)", bare)
            elif ":=" in bare:
                names = re.findall(rf"({_NAME})\s*:=", bare)
        for name in names:
            self.define(name, line, None)
        if names:
            listed = ", ".join(f"`{n}`" for n in names[:8])
            self.skip(
                line, text, f"changes {listed}: write it in [derive], or have it in the data as this line leaves it"
            )
        else:
            self.state.rows += ((line, text),)
            self.skip(line, text, "may change rows or values: do it in the data before")


def _r_statements(text: str) -> Iterator[tuple[int, str]]:
    """Return statements with their lines; heads of loops and functions are statements, as is what stands in braces."""
    depth, quote, begun, line, first = 0, "", "", 1, 1
    for k, c in enumerate(text):
        if quote:
            quote = "" if c == quote and text[k - 1] != "\\" else quote
        elif c in "\"'`":
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth = max(0, depth - 1)
        if not quote and not depth and (c in ";{}" or (c == "\n" and not _GOES_ON.search(begun[-40:]))):
            if (begun + c).strip(" \t\n;}"):
                yield first if begun else line, begun + "{" * (c == "{")
            if c == "}":
                yield line, c
            begun = ""
        elif begun or not c.isspace():
            first = first if begun else line
            begun += c
        line += c == "\n"
    if begun.strip():
        yield first, begun


def _r_calls(statement: str) -> list[tuple[str, int, str]]:
    """Return the regressions in a statement: name, where it stands, what is in its brackets."""
    found: list[tuple[str, int, str]] = []
    end = 0
    for call in re.finditer(r"\b(feols|fepois|felm|feglm|plm|fenegbin)\s*\(", statement):
        if call.start() >= end:  # else within another
            inside = _inside(statement, call.end())
            end = call.end() + len(inside)
            found.append((call[1], call.start(), inside))
    return found


def _assigned(text: str) -> tuple[str, str, str] | None:
    """Return what a statement assigns to, which part of it, and the value."""
    value_first, arrow, value = text.partition("->")
    if arrow and "<-" not in value_first and re.fullmatch(rf"\s*>?\s*{_NAME}\s*", value):
        return value.strip(" >"), "", value_first
    head = re.match(rf"^(?:\w+\()*({_NAME})\s*\)*((?:\$|@|\[)[^=<]*?|\)*)\s*(?:<<?-|=(?!=))\s*(.*)$", text)
    if head is None or (left := text[: head.start(3)]).count("(") != left.count(")"):  # an argument of a call
        return None
    return head[1], head[2], head[3]


def _sources(statements: Sequence[tuple[int, str]], frames: set[str]) -> set[str]:
    """Return the frames and what they are made of."""
    found = set(frames)
    made = [a for _, text in statements if (a := _assigned(" ".join(text.split())))]
    targets = {target for target, _, _ in made}
    for target, _, value in reversed(made):
        if target in found:
            found |= targets & set(re.findall(_NAME, value))
    return found


def _inside(text: str, start: int) -> str:
    depth, quote = 1, ""
    for k in range(start, min(len(text), start + LONGEST_CALL)):
        c = text[k]
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        else:
            depth += (c in "([{") - (c in ")]}")
            if not depth:
                return text[start:k]
    return text[start : start + LONGEST_CALL]


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


def _arguments(inside: str) -> dict[str, str]:
    """Return the arguments of a regression by their names."""
    given: dict[str, str] = {}
    order = iter(("fml", "data"))
    for part in _split(inside, ","):
        key, equals, value = part.partition("=")
        if equals and re.fullmatch(r"[\w.]+", key.strip()) and not value.startswith("="):
            given[{"formula": "fml"}.get(key.strip(), key.strip())] = value.strip()
        elif part and (place := next(order, None)):
            given[place] = part
    return given


def _frame_of(given: Mapping[str, str]) -> str:
    return re.sub(r"^(?:[\w.]+::)?\w+\(\s*([\w.]+)\s*,.*\)$", r"\1", given.get("data", ""))


def _call(name: str, inside: str, line: int) -> tuple[Regression, str]:
    """Return the regression and the frame that it is of."""
    if name not in _CALLS:
        raise NotReadError(f"{name} is not read")
    given = _arguments(inside)
    if other := _CHANGING & given.keys():
        raise NotReadError(f"the argument {min(other)} is not read")
    if given.get("data") and not re.fullmatch(rf"{_NAME}|_|{_PART}", given["data"]):
        raise NotReadError("its data are made in the call: give them a name before")
    formula = given.get("fml", "")
    if "~" not in formula or re.search(r"\b(?:as\.formula|paste0?|xpd)\(|\.\[", formula):
        raise NotReadError("its formula is not written out")
    left, _, right = formula.partition("~")
    parts = _split(right, "|")
    if name == "felm":
        parts += ["0"] * (4 - len(parts))
        instruments, clusters = parts[2], parts[3]
    else:
        instruments, clusters = (parts[2] if len(parts) > 2 else "0"), "0"
    if instruments.strip() not in ("", "0"):
        raise NotReadError("instrumental variables are not covered by a draft: write them in [instruments]")
    effects = [] if len(parts) < 2 or parts[1].strip() in ("", "0") else [ours(parts[1], "effects")]
    terms: list[str] = []
    for term in _split(parts[0], "+"):
        if factor := re.fullmatch(r"(?:as\.)?factor\((\w+)\)", term):
            effects.append(factor[1])
        elif term not in ("1", "0", ""):
            terms.append(ours(term, "terms"))
    condition = next((given[key] for key in ("subset",) if key in given), "")
    if kept := re.fullmatch(_PART, given.get("data", "")):
        condition = kept[1]
    weights = re.sub(r"^~\s*|^[\w.]+\$", "", given.get("weights", ""))
    effects_text = " + ".join(effects)
    regression = Regression(
        line,
        ours(left, "outcome"),
        tuple(dict.fromkeys(terms)),
        effects_text or "0",
        ours(re.sub(r"^~\s*", "", condition), "condition") if condition else "TRUE",
        ours(weights, "value") if weights else "1",
        _r_errors(name, given, clusters, effects_text),
        "",
        _CALLS[name],
    )
    return regression, _frame_of(given)


def _r_errors(name: str, given: dict[str, str], clusters: str, effects: str) -> str:
    if clusters.strip() not in ("", "0"):
        return "~" + clusters.strip().replace(":", "^")
    said = given.get("cluster") or given.get("vcov") or given.get("se") or ""
    if not said:
        first = re.split(r"\s*\+\s*", effects)[0] if effects else ""
        return f"~{first}" if name != "felm" and re.fullmatch(r"\w+", first) else "iid"
    bare = re.sub(r"^\s*(?:cluster\s*)?~\s*", "~", said)
    if bare.startswith("~"):
        return bare.replace(":", "^")
    names = re.findall(r"[\"']([\w.]+)[\"']", said)
    words = {"hetero": "hetero", "hc1": "hetero", "white": "hetero", "iid": "iid", "standard": "iid"}
    if len(names) == 1 and names[0].casefold() in words:
        return words[names[0].casefold()]
    if names and "cluster" in given and len(names) <= 2:
        return "~" + " + ".join(names)
    raise NotReadError(f"standard errors {said}")
