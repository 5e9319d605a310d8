"""A do-file: reghdfe, xtreg with fe, areg, regress and ppmlhdfe, with macros, foreach and forvalues."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from specdid._draft.memory import Memory, NotReadError, ReadCode, Regression, State, ours
from specdid.language import Role

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


def read_stata(text: str) -> ReadCode:
    """Return the regressions of a do-file."""
    return _Stata().read(text)


def _words(text: str) -> dict[str, str]:
    """Return what every way to write a command stands for; ``su|mmarize`` may be cut down to ``su``."""
    found: dict[str, str] = {}
    for word in text.split():
        least, _, rest = word.partition("|")
        found |= {least + rest[:k]: least + rest for k in range(len(rest) + 1)}
    return found


_NAMES = _words(
    "g|enerate replace egen reg|ress u|se sa|ve mer|ge app|end ren|ame en|code dec|ode forv|alues foreach "
    "gl|obal loc|al qui|etly cap|ture n|oisily by bys|ort ta|bulate pr|ogram"
)
_HARMLESS = _words(
    """
    gr|aph tw|oway sc|atter line hist|ogram kdensity lowess binscatter binscatter2 binsreg coefplot event_plot
    marginsplot combine serset palette colorpalette spmap grstyle schemepack esttab estout estpost eststo estadd
    est|imates outreg outreg2 asdoc sum2docx reg2docx logout tabout putexcel putdocx putpdf collect etable dtable
    la|bel la|belbook note notes char d|escribe des su|mmarize sum ta|bulate ta1 tab1 tab2 tabstat table tabdisp
    l|ist di|splay codebook inspect cou|nt levelsof ds lookfor misstable mdesc isid assert as confirm ttest ranksum
    signrank sdtest prtest robvar corr|elate pwcorr xtdescribe xtdes xtsum xttab xtline tsline tsreport te|st
    testparm testnl lincom nlcom margins estat lrtest hausman suest linktest ovtest vif xttest0 xttest2 xttest3
    xtserial boottest wildbootstrap bacondecomp twowayfeweights honestdid pretrends oster psacalc mat|rix sca|lar
    ret|urn eret|urn sret|urn set log cmdlog cap|ture qui|etly n|oisily cd pwd ls dir mkdir rmdir erase rm copy cp
    type sh|ell which ssc net ado adopath sysdir findit h|elp search view about update version timer sleep pause
    more mo|re beep window exit e|xit tempfile tempvar tempname postfile post postclose export outsheet outfile
    sa|ve saveold so|rt gso|rt gsort order aorder compress form|at browse br ed|it macro ma|cro end discard query
    memory creturn error err|or profiler translate print putmata unab tsunab fvset cls vl datasignature
    """
)
"""Commands that leave rows and values of columns alone, as far as regressions see."""
_ROWS = _words(
    """
    mer|ge app|end joinby cross expand expandcl sample bsample gsample duplicates tsfill fillin tsappend dropmiss
    mmerge nearmrg rangejoin reclink matchit missings frlink frget
    """
)
_NEW_DATA = _words(
    """
    collapse gcollapse fcollapse contract gcontract reshape greshape statsby rolling xpose stack sxpose simulate
    input frame frames mi odbc sql
    """
)
_VALUES = _words(
    """
    generate replace egen gegen fegen rename recode encode decode destring tostring winsor winsor2 winsorize gstats
    xtile fastxtile gquantiles pctile predict clonevar mvdecode mvencode ipolate mipolate impute split separate std
    recast range drawnorm pca factor svmat getmata bcuse carryforward
    """
)
"""Commands that change the rows, the whole, or the columns that they name."""
_ROWS_WHY = (
    "changes rows. As a condition in [sample] it is the same only where no lag, winsorizing or egen comes after it, "
    "since they are made of all rows; else do it in the data before"
)
_BLOCKS = {"program": r"\s+(?!drop\b|list\b|dir\b)", "mata": r"\s*:?\s*$", "python": r"\s*:?\s*$", "input": r"\s"}
"""Commands whose block goes on to `end`, and what follows them there."""
_DEEPEST = 40


@dataclass(slots=True)
class _Node:
    """A statement, or a head with the statements in its braces."""

    line: int
    text: str
    body: list[_Node] | None = None


def _nested(statements: Iterable[tuple[int, str]]) -> list[_Node]:
    top: list[_Node] = []
    stack = [top]
    for line, text in statements:
        if text.startswith("}"):
            stack, text = stack[:-1] or [top], text[1:].strip()
        if text.endswith("{") and len(stack) < _DEEPEST:
            node = _Node(line, text[:-1].strip(), [])
            stack[-1].append(node)
            stack.append(node.body or [])
            node.body = stack[-1]
        elif text:
            stack[-1].append(_Node(line, text))
    return top


def _numbers(text: str) -> list[str] | None:
    """Return the numbers of ``1990/1992``, ``0(5)20`` or ``1 3 to 9``, None where they are not written out."""
    number = r"[-+]?(?:\d+\.?\d*|\.\d+)"
    text = re.sub(rf"({number})\s+({number})\s*(?:\bto\b|:)\s*({number})", _stepped, text)
    found: list[str] = []
    for part in text.split():
        run = re.fullmatch(rf"({number})(?:/|\(({number})\)|\[({number})\])({number})", part)
        if run is None:
            if not re.fullmatch(number, part):
                return None
            found.append(part)
            continue
        first, last, step = float(run[1]), float(run[4]), float(run[2] or run[3] or 1)
        count = int((last - first) / step + 1e-9) + 1 if step and (last - first) / step >= 0 else 0
        found += [f"{first + k * step:.12g}" for k in range(min(count, MOST))]
    return found


def _stepped(match: re.Match[str]) -> str:
    return f"{match[1]}({float(match[2]) - float(match[1]):.12g}){match[3]}"


class _Stata(Memory):
    """A do-file, statement by statement."""

    def __init__(self) -> None:
        super().__init__()
        self._macros: dict[str, str] = {}
        self._preserved: list[State] = []
        self._saved: dict[str, State] = {}
        self._left = MOST
        self._until_end = ""

    def read(self, text: str) -> ReadCode:
        self._run(_nested(_statements(text)))
        return self.finish()

    def _run(self, nodes: Sequence[_Node]) -> None:
        for node in nodes:
            self._left -= 1
            if self._left <= 0:
                if self._left == 0:
                    self.skip(node.line, node.text, f"more than {MOST:,} statements: nothing is read from here on")
                return
            text = self._expanded(node.text)
            if node.body is None:
                self._statement(text, node.line)
            elif not self._until_end:
                self._braces(node, text)

    def _braces(self, node: _Node, text: str) -> None:
        """Run what stands in braces: for every value of a loop, once under any other head."""
        body = node.body or []
        loop = re.match(r"^(foreach|forv\w*)\s+(\w+)\s*(.*)$", text)
        values = self._values(loop[1], loop[3]) if loop else None
        if loop and values is not None:
            for value in values:
                self._macros[loop[2]] = value
                self._run(body)
            self._macros.pop(loop[2], None)
            return
        if loop:
            self._macros.pop(loop[2], None)
            self.skip(node.line, text, "its values are not written out: the loop is read once, without them")
        elif re.match(r"^(?:pr\w*|mata|python)\b", text):
            self.skip(node.line, text, "what stands in its braces is not read")
            return
        elif not all(_NAMES.get(w) in ("quietly", "capture", "noisily") for w in text.replace(":", " ").split()):
            self.skip(node.line, text, "is not decided: what stands in its braces is read once, as if it were run")
        self._run(body)

    def _values(self, kind: str, text: str) -> list[str] | None:
        if kind != "foreach":
            return _numbers(text.removeprefix("=").strip()) if text.startswith("=") else None
        of = re.match(r"^(in|of\s+\w+)\s+(.*)$", text)
        if of is None:
            return [] if text in ("in", "of") else None
        sort, written = of[1].split()[-1], of[2]
        if re.match(r"^(?:local|loc|global|glo?b?a?)$", sort):
            name = ("" if sort.startswith("l") else "$") + written.strip()
            if name not in self._macros:
                return None
            written = self._macros[name]
        if re.search(r"`\w|\$\w", written):
            return None
        if sort.startswith("num"):
            return _numbers(written)
        if sort.startswith("var") and re.search(r"[*?~]|\w-\w|\b_all\b", written):
            return None
        return [next(filter(None, m.groups()), "") for m in re.finditer(r"""`"(.*?)"'|"([^"]*)"|([^\s"]+)""", written)]

    def _expanded(self, text: str) -> str:
        return _expanded(text, self._macros)

    def _macro(self, text: str) -> bool:
        """Set a macro; one that is computed is not known from then on."""
        found = re.match(r"^(local|loc|loca|gl|glo|glob|globa|global)\s+((?:\+\+|--)?\w+)\s*(.*)$", text)
        if found is None:
            return False
        name, value = ("" if found[1].startswith("l") else "$") + found[2].lstrip("+-"), found[3].strip()
        computed = value.startswith("=")
        value = value[1:].strip() if computed else value
        plain = re.fullmatch(r"""`"(.*)"'|"([^"]*)"|([-+]?[\d.]+)""", value)
        if found[2] != found[2].lstrip("+-") or value.startswith(":") or (computed and not plain):
            self._macros.pop(name, None)
            return True
        self._macros[name] = next((g for g in plain.groups() if g is not None), "") if plain else value
        return True

    def _statement(self, text: str, line: int) -> None:
        if self._until_end:
            self._until_end = "" if text == "end" else self._until_end
            return
        if self._macro(text):
            return
        text = _without_prefixes(text)
        by = re.match(r"^bys?o?r?t?\s+[^:]*:\s*", text)
        rest = _without_prefixes(text[by.end() :]) if by else text
        word = re.match(r"^\w*", rest)
        command = _NAMES.get(word[0], word[0]) if word else ""
        arguments = rest[len(word[0]) :] if word else rest
        for name in re.findall(r"\bloc(?:al)?\((\w+)\)", arguments):
            self._macros.pop(name, None)
        if command in ("if", "else"):
            for sort, name in re.findall(r"\b(loc(?:al?)?|gl(?:ob(?:al?)?)?)\s+(\w+)", arguments):
                self._macros.pop(("" if sort.startswith("l") else "$") + name, None)
            self.skip(line, text, "a condition is not decided: what stands behind it is not read")
            return
        if command in ("unab", "tsunab", "args", "syntax", "gettoken", "tokenize"):
            for name in re.findall(r"\w+", arguments):
                self._macros.pop(name, None)
        if command in _BLOCKS and re.match(_BLOCKS[command], arguments):
            self._until_end = command
            self.skip(line, text, f"a block of {command} is not read")
            if command == "input":
                self._new_data(line, "input")
        elif by and command not in ("egen", "generate", "replace"):
            self._unread(command, arguments, line, text)
        elif not self._of_data(command, arguments, line, text) and not self._of_columns(command, rest, line, text, by):
            if command in _COMMANDS:
                self._regression(command, arguments, line, text)
            elif command or rest:
                self._unread(command, arguments, line, text)

    def _regression(self, command: str, arguments: str, line: int, text: str) -> None:
        try:
            self.add(_command(command, arguments, line, self.found))
        except NotReadError as error:
            self.skip(line, text, str(error))

    def _new_data(self, line: int, command: str) -> None:
        self.state = State(self.state.data, f"`{command}` in line {line}")

    def _of_data(self, command: str, arguments: str, line: int, text: str) -> bool:
        """Follow what is read, kept for later and taken back; whether ``command`` is one of these."""
        quoted = r'(?:"([^"]+)"|([^\s,"]+))'
        reading = re.match(rf"^\s*(?:.*?\busing\s+)?{quoted}", arguments)
        if command in ("use", "insheet", "sysuse", "webuse") or (command == "import" and " " in arguments.strip()):
            body = re.sub(r"^\s*\w+\s*", "", arguments, count=1) if command == "import" else arguments
            reading = re.match(rf"^\s*(?:.*?\busing\s+)?{quoted}", body)
            name = (reading[1] or reading[2]) if reading else ""
            if command in ("sysuse", "webuse"):
                self.skip(line, text, "comes with Stata: save these data to a file")
                name = f"{command} {name}"
            else:
                self.found.data = self.found.data or name
            self.state = self._saved.get(name.removesuffix(".dta"), State(name)).copy()
            if re.search(r"\s(?:if|in)\s", _at_comma(body)[0]):
                self._rows(line, text, _ROWS_WHY)
        elif command == "save" and reading:
            name, state = reading[1] or reading[2], self.state
            unread = state.made or state.rows or any(self.derived(n) is None for n in state.columns)
            if name.startswith("`") or not unread:  # else the file has what the draft cannot make
                self._saved[name.removesuffix(".dta")] = state.copy()
        elif command == "preserve":
            self._preserved.append(self.state.copy())
        elif command == "restore":
            if self._preserved and not re.search(r"\bnot\b", arguments):
                preserve = re.search(r"\bpreserve\b", arguments)
                self.state = self._preserved[-1].copy() if preserve else self._preserved.pop()
        elif command == "clear":
            self.state = State()
        elif command in ("xtset", "tsset", "iis"):
            key = re.match(r"^\s*(\w+)(?:\s+(\w+))?", arguments)
            if key and command == "tsset" and not key[2]:
                self.found.time = self.state.columns.get(key[1], key[1])
            elif key:
                columns = self.state.columns
                if self.found.unit not in (None, columns.get(key[1], key[1])):
                    self.skip(line, text, "sets another panel than before: the draft has the last one")
                self.found.unit = columns.get(key[1], key[1])
                self.found.time = columns.get(key[2], key[2]) if key[2] else self.found.time
        else:
            return False
        return True

    def _rows(self, line: int, text: str, why: str) -> None:
        self.state.rows += ((line, text),)
        self.skip(line, text, why)

    def _of_columns(self, command: str, rest: str, line: int, text: str, by: re.Match[str] | None) -> bool:
        """Read what makes or changes a column by an expression; whether ``command`` is one that does."""
        made = re.match(
            r"^(\w+)\s+(?:(?:byte|int|long|float|double|str\w*)\s+)?(\w+)\s*(?::\s*\w+\s*)?=(?!=)\s*(.+)$", rest
        )
        if command not in ("generate", "egen", "replace") or made is None:
            return False
        name = made[2]
        try:
            self.define(name, line, self._value(command, name, made[3], re.sub(r"^bys\w*", "bys", text), bool(by)))
        except NotReadError as error:
            self.define(name, line, None)
            self.skip(line, text, f"{error}; the column `{name}` has to be in the data as this line leaves it")
        return True

    def _value(self, command: str, name: str, expression: str, text: str, by: bool) -> str:
        """Return what a column is set to, of versions that are in force."""
        if re.search(r"(?<!\w)_[nN]\b", text):
            raise NotReadError("rows have no number here")
        if by and command != "egen":
            raise NotReadError(f"`{command}` by groups is not read")
        if re.search(r"[`$]", expression):
            raise NotReadError("a macro is not known")
        if command == "egen":
            return self.in_force(_stata_ours(text, "value"))
        condition = re.search(r"\sif\s+(.*)$", expression)
        if command == "generate" or condition is None:
            return self.in_force(_stata_ours(expression, "value"))
        value, when = _stata_ours(expression[: condition.start()], "value"), _stata_ours(condition[1], "condition")
        before = self.derived(name) or self.state.columns.get(name, name)
        found = f"ifelse({self.in_force(when)}, {self.in_force(value)}, {before})"
        if len(found) > LONGEST_STATEMENT // 10:
            raise NotReadError("it is too long")
        return found

    def _unread(self, command: str, arguments: str, line: int, text: str) -> None:
        """List a statement that is not read, unless it is known to change nothing."""
        if command in ("keep", "drop"):
            if found := re.match(r"^\s*(?:if|in)\b", arguments):
                counted = (
                    re.search(r"(?<!\w)_[nN]\b", arguments) or found[0].strip() == "in" or text != command + arguments
                )
                self._rows(line, text, "changes rows: do it in the data before" if counted else _ROWS_WHY)
        elif command in _NEW_DATA:
            self._new_data(line, command)
            self.skip(line, text, "makes other data: save them, and convert the code that follows it")
        elif command in _ROWS:
            self._rows(line, text, "changes rows or brings columns: do it in the data before")
        elif regression := re.search(rf":\s*(?:\w+\s+)?({'|'.join(_COMMANDS)})\s", text):
            self.skip(line, text, f"{regression[1]} under a prefix is not taken over")
        elif (names := _changed(command, arguments)) or command not in _HARMLESS:
            for name in names:
                self.define(name, line, None)
            if names:
                why = f"changes {', '.join(f'`{n}`' for n in names[:8])}: do it in the data before"
            else:
                why = f"{command} is not read; what it changes in rows or values has to be done in the data before"
            if command in ("do", "run", "include"):
                why = "runs other code, which is not read: what that does to the data, do before"
            self.skip(line, text, why)


def _without_prefixes(text: str) -> str:
    """Take away what does not change what a command estimates."""
    while True:
        word = re.match(r"^(\w+)\s*:?\s*(?=\w)", text)
        if word and _NAMES.get(word[1]) in ("quietly", "capture", "noisily"):
            text = text[word.end() :]
        elif found := re.match(r"^(?:xi\b[^:(]*|eststo\b[^:]*|version\s+[\d.]+\s*):\s*(?=\w)", text):
            text = text[found.end() :]
        else:
            return text


def _changed(command: str, arguments: str) -> list[str]:
    """Return the columns that a command makes or changes, as far as it names them."""
    body, options = _at_comma(arguments)
    if made := _option(options, r"g|gen|gene\w*|newvar"):
        return re.findall(r"[^\W\d]\w*", made)
    replaced = re.search(r"\breplace\b", options) and command not in _HARMLESS and " using " not in body
    if "`" in body or not (command in _VALUES or replaced):
        return []
    if command == "winsor2" and not re.search(r"\breplace\b", options):
        suffix = (_option(options, r"s\w*") or "_w").strip("\"'")
        return [name + suffix for name in body.split() if name.isidentifier()]
    body = re.split(r"\sif\s|\sin\s|=", body)[0]
    body = re.sub(r"\((?![^()]*[A-Za-z_*])[^()]*\)|\([^()]*=[^()]*\)", " ", body)
    return list(dict.fromkeys(re.findall(r"(?<![\w*?-])[^\W\d]\w*(?![\w*?(-])", body)))


def _stata_ours(text: str, role: Role) -> str:
    """Write an expression of Stata; there operators of time series may have small letters, which in R are names."""
    if role == "value":
        text = re.sub(r"(^|[(,])(\s*)\.(?=\s*(?:$|[,)]|\sif\s))", r"\1\2NA", text.strip())
    lag = r"(?<![\w.])([lfds][lfds\d]*)\.(?=[A-Za-z_])"
    return ours(re.sub(lag, lambda m: m[0].upper(), text), role, of_stata=True)


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


def _command(command: str, rest: str, line: int, found: ReadCode) -> Regression:
    if re.search(r"[`$]", rest):
        raise NotReadError("a macro is not known")
    body, options = _at_comma(rest)
    weight = re.search(r"\[\s*([afpi]?)w(?:eights?|gt)?\s*=\s*([^\]]+)\]", body)
    if weight and weight[1] in ("f", "i"):
        raise NotReadError("weights here are analytic weights, not frequencies or importances")
    body = body.replace(weight[0], " ") if weight else body
    condition = re.search(r"\sif\s+(.*)$", body)
    body = body[: condition.start()] if condition else body
    if re.search(r"\sin\s+\S+$", body):
        raise NotReadError("`in` names rows by their number")
    found_words = re.findall(r"(?:[^\s(]|\([^()]*\))+", body)
    if len(found_words) < 2:
        raise NotReadError("it has no outcome and term")
    outcome, *words = found_words
    absorbed = _option(options, r"a|abs|absorb")
    effects = re.sub(r",\s*savefe\b", "", absorbed).replace(",", " ").split() if absorbed else []
    if changing := re.search(r"\b(?:exp\w*|off\w*|group|indiv\w*)\(|\b(?:noc\w*|hasc\w*|tsscons)\b", options):
        raise NotReadError(f"the option {changing[0].rstrip('(')} is not read")
    terms: list[str] = []
    for word in words:
        if re.fullmatch(r"\(.*\)", word) or "=" in word:
            raise NotReadError("instrumental variables are not covered by a draft: write them in [instruments]")
        if re.search(r"[A-Za-z_]\w*-[A-Za-z_]", word):
            raise NotReadError(f"`{word}` is a range of columns: name them, or write regex()")
        if re.fullmatch(r"i\.\w+\*i\.\w+", word):  # xi's way to write both and their interaction
            effects.append(word.replace("*", "#"))
        elif "*" in word and word.startswith("i."):
            raise NotReadError(f"`{word}`, an interaction of xi, is not taken over")
        elif "*" in word:
            terms.append(f'regex("^{word.replace("*", ".*")}$")')
        elif re.match(r"^i[.b]", word) and "#c." not in word and "c." not in word:
            effects.append(word)
        else:
            terms.append(_stata_ours(word, "terms"))
    unit = _option(options, r"i") or found.unit
    if command == "xtreg":
        if not re.search(r"\bfe\b", options):
            raise NotReadError("xtreg without fe")
        if unit is None:
            raise NotReadError("the unit of xtreg is not known: no xtset, no i()")
        effects.insert(0, unit)
        found.unit = found.unit or unit
    vcov, ssc = _errors(command, options, unit)
    written = " + ".join(_stata_ours(re.sub(r"^i\.(\w+)$", r"\1", e), "effects") for e in dict.fromkeys(effects))
    return Regression(
        line,
        _stata_ours(outcome, "outcome"),
        tuple(dict.fromkeys(terms)),
        written or "0",
        _stata_ours(condition[1], "condition") if condition else "TRUE",
        _stata_ours(weight[2], "value") if weight else "1",
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
        columns = re.sub(r"\s*#+\s*", "^", re.sub(r"\bi\.", "", clusters)).replace(",", " ").split()
        if len(columns) > 2:
            raise NotReadError("errors by more than two clusterings")
        return "~" + " + ".join(columns), ssc
    if vce.startswith(("r", "hc1")) or re.search(r"\b(?:r|ro|robust)\b", options):
        return (f"~{unit}", "") if command == "xtreg" and unit else ("hetero", ssc)
    if vce and not vce.startswith(("ols", "conv", "un")):
        raise NotReadError(f"vce({vce})")
    return "iid", ssc
