"""A do-file: reghdfe, xtreg with fe, areg, regress and ppmlhdfe, with macros, foreach and forvalues."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from functools import partial
from itertools import combinations, pairwise
from math import inf, isinf, isnan
from typing import Any, Literal, TypeVar

import numpy as np

from specdid._arrays import Bools, Floats
from specdid._diagnostics import many
from specdid._draft.memory import (
    ACROSS,
    FIRST,
    WORDS,
    DataFacts,
    Memory,
    NotReadError,
    ReadCode,
    Regression,
    State,
    called,
    calls,
    columns_of,
    in_brackets,
    marked_name,
    moved_column,
    ours,
    texts_of,
    without_marks,
)
from specdid._draft.stata_expression import EXTENDED, found_in, of_rows, single, tree_of
from specdid._draft.stata_missing import as_stata, may_be_missing, may_be_zero
from specdid.engine.demean import count_components
from specdid.language import COMMANDS, LanguageError, Role, check, parse, referenced, write
from specdid.language.tree import (
    Argument,
    Binary,
    Call,
    Constant,
    Name,
    Node,
    Number,
    Text,
    Unary,
    chain,
    children,
    number_value,
    walk,
)

_T = TypeVar("_T")

MOST = 2_000
"""Statements, loops written out."""
MOST_ENDS = 40
"""Ends of intervals that a column is cut at, as they are written out."""
LONGEST_STATEMENT = 10_000
"""Characters of a statement, macros put in."""
MOST_SHOWN = 400
"""Characters that are kept of a longer one."""
MOST_CUTS = 30
MOST_LEVELS = 200
"""Levels of a column that a loop over them is written out for."""
"""Conditions that rows are cut by, one after the other."""
_COMMANDS = {
    "reghdfe": "feols",
    "xtreg": "feols",
    "areg": "feols",
    "regress": "feols",
    "reg": "feols",
    "ppmlhdfe": "fepois",
}


def read_stata(text: str, facts: DataFacts = FIRST) -> ReadCode:
    """Return the regressions of a do-file, of data of which ``facts`` are known."""
    made = re.search(r"(?<![\w.)\]`'])\.[a-z](?![\w.(])", re.sub(r'"[^"\n]*"', "", _without_comments(text)[0]))
    token = EXTENDED.set(facts.extended or made is not None)
    try:
        return _Stata(facts).read(text)
    finally:
        EXTENDED.reset(token)


def _set_in(nodes: Sequence[_Node]) -> list[tuple[str, str]]:
    """Return the macros that statements set, with what sets them."""
    found: list[tuple[str, str]] = []
    for node in nodes:
        found += re.findall(r"^(loc(?:al?)?|gl(?:ob(?:al?)?)?)\s+(?:\+\+|--)?(\w+)", node.text)
        found += [("local", one[2] or one[3]) for one in _STEPPED.finditer(node.text)]
        found += _set_in(node.body or ())
    return found


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
    gr|aph tw|oway sc|atter line hist|ogram kdensity lowess binscatter binscatter2 binsreg coefplot
    marginsplot combine serset palette colorpalette spmap grstyle schemepack esttab estout estpost eststo estadd
    est|imates outreg outreg2 asdoc sum2docx reg2docx logout tabout putexcel putdocx putpdf collect etable dtable
    la|bel la|belbook note notes char d|escribe des su|mmarize sum ta|bulate ta1 tab1 tab2 tabstat table tabdisp
    l|ist di|splay codebook inspect cou|nt levelsof ds lookfor misstable mdesc isid assert as confirm ttest ranksum
    signrank sdtest prtest robvar corr|elate pwcorr xtdescribe xtdes xtsum xttab xtline tsline tsreport te|st
    testparm testnl lincom nlcom estat lrtest linktest ovtest vif xttest0 xttest2 xttest3 xtserial mat|rix sca|lar
    ret|urn eret|urn sret|urn set log cmdlog cap|ture qui|etly n|oisily cd pwd ls dir mkdir rmdir erase rm copy cp
    type sh|ell which ssc net ado adopath sysdir findit h|elp search view about update version timer sleep pause
    more mo|re beep window exit e|xit tempfile tempvar tempname postfile post postclose export outsheet outfile
    sa|ve saveold so|rt gso|rt gsort order aorder compress form|at browse br ed|it macro ma|cro end discard query
    memory creturn error err|or profiler translate print putmata unab tsunab fvset cls vl datasignature
    hashsort fsort gisid fisid gunique unique distinct gdistinct gtop gtoplevelsof glevelsof levels fre groups
    tabplot vioplot cibar catplot stripplot grc1leg grc1leg2 cibplot heatplot
    mean proportion ratio total ci cii centile ameans sktest swilk sfrancia ksmirnov kwallis anova oneway
    manova loneway alpha icc kappa spearman ktau symmetry tetrachoric nestreg stepwise svyset svydescribe svy
    avplot avplots rvfplot rvpplot cprplot acprplot lvr2plot dfuller pperron dfgls kpss corrgram ac xcorr pac
    xtunitroot xtcointtest xtdpdtest archlm bgodfrey abar arima arch var varsoc vec vargranger irf cnsreg constraint
    eivreg vwls rreg boxcox mvreg sureg reg3 biprobit mprobit asclogit cmclogit rologit slogit zip zinb gnbreg tnbreg
    tpoisson streg sts stdescribe stsum meglm melogit meprobit mepoisson intreg cpoisson lasso elasticnet
    dsregress poregress xporegress pdslasso ivlasso rlasso lasso2 cvlasso avar ranktest weakivtest weakiv rivtest
    twostepweakiv nlsur gmm ml mkmat matlist constraint plausexog oaxaca
    oaxaca_rif decompose hettest imtest szroiter whitetst outtable texdoc markdoc dyndoc dyntext
    putexcelw table1 table1_mc baselinetable dtable mdesc vce
    scheme graphlog github require pwf ivreset
    texsave listtab listtex estwrite estread xml_tab mat2txt frmttable rqr bcstats
    addplot plotplain cleanplots fvexpand assertlist assertnested cf
    """
)
"""Commands that leave rows and values of columns alone, as far as regressions see; no other is thought to."""
_KEEPS_DATA = {
    "set": r"(?!\s*obs\b)",
    "mi": r"\s*(?:set|reg\w*|unreg\w*|d\w*|query|mis\w*|est\w*|test\w*|varying)\b",
    "mata": r"\s*:?\s*(?:mata\s*:?\s*)?(?:clear|drop|set|mlib|describe|query|which|memory)\b",
    "snapshot": r"\s*(?:list|label|erase)\b",
    "frame": r"\s*(?:cr\w*|drop|list|dir|pwf|ren\w*|put|copy|post|des\w*|save)\b",
    "frames": r"\s*(?:dir|save|des\w*)\b",
    "program": r"\s*(?:drop|list|dir)\b",
    "duplicates": r"\s*(?:r|rep\w*|l|list|e|ex\w*|table|b|br\w*)\b",
    "gduplicates": r"\s*(?:r|rep\w*|l|list|e|ex\w*|table|b|br\w*)\b",
    "missings": r"\s*(?:report|list|table|breakdown)\b",
    "continue": "", "break": "", "tsset": "", "xtset": "",
    "iis": "", "tis": "", "clear": "", "local": "", "global": "", "scalar": "",
    "matrix": r"(?!\s*(?:svmat|score)\b)",
}  # fmt: skip
"""What follows a command where it leaves data alone."""
_NO_COLUMNS = re.compile(r"\b(?:by|i|id|t|over|panelvar|timevar|panel|time)\([^()]*\)")
"""Options that name groups."""
_OF_PROGRAMS = {"end", "foreach", "forvalues", "args", "syntax", "marksample", "tokenize", "gettoken", "while"}
"""Commands of programs and loops, which change no data themselves."""
_OF_ANYTHING = {"mata", "python", "java", "plugin", "do", "run", "include", "rcall"}
"""Commands that may change columns which their line does not name."""
_OF_STATA = {"mata", "python", "java", "plugin", "set", "snapshot", "for", "clear"}
_READ = {
    "generate", "replace", "egen", "rename", "recode", "keep", "drop", "use", "import", "insheet", "save", "preserve",
    "restore", "foreach", "forvalues", "local", "global", "if", "else", "sysuse", "webuse", "frame", "cwf", "snapshot",
}  # fmt: skip
"""Commands that are read, whose repetition leaves all as it is."""
_STORAGE = {"byte", "int", "long", "float", "double", "strL"}
_ROWS = _words(
    """
    mer|ge app|end joinby cross expand expandcl sample bsample gsample duplicates tsfill fillin tsappend dropmiss
    xtbalance insobs mmerge nearmrg rangejoin reclink matchit missings frlink frget gduplicates fmerge gmerge join
    fjoin mergemany merge_asof dtalink
    """
)
_NEW_DATA = _words(
    """
    collapse gcollapse fcollapse contract gcontract reshape greshape statsby rolling xpose stack sxpose simulate
    input frame frames mi odbc sql bcuse cwf
    """
)
_VALUES = _words(
    """
    generate replace egen gegen fegen rename recode encode decode destring tostring winsor winsor2 winsorize gstats
    xtile fastxtile gquantiles pctile predict clonevar mvdecode mvencode ipolate mipolate impute split separate std
    recast range drawnorm pca factor svmat getmata carryforward
    """
)
"""Commands that change the rows, the whole, or the columns that they name."""
_EGEN = {"mean", "median", "min", "max", "sd", "rank", "total", "sum", "count", "std"}
_OF_MATCHING = ("_weight", "_pscore", "_treated", "_support")
"""Columns that psmatch2 makes."""
_IN_PLACE = {"replace", "recode", "mvdecode", "mvencode"}
"""Those that change columns that are there, if they do not say where to write what they make."""
MOST_TAKEN_BACK = 50
"""Steps by which a comparison of what is computed is taken back to one of a column."""
_OPERATORS = r"[LFDSlfds][LFDSlfds\d]*"
_SLOPES = re.compile(r"((?:\w+=)?(?:[\w.]+#)*[\w.]+##?)c\.\(\s*([^()]*?)\s*\)")
"""Slopes of several columns, ``id##c.(t t2)``."""
_LAGGED_NUMBER = re.compile(rf"(?<![\w.])(?:c\.?({_OPERATORS})|({_OPERATORS})\.c)\.(?=[^\W\d])")
"""Operators of time series beside the mark of a number: c.L.x, cL.x, L.c.x."""
_FACTOR = re.compile(
    rf"(?:(?P<before>{_OPERATORS})\.)?(?P<factor>i(?:b(?:n|\d+|\(\w+\)))?|i?\d+|b\d+|\d+b)(?:\.?(?P<behind>{_OPERATORS}))?"
)
"""What stands before a factor variable's name: i, ib2, 2, i2 (the level alone), iL, L.i, i2L2."""
_RESULTS = {
    "mean": "mean({})", "sd": "sd({})", "min": "min({})", "max": "max({})", "N": "count({})", "sum": "total({})",
    **{f"p{k}": f"pctile({{}}), p({k})" for k in (1, 5, 10, 25, 50, 75, 90, 95, 99)},
}  # fmt: skip
"""What `summarize` leaves, and the `egen` that has the same in every row."""
_SUMMARIZED = re.compile(
    r"^su(?:m(?:m(?:a(?:r(?:i(?:z(?:e)?)?)?)?)?)?)?\s+(?P<x>[^\W\d]\w*)(?:\s+if\s+(?P<rows>[^,]+?))?\s*(?P<options>,\s*\w+)?\s*$"
)
_LEAVE_RESULTS = {
    "gen",
    "g",
    "ge",
    "gene",
    "generate",
    "replace",
    "local",
    "loc",
    "global",
    "gl",
    "display",
    "di",
    "scalar",
}
"""Commands behind which r() is what it was."""
_COMPARED = ("==", "!=", "<", "<=", ">", ">=", "%in%")
LARGE_FACTOR = 1_000
"""A factor by which codes are put together in one number."""
LONGEST_NUMBER = 10
"""Characters of a number that somebody writes; longer ones are what float() makes."""
_WHOLE = {"as.integer", "floor", "ceiling", "sign", "count", "group", "quantile_group", "year", "month", "quarter"}
"""Functions whose values are whole numbers."""
_OPTIONS_READ = _words(
    """
    a|bsorb ab|sorb vce cl|uster r|obust fe i be re
    keepsing|letons nolog nohead|er noheader notab|le nof|ootnote noomit|ted omitted vsq|uish baselevels allbaselevels
    noempty|cells l|evel b bet|a depn|ame compact poolsize tol|erance iter|ate maxiter|ations verb|ose v timeit
    nosamp|le noreg|ress sum|marize summ first version dof|adjustments irr ef|orm nonest d res|iduals guess nowarn
    nocon|stant sformat cformat pformat title display dis|play accel|eration accelerate transf|orm prune fast nest
    """
)
"""Options of regressions that are read, or change neither rows nor numbers beyond tolerance."""
_OF_NUMBERS = {"absorb", "vce", "cluster", "robust", "fe", "be", "re", "i"}
"""Those that decide what is estimated."""
_CORRECTED = {"areg": "areg", "reghdfe": "reghdfe", "ppmlhdfe": "reghdfe", "reg": "lsdv", "regress": "lsdv"}
"""How errors are corrected for small samples; of a likelihood reghdfe's rule is ppmlhdfe's."""
_VCE = _words("r|obust cl|uster ols conv|entional un|adjusted")
_MAKES = ("generate", "egen", "gegen", "xtile", "fastxtile", "clonevar")
"""Commands that are errors where the column that they make is there."""
_DRAWN = re.compile(r"(?<!\w)(?:uniform|r(?:uniform|normal|beta|gamma|binomial|poisson|chi2|logistic|t))\w*\(")
"""Functions of random numbers."""
_BLOCKS = {"program": r"\s+(?!drop\b|list\b|dir\b)", "mata": r"\s*:?\s*$", "python": r"\s*:?\s*$", "input": r"\s"}
"""Commands whose block goes on to `end`, and what follows them there."""
_DEEPEST = 40
DEEPEST_VERSION = 20
"""How far down versions are asked that are made of one another."""
_HELD = {"byte": (-127, 100), "int": (-32_767, 32_740), "long": (-2_147_483_647, 2_147_483_620)}
"""What whole types hold; beyond, a number is missing."""
_HELD_BY_FLOAT = 2**24
"""Above, single precision has not every whole number."""
_OPEN = r"`|\$[\w{]"
"""What a macro that is not known leaves; a dollar at the end of a pattern is none."""
_JOINED = "\x1f"
"""Where a line ended in a comment."""


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
    number = _NUMBER
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


@dataclass(slots=True)
class _Panel:
    """A unit, time and step that `xtset` sets, and how many regressions stand before it."""

    begin: int
    unit: str
    time: str | None
    line: int
    text: str
    step: str = ""

    @property
    def lags(self) -> tuple[str, str | None, str]:
        """What lags are along."""
        return self.unit, self.time, self.step or "1"


@dataclass(slots=True)
class _Preserved:
    """What `preserve` kept: the state, and how much had been listed and taken over by then."""

    state: State
    line: int
    skipped: int
    regressions: int
    panel: _Panel | None = None


_STEPPED = re.compile(r"`(\+\+|--)(\w+)'|`(\w+)(\+\+|--)'")
"""Macros that are counted up or down where they are put in."""
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_LITERAL = r"(?:[-+]?\d+(?:\.\d+)?|\"[^\"`$]*\")"
_TIMES = re.compile(r"(?i)^(?:t|yr|(?:.*_)?(?:year|time|date|month|quarter|period|week))$")


def _holds(text: str) -> tuple[bool | None, str]:
    """Say whether a comparison of two numbers or texts holds, None where it is none, and what stands behind it."""
    if alone := re.match(r"^(\d+)(?:\s+([A-Za-z].*))?$", text):
        return float(alone[1]) != 0, alone[2] or ""
    found = re.match(rf"^(\()?\s*({_LITERAL})\s*(==|!=|~=|<=?|>=?)\s*({_LITERAL})\s*(?(1)\))(?:\s+(.*)|$)", text)
    if found is None or (found[2][0] == '"') != (found[4][0] == '"'):
        return None, text
    left, right = (found[2], found[4]) if found[2][0] == '"' else (float(found[2]), float(found[4]))
    order = (left > right) - (left < right)  # type: ignore[operator]
    signs = {"==": order == 0, "!=": order != 0, "~=": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0}
    return signs.get(found[3], order >= 0), found[5] or ""


def _computed(text: str) -> str:
    """Return the number that `local x = 2000 + 5` makes, the text where it is another expression."""

    def number(node: Node) -> float:
        match node:
            case Number():
                return node.value
            case Unary(operator="-"):
                return -number(node.operand)
            case Binary(operator="+"):
                return number(node.left) + number(node.right)
            case Binary(operator="-"):
                return number(node.left) - number(node.right)
            case Binary(operator="*"):
                return number(node.left) * number(node.right)
            case _:
                raise ValueError

    with suppress(ValueError, LanguageError, NotReadError):
        found = number(tree_of(text))
        if abs(found) < 2**53 and float(short := f"{found:.12g}") == found:
            return short
    return text


_BY_OPTIONS = {"winsor", "winsor2", "winsorize", "xtile", "fastxtile", "destring", "ipolate", "carryforward"}
"""Commands whose equivalent here depends on the options of their line."""


def _here(command: str) -> str:
    found = COMMANDS.get(command)
    return f". Here: {found.here}" if found else ""


def _is_truth(node: Node, binary: Callable[[str], bool] = lambda _: False) -> bool:
    """Say whether an expression is 0, 1 or missing; ``binary`` says it of a column."""
    match node:
        case Name():
            return binary(node.name)
        case Unary(operator="!") | Constant():
            return True
        case Binary(operator="*"):
            return _is_truth(node.left, binary) and _is_truth(node.right, binary)
        case Binary():
            return node.operator in ("==", "!=", "<", "<=", ">", ">=", "&", "|", "%in%", "%like%")
        case Call(function="ifelse"):
            return all(a.value is not None and _is_truth(a.value, binary) for a in node.arguments[1:])
        case Call():
            return node.function in ("is.na", "grepl")
        case _:
            return node in (parse("0"), parse("1"))


def _by_its_value(key: str, text: str) -> bool:
    """Say whether an expression uses a version otherwise than as the levels of groups."""

    def used(node: Node) -> bool:
        match node:
            case Name():
                return node.name == key
            case Call():
                levels = node.function in ("group", "factor")
                inner = [a.value for a in node.arguments if a.value is not None and a.name != "by"]
                return any(used(one) for one in inner if not (levels and isinstance(one, Name)))
            case _:
                return any(used(one) for one in children(node))

    try:
        return used(parse(text))
    except LanguageError:
        return True


def _is_exact(node: Node) -> bool:
    """Say whether an expression of numbers is one that single precision holds, as far as that is plain."""
    match node:
        case Number():
            return single(node.value) == node.value
        case Unary():
            return _is_exact(node.operand)
        case Binary(operator="+" | "-" | "*"):
            return _is_exact(node.left) and _is_exact(node.right)
        case _:
            return isinstance(node, Constant)


def _truths(node: Node, condition: bool) -> list[Node]:
    """Return what an expression asks to be other than 0 without a comparison; all of it where it is a condition."""
    found = [node] if condition else []
    for one in walk(node):
        if isinstance(one, Binary) and one.operator in "&|":
            found += [one.left, one.right]
        elif isinstance(one, Unary) and one.operator == "!":
            found.append(one.operand)
    return [one for one in found if not _is_truth(one)]


def _cuts_off(node: Call | Binary) -> bool:
    if isinstance(node, Binary):
        return node.operator == "%%"
    return node.function in ("floor", "ceiling", "as.integer") and bool(node.arguments)


def _may_be_whole(node: Node) -> bool:
    """Say whether decimals may come out whole, as those of x*10 or x + z, and not those of x, x/10 and x + 1."""
    for one in walk(node):
        if isinstance(one, Binary) and one.operator in "+-*/":
            a, b = number_value(one.left), number_value(one.right)
            plain = one.operator in "+-" or (one.operator == "/" and a is None)
            if not plain or (a is None) == (b is None) or not (a or b or 0.0).is_integer():
                return True
    return False


class _Stata(Memory):
    """A do-file, statement by statement."""

    def __init__(self, facts: DataFacts) -> None:
        super().__init__(facts)
        self._key: set[str] = set()
        self._macros: dict[str, str] = {}
        self._preserved: list[_Preserved] = []
        self._before: dict[tuple[int, str], int] = {}
        self._saved: dict[str, State] = {}
        self._left = MOST
        self._until_end = ""
        self._of_data_alone: set[tuple[int, str, str]] = set()
        self._drawn: dict[str, int] = {}
        self._captured = False
        self._stopped: Literal["", "turn", "loop", "file"] = ""
        self._panels: list[_Panel] = []
        self._of_before: dict[str, int] = {}
        """Unit and time that `xtset` has named before the file was read, and its line."""
        self._lagged_under: dict[str, set[int]] = {}
        """By number the panels under which a version with lags was made."""
        self._unsure = self._unsure_turn = False
        """Whether a condition around is not decided, and whether one within the turn of a loop is not."""
        self._single: set[str] = set()
        self._empty: set[str] = set()
        """Versions that are the empty text in every row."""
        self._masks: dict[str, str] = {}
        """Columns that are missing where rows were cut off, which a lag of a regression is of."""
        self._as_in_data: set[str] = set()
        """Those of them that `replace` has of a column that the data have so."""
        self._read_single: dict[str, int] = {}
        """Versions that have a column of single precision as a line has read it."""
        self._encoded: dict[str, tuple[str, tuple[int, str, str], str]] = {}
        """Versions that number the texts of a column of the data: that column, the line that is listed, the numbers."""
        self._labels: set[str] = set()
        """Sets of labels that lines before define, whose numbers `encode` takes."""
        self._asked: dict[tuple[str, str, bool], Any] = {}
        self._depth = 0
        self._in_double = self._insheet = False
        self._first_data: str | None = None
        self._of_file = facts
        self._read_at: dict[str, int] = {}
        self._imports: dict[str, tuple[int, str]] = {}
        """Text files that the code reads: the line of each, and its statement."""
        self._plain_locals: set[str] = set()
        self._computed_in: dict[str, tuple[int, str]] = {}
        """Macros whose value is computed, and not known: the line of each, and its statement."""
        self._temporary: set[str] = set()
        """Columns of `tempvar`, which have names of Stata's own there."""
        self._dummies: dict[str, int] = {}
        """Lines of `tabulate` that make columns of a name and a number."""
        self._scalars: dict[str, tuple[int, str]] = {}
        self._words: set[str] = set()
        """Words of the file but for those by which macros are asked for."""
        self._wanted: set[str] = set()
        """Results that the file asks for, r(mean) and the like, by their names."""
        self._of_summaries: set[str] = set()
        """Columns of this draft alone that have what `summarize` left."""
        self._bases: dict[str, str] = {}
        """Base levels that `fvset` and `char` have set, by their columns."""
        self._results: dict[str, str] = {}
        """Those that the last command has left: the columns that have them in every row."""
        self._cut_down: set[str] = set()
        """Names cut down to their first letters that a note has written out."""
        self._whole_names = 0
        """The line that has set varabbrev off, 0 for none."""
        self._programs: dict[str, tuple[int, list[str]]] = {}
        """Programs of the file's own: the line of each, and its statements."""
        self._within = ""
        self._guards: dict[tuple[int, str], tuple[str, list[str]]] = {}
        """Lines that may change rows and columns: the command of each, and the columns that it names."""
        self._earlier: dict[int, set[int]] = {}
        """By such a line those before it, whose rows it asks for, too."""
        self._frames: dict[str, State] = {}
        self._frame = "default"
        self._snapshots: list[State] = []
        self._patterns: dict[str, list[str]] = {}
        """Of loops over columns that are not written out: patterns of their names."""

    def read(self, text: str) -> ReadCode:
        statements = [*_statements(text)]
        if line := _without_comments(text)[1]:
            self.skip(line, "/*", "a comment that is not closed: what stands behind it is not run, and not read")
        for _, statement in statements:  # rows without unit or time are in no panel, wherever xtset stands
            if key := re.match(r"^(?:qui\w*\s+|cap\w*\s+)*(?:xtset|tsset)\s+(\w+)(?:\s+(\w+))?", statement):
                self._key |= {name for name in key.groups() if name}
        own = r"(?<![\w`$])(?<!of )loc(?:al?)?\s+(\w+)(?!\w|\s*[=:])"
        sets = [name for _, statement in statements for name in re.findall(own, statement)]
        for name in {*sets}:  # and by nothing else
            named = re.findall(rf"(?<![`\w]){name}(?!\w)", " ".join(statement for _, statement in statements))
            if len(named) == sets.count(name):
                self._plain_locals.add(name)
        of_macros = r"(?<!of local )(?<!of global )(?<![\w`${])\w+"
        self._words = {word for _, statement in statements for word in re.findall(of_macros, statement)}
        self._wanted = {asked for _, statement in statements for asked in re.findall(r"\br\((\w+)\)", statement)}
        self._run(_nested(statements))
        self._choose_panel()
        texts = self._texts_for_numbers()
        found = self.finish()
        self._tell_guards()
        begin = self._read_at.get(found.data or "", 0)
        found.skipped[:begin] = [one for one in found.skipped[:begin] if one not in self._of_data_alone]
        found.skipped = [one for one in found.skipped if one not in texts]
        for (at, cut), line in self._before.items():
            if (at, cut) in self.usual_rows:
                self.skip(at, cut, f"cuts rows before line {line} brings or counts others: do both in the data before")
        self._tell_words(found, " ; ".join(statement for _, statement in statements))
        for table, used in (
            ("derive", [*found.derived.values()]),
            ("sample", [r.condition for r in found.regressions]),
        ):
            if any("is.na(" in text for text in used):
                found.comments[table] = ["In Stata a missing value is larger than any number; is.na() says so here."]
                break
        if any(re.search(r" == 0, NA, [^,]* / ", text) for text in found.derived.values()):
            told = "In Stata what is divided by 0 is missing, and here infinite: ifelse() says so."
            found.comments.setdefault("derive", []).append(told)
        if any("by = coalesce(" in text or "^coalesce(" in text for text in found.derived.values()):
            told = "Rows whose group of egen is missing are a group in Stata: coalesce() says so."
            found.comments.setdefault("derive", []).append(told)
        if (unit := found.unit) in found.derived:
            of = re.fullmatch(r"group\((?:ifelse\(.*, (?=\w+, NA\)\)$))?(\w+)(?:, NA\))?\)", found.derived[unit])
            known = of is not None and of[1] not in found.derived
            found.unit = of[1] if of is not None and known else None
            told = f"the code makes its unit, `{unit}`: have that column in the data, as {found.derived[unit]}; "
            told += "[derive] makes no units"
            found.comments["unit"] = [told]
            if known:
                found.comments["study"] = [f"The code numbers this unit, as `{unit}`."]
        for role, name in (("unit", unit or ""), ("time", found.time or "")):
            made = found.derived.get(name, "")
            if made.isidentifier() and made not in found.derived:  # renamed alone
                setattr(found, role, made)
                found.comments.pop(role, None)
                found.comments.setdefault("study", []).append(f"The code calls `{made}` of the data `{name}`.")
        made_time = found.derived.get(found.time or "", "")
        moved = moved_column(made_time)
        if moved and moved not in {*found.derived, *found.unread}:
            told = f"The code's time, `{found.time}`, is {made_time}: as far apart as `{moved}`, and lags are the same."
            found.comments.setdefault("study", []).append(told)
            found.time = moved
        if found.time in found.derived:
            found.comments["time"] = [f"the code makes its time, `{found.time}`: have that column in the data"]
            found.time = None
        self._stretch_lags(found)
        there = {*self._of_file.columns, *found.derived, *found.unread}
        for role in ("unit", "time") if self._of_file.columns and not found.joins else ():
            if (name := getattr(found, role)) in self._of_before and name not in there:
                told = f"`{name}`, which line {self._of_before[name]} names before the data are read, is not in them"
                found.comments[role] = [told]
                setattr(found, role, None)
        return found

    def _stretch_lags(self, found: ReadCode) -> None:
        """Have lags go as far as the step that `xtset` sets, where the data have periods between that a line drops."""
        step, times = int(found.step or 1), self._of_file.numbers(found.time or "")
        known = np.empty(0) if times is None else times[~np.isnan(times)]
        if step == 1 or not known.size or not ((known - known.min()) % step).any():
            return

        def far(text: str) -> str:
            if not {"l", "f", "d"} & {*called(text)}:
                return text
            return write(_with_steps(parse(text), step))

        found.step = None
        found.regressions = [
            replace(
                r,
                outcome=far(r.outcome),
                terms=tuple(map(far, r.terms)),
                condition=far(r.condition),
                weights=far(r.weights),
            )
            for r in found.regressions
        ]
        found.derived = {name: far(text) for name, text in found.derived.items()}
        found.unused = {name: far(text) for name, text in found.unused.items()}
        line = next((one.line for one in self._panels if one.step == str(step)), 0)
        told = f"delta({step}): the data have periods between, so a lag is {step} of `{found.time}` here, l(x, {step})"
        found.notes.append((line, told))

    def _tell_guards(self) -> None:
        """Note what lines may have changed that come before regressions and are not known to change nothing."""
        found = self.found
        asked = {"", *found.unread}
        lines = {v.name: v.line for v in self._versions.values()}
        used = {name for r in found.regressions for one in texts_of(r) for name in columns_of(one.removeprefix("~"))}
        used |= {name for one in found.derived.values() for name in columns_of(one)}
        told: dict[int, tuple[str, list[str]]] = {}
        asking = {at for of, at in found.unread.values() if not of}
        before = {
            at: min(asking_at for asking_at in asking if at in self._earlier.get(asking_at, ()))
            for one in asking
            for at in self._earlier.get(one, ())
        } | {at: at for at in asking}
        for (line, text), (command, names) in self._guards.items():
            if (line, text) in self.usual_rows or line in before:
                told.setdefault(line, (command, []))[1].extend(names)
        notes = []
        for line, (command, names) in sorted(told.items()):
            shown = [f"`{name}`" for name in dict.fromkeys(names)]
            if shown:
                why = f"`{command}` may change {', '.join(shown[:8])}{', …' * (len(shown) > 8)}, rows"
            else:
                why = f"`{command}` names no column, and may have changed rows and any of those before it"
                if left := sorted(name for name in used - asked if lines.get(name, 0) < line):
                    why += ", of which regressions after it use "
                    why += f"{', '.join(f'`{one}`' for one in left[:12])}{', …' * (len(left) > 12)} as they were"
            why += next(
                (
                    f": `{one}` asks for what it leaves"
                    for one, of in found.unread.items()
                    if of == ("", before.get(line))
                ),
                "",
            )
            notes.append((line, why))
        found.notes[:0] = notes

    def _tell_words(self, found: ReadCode, code: str) -> None:
        """List columns in use whose NA of a text file is text in Stata, and missing here."""
        if (found.data or "") not in self._imports:
            return
        line, text = self._imports[found.data or ""]
        used = {found.unit, found.time, *(n for one in found.derived.values() for n in columns_of(one))}
        used |= {n for r in found.regressions for one in texts_of(r) for n in columns_of(one)}
        chosen = _option(text, "numericcols") or ""
        places = (
            range(1, len(self._data_order) + 1)
            if chosen.strip() == "_all"
            else map(int, map(float, _numbers(chosen) or []))
        )
        as_numbers = {name for k in places for name in self._data_order[k - 1 : k]}
        for name, words in self._of_file.words.items():
            numbers = self._of_file.numbers(name) is not None
            shown = [f"{word} in {many(rows, 'row')}" for word, rows in words.items() if word != "." or not numbers]
            forced = rf"(?<!\w)destring\b(?:\s*,|[^,;]*\b{re.escape(name)}\b)[^;]*\b(?:force|ignore)\b"
            if name not in used or not shown or (numbers and (name in as_numbers or re.search(forced, code, re.I))):
                continue
            what = (
                "which makes it a column of text in Stata, that stops where its numbers are asked for; here those rows "
                "are missing, and left out"
                if numbers
                else f'which is text in Stata as any other, and missing here: `{name} == ""` and `missing({name})` '
                "hold of other rows, and what has or compares the column keeps other rows"
            )
            why = f"`{name}` has {' and '.join(shown)}, {what}. Empty those cells in the file if missing is meant"
            self.skip(line, text, why)

    def _choose_panel(self) -> None:
        """Take the unit under which most regressions stand, and the time and step of most of its lags.

        Of as many it is the first. What sets another is listed, and regressions whose lags are along another.
        """
        regressions, panels = self.found.regressions, self._panels
        if len({one.lags for one in panels}) < 2:
            return
        ends = [one.begin for one in panels[1:]] + [len(regressions)]
        counts: dict[str, int] = {}
        for one, end in zip(panels, ends, strict=True):
            counts[one.unit] = counts.get(one.unit, 0) + end - one.begin
        unit = max(counts, key=lambda name: counts[name])
        own = {k: at for at, (one, end) in enumerate(zip(panels, ends, strict=True)) for k in range(one.begin, end)}
        along = {k: self._lags_of(regressions[k], own[k]) for k in own}
        lagged = Counter(panels[at].lags for those in along.values() for at in sorted(those))
        of_unit = [one for one in panels if one.unit == unit]
        timed = [one for one in of_unit if one.time is not None] or of_unit
        chosen = max(timed, key=lambda one: lagged[one.lags]) if lagged else timed[-1]
        first = next(one for one in of_unit if one.lags == chosen.lags)
        self.found.unit, self.found.time = unit, chosen.time
        self.found.step = chosen.step if re.fullmatch(r"[1-9]\d*", chosen.step) else None
        for one, end in zip(panels, ends, strict=True):
            if one.unit != unit and self._plain(one.unit) == self._plain(unit):  # of other data, by the same name
                continue
            if one.unit != unit:
                why = f"sets another panel than the draft's, which is that of line {first.line}"
                why += f": {counts[unit]} of {sum(counts.values())} regressions follow it"
            elif one.time is not None and one.lags != first.lags:
                why = (
                    f"sets another time or another step (delta) than the draft's, which are those of line {first.line}"
                )
            else:
                continue
            if one.begin < end or one.line not in [line for line, _, _ in self.found.skipped]:
                self.skip(one.line, one.text, why)
        gone: set[int] = set()
        for k, those in along.items():
            if other := [panels[at] for at in sorted(those) if panels[at].lags != first.lags]:
                gone.add(k)
                shown = f"{regressions[k].outcome} ~ {' + '.join(regressions[k].terms)}"
                self.skip(regressions[k].line, shown, f"its lags are along the panel of line {other[0].line}")
        self.found.regressions = [one for k, one in enumerate(regressions) if k not in gone]
        self._states = [one for k, one in enumerate(self._states) if k not in gone]

    def _texts_for_numbers(self) -> set[tuple[int, str, str]]:
        """Put columns of text in the place of their numbers by encode, where these are levels alone, else make numbers.

        Returns what is listed of their lines, which need not be.
        """
        done = set[tuple[int, str, str]]()
        for key, (column, listed, numbers) in self._encoded.items():
            found, text = self.found, write(Name(column))
            values = [v.expression for v in self._versions.values() if v.expression is not None]
            values += [one for r in found.regressions for one in (r.outcome, *r.terms, r.condition, r.weights)]
            slopes = [one for r in found.regressions for one in re.findall(r"\[([^\[\]]*)\]", r.effects)]
            taken = key == found.unit or key in self._behind(found.regressions)
            used = key == found.unit or any(key in one for one in values)
            used |= any(key in f"{r.effects} {r.vcov}" for r in found.regressions)
            by_value = any(key in one for one in slopes) or any(
                key in one and _by_its_value(key, one) for one in values
            )
            if by_value and numbers and self._expression(key) is None:
                self._versions[key] = replace(self._versions[key], expression=numbers)
                done.add(listed)
                if found.unit == key:
                    found.unit = column
                    told = (
                        f"`{self._plain(key)}` of line {listed[0]} numbers `{column}`, whose texts are the same units."
                    )
                    found.comments.setdefault("study", []).append(told)
            if by_value or not used:
                continue

            def of_text(one: str, key: str = key, text: str = text) -> str:
                return one.replace(key, text)

            for name, version in self._versions.items():
                if version.expression is not None:
                    self._versions[name] = replace(version, expression=of_text(version.expression))
            found.regressions = [
                replace(
                    r,
                    outcome=of_text(r.outcome),
                    terms=tuple(map(of_text, r.terms)),
                    effects=of_text(r.effects),
                    condition=of_text(r.condition),
                    weights=of_text(r.weights),
                    vcov=of_text(r.vcov),
                )
                for r in found.regressions
            ]
            found.unit = column if found.unit == key else found.unit
            done.add(listed)
            if not taken:  # of data before, whose columns no regression has
                continue
            told = f"`{self._plain(key)}` of line {listed[0]} numbers the texts of `{column}`, which serve here."
            found.comments.setdefault("study", []).append(told)
        return done

    def _behind(self, regressions: Sequence[Regression]) -> set[str]:
        """Return the columns and versions that regressions use, and what these are made of."""
        waiting = [
            text for r in regressions for text in (r.outcome, *r.terms, r.effects, r.condition, r.weights, r.vcov)
        ]
        found: set[str] = set()
        while waiting:
            fresh = columns_of(waiting.pop().removeprefix("~")) - found
            found |= fresh
            waiting += [made for key in fresh if (made := self._expression(key)) is not None]
        return found

    def _lags_of(self, regression: Regression, own: int) -> set[int]:
        """Return by number the panels along which a regression has lags: its own, or that of a column's line."""
        waiting, seen, found = [*texts_of(regression)], set[str](), set[int]()
        if any({"l", "f", "d"} & {*called(text)} for text in waiting):
            found.add(own)
        while waiting:
            fresh = columns_of(waiting.pop()) - seen
            seen |= fresh
            for key in fresh:
                found |= self._lagged_under.get(key, set())
            waiting += [self._expression(key) or "1" for key in fresh]
        return found

    def _missing(self, name: str) -> bool:
        """Say whether a column may be missing, by its definition in force, else by the data."""
        key = self.state.columns.get(name)
        if key is None or not self.known(key):
            return name not in self._key and (key or name) not in self._facts.complete
        return self._missing_version(key)

    def _missing_version(self, key: str) -> bool:
        if key in self._encoded:
            return self._plain(key) not in self._key and self._encoded[key][0] not in self._facts.complete
        if self.known(key):
            return self._once("missing", key, lambda made: may_be_missing(made, self._missing_version), True)
        return key not in self._key and key not in self._facts.complete

    def _once(self, what: str, key: str, ask: Callable[[str], _T], beyond: _T) -> _T:
        """Ask something of a version's expression a single time: versions are made of each other, also doubly.

        ``beyond`` is the answer of one that is not read, or stands too far down.
        """
        expression, asked = self._expression(key), (what, key, self._facts is FIRST)
        if expression is None or (asked not in self._asked and self._depth >= DEEPEST_VERSION):
            return beyond
        if asked not in self._asked:
            self._depth += 1
            try:
                self._asked[asked] = ask(expression)
            finally:
                self._depth -= 1
        found: _T = self._asked[asked]
        return found

    def _ask_all(self, key: str) -> None:
        """Ask all of a version when it is made, so that no chain of versions is long."""
        self._missing_version(key)
        self._zero_version(key)
        for ask in (self._is_whole, self._bounds_of, self._factor):
            ask(Name(key))

    def _zero(self, name: str) -> bool:
        """Say whether a column may be 0, by its definition in force, else by the data."""
        return self._zero_version(self.state.columns.get(name, name))

    def _zero_version(self, key: str) -> bool:
        if not self.known(key):
            return key not in self._facts.nonzero
        return self._once("zero", key, lambda made: may_be_zero(parse(made), self._zero_version), True)

    def _binary(self, name: str) -> bool | None:
        """Say whether a column is 0 and 1, None where that is not known."""
        return self._binary_version(self.state.columns.get(name, name))

    def _binary_version(self, key: str) -> bool | None:
        if not self.known(key):  # a join leaves the values of the file's own columns
            facts = self._of_file if self.found.joins and not self._facts.columns else self._facts
            return None if key not in facts.columns else key in facts.binary
        expression = self._expression(key)
        if expression is None:
            return None
        return _is_truth(parse(expression), lambda one: self._binary_version(one) is True) or None

    def _expression(self, key: str) -> str | None:
        return self._versions[key].expression if key in self._versions else None

    def _written(self, text: str, role: Role, but: frozenset[str] = frozenset()) -> str:
        """Write an expression with the values that Stata gives it; of ``but`` no missing value reaches it."""
        if role == "condition" and re.fullmatch(r"\s*(\d+)\s*==\s*\1\s*", text):
            return "TRUE"
        asked: Literal["value", "rows"] = "rows" if role == "condition" else "value"
        found = self._as_stored(_stata_ours(self._with_scalars(text), role), role == "condition")
        self.refuse_gone(found)
        self._refuse_moved(found)
        return as_stata(found, asked, lambda name: name not in but and self._missing(name), self._zero)

    def _truth(self, text: str) -> str:
        """Write the condition of a value, which is never missing."""
        found = self._as_stored(_stata_ours(self._with_scalars(text), "condition"), True)
        self.refuse_gone(found)
        self._refuse_moved(found)
        return as_stata(found, "truth", self._missing, self._zero)

    def _with_scalars(self, text: str) -> str:
        """Put scalars in that are numbers; where a column has a scalar's name, Stata takes the column.

        Raises
        ------
        NotReadError
            The value of one is not known.
        """
        columns = {*self.state.columns, *self._facts.columns}

        def value(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            if name not in self._scalars or (found[2] and name in columns) or found[0].startswith('"'):
                return found[0]
            line, number = self._scalars[name]
            if longer := self._abbreviated(name) if found[2] and not self._whole_names else []:
                raise NotReadError(
                    f"`{name}` is the column `{longer[0]}` in Stata, which looks for columns first, by their first "
                    f"letters, too, and no more the scalar of line {line}: write scalar({name}) or another name"
                )
            if not number:
                raise NotReadError(f"`{name}` is the scalar of line {line}, whose value is not known")
            return number if number[0] not in "+-" else f"({number})"

        if not self._scalars:
            return text
        return re.sub(r"\"[^\"]*\"|(?<![\w.])scalar\(\s*(\w+)\s*\)|(?<![\w.])([^\W\d]\w*)(?![\w(.])", value, text)

    def _as_stored(self, text: str, condition: bool) -> str:
        """Return an expression in which copies in single precision meet 6.3 where Stata has float(6.3).

        Raises
        ------
        NotReadError
            A comparison turns on how single precision rounds a column that the code makes or reads.
        """
        same: set[float] = set()
        node = parse(text)
        for found in walk(node):
            if isinstance(found, Call | Binary) and _cuts_off(found):
                self._refuse_cut(parse(self.in_force(write(found))), found)
        for one in _truths(node, condition):
            self._refuse_turning(parse(self.in_force(write(one))), 0.0, one)
        for found in walk(node):
            if not isinstance(found, Binary) or found.operator not in _COMPARED:
                continue
            for one, other in ((found.left, found.right), (found.right, found.left)):
                number = number_value(other)
                made = parse(self.in_force(write(one)))
                if number is not None:
                    self._refuse_turning(made, number, found)
                names = [n.name for n in referenced(one) if self.state.columns.get(n.name) in self._single]
                made_here = bool(names)
                names += [n.name for n in referenced(one) if self._read_in(n.name)]
                if not names or any(isinstance(n, Text) for n in walk(other)):
                    continue
                key = self.state.columns.get(names[0], names[0])
                line = 0 if made_here else self._key_read_in(key)
                stored, cure = self._stored(key)
                if self._is_whole(made):
                    if _HELD_BY_FLOAT < max(map(abs, self._bounds_of(made))) < inf:
                        cure = cure if line else f"write `long` or `double` where `{names[0]}` is made"
                        raise NotReadError(f"{stored}, which rounds whole numbers above 16,777,216: {cure}")
                    continue
                numbers = [number_value(n) for n in (children(other) if isinstance(other, Call) else (other,))]
                floats = {abs(n) for n in numbers if n is not None and len(repr(n)) > LONGEST_NUMBER and single(n) == n}
                copied = self._copies(made)
                same |= floats if copied else set()
                odd = [n for n in numbers if n is not None and (single(n) != n or (abs(n) in floats and not copied))]
                if None in numbers and not [*referenced(other)] and not _is_exact(other):
                    raise NotReadError(
                        f"{stored}, which does not hold `{write(other)}`: rows of it are in or out by that rounding. "
                        f"If you meant the number itself, {cure}"
                    )
                if odd and not self._far_from(made, odd):
                    raise NotReadError(
                        f"{stored}, which does not hold {odd[0]:g} but {single(odd[0]):.9g}: rows of {odd[0]:g} are in "
                        f"or out by that rounding. If you meant the number itself, {cure}"
                    )
                exact = found.operator in ("==", "!=") and bool(self._facts.columns)
                plain = (isinstance(one, Name) or copied) and None not in numbers
                if exact and (made_here or None not in numbers) and not plain:
                    raise NotReadError(
                        f"{stored}, so what is made of it equals a number or column only by its rounding: {cure}"
                    )
                if self._meets_double(made, parse(self.in_force(write(other)))):
                    raise NotReadError(
                        f"{stored}, and what it is compared with is not rounded so: rows where both are the same "
                        f"number are in or out by that rounding. If you meant the numbers themselves, {cure}"
                    )
            made = parse(self.in_force(write(found)))
            if not same and (key := self._in_single(made)) and self._differs(made):
                self._refuse_where_same(key, found)
        for number in same:
            text = text.replace(write(Number(number)), f"{number:.7g}")
        return text

    def _far_from(self, made: Node, numbers: Sequence[float]) -> bool:
        """Say whether the data show that no row is so near to a number that single precision has it on another side."""
        while isinstance(made, Call) and made.function in ("l", "f", "max", "min") and made.arguments[0].value:
            made = made.arguments[0].value
        both = [of_rows(made, partial(self._rows_of, rounds=rounds)) for rounds in (True, False)]
        if both[0] is None or both[1] is None:
            return False
        for number in numbers:
            stored, exact = (np.atleast_1d(one) - number for one in both if one is not None)
            near = 2 * float(np.spacing(np.float32(abs(number))))
            if np.nanmin(np.abs(np.append(stored, exact)), initial=inf) <= near:
                return False
            if not np.array_equal(np.sign(stored), np.sign(exact), equal_nan=True):
                return False
        return True

    def _refuse_turning(self, made: Node, number: float, shown: Node) -> None:
        key = self._turns(made, number) or self._turns_unseen(made, number)
        if key and not self._far_from(made, [number]):
            self._refuse_where_same(key, shown)

    def _refuse_where_same(self, key: str, shown: Node) -> None:
        if key:
            stored, cure = self._stored(key)
            raise NotReadError(
                f"{stored}, and `{write(shown)}` turns on that rounding where two numbers are the same. If you meant "
                f"the numbers themselves, {cure}"
            )

    def _refuse_levels(self, written: str) -> None:
        """Refuse levels of an expression that are one in single precision and several here, as far as the data show it.

        Raises
        ------
        NotReadError
            In the data there are such, or it cannot be told.
        """
        made = parse(self.in_force(written))
        key = self._in_single(made)
        known = any(self._of_file.numbers(name) is not None for name in self._of_file.columns)
        if not key or not known or self._is_whole(made) or self._is_text(made) or self._copies(made):
            return
        stored, exact = (of_rows(made, partial(self._rows_of, rounds=rounds)) for rounds in (True, False))
        if stored is None or exact is None or np.unique(stored).size != np.unique(exact).size:
            told, cure = self._stored(key)
            raise NotReadError(
                f"{told}, and levels of `{written}` may be one by that rounding that are several here. If you meant "
                f"the numbers themselves, {cure}"
            )

    def _refuse_cut(self, made: Node, shown: Node) -> None:
        """Refuse decimal places that are cut off otherwise where a column is in single precision: 0.7*100 is 70.

        Raises
        ------
        NotReadError
            In a row of the data, or, where they are not known, it may be.
        """
        key = self._in_single(made)
        if not key:
            return
        inner = made.left if isinstance(made, Binary) else made.arguments[0].value if isinstance(made, Call) else None
        if inner is None or self._is_whole(inner):
            return
        differs = self._differs(made)
        if differs or (differs is None and _may_be_whole(inner)):
            stored, cure = self._stored(key)
            raise NotReadError(
                f"{stored}, and `{write(shown)}` cuts off what that rounding leaves: where the number itself is whole, "
                f"it is another. If you meant the numbers themselves, {cure}"
            )

    def _turns_unseen(self, made: Node, number: float) -> str:
        """Return a column of single precision that is put together with another in rows not known, "" for none.

        A difference is 0, and a ratio 1, where both are rounded alike.
        """
        node, depth = made, 0
        while depth < MOST_TAKEN_BACK:
            if isinstance(node, Name) and (text := self._expression(node.name)) is not None:
                node = parse(text)
            elif isinstance(node, Call) and node.function == "abs" and node.arguments[0].value is not None:
                node = node.arguments[0].value
            else:
                break
            depth += 1
        sides: list[Node] = []
        operator = ""
        if isinstance(node, Binary) and node.operator in "+-*/":
            sides, operator = [node.left, node.right], node.operator
        elif isinstance(node, Call) and node.function == "d" and node.arguments[0].value is not None:
            sides, operator = [node.arguments[0].value] * 2, "-"
        found = [self._in_single(one) for one in sides]
        if not found or not all(found) or number == {"-": 0, "/": 1, "*": 0}.get(operator):
            return ""
        return found[0] if self._of_file.columns and self._differs(made) is None else ""

    def _in_single(self, node: Node) -> str:
        """Return a column of single precision that an expression of versions is made of, "" for none."""
        for key in dict.fromkeys(name.name for name in referenced(node)):
            if (key in self._single or self._key_read_in(key)) and not self._is_whole(Name(key)):
                return key
            if found := self._once("of single", key, lambda made: self._in_single(parse(made)), ""):
                return found
        return ""

    def _differs(self, node: Node) -> bool | None:
        """Say whether an expression is another in a row with columns in single precision, None where not known."""
        stored, exact = (of_rows(node, partial(self._rows_of, rounds=rounds)) for rounds in (True, False))
        return None if stored is None or exact is None else not np.array_equal(stored, exact, equal_nan=True)

    def _rows_of(self, key: str, rounds: bool) -> Floats | None:
        """Return a version's numbers, as Stata has them in single precision where it ``rounds``."""

        def ask(made: str) -> Floats | None:
            return of_rows(parse(made), partial(self._rows_of, rounds=rounds))

        found = self._once(f"rows {rounds}", key, ask, None) if self.known(key) else self._facts.numbers(key)
        if found is None or not rounds or not (key in self._single or self._key_read_in(key)):
            return found
        with np.errstate(over="ignore"):
            return np.asarray(found, np.float32).astype(np.float64)

    def _holds_exactly(self, expression: str) -> bool:
        """Say whether single precision holds what is computed in every row of the data, as it does year + 0.5."""
        found = (
            None
            if self._copies(parse(expression))
            else of_rows(parse(expression), partial(self._rows_of, rounds=False))
        )
        with np.errstate(over="ignore"):
            return found is not None and np.array_equal(np.float32(found), found, equal_nan=True)

    def _stored(self, key: str) -> tuple[str, str]:
        """Return how a column comes to be in single precision, and what would have it in double."""
        name = next((n for n, version in self.state.columns.items() if version == key), self._plain(key))
        if key not in self._single and (line := self._key_read_in(key)):
            return (
                f"line {line} reads `{name}` in single precision (float)",
                f"write `{'double' if self._insheet else 'asdouble'}` among the options of line {line}",
            )
        if key in self._as_in_data:
            told = f"the data have `{name}` in single precision (float), as far as its numbers show"
            return f"{told}, and `replace` leaves it so", "make these numbers in the data"
        return f"gen and egen make `{name}` in single precision (float)", f"write `double` where `{name}` is made"

    def _read_in(self, name: str) -> int:
        """Return the line that reads a column in single precision, as far as it is not known to be whole, else 0."""
        return self._key_read_in(self.state.columns.get(name, name))

    def _key_read_in(self, key: str) -> int:
        if self.known(key):
            return self._read_single.get(key, 0)
        of_file = not self._of_file.columns or key in self._of_file.columns
        return self.state.floats if of_file and key not in self._of_file.whole else 0

    def _turns(self, node: Node, number: float) -> str:
        """Return the column by whose rounding an expression of versions meets a number or does not, "" for none.

        What is computed is taken back to the number that its column would have to be: `x*10` is 63 where `x` is 6.3.
        """
        inner = node.arguments[0].value if isinstance(node, Call) and node.function in ("l", "f") else node
        plain = isinstance(inner, Name) and (inner.name in self._single or self._key_read_in(inner.name))
        long = len(repr(number)) > LONGEST_NUMBER and not plain
        for step in range(MOST_TAKEN_BACK):
            number = float(f"{number:.12g}")
            match node:
                case Name(name=key):
                    odd = long or (single(number) != number and len(repr(number)) <= LONGEST_NUMBER)
                    if step and odd and (key in self._single or self._key_read_in(key)) and not self._is_whole(node):
                        return key
                    if (made := self._expression(key)) is None:
                        return ""
                    node = parse(made)
                case Unary(operator="-"):
                    node, number = node.operand, -number
                case Binary(operator="+" | "-" | "*" | "/" as operator, left=left, right=right):
                    a, b = number_value(left), number_value(right)
                    if a is None and b is None:
                        if number != {"-": 0, "/": 1}.get(operator):
                            return ""
                        return self._meets_double(left, right) or self._meets_double(right, left)
                    if a is not None and b is not None:
                        return ""
                    c = a if a is not None else b or 0.0
                    node = right if a is not None else left
                    if operator in "*/" and (not c or (a is not None and operator == "/" and not number)):
                        return ""
                    if operator == "+":
                        number -= c
                    elif operator == "-":
                        number = c - number if a is not None else number + c
                    elif operator == "*":
                        number /= c
                    else:
                        number = c / number if a is not None else number * c
                case Call(function="l" | "f" | "max" | "min" | "abs" | "sign" | "pmax" | "pmin" | "ifelse" as function):
                    given = [a.value for a in node.arguments[function == "ifelse" :] if a.value is not None]
                    values = [one for one in given if number_value(one) is None and not isinstance(one, Constant)]
                    if not values or (function in ("pmax", "pmin", "ifelse") and len(values) > 1):
                        return ""
                    node, number = values[0], 0.0 if function == "sign" else number
                case _:
                    return ""
        return ""

    def _copies(self, node: Node) -> bool:
        """Say whether an expression of versions has values of columns of the file as they are."""
        match node:
            case Name() if self.known(node.name):
                return self._once("copied", node.name, lambda made: self._copies(parse(made)), False)
            case Name():
                return True
            case Call(function="l" | "f" | "max" | "min"):
                return node.arguments[0].value is not None and self._copies(node.arguments[0].value)
            case _:
                return False

    def _meets_double(self, one: Node, other: Node) -> str:
        """Return the column of single precision that is ordered by others that may be the same but for its rounding.

        "" for none: what is computed of it meets them by chance alone, and two of single precision are rounded alike.
        Both are expressions of versions.
        """
        inner = one.arguments[0].value if isinstance(one, Call) and one.function in ("l", "f") else one
        if not isinstance(inner, Name) or not self._facts.columns:
            return ""
        if inner.name not in self._single or self._is_whole(inner) or self._is_whole(other):
            return ""
        stored = self.values(inner.name)
        with np.errstate(over="ignore"):
            if stored is not None and (v := stored.numbers) is not None and np.array_equal(np.float32(v), v, True):
                return ""
        keys = {n.name for n in referenced(other)}
        rounded = any(self._key_read_in(key) for key in keys) or not self._single.isdisjoint(keys)
        return inner.name if keys and not rounded and not keys <= self._facts.short else ""

    def _is_text(self, node: Node) -> bool:
        """Say whether an expression of versions is text, as far as that is plain."""
        match node:
            case Name() if self.known(node.name):
                return self._once("text", node.name, lambda made: self._is_text(parse(made)), False)
            case Name():
                return node.name in self._facts.texts
            case Call(function="ifelse", arguments=(_, *rest)):
                return any(a.value is not None and self._is_text(a.value) for a in rest)
            case Call():
                return node.function in ("substr", "tolower", "toupper", "trimws")
            case _:
                return isinstance(node, Text)

    def _is_whole(self, node: Node) -> bool:
        """Say whether an expression of versions has whole numbers alone, which single precision holds."""
        if _is_truth(node):
            return True
        match node:
            case Name() if self.known(node.name):
                return self._once("whole", node.name, lambda made: self._is_whole(parse(made)), False)
            case Name():
                return node.name in self._facts.whole or node.name in self._key
            case Number():
                return node.value.is_integer()
            case Constant():
                return True
            case Unary():
                return self._is_whole(node.operand)
            case Binary(operator="+" | "-" | "*" | "%%"):
                return self._is_whole(node.left) and self._is_whole(node.right)
            case Call(function="ifelse"):
                return all(a.value is not None and self._is_whole(a.value) for a in node.arguments[1:])
            case Call(function="pmax" | "pmin" | "coalesce"):
                return all(a.value is not None and self._is_whole(a.value) for a in node.arguments)
            case Call(function="min" | "max" | "sum" | "l" | "f" | "d" | "abs"):
                return node.arguments[0].value is not None and self._is_whole(node.arguments[0].value)
            case Call():
                return node.function in _WHOLE
            case _:
                return False

    def _run(self, nodes: Sequence[_Node]) -> None:
        decided: bool | None = None  # whether one of the conditions before an `else` holds
        for node in nodes:
            if self._stopped:
                return
            self._left -= 1
            if self._left <= 0:
                if self._left == 0:
                    self.skip(node.line, node.text, f"more than {MOST:,} statements: nothing is read from here on")
                return
            if len(node.text) > LONGEST_STATEMENT and not re.match(r"(?:loc|gl)", node.text):
                self._anything(node, f"is longer than {LONGEST_STATEMENT:,} characters, and not read")
                continue
            text = without_marks(self._expanded(node.text))
            head = re.match(r"^(else\s+if|else|if)\b\s*(.*)$", text)
            if head is None or self._until_end:
                decided = None
            else:
                holds, rest = _holds(head[2]) if head[1] != "else" else (True, head[2])
                if head[1] != "if":
                    holds = False if decided else holds if decided is False else None
                decided = True if head[1] != "if" and decided else holds
                if holds is False:
                    continue
                if holds:
                    self._run([_Node(node.line, rest)] if node.body is None else node.body)
                    continue
            stops = re.match(
                r"^(?:qui\w*\s+)?(?:e|ex|exi|exit|(?i:stop|halt|x{3,}$)|error\s+[1-9]\d*|(continue)(\s*,\s*br\w*)?)"
                r"(?![\w(=])(?!\s*=)",
                text,
            )
            if stops and node.body is None and not self._until_end:
                self._stop(("loop" if stops[2] else "turn") if stops[1] else "file", node.line, text)
            elif node.body is None:
                try:
                    self._statement(text if self._until_end else _marked(text), node.line)
                except LanguageError as error:
                    self._anything(node, f"it is not read: {error}")
            elif self._until_end:
                self._keep_body([node])
            else:
                self._braces(node, text)

    def _keep_body(self, nodes: Sequence[_Node]) -> None:
        """Keep the statements of a program, which is not run here."""
        for node in nodes if self._until_end == "program" else ():
            self._programs[self._within][1].append(node.text)
            self._keep_body(node.body or ())

    def _anything(self, node: _Node, why: str) -> None:
        """List a statement that cannot be read, and may change anything."""
        shown = node.text[:MOST_SHOWN]
        self._guards[node.line, shown] = re.match(r"\w*", shown)[0], []  # type: ignore[index]
        self._rows(node.line, shown, why)

    def _stop(self, what: Literal["turn", "loop", "file"], line: int, text: str) -> None:
        """Read no further in a turn of a loop, a loop or the file, where it is plain that the code does not."""
        if (self._unsure or self._captured) if what == "file" else self._unsure_turn:
            self.skip(line, text, "whether it stops here is not decided: what follows is read as if it did not")
            return
        self._stopped = what
        if what == "file":
            self.skip(line, text, "ends the do-file: what stands behind it is not run, and not read")

    def _braces(self, node: _Node, text: str) -> None:
        """Run what stands in braces: for every value of a loop, once under any other head."""
        body = node.body or []
        loop = re.match(r"^(foreach|forv\w*)\s+(\w+)\s*(.*)$", text)
        values = self._values(loop[1], loop[3]) if loop else None
        if loop and values is not None:
            within, self._unsure_turn = self._unsure_turn, False
            for value in values:
                self._macros[loop[2]] = value
                self._run(body)
                if self._stopped == "turn":
                    self._stopped = ""
                elif self._stopped:
                    break
            self._stopped = "" if self._stopped == "loop" else self._stopped
            self._unsure_turn = within
            self._macros.pop(loop[2], None)
            return
        repeated, told = loop is not None or text.startswith("while"), False
        if repeated:  # what an earlier turn has set is not known
            for sort, name in _set_in(body):
                self._forget(sort, name)
        if loop:
            self._macros.pop(loop[2], None)
            if over := re.match(r"^of\s+varl?i?s?t?\s+([\w*?\s]+)$", loop[3]):
                self._patterns[loop[2]] = ["*" if one == "_all" else one for one in over[1].split()]
            of = re.match(r"of\s+(loc|gl)\w*\s+(\w+)", loop[3])
            unset = self._unset(f"{'$' * (of[1] == 'gl')}{of[2]}") if of else ""
            why = f"{unset.partition(': Stata')[0]}, so that Stata runs no turn of it: it is" if unset else ""
            why = why or "its values are not written out: the loop is"
            self.skip(node.line, text, f"{why} read once, without them. Write them out, as in `foreach v in a b`")
        elif of := re.match(r"^(mata|python)\b", text):
            why = "what stands in its braces is not read, and may change any column and rows"
            self._ask(of[1], [], node.line, text, why)
            return
        elif (frame := re.match(r"^(?:qui\w*\s+|cap\w*\s+)*frame\s+(\w+)$", text)) and frame[1] != self._frame:
            self.skip(node.line, text, f"is of frame `{frame[1]}`, which is not read; the data here are others")
            return
        elif re.match(r"^pr\w*\b", text):
            self.skip(node.line, text, "what stands in its braces is not read")
            return
        elif told := not all(
            _NAMES.get(w) in ("quietly", "capture", "noisily") for w in text.replace(":", " ").split()
        ):
            self.skip(node.line, text, "is not decided: what stands in its braces is read once, as if it were run")
        before, columns, count, kept = self._captured, dict(self.state.columns), len(self._versions), self.state.copy()
        if any(_NAMES.get(w) == "capture" for w in text.replace(":", " ").split()):
            self._captured = True
            self.skip(
                node.line, text, "a block of capture ends at its first error; it is read as if all of it were run"
            )
        unsure = self._unsure, self._unsure_turn
        if repeated or told:
            self._unsure = self._unsure_turn = True
        self._run(body)
        self._captured, (self._unsure, self._unsure_turn) = before, unsure
        if repeated:
            self._patterns.pop(loop[2] if loop else "", None)
            self._not_once(columns, count)
        elif re.match(r"^(?:if|else)\b", text) and (self.state.data, self.state.made) == (kept.data, kept.made):
            for name, key in [*self.state.columns.items()]:
                if key != columns.get(name) and self.makes(key):
                    self.define(name, self._versions[key].line, None)
            if cuts := [cut for cut in self.state.cuts if cut not in kept.cuts]:
                self.state.kept, self.state.cuts = kept.kept, kept.cuts
                self._rows(
                    *cuts[0], "changes rows where a condition holds that is not decided: do it in the data before"
                )

    def _not_once(self, before: Mapping[str, str], count: int) -> None:
        """Forget what columns are of which a turn of a loop, read once, takes up what the one before has left."""
        fresh = [*self._versions][count:]
        last = {key for name, key in self.state.columns.items() if before.get(name) != key}
        old = {before.get(self._versions[key].name, self._versions[key].name) for key in last & {*fresh}}
        taken = {*old}
        for key in fresh:  # a version names earlier ones alone
            version = self._versions[key]
            if version.expression is not None and columns_of(version.expression) & taken:
                taken.add(key)
                self._versions[key] = replace(version, expression=None)
                self._same.pop((version.name, version.expression), None)

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
            return self._columns_meant(written.split())
        one = r"""`"(.*?)"'|"([^"`]*)"|([^\s"]+)"""
        if not re.fullmatch(rf"\s*(?:(?:{one})(?=\s|$)\s*)*", written):
            return None
        return [next(filter(None, m.groups()), "") for m in re.finditer(rf"(?:{one})(?=\s|$)", written)]

    def _expanded(self, text: str) -> str:
        """Put macros in from left to right: what stands behind `++i' has the i that it leaves."""
        before = ""
        while not self._until_end and (step := _STEPPED.search(text)):
            before += _expanded(text[: step.start()], self._macros)
            number = self._step(step[2] or step[3], step[1] or step[4], first=step[1] is not None)
            before, text = before + (step[0] if number is None else number), text[step.end() :]
        return _expanded(before + text, self._macros)

    def _step(self, name: str, sign: str, *, first: bool) -> str | None:
        """Count a macro up or down, and return its number after (``first``) or before, None where it is not known."""
        value = self._macros.pop(name, "")
        if self._unsure or not re.fullmatch(_NUMBER, value):
            return None
        self._macros[name] = _computed(f"{value} {sign[0]} 1")
        return self._macros[name] if first else value

    def _forget(self, sort: str, name: str) -> None:
        """Have a macro unknown, which is another thing than unset."""
        self._macros.pop(("" if sort.startswith("l") else "$") + name, None)
        self._plain_locals.discard(name)

    def _unset(self, name: str) -> str:
        """Say that nothing sets a macro, "" where a line may: one that has its name, or runs other code as its own."""
        plain = name.lstrip("$")
        if plain[0].isdigit() or plain.startswith("S_") or {plain, "include"} & self._words:
            return ""
        unless = ", unless code that was run before has set it" * name.startswith("$")
        kind = "global" if name.startswith("$") else "local"
        return (
            f"no line sets the {kind} `{name}`: Stata puts nothing there{unless}. Write what is meant, or leave it out"
        )

    def _not_known(self, text: str) -> str:
        """Say which macro is not known, and the line that computes it."""
        if left := re.search(r"`(r\(\w+\))'", text):
            return f"`{left[1]}` is what a command left, which is not read. Write its value there"
        for local, of_all in re.findall(r"`(\w+)'|\$\{?(\w+)", text):
            name = local or f"${of_all}"
            if told := self._unset(name):
                return told
            if name in self._computed_in and name not in self._macros:
                line, shown = self._computed_in[name]
                return f"the macro `{name}` is not known, which line {line} computes: {shown}. Write its value there"
        return "a macro is not known"

    def _macro(self, text: str, line: int) -> bool:
        """Set a macro; one that is computed is not known from then on."""
        found = re.match(r"^(local|loc|loca|gl|glo|glob|globa|global)\s+((?:\+\+|--)?\w+)\s*(.*)$", text)
        if found is None:
            return False
        name, value = ("" if found[1].startswith("l") else "$") + found[2].lstrip("+-"), found[3].strip()
        computed = value.startswith("=")
        value = value[1:].strip() if computed else value
        value = _computed(value) if computed else value
        plain = re.fullmatch(r"""`"(.*)"'|"([^"]*)"|([-+]?[\d.]+)""", value)
        if step := found[2][: -len(name.lstrip("$"))]:
            before = self._macros.pop(name, "")
            if re.fullmatch(_NUMBER, before) and not self._unsure:
                self._macros[name] = _computed(f"{before} {step[0]} 1")
            return True
        if of := re.fullmatch(r":\s*word\s+(?:count|(\d+)\s+of)\s([^`$\"]*)", value):
            words = of[2].split()
            self._macros[name] = "".join(words[max(int(of[1]) - 1, 0) : int(of[1])]) if of[1] else str(len(words))
            return True
        if value.startswith(":") or (computed and not plain):
            self._macros.pop(name, None)
            self._computed_in[name] = line, text
            return True
        if found[2] in self._plain_locals and found[2] not in self._macros:  # where it is not set, it is empty
            value = value.replace(f"`{found[2]}'", "")
            plain = re.fullmatch(r"""`"(.*)"'|"([^"]*)"|([-+]?[\d.]+)""", value)
        self._macros[name] = next((g for g in plain.groups() if g is not None), "") if plain else value
        return True

    def _statement(self, text: str, line: int) -> None:
        """Read a statement; one of which nothing has come is listed, unless it is known to change nothing."""
        before = self._until_end, self._footprint()
        self._read_statement(text, line)
        if before != (self._until_end, self._footprint()) or self._until_end or text == "end":
            return
        rest = _without_prefixes(re.sub(r"^bys?o?r?t?\s+[^:]*:\s*", "", _without_prefixes(text)))
        word = re.match(r"\w*", rest)
        command = _NAMES.get(word[0], word[0]) if word else ""
        read = {*_VALUES.values(), *_READ, *_COMMANDS}
        if command and command not in read and not _spares_data(command, rest[len(word[0] if word else "") :]):
            self.skip(line, text, "nothing is read of it")

    def _with_results(self, text: str, line: int) -> str:
        """Put in what `summarize` left, r(mean) and the like: a column that is the same in every row.

        It is made where `summarize` stands, of the rows and values there, and gone behind what may leave other results.
        """
        plain = _without_prefixes(text)
        if of := _SUMMARIZED.match(plain):
            left: dict[str, str] = {}
            for asked in (
                sorted(self._wanted & {*_RESULTS}) if not (self._unsure or self._unsure_turn or self._captured) else ()
            ):
                if asked.startswith("p") and not re.search(r",\s*d", of["options"] or ""):
                    continue
                name, x = f"{of['x']}_{asked}", of["x"]
                while name in {*self._data, *self.state.columns}:
                    name += "_"
                value = f"cond({of['rows']}, {x}, .)" if of["rows"] else x
                listed = len(self.found.skipped)
                self._read_statement(f"egen double {name} = {_RESULTS[asked].format(value)}", line)
                del self.found.skipped[listed:]
                key = self.state.columns.get(name)
                if key is not None and self._expression(key) is not None:
                    left[asked] = name
                    self._of_summaries.add(name)
            self._results = left
            return text
        found = re.sub(r"(?<![\w.])r\((\w+)\)", lambda m: self._results.get(m[1], m[0]), text)
        word = re.match(r"\w*", plain)
        if word and word[0] not in _LEAVE_RESULTS:
            self._results = {}
        of_macro = re.match(r"^(?:loc|loca|local|gl|glo|glob|globa|global)\s+\w+\s*=\s*", found)
        if of_macro and found[of_macro.end() :].strip() in self.state.columns and found != text:
            return f"{found[: of_macro.end()].rstrip().removesuffix('=')}{found[of_macro.end() :]}"
        return found

    def _footprint(self) -> tuple[Any, ...]:
        """Return what a statement that is read, or listed, changes."""
        state = tuple(getattr(self.state, name) for name in State.__dataclass_fields__ if name != "columns")
        found = self.found
        counts = (len(found.skipped), len(found.regressions), len(self._panels), len(self._snapshots))
        return state, {**self.state.columns}, {**self._macros}, counts, len(self._preserved), self._frame

    def _read_statement(self, text: str, line: int) -> None:
        if self._until_end:
            self._keep_body([_Node(line, text)])
            self._until_end = "" if text == "end" else self._until_end
            return
        text = self._with_results(text, line)
        if self._macro(text, line):
            return
        captured = self._captured or bool(re.match(r"^(?:qui\w*\s*:?\s*)?cap\w*\b", text))
        text = _without_prefixes(text)
        if (of := re.match(r"^frame\s+([^\W\d]\w*)\s*:\s*(?=\S)", text)) and not re.match(r"^\w+$", text):
            if of[1] != self._frame:
                self.skip(line, text, f"is of frame `{of[1]}`, which is not read; the data here are others")
                return
            text = _without_prefixes(text[of.end() :])
        by = re.match(r"^bys?o?r?t?\s+[^:]*:\s*", text)
        rest = _without_prefixes(text[by.end() :]) if by else text
        word = re.match(r"^\w*", rest)
        command = _NAMES.get(word[0], word[0]) if word else ""
        arguments = rest[len(word[0]) :] if word else rest
        for name in re.findall(r"\bloc(?:al)?\((\w+)\)", arguments):
            self._macros.pop(name, None)
        if command in ("if", "else"):
            for sort, name in re.findall(r"\b(loc(?:al?)?|gl(?:ob(?:al?)?)?)\s+(?:\+\+|--)?(\w+)", arguments):
                self._forget(sort, name)
            why = "a condition is not decided: what stands behind it is not read"
            if stops := re.search(r"(?:^|\s)(?:e|ex|exi|exit|continue|stop|error)(?:\s*,\s*\w+|\s+\d+)?$", arguments):
                why = (
                    f"whether it stops here ({stops[0].strip()}) is not decided: what follows is read as if it did not"
                )
            self.skip(line, text, why)
            self._undecided(arguments, line, text)
            return
        if command == "scalar" and (one := re.match(r"^\s+(?:def\w*\s+)?(\w+)\s*=\s*(.+)$", arguments)):
            literal = re.fullmatch(_NUMBER, one[2]) or one[2] in self._results.values()
            self._scalars[one[1]] = (line, one[2] if literal else "")
        if command == "fvset" and (base := re.match(r"^\s+base\s+(\w+)\s+(.+)$", arguments)):
            self._bases |= {name: base[1] if base[1].isdigit() else f"({base[1]})" for name in base[2].split()}
        if command == "char" and (base := re.match(r"^\s+(?:def\w*\s+)?(\w+)\s*\[omit\]\s+(\w+)", arguments)):
            self._bases[base[1]] = base[2]
        if command == "label" and (labels := re.match(r"^\s+def\w*\s+(\w+)", arguments)):
            self._labels.add(labels[1])
        if command == "program" and not re.match(_BLOCKS[command], arguments):
            return
        if command == "tempvar":
            for name in re.findall(r"\w+", arguments):  # which no column of the data has
                known = {*self._data, *self.state.columns}
                self._macros[name] = name if known and name not in known else f"{name}_temp"
                self._temporary.add(self._macros[name])
        if command in ("levelsof", "glevelsof", "levels"):
            self._levels_of(arguments, line, text)
            return
        if command == "set" and (whole := re.match(r"^\s+varabb\w*\s+(on|off)\b", arguments)):
            self._whole_names = line if whole[1] == "off" else 0
        if command in ("order", "aorder", "move"):
            self.state.places = None
        if command == "set" and (kind := re.match(r"^\s+type\s+(\w+)", arguments)):
            self._in_double = kind[1] == "double"
        if command in ("unab", "tsunab", "args", "syntax", "gettoken", "tokenize"):
            for name in re.findall(r"\w+", arguments):
                self._macros.pop(name, None)
            if command == "unab" and (of := re.match(r"^\s+(\w+)\s*:\s*([^,]*)$", arguments)):
                meant = None if re.search(_OPEN, of[2]) or self._unsure else self._columns_meant(of[2].split())
                self._plain_locals.discard(of[1])
                self._computed_in[of[1]] = line, text
                if meant is not None and (self._data or not re.search(r"[*?~-]", of[2])):
                    self._macros[of[1]] = " ".join(meant)
        if command in _BLOCKS and re.match(_BLOCKS[command], arguments):
            self._until_end = command
            why = f"a block of {command} is not read"
            if command == "program":
                self._within = re.sub(r"^\s*(?:de\w*\s+)?(\w+).*$", r"\1", arguments)
                self._programs[self._within] = line, []
                why += ": write its statements where it is called, with what it is given in their places"
            if command in ("mata", "python"):
                self._ask(
                    command, [], line, text, f"{why}, and may change any column and rows: do it in the data before"
                )
                return
            self.skip(line, text, why)
            if command == "input":
                self._new_data(line, "input")
        elif by and command not in ("egen", "generate", "replace"):
            self._unread(command, arguments, line, text)
        elif captured and command in _MAKES and self._stays(arguments, line, text):
            return
        elif not self._of_data(command, arguments, line, text) and not self._of_columns(command, rest, line, text, by):
            if command in _COMMANDS:
                self._regression(command, arguments, line, text)
            elif command or rest:
                self._unread(command, arguments, line, text)
                if command in ("keep", "drop") and not re.match(r"\s*(?:if|in)\b", arguments):
                    self._drop(command, re.sub(r"\s*-\s*", "-", arguments).split(), line, text)

    def _changes_data(self, body: Sequence[str]) -> bool:
        """Say whether statements of a program may change data: others than those that only show or estimate."""
        for text in body:
            rest = _without_prefixes(_behind_condition(text) if re.match(r"(?:if|else)\b", text) else text)
            rest = _without_prefixes(re.sub(r"^bys?o?r?t?\s+[^:]*:\s*", "", rest))
            word = re.match(r"\w*", rest)
            found = word[0] if word else ""
            command = _NAMES.get(found, found)
            if command not in {"", *_COMMANDS, *_OF_PROGRAMS} and not _spares_data(command, rest[len(found) :]):
                return True
        return False

    def _undecided(self, text: str, line: int, shown: str) -> None:
        """Take for unknown what a statement changes behind a condition in its own line that is not decided."""
        if found := re.search(
            r"\s(?:g|gene?\w*|egen|replace|recode)\s+(?:(?:byte|int|long|float|double|str\w*)\s+)?([^\W\d]\w*)",
            f" {text}",
        ):
            self.define(found[1], line, None)
        elif re.search(rf"\s(?:(?:keep|drop)\s+(?:if|in)\b|(?:{'|'.join(_ROWS)})\s+[\w(])", f" {_at_comma(text)[0]}"):
            self.state.rows += ((line, shown),)
        elif statement := _without_prefixes(_behind_condition(shown)):
            statement = re.sub(r"^bys?o?r?t?\s+[^:]*:\s*", "", statement)
            word = re.match(r"\w*", statement)
            command = _NAMES.get(word[0], word[0]) if word else ""
            inner = statement[len(word[0]) if word else 0 :]
            if command and command not in {*_COMMANDS, *_READ} and not _spares_data(command, inner):
                self._guard(command, inner, line, shown, "a condition is not decided: what it may change, do before")

    def _changes_some(self, command: str, arguments: str, line: int, text: str) -> bool:
        """Take for unknown the columns that a statement may change by macros not known; say whether it does."""
        body, options = _at_comma(arguments)
        in_place = command in _IN_PLACE and not _option(options, r"g|gen|gene\w*")
        if not in_place and (command in _HARMLESS or not re.search(r"\breplace\b", options) or " using " in body):
            return False
        words = re.split(r"\sif\s|\sin\s|=|\(", f" {body}")[0].split()
        if not re.search(_OPEN, " ".join(words)):
            return False
        patterns: list[str] = []
        for word in words:
            parts = re.split(r"`(\w+)'|`\S*'|\$\{?\w+\}?", word)
            pieces = [self._patterns.get(part or "", ["*"]) if k % 2 else [part] for k, part in enumerate(parts)]
            patterns += ["".join(one) for one in itertools.islice(itertools.product(*pieces), MOST_CUTS)]
        known = {*self._facts.columns, *self.state.columns}
        why = "changes columns that are not written out"
        if not self._facts.columns or any(not pattern.strip("*") for pattern in patterns):
            self.state.rows += ((line, text),)
            self._facts = FIRST
        else:
            names = sorted(n for n in known if any(fnmatchcase(n, pattern) for pattern in patterns))
            for name in names:
                self.define(name, line, None)
            why += f", of these {', '.join(f'`{n}`' for n in names[:8])}{', …' * (len(names) > 8)}" if names else ""
        self._skip_data(line, text, f"{why}: do it in the data before{self._instead(command, arguments, text)}")
        return True

    def _drop(self, command: str, given: Sequence[str], line: int, text: str) -> None:
        """Remember the columns that are no more."""
        patterns: list[str] = []
        for one in (one.replace("~", "*") for one in given):
            ends = re.fullmatch(r"([^\W\d]\w*)-([^\W\d]\w*)", one)
            between = self._between(ends[1], ends[2]) if ends else [one]
            if between is None:
                why = (
                    f"`{one}` is a range of columns, whose order is not known here: what regressions behind it name "
                    "may be among those that Stata has no more. Name its columns"
                )
                self._skip_data(line, text, why)
            patterns += between or ([*ends.groups()] if ends and command == "drop" else [one])
        there = {*self._facts.columns, *self.state.columns}
        known = {*there, *patterns}
        named = {name for name in known if any(fnmatchcase(name, pattern) for pattern in patterns)}
        for pattern in {*patterns} - there:
            cut = [name for name in there - self.state.dropped if name.startswith(pattern)]
            named |= {*cut} if len(cut) == 1 else set()
        if command == "drop" or not re.search(r"[-`$]|\b_all\b", " ".join(patterns)):
            gone = named if command == "drop" else known - named
            if self._unsure:
                self.state.dropped |= gone
                return
            self.leave(gone, line)
            if not self._facts.columns:
                self.state.leaving += ((command == "keep", tuple(patterns), f"was dropped in line {line}"),)

    def _levels_of(self, arguments: str, line: int, text: str) -> None:
        """Set a macro to the levels of a column of the data, where these are known, whole numbers and few."""
        body, options = _at_comma(arguments)
        if (into := _option(options, r"l(?:oc(?:al)?)?")) is None:
            return
        self._macros.pop(into := without_marks(into), None)
        name, condition, _ = re.fullmatch(r"\s*(\w*)(.*?)(\s*)", body).groups()  # type: ignore[union-attr]
        (name,) = self._each_meant([name]) or [name]
        own = not (self.state.kept or self.state.rows or self.state.made or condition)
        numbers = self._facts.numbers(name) if own and name not in self.state.columns else None
        levels = [] if numbers is None else sorted({float(one) for one in numbers if not isnan(one)})
        if name in self._facts.whole and 0 < len(levels) <= MOST_LEVELS:
            self._macros[into] = " ".join(f"{one:.0f}" for one in levels)
            return
        why = (
            f"the levels of `{name}` are not known at this line: write them into the loops over them, "
            "`foreach k in 1 2 3`, "
            f'or, for a regression of each, write "each({name})" in [sample]'
        )
        self.skip(line, text, why)

    def refuse_gone(self, *texts: str) -> None:
        """Refuse what Stata does not find: names that are no more, and cut down ones where that is set off."""
        super().refuse_gone(*texts)
        for name in (name for text in texts for name in sorted(columns_of(text)) if self._whole_names):
            if not self._abbreviated(name) and any(one.startswith(name) for one in self.there()):
                at = self._whole_names
                raise NotReadError(
                    f"`{name}` is no column, and line {at} has Stata take whole names alone: write it out"
                )

    def _columns_meant(self, words: Sequence[str]) -> list[str] | None:
        """Return the columns of patterns and ranges in the order of the data, None where these are not all known."""
        there, found = self._in_order(), list[str]()
        if there is None or self._unsure or self._dummies or self.found.joins or self.state.made:
            return None
        for word in words:
            ends = re.fullmatch(r"(\w+)-(\w+)", word)
            if not ends and not re.fullmatch(r"[\w*?]+", word):
                return None
            pattern = "*" if word == "_all" else word
            those = self._between(*ends.groups()) if ends else [one for one in there if fnmatchcase(one, pattern)]
            if not those or not {*those} <= {*there} - self._temporary:
                return None
            found += [one for one in there if one in those]
        return found

    def _in_order(self) -> list[str] | None:
        """Return the columns that are there in the order of the data, None where it is not known."""
        order, columns = self._data_order, self.state.columns
        there = self.there()
        if not order or self.state.data != self._first_data or self.state.places is None:
            return None
        remade = {name for name in columns if name in self.dropped_at and name not in (self.state.places or {})}
        if remade & there:
            return None
        places = {name: k for k, name in enumerate([*order, *(n for n in columns if n not in order)])}
        places |= {name: places[old] for name, old in (self.state.places or {}).items() if old in places}
        places |= {name: places[key] for name, key in columns.items() if key != name and key in {*order}}
        return sorted((name for name in there if name in places), key=lambda name: (places[name], name))

    def _between(self, first: str, last: str) -> list[str] | None:
        """Return the columns of a range, None where the order of columns is not known."""
        there = self._in_order()
        if there is None or not {first, last} <= {*there}:
            return None
        return there[there.index(first) : there.index(last) + 1]

    def _stays(self, arguments: str, line: int, text: str) -> bool:
        """Say whether ``capture generate`` leaves its column as it is: where there is one, making it is an error."""
        made = re.match(r"^\s+(?:(?:byte|int|long|float|double|str\w*)\s+)?(\w+)\s*(?::\s*\w+\s*)?=(?!=)", arguments)
        if made is None or made[1] in self.state.dropped:
            return False
        if made[1] in self.state.columns or made[1] in self._facts.columns:
            return True
        if self._facts.columns:
            return False
        self.define(made[1], line, None)
        self._skip_data(
            line, text, f"leaves `{made[1]}` as it is where there is one, which is not known: have it in the data"
        )
        return True

    def _regression(self, command: str, arguments: str, line: int, text: str) -> None:
        try:
            regression = self._command(command, arguments, line)
            r = regression
            self.refuse_gone(r.outcome, *r.terms, r.effects, r.condition, r.weights, r.vcov.partition("~")[2])
            if self.state.kept or self.state.rows:
                parts = (r.outcome, r.effects, r.condition, r.weights, *r.terms)
                outcome, effects, condition, weights, *terms = (self._masked_columns(part) for part in parts)
                regression = replace(
                    r, outcome=outcome, effects=effects, condition=condition, weights=weights, terms=tuple(terms)
                )
            self._refuse_drawn(regression)
            self._refuse_moved(*texts_of(regression))
            keeps = command in ("xtreg", "areg", "reg", "regress")
            self.add(regression, keeps="xtreg, areg and regress keep" if keeps else "")
            if keeps:
                self._tell_parts(self.found.regressions[-1])
            self.found.regressions[-1] = self._at_base(self.found.regressions[-1])
        except (NotReadError, LanguageError) as error:
            self.skip(line, text, str(error))

    def _at_base(self, regression: Regression) -> Regression:
        """Name the base level of a factor with slopes, in Stata the first of the rows, where that is another."""
        slopes = [of for t in regression.terms if (of := re.fullmatch(r"factor\((\w+)\):(.+)", t))]
        of_slopes = {of[1] for of in slopes if of[2] in regression.terms}
        changed: dict[str, str] = {}
        rows = self._rows_used(regression) if of_slopes else None
        for name in sorted(of_slopes):
            levels = self.values(name)
            if levels is None or levels.numbers is None or rows is None:
                if name in columns_of(regression.condition):
                    word = self._plain(name)
                    told = (
                        f"Stata leaves out the least level of `{word}` that the rows have, here that of the data goes"
                    )
                    told += f": where these have no row of that, as `if` may do, write ib#.{word}"
                    self.found.notes.append((regression.line, told))
                continue
            values = levels.numbers[rows]
            if not values.size or np.isnan(values).all() or np.nanmin(values) == np.nanmin(levels.numbers):
                continue
            reference = f"ref = {np.nanmin(values):.15g}"
            for term in regression.terms:
                _, _, x = term.partition(f"factor({name}):")
                if x.isidentifier():
                    changed[term] = f"i({name}, {x}, {reference})"
                elif x:
                    changed[term] = f"i({name}, {reference}):{x}"
            changed[f"factor({name})"] = f"i({name}, {reference})"
        return replace(regression, terms=tuple(changed.get(t, t) for t in regression.terms))

    def _rows_used(self, regression: Regression) -> Bools | None:
        """Return the rows that meet a regression's condition and have all its columns, None where that is not known."""
        asked = self.values(regression.condition)
        columns = [self.values(name) for text in texts_of(regression) for name in sorted(columns_of(text))]
        if asked is None or asked.numbers is None:
            return None
        rows = (asked.numbers != 0) & ~asked.missing
        for column in columns:
            if column is None:
                return None
            rows = rows & ~column.missing
        return np.asarray(rows)

    def _refuse_moved(self, *texts: str) -> None:
        """Refuse lags where a line has changed the unit or time since `xtset`: Stata's are then of the changed one.

        Raises
        ------
        NotReadError
            There is one.
        """
        if not any(one in ("l", "f", "d") for text in texts for one in called(text)):
            return
        for key in filter(None, (self.found.unit, self.found.time)):
            name = self._versions[key].name if self.known(key) else key
            now = self.state.columns.get(name, key)
            if now != key and moved_column(self._expression(now) or "") != key:
                line = self._versions[self.state.columns[name]].line
                raise NotReadError(f"lags are along `{name}`, which line {line} changes")

    def _refuse_drawn(self, regression: Regression) -> None:
        """Leave a regression out that is of drawn numbers, directly or through other columns.

        Raises
        ------
        NotReadError
            It is.
        """
        waiting = [self.in_force(text) for text in (*regression.terms, regression.outcome, regression.condition)]
        seen: set[str] = set()
        while waiting:
            for key in columns_of(waiting.pop()) - seen:
                seen.add(key)
                if key in self._drawn:
                    raise NotReadError(
                        f"`{self._versions[key].name}` of line {self._drawn[key]} is drawn at random. Here: a placebo "
                        f"is {COMMANDS['permute'].here}"
                    )
                waiting.append(self._expression(key) or "1")

    def _command(self, command: str, rest: str, line: int) -> Regression:
        """Return what a command estimates.

        Raises
        ------
        NotReadError
            A part of it is not read.
        """
        found = self.found
        if re.search(_OPEN, rest):
            raise NotReadError(self._not_known(rest))
        body, options = _at_comma(rest)
        body = self._in_full(body, line)
        weight = re.search(r"\[\s*([afpi]?)w(?:eights?|gt)?\s*=\s*([^\]]+)\]", body)
        for name in re.findall(r"(?<![\w.])[^\W\d]\w*", body):
            at = self._dummies.get(name.rstrip("0123456789"))
            if at and name[-1].isdigit() and name not in {*self._facts.columns, *self.state.columns}:
                self.define(name, at, None)
        if weight and weight[1] in ("f", "i"):
            raise NotReadError("weights here are analytic weights, not frequencies or importances")
        body = body.replace(weight[0], " ") if weight else body
        condition = re.search(r"\sif\s*(?=[\s(!])(.*)$", body)
        body = body[: condition.start()] if condition else body
        if re.search(r"\sin\s+\S+\s*$", f"{body} {condition[1] if condition else ''}"):
            raise NotReadError("`in` names rows by their number")
        found_words = re.findall(r"(?:[^\s(]|\([^()]*\))+", re.sub(r"\s*(#+)\s*", r"\1", body))
        if len(found_words) < 2:
            raise NotReadError("it has no outcome and term")
        outcome, *words = found_words
        given = _options(options)
        given |= {key: self._in_full(given[key], line) for key in ("absorb", "cluster", "i") if key in given}
        if "vce" in given:
            kind, blank, clusters = given["vce"].lstrip().partition(" ")
            given["vce"] = kind + blank + self._in_full(clusters, line)
        if "noconstant" in given and not (command == "reghdfe" and "absorb" in given):
            raise NotReadError("the option noconstant is not read: no regression here is without a constant")
        absorbed, kept_under = _at_comma(re.sub(r"\s*(#+|=)\s*", r"\1", given.get("absorb", "")))
        if not re.fullmatch(r"\s*(?:save(?:fe)?)?\s*", kept_under):
            raise NotReadError(f"what absorb() has behind its comma is not read: {kept_under.strip()}")
        absorbed = _SLOPES.sub(lambda m: " ".join(f"{m[1]}c.{x.removeprefix('c.')}" for x in m[2].split()), absorbed)
        effects = [one.partition("=")[2] or one for one in absorbed.split()]  # behind a name that keeps them
        terms: list[str] = []
        absorbs = len(effects)
        for word in (one for several in words for one in ([several] if "=" in several else _each_of(several))):
            if "=" in word:
                raise NotReadError(
                    f"instrumental variables are not covered by a draft. Here: {COMMANDS['ivreghdfe'].here}"
                )
            if re.search(r"[A-Za-z_]\w*-[A-Za-z_]", word):
                raise NotReadError(
                    f"`{word}` is a range of columns: name them; dummies of leads and lags are [event_study]"
                )
            self._regressor(word, terms, effects, line)
        unit = given.get("i") or found.unit
        dummies, effects_alone = effects[absorbs:], effects[:absorbs]
        if command == "xtreg":
            if "be" in given:
                raise NotReadError("xtreg with be is a regression of the units' means: that is not here")
            if "fe" not in given:
                raise NotReadError(
                    "xtreg without fe has random effects. Here: they stand in [hausman], beside fixed effects; in an "
                    "unbalanced panel they are those of xtreg, re sa"
                )
            if unit is None:
                raise NotReadError("the unit of xtreg is not known: no xtset, no i()")
            effects.insert(0, unit)
            found.unit = found.unit or unit
            if weight:
                self._tell_uneven(weight[2], unit, line)
        every = {*re.findall(r"(?<![\w.])ib(?:n|\(none\))\.(\w+)", body)}  # has no base
        terms = [self._all_slopes(term, terms, effects, every) for term in terms]
        vcov, ssc = _errors(command, given, unit, bool(weight and weight[1] == "p"))
        if ssc in ("", "reghdfe") and vcov.startswith("~"):
            ssc = self._counted(ssc, vcov[1:], dummies, [*effects_alone, *[unit or ""] * (command == "xtreg")], line)
        if made := given.get("residuals") or given.get("d"):
            self.define(made, line, None)
        if "keepsingletons" in given and not any(at == line for at, _ in found.notes):
            told = "keepsingletons keeps rows that are alone in a fixed effect; here they are dropped"
            found.notes.append(
                (line, f"{told}: estimates are the same, N is smaller, errors a little larger or smaller")
            )
        written = " + ".join(_effects(effects))
        levels = re.sub(r"\[+[^]]*\]+", "", f"{written} {vcov.partition('~')[2]}")  # slopes in brackets are numbers
        for name in dict.fromkeys(re.findall(r"[^\W\d]\w*", levels)):
            self._refuse_levels(name)
        y = _stata_ours(outcome, "outcome")
        bare = frozenset(n for n in (y, *terms, *re.split(r"[\s+^]+", written)) if re.fullmatch(r"[^\W\d]\w*", n))
        rows = self._written(condition[1], "condition", bare) if condition else "TRUE"
        return Regression(
            line,
            y,
            tuple(dict.fromkeys(terms)),
            written or "0",
            self._with_clusters(rows, columns_of(vcov.removeprefix("~")) - bare if vcov.startswith("~") else set()),
            self._written(weight[2], "value") if weight else "1",
            vcov,
            ssc,
            _COMMANDS[command],
        )

    def _tell_parts(self, regression: Regression) -> None:
        """Say that dummies count less in Stata where units and periods fall into parts that no row ties together."""
        levels, told = self.levels_used(regression), self.found.comments.get("alone", [])
        already = any(one.startswith(f"Line {regression.line}: ") and "redundant" in one for one in told)
        if already or len(levels) != 2 or not levels[0].size or (parts := count_components(*levels)) < 2:
            return
        one, other = (self._plain(name) for name in re.split(r"\s*\+\s*", regression.effects))
        self.found.comments["alone"] = told
        told.append(
            f"Line {regression.line}: no row ties {parts} parts of `{one}` and `{other}` together, and xtreg, areg and "
            f"regress count {many(parts - 1, 'coefficient')} less. Here all levels count: errors are a little larger."
        )

    def _with_clusters(self, condition: str, clusters: set[str]) -> str:
        """Return a condition with those that Stata has of rows: none whose cluster is missing, as far as one is."""
        parts = [one for text in (condition, *self.state.kept) for one in chain(parse(text), "&")]
        asked = []
        for name in sorted(clusters):
            there = f"!is.na({name})"
            if self._shows_missing(self.state.columns.get(name, name)) and not (
                {parse(there), parse(self.in_force(there))} & {*parts}
            ):
                asked.append(there)
                told = f"Stata leaves rows out where `{name}` is missing, by which errors cluster: [sample] says so."
                if told not in (comments := self.found.comments.setdefault("alone", [])):
                    comments.append(told)
        others = [] if condition == "TRUE" and asked else [condition]
        return " & ".join(in_brackets(one) if asked else one for one in [*others, *asked])

    def _shows_missing(self, key: str) -> bool:
        """Say whether a column is missing in rows of the data file, or may be by its definition."""
        key = self._encoded[key][0] if key in self._encoded else key
        if self.known(key):
            return self._once("shows missing", key, lambda made: may_be_missing(made, self._shows_missing), False)
        return key in self._of_file.columns - self._of_file.complete - self._key

    def _counted(self, ssc: str, cluster: str, dummies: Sequence[str], absorbed: Sequence[str], line: int) -> str:
        """Return the rule that counts dummies among the regressors: they are coefficients, also within clusters."""

        def parts(effect: str) -> list[str]:
            return re.sub(r"(?<![\w.])i\.", "", effect).split("#")

        def same(name: str) -> str | None:
            """Return the column of the data that has the same levels."""
            key = self.state.columns.get(name, name)
            source = self._encoded[key][0] if key in self._encoded else key
            made = self._expression(source) if self.known(source) else source
            found = re.fullmatch(r"(?:group\()?([^\W\d]\w*)\)?", made or "")
            return found[1] if found and not self.known(found[1]) else None

        def base(name: str) -> str | None:
            """Return the column of the data that it has the levels of, or joins levels of."""
            made = self._expression(self.state.columns.get(name, name)) or ""
            names = columns_of(made) if not ACROSS & {*called(made or "1")} else set()
            return same(name) or next((one for one in names if len(names) == 1 and not self.known(one)), None)

        def nested(effect: str) -> bool | None:
            names, of = parts(effect), same(cluster)
            if cluster in names or (of and of in map(same, names)):
                return True
            bases = {base(name) or "" for name in names}
            if of is None or "" in bases:
                return None
            if None not in map(same, names) and any(self._facts.nested(name, of) for name in bases):
                return True
            found = self._facts.nested("^".join(sorted(bases)), of)
            return found if found is False or None not in map(same, names) else None

        def within(effect: str, name: str) -> bool:
            one, other = same(effect), base(name)
            return None not in (one, other) and (one == other or self._facts.nested(one or "", other or "") is True)

        counted = {one: nested(one) for one in dummies if not _TIMES.match(one.removeprefix("i."))}
        beside = [e for e in absorbed if e and nested(e) is not False] if ssc else [*filter(None, absorbed), *dummies]
        others = {one: [e for e in beside if e != one] for one in counted}  # reghdfe finds pairs that are not nested
        constant = {
            one
            for one in counted
            if any(within(part, n) for e in others[one] for part in parts(e) if "#" not in e for n in parts(one))
        }
        at_risk = [one for one, how in counted.items() if how is not False]
        if at_risk and all(nested(one) is False for one in [*absorbed, *dummies] if one not in at_risk):
            return "lsdv"
        smaller = [one for one, how in counted.items() if how is None or (how and ("#" in one or one not in constant))]
        larger = [
            one
            for one, how in counted.items()
            if how is None or (not how and (one in constant or len({*map(base, parts(one))}) > 1))
        ]
        if not smaller and not larger:
            return ssc
        sign = "smaller" if not larger else "larger" if not smaller else "smaller or larger, or the same"
        ours = ["which is not counted where it is nested in the clusters"] * bool(smaller)
        ours += ["whose levels count also where the unit or other effects make them redundant"] * bool(larger)
        told = (
            f"Line {line}: `{(smaller or larger)[0]}` among the regressors counts as coefficients in Stata, as many as "
            f"its rank. Here it is a fixed effect, {', and '.join(ours)}: errors may be a little {sign}."
        )
        self.found.comments.setdefault("alone", []).append(told)
        return ssc

    def _regressor(self, word: str, terms: list[str], effects: list[str], line: int) -> None:
        """Put one word of a list of regressors among terms or fixed effects.

        Raises
        ------
        NotReadError
            What it stands for depends on the values of columns.
        """
        word = _LAGGED_NUMBER.sub(lambda m: f"c.{m[1] or m[2]}.", word)
        for name, base in self._bases.items():
            alone = r"i\." if "#" not in word else r"(?:i\.)?"
            word = re.sub(rf"(?<![\w.]){alone}{name}(?![\w.])", f"ib{base}.{name}", word)
        word = re.sub(r"[^#\s]+", lambda m: self._piece(m[0], word, line), word)
        word = word.removeprefix("c.") if "#" not in word and re.match(r"c\.(?:[^.]+\.|\w*\*)", word) else word
        if re.fullmatch(r"i\.\w+\*i\.\w+", word):  # xi's way to write both and their interaction
            word = word.replace("*", "##")
        elif re.match(r"i\.[^#]*[*|]", word):
            raise NotReadError(f"`{word}`, an interaction of xi, is not taken over")
        elif "*" in word and not re.fullmatch(r"[\w*]+", word):
            raise NotReadError(f"`{word}` is put together of a pattern and more: name the columns")
        elif "*" in word:
            named = self._named_otherwise(word)
            there = sorted(name for name in self._data & self.state.dropped if fnmatchcase(name, word))
            if there and not named:
                raise NotReadError(
                    f"`{word}` matches `{there[0]}` of the data, which a line before drops: name the columns"
                )
            terms += named or [f'regex("^{word.replace("*", ".*")}$")']
            return
        if re.search(r"(?<!\w)[ic]?o\d*\.", word):
            raise NotReadError(f"`{word}` is left out by Stata: leave it out")
        pieces = re.split(r"#+", word)
        names = [piece.rpartition(".")[2] for piece in pieces]
        factors = [bool(re.match(r"^(?:ib?\d*|ib?\(\w+\)|ibn|b\d+|\d+b)\.", p)) or ("." not in p) for p in pieces]
        single = len(pieces) == 1
        if re.fullmatch(r"c\.[^\W\d]\w*", word):
            word, pieces = names[0], names
        if re.fullmatch(r"1\.\w+(?:#1\.\w+)*", word) and all(map(self._binary, names)):
            terms.append(":".join(names))
            return
        if len(set(names)) == 2 and re.fullmatch(r"c\.\w+##c\.\w+", word):
            terms += [*names, ":".join(names)]
            return
        if not single and (lagged := next((p for p in pieces if re.match(rf"{_OPERATORS}\.", p)), None)):
            raise NotReadError(f"`{word}` has a factor of `{lagged}`: write c.{lagged} if its number is meant")
        two = len(pieces) == len({*pieces}) == 2 and "##" not in word and all(p.startswith("c.") for p in pieces)
        if two and max(p.count(".") for p in pieces) == 2:
            terms.append(":".join(_stata_ours(p.removeprefix("c."), "terms") for p in pieces))
            return
        if len(pieces) == 2 and factors[0] != factors[1] and not re.search(r"(?<![\w.])(?:\d+|\d+b)\.", word):
            self._slopes(word, terms, pieces if factors[0] else pieces[::-1])
            return
        if (single and not (factors[0] and "." in word)) or not all(factors):
            terms.append(_stata_ours(word, "terms"))
            return
        binary = [self._binary(name) for name in names]
        if single and binary[0]:
            terms.append(names[0])
            return
        if (
            all(binary)
            and len(set(names)) == len(names)
            and re.search("##", word)
            and not re.search(r"(?<!#)#(?!#)", word)
        ):
            terms += [":".join(some) for k in range(1, len(names) + 1) for some in combinations(names, k)]
            return
        other = next((n for n, of in zip(names, binary, strict=True) if not of), "")
        if "##" in word and any(binary) and other not in self._key and not _TIMES.match(other):
            raise NotReadError(self._not_of_two(word, other))
        if any(binary) or (not single and not set(names) & self._key and None in binary):
            raise NotReadError(
                f"`{word}`: whether it is the treatment, an event study or fixed effects the code does not say. Write "
                "the treatment by `generate`, absorb fixed effects; an event study is [event_study]"
            )
        counted = self._counted_from(word, names[0]) if single else ""
        if (binary[0] is None or counted) and not set(names) & self._key and not _TIMES.match(names[0]):
            told = f"`{word}` among the regressors is taken as a fixed effect; one of 0 and 1 without `i.` is a term"
            told += counted
            if (line, told) not in self.found.notes:
                self.found.notes.append((line, told))
        effects.append(re.sub(r"(?:^|(?<=#))(?:ib?\d*|ib?\(\w+\)|ibn|b\d+|\d+b)\.", "i.", word.replace("##", "#")))

    def _not_of_two(self, word: str, name: str) -> str:
        """Say that a factor beside one of 0 and 1 is none, and which columns to make of it."""
        key = self.state.columns.get(name, name)
        numbers = None if self.known(key) else self._facts.numbers(key)
        levels = [] if numbers is None else sorted({float(one) for one in numbers if not isnan(one)})
        if not levels or len(levels) > MOST_LEVELS or re.search(r"(?<![\w.])(?:ib|b|\d)\S*\.", word):
            return (
                f"`{word}`: `{name}` is not known to be 0 and 1. Make a column of 0 and 1 of each of its levels but "
                "the base, and write these in its place"
            )
        new = f"{name}_{levels[-1]:g}" if levels[-1].is_integer() and levels[-1] >= 0 else f"{name}_high"
        shown = f"{levels[0]:g} and {levels[1]:g}" if len(levels) == 2 else f"one of {len(levels)} levels"
        made = f"`gen byte {new} = {name} == {levels[-1]:g} if !missing({name})`"
        more = "" if len(levels) == 2 else ", the same for its other levels but the base,"
        instead = re.sub(rf"(?<!\w){name}(?!\w)", new, word)
        return f"`{word}`: `{name}` is {shown}, not 0 and 1. Write {made}{more} and `{instead}`"

    def _piece(self, piece: str, word: str, line: int) -> str:
        """Return a part of a word in one spelling, as a number where that is the same: iL.x of 0 and 1 is c.L.x.

        Raises
        ------
        NotReadError
            Its base level decides what the coefficients beside it are, or one level is of a lag.
        """
        prefix, _, name = piece.rpartition(".")
        found = _FACTOR.fullmatch(prefix)
        if not found or not name.isidentifier():
            return piece
        series, factor = found["before"] or found["behind"] or "", found["factor"]
        binary, base = self._binary(name), re.fullmatch(r"(?:ib|b)\(?(\w+)\)?|(\d+)b", factor)
        level = base and (base[1] or base[2])
        if binary and level in ("0", "first"):
            factor = "i"
        elif binary and level not in (None, "n"):
            if "##" in word and re.fullmatch(rf"{re.escape(piece)}##c\.[\w.]+|c\.[\w.]+##{re.escape(piece)}", word):
                return piece
            if "##" in word:
                raise NotReadError(f"`{piece}` leaves 1 out, and terms beside it are of 1: here of 0. Write i.{name}")
            told = f"`{piece}` leaves 1 out in Stata, whose coefficient is of 0 against 1: here it is of 1 against 0"
            self.found.notes.append((line, told))
        if series and (re.search("[DSds]", series) or (found["before"] and found["behind"])):
            raise NotReadError(f"`{piece}`: differences of a factor are an error in Stata")
        if series and binary and factor in ("i", "1", "i1", "ibn"):
            return f"c.{series}.{name}"
        if series and ("#" in word or re.fullmatch(r"i?\d+", factor)):
            raise NotReadError(f"`{piece}`, a factor's lag, is not read here: make it by `generate`")
        factor = factor.removeprefix("i") if re.fullmatch(r"i\d+", factor) else factor
        return ".".join(filter(None, (factor, series, name)))

    def _counted_from(self, word: str, name: str) -> str:
        """Return the lines of [event_study] for levels that count periods, where the data show which there are."""
        made = self.derived(name) or name
        of = moved_column(made)
        moved = re.search(r"([-+]) ?(\d+)$", made) if of else None
        low, high = self._facts.bounds(of or name)
        base = re.match(r"ib?(\d+)\.|b(\d+)\.", word)
        by = int(f"{moved[1]}{moved[2]}") if moved else 0
        reference = int(base[1] or base[2]) - by if base else -1
        if not (-inf < low < -1 < high < inf) or low != int(low) or not low <= reference < 0:
            return ""
        told = "where it counts periods from the treatment on it is [event_study], with the cohort at the treatment"
        left = f" = {reference}" if base else ", the level that is left out"
        return f"; {told}, window = [{low:g}, {high:g}] and reference{left}"

    def _named_otherwise(self, pattern: str) -> list[str]:
        """Return the columns of a pattern where the file has some by other names, as capitals that are read small.

        None where a line makes one, or brings columns that are not known.
        """
        columns = self.state.columns
        hits = {name for name in columns if fnmatchcase(name, pattern)}
        if not hits or self.found.joins or any(self.known(columns[name]) for name in hits):
            return []
        own = {name for name in self._data - {*columns.values()} if fnmatchcase(name, pattern)}
        return sorted((hits | own) - self.state.dropped)

    def _slopes(self, word: str, terms: list[str], pieces: list[str]) -> None:
        """Put the interaction of a factor and a number among the terms; without a dot a factor is one, too."""
        factor, number = pieces[0] if "." in pieces[0] else f"i.{pieces[0]}", pieces[1]
        if "##" not in word:
            number = number.removeprefix("c.") if number.count(".") == 2 else number
            terms.append(_stata_ours(f"{factor}#{number}", "terms"))
            return
        name, x = factor.rpartition(".")[2], _stata_ours(number.removeprefix("c."), "terms")
        key = self.state.columns.get(name)
        if key is not None and self._expression(key) is None:
            raise NotReadError(
                f"`{word}`: whether `{name}`, which a line makes that is not read, is 0 and 1 is not known"
            )
        base = re.match(r"(?:ib?(\d+)|b(\d+)|(\d+)b)\.", factor)
        if self._binary(name) and re.match(r"i\.|ib\(first", factor):
            terms += [name, x, f"{name}:{x}"]
        elif base:  # beside the treatment its coefficient is the effect at the base
            reference = f"ref = {base[1] or base[2] or base[3]}"
            slopes = f"i({name}, {x}, {reference})" if x.isidentifier() else f"i({name}, {reference}):{x}"
            terms += [f"i({name}, {reference})", x, slopes]
        elif re.match(r"ib(?!\(first\))[(n]", factor):
            raise NotReadError(f"`{word}`: which level of `{name}` is its base the code does not say: write ib#.{name}")
        else:
            terms += [f"factor({name})", x, f"factor({name}):{x}"]

    def _all_slopes(self, term: str, terms: Sequence[str], effects: Sequence[str], every: Set[str]) -> str:
        """Give every level of a factor a slope, as Stata does, which leaves a base out beside the number alone.

        That is where the number is a term, or absorbed as it does not vary within a fixed effect.
        """
        slopes = re.fullmatch(r"i\((\w+), ([^\W\d]\w*)\)", term)
        if slopes and slopes[2] in terms and slopes[1] not in every:
            return f"{slopes[1]}:{slopes[2]}" if self._binary(slopes[1]) else f"factor({slopes[1]}):{slopes[2]}"
        found = re.fullmatch(r"i\((\w+), ([^\W\d]\w*), ref = [^(),]+\)|i\((\w+), ref = [^(),]+\):(.+)", term)
        alone = {part for one in terms if one != term for part in re.split(r"\s*\+\s*", one)}
        if not found or ":".join(reversed((x := found[2] or found[4]).split(":"))) in alone or x in alone:
            return term
        factor = found[1] or found[3]
        patterns = [one[1] for part in alone if (one := re.fullmatch(r'regex\("(.*)"\)', part))]
        there = any(re.search(pattern, x) for pattern in patterns)
        groups = ["^".join(self.state.columns.get(n, n) for n in names) for names in map(_levels_of, effects) if names]
        there = there or any(self._is_within(parse(self.in_force(x)), one) for one in groups)
        return term if there else f"i({factor}, {x})" if x.isidentifier() else f"factor({factor}):{x}"

    def _tell_uneven(self, weight: str, unit: str, line: int) -> None:
        """Note that xtreg takes no weights that vary within a unit."""
        node = parse(self.in_force(self._written(weight, "value")))
        group = self.state.columns.get(unit, unit)
        if self._is_within(node, group):
            return
        varies = isinstance(node, Name) and self._facts.nested(group, node.name) is False
        there = "as those by" if varies else "so where those by"
        told = f"xtreg, fe stops at weights that vary within `{unit}`, {there} `{weight.strip()}` do"
        self.found.notes.append((line, f"{told}; reghdfe with absorb({unit}) takes them, as the draft does"))

    def _is_within(self, node: Node, group: str) -> bool:
        """Say whether a value of versions is surely the same in all rows of a level of a group."""
        match node:
            case Number() | Constant() | Text():
                return True
            case Name(name=name) if self.known(name):
                made = self._expression(name)
                return made is not None and self._is_within(parse(made), group)
            case Name(name=name):
                return name in group.split("^") or self._facts.nested(group, name) is True
            case Call(arguments=arguments) if by := next((a.value for a in arguments if a.name == "by"), None):
                return self._is_within(by, group)
            case Call(function="first"):
                return group == self.state.columns.get(self.found.unit or "", self.found.unit)
            case Call(function=function) if function in ACROSS:
                return False
        return all(self._is_within(one, group) for one in children(node))

    def _masked_columns(self, text: str) -> str:
        """Return a part of a regression whose lags are of columns that are missing where rows were cut off.

        Raises
        ------
        NotReadError
            It looks at other rows in another way.
        """
        if self.on_kept(self.in_force(text)) == self.in_force(text):
            return text
        across = [one for one in calls(text) if one.function in ACROSS]
        lagged = [one.arguments[0].value for one in across if one.function in ("l", "f", "d")]
        if len(lagged) < len(across) or not all(isinstance(one, Name) or one in across for one in lagged):
            raise NotReadError("it looks at rows that the code has cut off before: write that column by `generate`")
        kept = " & ".join(in_brackets(one) for one in self.rows_left())
        line = (*self.state.rows, *self.state.cuts)[-1][0]
        names = {one.span: one.name for one in lagged if isinstance(one, Name)}
        for span, name in sorted(names.items(), key=lambda pair: -pair[0].start):
            made, new, k = f"ifelse({kept}, {self.in_force(name)}, NA)", f"{name}_kept", 2
            while self._masks.get(new, "" if new in self.there() else made) != made:
                new, k = f"{name}_kept_{k}", k + 1
            self._masks[new] = made
            self.define(new, line, made)
            text = text[: span.start] + new + text[span.stop :]
        return text

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
            saved = self._saved.get(name.removesuffix(".dta"))
            if saved is None:  # what was done before, to other data, is in this file
                self._facts, self._read_at[name] = self._of_file, len(self.found.skipped)
            self._first_data = self._first_data or name
            self.state = (saved or State(name)).copy()
            self._carry_panel()
            part = re.search(r"\s(if|in)\s+(.*?)(?:\s+using\s.*)?$", f" {_at_comma(body)[0]}")
            if part and part[1] == "if":
                self._cut(part[2], line, text)
            elif part:
                self._rows(line, text, "reads rows by their number: do it in the data before")
            if command in ("import", "insheet") and saved is None:
                if re.match(r"\s*(?!excel|sas|spss|dbase|fred)", arguments) or command == "insheet":
                    self._imports.setdefault(name, (line, text))
                self._imported(re.match(r"\s*\w+", arguments) if command == "import" else None, body, line, text)
        elif command == "save" and reading:
            name, state = reading[1] or reading[2], self.state
            unread = state.made or state.rows or any(self.derived(n) is None for n in state.columns)
            if name.startswith("`") or not unread:  # else the file has what the draft cannot make
                self._saved[name.removesuffix(".dta")] = state.copy()
        elif command == "preserve":
            self._preserved.append(self._preserve(line, self.state.copy()))
        elif command == "restore":
            if self._preserved:
                kept = self._preserved.pop()
                if not re.search(r"\bnot\b", arguments):
                    self.state = kept.state.copy()
                    self._put_aside(kept, line)
                    if kept.panel is not None and self._panels[-1] is not kept.panel:
                        self._panels.append(replace(kept.panel, begin=len(self.found.regressions)))
                        self.found.unit, self.found.time = kept.panel.unit, kept.panel.time
                if re.search(r"\bpreserve\b", arguments):
                    self._preserved.append(self._preserve(line, kept.state))
        elif command == "clear":
            self.state = State()
        elif command in ("xtset", "tsset", "iis"):
            try:
                key = re.match(r"^\s*(\w+)(?:\s+(\w+))?", self._in_full(_at_comma(arguments)[0], line))
            except NotReadError as error:
                self.skip(line, text, str(error))
                return True
            if key and command == "tsset" and not key[2]:
                self.found.time = self.state.columns.get(key[1], key[1])
            elif key:
                columns = self.state.columns
                step = _option(arguments, r"del\w*") or ""
                if not key[2] and self._panels:  # without a time that of before is meant
                    step = self._panels[-1].step
                self.found.step = step if re.fullmatch(r"[1-9]\d*", step) else None
                if self.found.step is None and step:
                    self.skip(line, text, "steps of time: write them as `step` in [study]")
                self.found.unit = columns.get(key[1], key[1])
                self.found.time = columns.get(key[2], key[2]) if key[2] else self.found.time
                count = len(self.found.regressions)
                self._panels.append(_Panel(count, self.found.unit, self.found.time, line, text, step))
                self._of_before = {}
        else:
            return False
        return True

    def _carry_panel(self) -> None:
        """Have the unit and time of `xtset` be those that the file which is read has by these names."""
        found, columns = self.found, self.state.columns
        before = found.unit, found.time

        def here(key: str) -> str:
            name = self._plain(key)
            return columns.get(name, name)

        found.unit, found.time = (key and here(key) for key in before)
        self._of_before = {key: self._panels[-1].line for key in (found.unit, found.time) if key and self._panels}
        if not self._panels or (found.unit, found.time) == before:
            return
        count = len(found.regressions)
        if self._panels[-1].begin < count:
            self._panels.append(replace(self._panels[-1], begin=count))
        for k, one in enumerate(self._panels):
            if one.begin == count:
                self._panels[k] = replace(one, unit=here(one.unit), time=one.time and here(one.time))

    def _imported(self, kind: re.Match[str] | None, body: str, line: int, text: str) -> None:
        """Follow what the options of ``import`` choose of a file, and the names that it gives columns."""
        options, excel = _at_comma(body)[1], kind is not None and kind[0].strip() == "excel"
        part = [
            f"{word}({inside})"
            for word, inside in re.findall(r"\b(sheet|cellrange|rowrange|colrange|varn\w*)\(([^()]*)\)", options)
            if not re.fullmatch(r"\s*(?:[12]?:?|A1:?)\s*", inside)
            and (word != "sheet" or inside.strip().strip("`\"'") != self._of_file.sheet)
        ]
        part += ["nonames"] * bool(re.search(r"\bnonames\b(?!\))", options))
        self._insheet = kind is None
        of_text = kind is None or kind[0].strip().startswith("delim")
        if of_text and not self._in_double and not re.search(r"\b(?:asdoub?l?e?|double)\b", options):
            self.state.floats = line  # unless `set type` says else
        selects = kind is not None and kind[0].strip() in ("sas", "spss")  # columns, by their own names
        if not selects and (names := re.match(r"^\s*(?!(?:if|in|using)\b)([^\"]*?\S)\s+using\b", body)):
            part.append(f"the names {names[1]}")
        if part:
            self._rows(line, text, f"reads with {', '.join(part)}: have the data in the file as this line leaves them")
        case = _option(options, r"case") or ("preserve" if excel or re.search(r"\bcase\b", options) else "lower")
        made = {name: _read_name(without_marks(name), case) for name in sorted(self._data)}
        counts = Counter(made.values())
        for name, new in made.items():
            if new and new not in self._data and counts[new] == 1 and (of_text or excel):
                self.state.columns[new] = name
                self.found.read_as[new] = name

    def _preserve(self, line: int, state: State) -> _Preserved:
        panel = self._panels[-1] if self._panels else None
        return _Preserved(state, line, len(self.found.skipped), len(self.found.regressions), panel)

    def _put_aside(self, kept: _Preserved, line: int) -> None:
        """Say in one line of what stands between preserve and restore that it leaves nothing behind."""
        inside = self.found.skipped[kept.skipped :]
        of_data = [one for one in inside if one in self._of_data_alone]
        if not of_data:
            return
        lines = sorted({r.line for r in self.found.regressions[kept.regressions :]})
        if not lines:
            self.found.skipped[kept.skipped :] = [one for one in inside if one not in of_data]
            count = len({at for at, _, _ in of_data})
            those = f"{count} statements" if count > 1 else f"a statement in line {of_data[0][0]}"
            why = (
                f"{those} up to `restore` in line {line}, which undoes them: nothing that is taken over stands between"
            )
            self.skip(kept.line, "preserve", why)
        else:
            told = f"; up to `restore` in line {line}: for the regressions between alone"
            self.found.skipped[kept.skipped :] = [
                (at, text, why + told) if (at, text, why) in of_data else (at, text, why) for at, text, why in inside
            ]

    def _skip_data(self, line: int, text: str, why: str) -> None:
        """List what is done to data, which a regression does not need where it comes before."""
        self.skip(line, text, why)
        self._of_data_alone.add(self.found.skipped[-1])

    def _rows(self, line: int, text: str, why: str) -> None:
        """List a change of rows; cuts before it are to be done before it, too."""
        for cut in self.state.cuts:
            if cut not in self._guards:
                self._before.setdefault(cut, line)
        self.state.rows += self.state.cuts
        self.state.cuts, self.state.kept = (), ()
        self.state.rows += ((line, text),)
        self._skip_data(line, text, why)
        self._facts = FIRST
        if re.match(r"(?:mer\w*|[fg]merge|f?join|mmerge|joinby|append|nearmrg|rangejoin|reclink|frget|frlink)", text):
            self.found.joins.append(line)
            self.state.leaving = ()
            for name in sorted(self.state.dropped):  # it may bring one by this name
                self.define(name, line, None)

    def _cut(self, condition: str, line: int, text: str) -> None:
        """Keep the rows that meet a condition, for the regressions that follow."""
        try:
            found = self._cut_condition(condition, line)
        except (NotReadError, LanguageError) as error:
            self._rows(line, text, f"changes rows: do it in the data before ({error})")
            return
        if found not in self.state.kept:
            self.state.kept += (found,)
            self.state.cuts += ((line, text),)

    def _cut_condition(self, condition: str, line: int) -> str:
        """Return the condition of rows that are kept, of versions.

        Raises
        ------
        NotReadError
            It is none of a row's own values.
        """
        if re.search(_OPEN, condition):
            raise NotReadError(self._not_known(condition))
        if re.search(r"(?<!\w)(?:_[nN]|e\(sample\)|_merge)\b|\b_[nN]\b|e\(sample\)", condition):
            raise NotReadError("it asks for the number of a row, or for what a command left")
        written = self._written(self._in_full(condition, line, ""), "condition")
        if len(self.state.kept) >= MOST_CUTS:
            raise NotReadError(f"rows are cut more than {MOST_CUTS} times")
        return self.on_kept(self.in_force(written))

    def _of_columns(self, command: str, rest: str, line: int, text: str, by: re.Match[str] | None) -> bool:
        """Read what makes or changes a column by an expression; whether ``command`` is one that does."""
        if command == "rename":
            return self._rename(rest, line, text)
        if command == "winsor2" and not by:
            return self._winsor(rest, line)
        if command == "recode" and not by:
            return self._recode(rest, line)
        if command == "destring" and not by:
            return self._destring(rest, line, text)
        if command == "clonevar" and not by and (one := re.fullmatch(r"\w+\s+(\w+)\s*=\s*([^\W\d]\w*)", rest.strip())):
            if (of := self._each_meant([one[2]])) is None:
                return False
            read_in = self._read_in(of[0])
            self.define(one[1], line, self.in_force(of[0]))
            if self.state.columns.get(of[0]) in self._single:
                self._single.add(self.state.columns[one[1]])
            self._read_single |= {self.state.columns[one[1]]: read_in} if read_in else {}
            return True
        made = re.match(
            r"^(\w+)\s+(?:(byte|int|long|float|double|str\w*)\s+)?(\w+)\s*(?::\s*\w+\s*)?=(?!=)\s*(.+)$", rest
        )
        if command not in ("generate", "egen", "gegen", "replace", "xtile", "fastxtile") or made is None:
            return False
        storage, name, given = made[2] or ("double" if self._in_double else "float"), made[3], made[4]
        if command == "replace" and (meant := self._abbreviated(name)) != [name]:
            if len(meant) != 1:
                why = _several(name, meant) if meant else f"there is no column `{name}`"
                self.define(name, line, None)
                self._skip_data(line, text, f"{why}, so that Stata stops here: name the column that is meant")
                return True
            lag = r"((?:[LFDSlfds][LFDSlfds\d]*\.)?)"
            given = re.sub(rf"(?<![\w.\"]){lag}{re.escape(name)}(?![\w(\"])", rf"\g<1>{meant[0]}", given)
            name = meant[0]
        before = self.state.columns.get(name)
        read_in = self._read_in(name) if command == "replace" else 0
        of_file = self.state.data == self._first_data and not self.state.made and name not in self.state.dropped
        if before is None and name in self._data and of_file:
            if command != "replace":
                self.found.made_again.append((line, name))
            elif re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", given):
                self.found.changed_again.append((line, name))
        try:
            groups = re.match(r"^bys?\w*\s+([^:,(]*)(?:\([^)]*\))?[^:]*:", text) if by else None
            expression = self._value(command, name, given, groups[1].split() if groups else None, line)
            expression = self._without_empty(self.on_kept(self.in_force(expression)))
            if storage in ("byte", "int", "long") and not self._is_whole(parse(expression)):
                expression = f"as.integer({expression})"  # Stata cuts decimal places off
                self._refuse_cut(parse(expression), parse(f"{storage}({given.partition(' if ')[0].strip()})"))
            expression = self._held(storage, expression)
            rounds, rounded = storage == "float" and not self._is_text(parse(expression)), False
            if command == "replace":  # a whole type becomes float for decimals, and double stays double
                of_data = not self.known(before or name) and (before or name) in self._facts.short
                rounded = of_data and not self._is_whole(parse(expression))
                rounds = rounded or before in self._single
            if rounds:
                self._tell_storage(name, parse(expression), line)
            self.define(name, line, expression)
            self._ask_all(self.state.columns[name])
            if expression == "NA" and not re.match(r"\.", given):
                self._empty.add(self.state.columns[name])
            if self._panels and {"l", "f", "d"} & {*called(expression)}:
                self._lagged_under.setdefault(self.state.columns[name], set()).add(len(self._panels) - 1)
            if rounds and not (self._differs(parse(expression)) is False and self._holds_exactly(expression)):
                self._single.add(self.state.columns[name])
            if command == "replace" and (rounded or before in self._as_in_data):
                self._as_in_data.add(self.state.columns[name])
            self._read_single |= {self.state.columns[name]: read_in} if read_in else {}
        except (NotReadError, LanguageError) as error:
            self.define(name, line, None)
            if _DRAWN.search(given):
                self._drawn[self.state.columns[name]] = line
            self._skip_data(line, text, f"{error}; the column `{name}` has to be in the data as this line leaves it")
        return True

    def _without_empty(self, text: str) -> str:
        """Write NA for a version of empty texts where others stand beside it: alone it is a number here."""

        def written(node: Node) -> Node:
            match node:
                case Name() if node.name in self._empty:
                    return Constant(None)
                case Call(function="ifelse", arguments=(test, *rest)):
                    given = (one if one.value is None else replace(one, value=written(one.value)) for one in rest)
                    return replace(node, arguments=(test, *given))
                case _:
                    return node

        node = parse(text)
        new = written(node)
        return text if new == node else write(new)

    def _abbreviated(self, name: str) -> list[str]:
        """Return the columns that a name may stand for in Stata, where one is cut down to its first letters."""
        known = {*self._facts.columns, *self.state.columns}
        elsewhere = self.found.joins or self.state.made or self.state.data != self._first_data
        if name in known or not self._facts.columns or elsewhere or name.rstrip("0123456789") in self._dummies:
            return [name]
        if self._whole_names:
            return []
        called_otherwise = {*self.state.columns.values()} - {*self.state.columns}
        of_draft = self._of_summaries | self._temporary | {*self._masks}
        gone = called_otherwise | self.state.dropped | of_draft
        return sorted(one for one in known - gone if one.startswith(name))

    def _in_full(self, text: str, line: int, signs: str = "*?~") -> str:
        """Write names out that are cut down to their first letters, where one column of the data begins so.

        What has one of ``signs`` is a pattern of a list of columns.

        Raises
        ------
        NotReadError
            Several do.
        """

        def written(found: re.Match[str]) -> str:
            meant = self._abbreviated(found["name"]) if found["name"] and found["name"] not in self._scalars else []
            if len(meant) > 1:
                raise NotReadError(f"{_several(found['name'], meant)}, so that Stata stops here: name the one meant")
            if not meant or meant == [found["name"]]:
                return found[0]
            key = self.state.columns.get(meant[0], meant[0])
            if self.known(key) and self._expression(key) is None:  # a line that is not read may make others
                return found[0]
            if found["name"] not in self._cut_down:
                self._cut_down.add(found["name"])
                self.found.notes.append((line, f"`{found['name']}` is `{meant[0]}`, as Stata reads it"))
            return meant[0]

        name = rf"(?<![\w{signs}])(?P<name>[^\W\d]\w*)(?![\w.({signs}]|\s*=(?!=))"
        return re.sub(rf'"[^"]*"|\b[er]\(\w+\)|\b(?:if|in)\b|{name}', written, text)

    def _each_meant(self, names: list[str]) -> list[str] | None:
        """Return the columns that names stand for, cut down or whole; None where one may be several."""
        meant = [self._abbreviated(name) or [name] * (not self._whole_names) for name in names]
        return [name for (name,) in meant] if all(len(found) == 1 for found in meant) else None

    def _held(self, storage: str, expression: str) -> str:
        """Return what Stata's type holds of an expression of versions: numbers beyond are missing, text is cut.

        Raises
        ------
        NotReadError
            It is too long to say so.
        """
        least, most = self._bounds_of(parse(expression))
        if length := re.fullmatch(r"str([1-9]\d*)", storage):
            return expression if most <= int(length[1]) else f"substr({expression}, 1, {length[1]})"
        low, high = _HELD.get(storage, (-inf, inf))
        if (low <= least and most <= high) or expression.startswith("group("):
            return expression
        if len(expression) > LONGEST_STATEMENT // 10:
            raise NotReadError("it is too long")
        return f"ifelse({expression} > {high} | {expression} < {low}, NA, {expression})"

    def _bounds_of(self, node: Node) -> tuple[float, float]:
        """Return what an expression of versions is between; of text, its number of characters."""
        if _is_truth(node):
            return 0, 1
        match node:
            case Name() if self.known(node.name):
                return self._once("bounds", node.name, lambda made: self._bounds_of(parse(made)), (-inf, inf))
            case Name():
                return self._facts.bounds(node.name)
            case Number():
                return node.value, node.value
            case Text():
                return 0, len(node.value)
            case Constant():
                return 0, 1
            case Unary(operator="-"):
                least, most = self._bounds_of(node.operand)
                return -most, -least
            case Binary(operator="+" | "-" | "*"):
                a, b = self._bounds_of(node.left)
                c, d = self._bounds_of(node.right)
                if node.operator == "*":
                    ends = [a * c, a * d, b * c, b * d]
                    return (-inf, inf) if any(map(isnan, ends)) else (min(ends), max(ends))
                return (a + c, b + d) if node.operator == "+" else (a - d, b - c)
            case Binary(operator="/", right=Number(value=divisor)) if divisor:
                ends = [one / divisor for one in self._bounds_of(node.left)]
                return min(ends), max(ends)
            case Call(function="floor" | "ceiling" as function):
                inner = node.arguments[0].value
                a, b = (-inf, inf) if inner is None else self._bounds_of(inner)
                return (a - 1, b) if function == "floor" else (a, b + 1)
            case Call(function="substr"):
                places = [a.value.value for a in node.arguments[1:] if isinstance(a.value, Number)]
                return 0, max(0, places[1] - places[0] + 1) if len(places) == 2 else inf
            case Call(function="ifelse" | "coalesce" | "pmin" | "pmax"):
                values = [a.value for a in node.arguments[node.function == "ifelse" :] if a.value is not None]
                found = [self._bounds_of(value) for value in values]
                return min(a for a, _ in found), max(b for _, b in found)
            case Call(
                function="min" | "max" | "mean" | "median" | "l" | "f" | "as.integer" | "tolower" | "toupper" | "trimws"
            ):
                first = node.arguments[0].value
                return (-inf, inf) if first is None else self._bounds_of(first)
            case _:
                return -inf, inf

    def _factor(self, node: Node) -> float:
        """Return by what numbers an expression multiplies a column, those of the versions that it is made of, too."""
        match node:
            case Name():
                return self._once("factor", node.name, lambda made: self._factor(parse(made)), 1.0)
            case Binary(operator="*"):
                sides = [number_value(one) for one in (node.left, node.right)]
                found = [
                    self._factor(one) if number is None else abs(number)
                    for one, number in zip((node.left, node.right), sides, strict=True)
                ]
                return found[0] * found[1]
            case Binary(operator="+" | "-"):
                return max(self._factor(node.left), self._factor(node.right))
            case Call(function="ifelse"):
                return max((self._factor(a.value) for a in node.arguments[1:] if a.value is not None), default=1.0)
            case _:
                return 1.0

    def _tell_storage(self, name: str, node: Node, line: int) -> None:
        """Note where single precision may not hold the whole numbers that are computed, and this program does.

        ``replace`` leaves a column of single precision one, as `generate` made it.
        """
        told = f"`{name}` is float in Stata, which rounds whole numbers above 16,777,216: levels may be one there"
        told += " that are several here"
        if not self._is_whole(node) or any(text == told for _, text in self.found.notes):
            return
        large = max(map(abs, self._bounds_of(node)))
        if isinf(large):  # as far as its numbers show
            factor = any(
                isinstance(one, Binary)
                and one.operator in ("*", "^")
                and (isinstance(one.left, Number) or isinstance(one.right, Number))
                for one in walk(node)
            )
            numbers = [one.value for one in walk(node) if isinstance(one, Number)]
            far = max(numbers, default=0) >= (LARGE_FACTOR if factor else _HELD_BY_FLOAT / 2)
            large = inf if far or self._factor(node) >= LARGE_FACTOR else 0
        if large > _HELD_BY_FLOAT:
            self.found.notes.append((line, told))

    def _rename(self, rest: str, line: int, text: str) -> bool:
        """Take over ``rename a b``, ``rename (a b) (c d)``, ``rename x* z*`` and ``rename *, lower``."""
        if (pairs := self._renamed_pairs(rest)) is None:
            words = re.findall(r"[\w*?#]*[*?#][\w*?#]*", re.split(r"[=,]", rest)[0])
            wild = [re.sub(r"#+", "*", word) for word in words]
            gone = {name for name in self.there() if any(fnmatchcase(name, one) for one in wild)}
            if not self._unsure:
                self.leave(gone, line, "may have been renamed")
            return False
        if not pairs:
            why = "gives columns other names, and which these are is not known here: have these in the data"
            self._skip_data(line, text, why)
            body, case = _at_comma(rest.partition(" ")[2])
            letter = "[A-Z]" if case.strip().startswith("l") else "[a-z]"
            first = re.findall(r"[\w*?]+", body)[0].replace("_all", "*")
            patterns = (first.replace("*", f"*{letter}*", 1) if case.strip() else first,)
            if not self._facts.columns and not self._unsure:
                self.state.leaving += ((False, patterns, f"may have another name since line {line}"),)
            return True
        old, new = [*pairs], [*pairs.values()]
        before = [self.in_force(name) for name in old]
        read_in = [self._read_in(name) for name in old]
        for name in old:
            self.state.columns.pop(name, None)
        places = dict(self.state.places or {})
        moved = {name: places.get(one, one) for one, name in pairs.items()}
        self.state.places = None if self.state.places is None else {**places, **moved}
        if self._unsure:
            self.state.dropped |= {*old}
        for one, name in () if self._unsure else pairs.items():
            self.leave([one], line, f"was renamed to `{name}`")
        for name, expression, at in zip(new, before, read_in, strict=True):
            self.define(name, line, expression)
            self._read_single |= {self.state.columns[name]: at} if at else {}
            if expression in self._single:
                self._single.add(self.state.columns[name])
        return True

    def _renamed_pairs(self, rest: str) -> dict[str, str] | None:
        """Return what every column is renamed to; none where that is not known, None where it is not understood."""
        body, options = _at_comma(rest.strip().partition(" ")[2].strip())
        if found := re.fullmatch(r"\(([\w\s]+)\)\s*\(([\w\s]+)\)|(\w+)\s+(\w+)", body):
            old, new = self._each_meant((found[1] or found[3]).split()), (found[2] or found[4]).split()
            return dict(zip(old, new, strict=True)) if old and len(old) == len(new) and not options.strip() else None
        known = bool(self._facts.columns) and self.state.data == self._first_data and not self.state.made
        there = sorted(self.there())
        if case := re.fullmatch(r"\s*(?:(l(?:o(?:w(?:er?)?)?)?)|u(?:p(?:p(?:er?)?)?)?)\s*", options):
            given = ["*" if one == "_all" else one for one in re.sub(r"[()]", " ", body).split()]
            two_ends = [one.split("-") if re.fullmatch(r"\w+-\w+", one) else [] for one in given]
            spans = [self._between(*two) if two else [one] for one, two in zip(given, two_ends, strict=True)]
            patterns = [name for one, span in zip(given, spans, strict=True) for name in span or [one]]
            if not all(re.fullmatch(r"[\w*?]+", one) for one in patterns):
                return None
            names = [name for name in there if any(fnmatchcase(name, one) for one in patterns)]
            if all(one.isidentifier() for one in patterns):
                names, known = patterns, True
            pairs = {name: name.lower() if case[1] else name.upper() for name in names}
        elif both := re.fullmatch(r"(\w*)\*(\w*)\s+(\w*)\*(\w*)", body) if not options.strip() else None:
            a, b, c, d = both.groups()
            ends = re.compile(rf"{re.escape(a)}(.*){re.escape(b)}")
            pairs = {name: f"{c}{part[1]}{d}" for name in there if (part := ends.fullmatch(name))}
        else:
            return None
        pairs = {old: new for old, new in pairs.items() if old != new}
        new_names = [*pairs.values()]
        clash = len({*new_names}) < len(new_names) or not ({*new_names} & {*there}) <= {*pairs}
        return pairs if known and not clash else {}

    def _recode(self, rest: str, line: int) -> bool:
        """Take over recode of numbers, ranges, missing and else, for all rows."""
        body, options = _at_comma(rest)
        rules = re.findall(r"\(([^()]*)\)", body) or re.findall(r"\S+\s*=\s*\S+", body)
        left = re.sub(r"\([^()]*\)" if "(" in body else r"\S+\s*=\s*\S+", " ", body).split()[1:]
        made = re.fullmatch(r"\s*(?:(?:g|ge|gen|gene\w*)\(([\w\s]+)\))?\s*", options)
        new = (made[1] or "").split() if made else []
        if not rules or not left or made is None or (new and len(new) != len(left)):
            return False
        if not all(re.fullmatch(r"[^\W\d]\w*", name) and name not in ("if", "in") for name in left):
            return False
        if (meant := self._each_meant(left)) is None:
            return False
        left = meant
        number = r"-?(?:\d+(?:\.\d+)?|\.\d+)"
        found = []
        for name in left:
            expression, missing = name, "NA"
            for rule in reversed(rules):
                before, _, after = (part.strip() for part in rule.partition("="))
                value = re.fullmatch(rf"({number}|\.)(?:\s+\"[^\"]*\")?", after)
                if value is None:
                    return False
                to = "NA" if value[1] == "." else value[1]
                if before.casefold() in ("else", "*"):
                    if rule is not rules[-1]:
                        return False
                    expression, missing = to, to
                elif before.casefold() in (".", "missing", "mis"):
                    if before == "." and EXTENDED.get():
                        return False
                    missing = to
                elif before.casefold() in ("nonmissing", "nonm") and expression == name:
                    expression = f"ifelse(is.na({name}), NA, {to})"
                elif end := re.fullmatch(rf"(min|{number})\s*/\s*(max|{number})", before):
                    tests = [f"{name} >= {end[1]}"] * (end[1] != "min") + [f"{name} <= {end[2]}"] * (end[2] != "max")
                    expression = f"ifelse({' & '.join(tests) or f'!is.na({name})'}, {to}, {expression})"
                elif re.fullmatch(rf"{number}(?:\s*/\s*{number})?(?:\s+{number}(?:\s*/\s*{number})?)*", before):
                    ranges = re.findall(rf"({number})(?:\s*/\s*({number}))?", before)
                    tests = [f"{name} >= {a} & {name} <= {b}" if b else f"{name} == {a}" for a, b in ranges]
                    expression = f"ifelse({' | '.join(tests)}, {to}, {expression})"
                else:
                    return False
            if missing != "NA" or (self._facts.columns and re.search("[<>]", expression) and self._missing(name)):
                expression = f"ifelse(is.na({name}), {missing}, {expression})"
            found.append(self.in_force(expression))
        for name, expression in zip(new or left, found, strict=True):
            self.define(name, line, expression)
        return True

    def _winsor(self, rest: str, line: int) -> bool:
        """Take over winsor2 with equal shares at both ends and no groups."""
        body, options = _at_comma(rest)
        names = body.split()[1:]
        cuts = [float(c) for c in (_option(options, r"c\w*") or "1 99").split() if re.fullmatch(r"[\d.]+", c)]
        other = re.sub(r"\b(?:c\w*|s\w*)\([^()]*\)|\b(?:replace|trim|t|tr|tri|lab\w*)\b", "", options).strip()
        if (
            other
            or len(cuts) != 2
            or abs(sum(cuts) - 100) > 1e-9
            or not all(re.fullmatch(r"[^\W\d]\w*", n) for n in names)
        ):
            return False
        if (meant := self._each_meant(names)) is None:
            return False
        names = meant
        suffix = _suffix_of_winsor(options)
        for name in names:
            function = "trim" if _trims(options) else "winsorize"
            expression = self.on_kept(self.in_force(f"{function}({name}, {cuts[0] / 100:.12g}, type = 2)"))
            self.define(name + suffix, line, expression)
        return bool(names)

    def _destring(self, rest: str, line: int, text: str) -> bool:
        """Leave columns as they are that are numbers here already, as those whose only words in a text file are NA."""
        body, options = _at_comma(rest)
        names = body.split()[1:]
        forced = r"\bforce\b|\bignore\(\s*\"?[A-Za-z/ ]+\"?\s*\)"
        if not re.search(r"\breplace\b", options) or re.sub(rf"\breplace\b|{forced}", "", options).strip():
            return False

        def is_number(name: str) -> bool:
            key = self.state.columns.get(name, name)
            there = not self.known(key) and name not in self.state.dropped and self._facts.numbers(key) is not None
            return there and (not self._of_file.words.get(key) or bool(re.search(forced, options)))

        others = [name for name in names if not is_number(name)]
        if others == names:
            return False
        if others:
            self._unread("destring", f" {' '.join(others)}, {options}", line, text)
        return True

    def _value(self, command: str, name: str, expression: str, by: list[str] | None, line: int) -> str:
        """Return what a column is set to, by the names that the code has for columns."""
        if by and command == "generate" and re.fullmatch(r"\s*_N\s*", expression):
            return self._count(self._in_full(" ".join(by), line).split())
        if re.search(r"(?<!\w)_[nN]\b", expression):
            here = self._of_periods(expression, by) if command == "generate" else ""
            raise NotReadError(f"rows have no number here{here}")
        if by is not None and command not in ("egen", "gegen"):
            raise NotReadError(f"`{command}` by groups is not read")
        if re.search(_OPEN, expression):
            raise NotReadError(self._not_known(expression))
        body, options = _at_comma(expression)
        of_list = command in ("egen", "gegen") and body.lstrip().startswith("row")
        body = self._in_full(body, line, "*?~" if of_list else "")
        if command in ("egen", "gegen"):
            names = f"{' '.join(by or [])} {_option(options, 'by') or ''}"
            return self._egen(body, options, self._in_full(names, line).split())
        if (
            options
            and command not in ("xtile", "fastxtile")
            and not re.fullmatch(r"\s*(?:(?:before|after)\(\w+\))\s*", options)
        ):
            raise NotReadError("its options are not read")
        value, _, condition = f" {body}".partition(" if ")
        value, condition = value.strip(), condition.strip()
        if re.search(r"\sin\s+[\d`/fl-]+$", f" {body}"):
            raise NotReadError("`in` names rows by their number")
        if command in ("xtile", "fastxtile"):
            groups = re.fullmatch(r"\s*(?:nq\w*|n)\((\d+)\)\s*", options or " n(2) ")
            if groups is None or "[" in value:
                raise NotReadError("its options are not read")
            inner = self._written(value, "value")
            inner = f"ifelse({self._written(condition, 'condition')}, {inner}, NA)" if condition else inner
            self._refuse_levels(self._written(value, "value"))
            return f"quantile_group({inner}, {groups[1]}, type = 2)"
        written = self._written(value, "value")
        when = (
            ""
            if not condition
            else self._truth(condition)
            if command == "replace"
            else self._written(condition, "condition")
        )
        if command == "replace":
            self._refuse_own_rows(name, written, when)
        if not condition:
            return written
        before = "NA" if command == "generate" else self._definition(name)
        found = f"ifelse({when}, {written}, {before})"
        if len(self.in_force(found)) > LONGEST_STATEMENT // 10:
            raise NotReadError("it is too long")
        return found

    def _of_periods(self, expression: str, by: list[str] | None) -> str:
        """Say what the row before or after is where rows are periods, "" where another row is meant."""

        def moved(found: re.Match[str]) -> str:
            return f"{'l' if found['sign'] == '-' else 'f'}({found['x']}, {found['n']})"

        here = re.sub(r"(?P<x>[^\W\d]\w*)\[_n\s*(?P<sign>[-+])\s*(?P<n>\d+)\]", moved, expression).strip()
        plain = not re.search(r"(?<!\w)_[nN]\b", here) and re.fullmatch(r"[\w\s().,+*/^-]+", here)
        if here == expression.strip() or not plain or (by is not None and [*by] != [self.found.unit or by[0]]):
            return ""
        told = f". Here: `{here}`, of periods, the same where the rows of a unit are sorted by time without gaps"
        return told + "; without `by` the first or last row of a unit takes that of another" * (by is None)

    def _refuse_own_rows(self, name: str, *texts: str) -> None:
        """Refuse earlier rows of the column that is replaced: Stata goes row by row, and has replaced them by then.

        Raises
        ------
        NotReadError
            A value or condition reads them. Later rows are as they were.
        """
        along = self._panels and {self._panels[-1].unit, self._panels[-1].time}
        for read in (one for text in texts if text for one in calls(text) if one.function in ("l", "f", "d")):
            if along and name in along:
                raise NotReadError(f"`{write(read)}` is along `{without_marks(name)}`, which this line changes")
            if read.function != "f" and name in columns_of(write(read)):
                raise NotReadError(
                    f"`{write(read)}` is of earlier rows of `{without_marks(name)}` itself, which `replace` may have "
                    "replaced before: Stata goes row by row"
                )

    def _definition(self, name: str) -> str:
        """Return what a column was: its definition, where that is short and is the same in its place."""
        found = self.derived(name)
        if found is None or len(found) > LONGEST_STATEMENT // 20 or any(n in ACROSS for n in called(found)):
            return name
        # A name that has another version by now would be read as that: `replace x = x/10`, and again with `if`.
        return name if any(self.state.columns.get(n, n) != n for n in columns_of(found)) else found

    def _egen(self, body: str, options: str, groups: list[str]) -> str:
        """Return what egen makes."""
        call = _call(body.strip())
        left = re.sub(r"\bby\([^()]*\)", "", options).strip()
        if call is None or not all(re.fullmatch(r"[^\W\d]\w*", name) for name in groups):
            raise NotReadError("it is not understood")
        function, inside, condition = call
        when = self._written(condition, "condition") if condition else ""
        within = f", by = {'^'.join(map(self._group, groups))}" if groups else ""
        names = inside.split() if re.fullmatch(r"[^\W\d]\w*(?:\s+[^\W\d]\w*)*", inside) else []
        labels = re.fullmatch(r"\s*(?:(?:label|lname\(\w+\)|truncate\(\d+\))\s*)*", left)
        if function == "group" and names and not groups and labels and not when:
            for name in names:
                self._refuse_levels(name)
            return f"group({', '.join(names)})"
        if function.startswith("row") and names and not groups and not left:
            found = self._across_columns(function, names)
        elif function == "pctile":
            share = re.fullmatch(r"p\((\d+(?:\.\d+)?)\)", left or "p(50)")
            if share is None:
                raise NotReadError("its options are not read")
            found = f"quantile({self._argument(inside, when)}, {float(share[1]) / 100:.12g}{within}, type = 2)"
        elif function == "cut" and not groups:
            return self._cut_at(inside, left, when)
        elif left:
            raise NotReadError(f"its option {left} is not read")
        elif function == "tag" and names:
            raise NotReadError(f"egen's tag() is not read, whose row of several is any. Here: {self._tagged(names)}")
        elif function not in _EGEN:
            raise NotReadError(f"egen's {function}() is not read")
        else:
            x = self._argument(inside, when)
            if function == "rank":
                self._refuse_levels(self._written(inside, "value"))
            forms = {
                "total": f"coalesce(sum({x}{within}), 0)",
                "count": f"sum(!is.na({x}){within})",
                "std": f"({x} - mean({x}{within})) / sd({x}{within})",
            }
            forms["sum"] = forms["total"]
            if function in ("mean", "median", "min", "max", "sd", "rank"):
                found = f"{function}({x}{within})"
            else:
                found = forms[function]
        return f"ifelse({when}, {found}, NA)" if when else found

    def _cut_at(self, inside: str, options: str, when: str) -> str:
        """Return what egen's cut() makes: the interval's lower end, or its number, missing outside.

        Raises
        ------
        NotReadError
            Its ends are no whole numbers in order, or too many.
        """
        at = re.search(r"\bat\(((?:[^()]|\([^()]*\))*)\)", options)
        groups = re.search(r"\bg(?:r(?:o(?:up?)?)?)?\((\d+)\)", options)
        given = at or groups
        rest = options.replace(given[0], "", 1) if given else options
        codes = bool(re.search(r"\bic\w*|\blab", rest))
        ends = (_numbers(at[1].replace(",", " ")) if at else None) or []
        order = [*map(float, ends)]
        plain = given is not None and re.fullmatch(r"\s*(?:(?:ic\w*|lab\w*)\s*)*", rest)
        if not plain or (at and (len(order) < 2 or order != sorted({*order}))):
            raise NotReadError(f"its option {options} is not read")
        many = len(ends) > MOST_ENDS
        if groups or many or not all(one.is_integer() and abs(one) <= 2**23 for one in order):
            here = self._in_groups(self._argument(inside, when), int(groups[1])) if groups and not at else ""
            if at:
                x = self._written(inside, "value")
                shown = ends[:3] if many else ends
                cases = [
                    f"{x} >= {low} & {x} < {high} ~ {k if codes else low}"
                    for k, (low, high) in enumerate(pairwise(shown))
                ]
                here = f"case_when({', '.join([*cases, *['…'] * many])})"
                here = f"ifelse({when}, {here}, NA)" if when else here
            raise NotReadError(f"its option {options} is not read. Here: {here}")
        found = "."
        for k in range(len(ends) - 2, -1, -1):
            found = f"cond({inside} >= {ends[k]} & {inside} < {ends[k + 1]}, {k if codes else ends[k]}, {found})"
        written = self._written(found, "value")
        return f"ifelse({when}, {written}, NA)" if when else written

    def _in_groups(self, x: str, groups: int) -> str:
        """Say what egen's cut() into groups is here: a value on an end is in the group above, unlike that of xtile."""
        x, told = self._of_rows_left(x)
        steps = [f"({x} >= quantile({x}, {k / groups!r}, type = 2))" for k in range(1, groups)]
        steps = steps if groups <= MOST_ENDS else [*steps[:2], "…", steps[-1]]
        return f"{' + '.join(steps)}, where no two of these quantiles are equal{told}"

    def _of_rows_left(self, x: str) -> tuple[str, str]:
        """Return a value of the rows that the code has left, and what is to be said of it."""
        if not (self.state.kept or self.open(self.state.rows)):
            return x, ""
        return f"ifelse(left, {x}, NA)", ", left being a line of [derive] that says which rows the code has left"

    def _tagged(self, names: Sequence[str]) -> str:
        """Say which row of each group is chosen here, where rows have no order but that of unit and time."""
        by = names[0] if len(names) == 1 else f"group({', '.join(names)})"
        unit, time = self.found.unit, self.found.time
        if unit is None or time is None:
            return f"as.integer(rank(x, by = {by}) == 1), x being different in each row of a group"
        row = time if [*names] == [unit] else f"group({unit}, {time})"
        here = f"as.integer(rank({row}, by = {by}) == 1)"
        return f"coalesce({here}, 0)" if any(map(self._missing, names)) else here

    def _count(self, groups: Sequence[str]) -> str:
        """Return how many rows a group has."""
        within = "^".join(map(self._group, groups))
        return f"{'sum(1, ' if self.state.kept or self.state.rows else 'count('}by = {within})"

    def _group(self, name: str) -> str:
        """Return what egen groups by: rows where it is missing are a group of their own."""
        self._refuse_levels(name)
        return f"coalesce(group({name}), 0)" if self._missing(name) else name

    def _argument(self, inside: str, when: str) -> str:
        x = self._written(inside, "value")
        return f"ifelse({when}, {x}, NA)" if when else x

    def _across_columns(self, function: str, names: list[str]) -> str:
        total = " + ".join(f"coalesce({n}, 0)" if self._missing(n) else n for n in names)
        known = " + ".join(f"(!is.na({n}))" for n in names)
        forms = {
            "rowtotal": total,
            "rowmean": f"ifelse({known} > 0, ({total}) / ({known}), NA)",
            "rownonmiss": known,
            "rowmiss": known.replace("!", ""),
        }
        if function in ("rowmax", "rowmin"):
            return as_stata(f"p{function[3:]}({', '.join(names)})", "value", self._missing)
        if function not in forms:
            raise NotReadError(f"egen's {function}() is not read")
        return forms[function]

    def _unread(self, command: str, arguments: str, line: int, text: str) -> None:
        """List a statement that is not read, unless it is known to change nothing."""
        if command in ("keep", "drop"):
            found = re.match(r"^\s*(if|in)\b\s*(.*)$", arguments)
            by = re.match(r"^bys?\w*\s+([\w\s]+?)\s*(?:\([\w\s]*\)\s*)?:", text)
            if found and found[1] == "if" and by and re.search(r"(?<!\w)_N\b", found[2]) and "_n" not in found[2]:
                name = f"rows_of_{'_'.join(by[1].split())}"
                try:
                    self.define(name, line, self.on_kept(self.in_force(self._count(by[1].split()))))
                except NotReadError as error:
                    self._rows(line, text, f"changes rows: do it in the data before ({error})")
                    return
                condition = re.sub(r"(?<!\w)_N\b", name, found[2])
                self._cut(condition if command == "keep" else f"!({condition})", line, text)
            elif found and found[1] == "if" and text == command + arguments:
                condition = found[2] if command == "keep" else f"!({found[2]})"
                self._cut(condition, line, text)
            elif found:
                self._rows(line, text, "changes rows: do it in the data before")
        elif command == "mi" and (of := re.search(rf":\s*(?:\w+\s+)?({'|'.join(_COMMANDS)})\s", text)):
            self.skip(line, text, f"{of[1]} under a prefix is not taken over")
        elif self._of_frames(command, arguments, line, text):
            pass
        elif command in _NEW_DATA or (command in ("infile", "infix", "usesome") and self.state.data is not None):
            self._new_data(line, command)
            self._skip_data(
                line, text, "makes other data: save them, and convert the code that follows it" + _here(command)
            )
        elif command in _KEEPS_DATA and command in _ROWS and _spares_data(command, arguments):
            pass
        elif command in ("duplicates", "gduplicates", "missings") and (
            made := re.match(r"\s*tag\b.*\bg\w*\((\w+)\)", arguments)
        ):
            self.define(made[1], line, None)
            self._skip_data(line, text, f"changes `{made[1]}`: write it in [derive], or have it in the data")
        elif command in _ROWS or (command == "set" and not _spares_data(command, arguments)):
            self._rows(line, text, "changes rows or brings columns: do it in the data before" + _here(command))
            self.define("_merge", line, None)
        elif regression := re.search(rf":\s*(?:\w+\s+)?({'|'.join(_COMMANDS)})\s", text):
            why = f"{regression[1]} under a prefix is not taken over"
            if by := re.match(r"^bys?o?r?t?\s+(\w+)\s*(?:,[^:]*)?:", text):
                why += f'. Here: a sample for each group, "each({by[1]})" in [sample]'
            self.skip(line, text, why)
        elif self._changes_some(command, arguments, line, text):
            pass
        elif command in ("tabulate", "separate") and (stem := _stem(command, arguments)):
            self._dummies[stem] = line
            why = f"makes `{stem}1`, `{stem}2` and so on: have them in the data"
            self._skip_data(line, text, why + ", or absorb levels" * (command == "tabulate"))
        elif not command and arguments.lstrip().startswith("!"):  # of the machine, as shell
            pass
        elif (
            (names := self._all_changed(command, arguments))
            or (command in COMMANDS and command not in _HARMLESS)
            or not _spares_data(command, arguments)
        ):
            for name in names:
                self.define(name, line, None)
            if names:
                why = f"changes {', '.join(f'`{n}`' for n in names[:8])}: do it in the data before"
                why += self._instead(command, arguments, text)
            elif re.search(_OPEN, text) and (told := self._not_known(text)) != self._not_known(""):
                why = told
            elif command in COMMANDS:
                why = f"{command} is not read{self._instead(command, arguments, text)}"
            else:
                why = f"{command or 'this'} is not read; what it changes in rows or values has to be done in the data"
                why += " before"
                if command not in {*_ROWS.values(), *_NEW_DATA.values(), *_VALUES.values(), *_OF_STATA}:
                    why += ". Where Stata does not know it, either, it stops here, and nothing behind it is run"
            if command in self._programs:
                at, body = self._programs[command]
                why = f"`{command}` is the program of line {at}, whose statements are not read: write them here"
                if self._changes_data(body):
                    why += "; what they do to the data, do before"
                    self._guard(command, arguments, line, text, why)
                    return
            elif command in ("do", "run", "include"):
                why = "runs other code, which is not read: what that does to the data, do before"
                if self.state.data is not None:
                    self._guard(command, "", line, text, why)
                    return
            elif (
                not _spares_data(command, arguments)
                and (not names or command not in _VALUES)
                and command not in (*_MAKES, "xi")
            ):
                self._guard(command, arguments, line, text, why)
                return
            if command == "psmatch2":
                self.found.unread |= {name: (name, line) for name in _OF_MATCHING}
            known = COMMANDS.get(command)
            of = re.match(r"^\s*(\w+)\s*,", arguments) if command == "encode" and len(names) == 1 else None
            source = self.state.columns.get(of[1], of[1]) if of else ""
            if source and not self.known(source) and (not self._facts.columns or source in self._facts.columns):
                plain = re.fullmatch(r"\s*g\w*\(\w+\)\s*", _at_comma(arguments)[1]) and names[0] not in self._labels
                numbers = self.on_kept(f"group({write(Name(source))})") if plain else ""
                self._encoded[self.state.columns[names[0]]] = source, (line, text, why), numbers
            (self.skip if known and known.sort != "data" and not names else self._skip_data)(line, text, why)

    def _instead(self, command: str, arguments: str, text: str) -> str:
        """Say what a command that is not read is here, with the options of its line; "" where one is not known here."""
        if command not in _BY_OPTIONS:
            return _here(command)
        body, options = _at_comma(arguments)
        by = re.match(r"^bys?o?r?t?\s+([^:,(]*)(?:\([^)]*\))?[^:]*:", text)
        groups = f"{by[1] if by else ''} {_option(options, 'by') or ''}".split()
        name = re.match(r"\s*(?:\w+\s*=\s*)?([^\W\d]\w*)", body)
        if name is None or re.search(_OPEN, arguments) or re.search(r"\s(?:if|in)\s|\[", body):
            return ""
        others = re.sub(r"\b(?:replace|by\([^()]*\)|g\w*\([^()]*\)|lab\w*)", "", options)
        x, told = name[1], ""
        if command in ("winsor2", "winsor"):
            if by or any(not one.isidentifier() or self._missing(one) for one in groups):
                return ""
            x, told = self._of_rows_left(x)
            within = f", by = {'^'.join(groups)}" * bool(groups)
            here = (_of_cuts if command == "winsor2" else _of_share)(x, within, others)
            told = "; the other columns likewise" * (len(body.split()) > 1) + told
            told = ", where that share of its values is no whole number" * (command == "winsor") + told
        elif command in ("xtile", "fastxtile"):
            found = re.fullmatch(r"\s*(?:nq\w*|n)\((\d+)\)\s*", others or " n(2) ")
            x, told = self._of_rows_left(x)
            here = f"`quantile_group({x}, {found[1]}, type = 2)`" if found and not groups else ""
        elif command == "destring":
            ignored = re.fullmatch(r"\s*(?:ignore\(\s*\"?[ ,%]+\"?\s*\))?\s*(force)?\s*", others)
            here = f"`parse_number({x})`" if ignored else ""
            told = ", which reads 1,234 and 5% as numbers, too" * bool(ignored and ignored[1])
        else:
            along = body.split()[1:2] in ([], [self.found.time or "".join(body.split()[1:2])])
            of_unit = len(groups) == 1 and groups[0] == (self.found.unit or groups[0])
            function = "interpolate" if command == "ipolate" else "carry_forward"
            x, told = self._of_rows_left(x)
            here = f"`{function}({x})`" if of_unit and along and not others.strip() else ""
            told = f", along the unit's time{told}"
        return f". Here: {here} in [derive]{told}" if here else ""

    def _guard(self, command: str, arguments: str, line: int, text: str, why: str) -> None:
        """Take for unknown the rows, and every column that a line names which is not known to change nothing."""
        there = {name for name in {*self._data, *self.there()} if name not in self.state.dropped}
        named = self._named("" if command in _OF_ANYTHING else arguments, there)
        quoted = [one for one in re.findall(r"[\"'](\w+)[\"']", arguments) if one in there]
        for name in (*named, *quoted):
            self.define(name, line, None)
        shown = [without_marks(name) for name in named if name in there or not there]
        self._ask(command or text[:20], shown, line, text, why)

    def _ask(self, command: str, names: Sequence[str], line: int, text: str, why: str) -> None:
        """Ask for the rows that a line leaves which may change anything, in the regressions after it."""
        self._guards[line, text] = command, [*names]
        for at, cut in self.state.cuts:
            if (at, cut) in self._guards:
                self._earlier.setdefault(line, set()).update({at}, self._earlier.get(at, ()))
            else:
                told = f"cuts rows before line {line}, which may bring others: write both where `rows_line_{line}` asks"
                self._skip_data(at, cut, told)
        rows = ((line, text),)
        if rows not in self._of_rows:
            key = next((key for (one, *_), key in self._of_rows.items() if one in self._guards and one[0] == line), "")
            self._of_rows[rows] = key or self.open_rows(line)
        self.state.kept, self.state.cuts = (self._of_rows[rows],), rows
        self.state.places = None  # it may have made columns
        self._skip_data(line, text, why)
        self._facts = FIRST

    def _named(self, arguments: str, there: set[str]) -> list[str]:
        """Return the words of a line that may be columns, patterns written out; not those of groups and conditions."""
        text = re.sub(r"`?\"[^\"]*\"'?", " ", arguments)
        text = _NO_COLUMNS.sub(" ", re.sub(r"\busing\s+\S+", " ", text))
        text = re.sub(r"\bif\s[^,]*", " ", text)
        text = re.sub(r"`[^']*'|\$\{?\w+\}?", "*", text)
        found: list[str] = []
        short = {*re.findall(r"\w+(?![\w(])", _at_comma(text)[0])}  # elsewhere names of options and functions stand
        for word in re.findall(r"(?<![\w.*?~])[A-Za-z_\u01c3*?~][\w*?~]*(?:-[A-Za-z_]\w*)?", text):
            first, _, last = word.partition("-")
            pattern = "*" if word == "_all" else word.replace("~", "*")
            if last:
                between = self._between(first, last)
                found += sorted(there | {first, last}) if between is None else between
            elif re.search(r"[*?]", pattern):
                alone = not pattern.strip("*") and word not in ("_all", "*")
                found += [] if alone else sorted(one for one in there if fnmatchcase(one, pattern))
            elif word not in _STORAGE:
                meant = self._abbreviated(word) if there and word in short else [word]
                found += [word, *meant]
        return list(dict.fromkeys(found))

    def _all_changed(self, command: str, arguments: str) -> list[str]:
        """Return the columns that a command makes or changes, patterns and ranges written out."""
        names = _changed(command, arguments)
        if command not in _VALUES or _option(_at_comma(arguments)[1], r"g|gen|gene\w*|newvar"):
            return names
        body = re.split(r"\sif\s|\sin\s|=|\(", _at_comma(arguments)[0])[0]
        there = self.there() - self.state.dropped
        for word in re.findall(r"(?<!\S)(?:_all|\w*[*?~][\w*?~]*|\w+-[A-Za-z_]\w*)(?!\S)", body):
            names += [one for one in self._named(word, there) if one not in names]
        return names

    def _of_frames(self, command: str, arguments: str, line: int, text: str) -> bool:
        """Follow frames and snapshots, which keep data and take them back; say whether a command is one of these."""
        words = re.findall(r"\w+", arguments)
        change = words[:1] if command == "cwf" else words[1:2] if words[:1] == ["change"] else []
        if command in ("frame", "cwf") and change:
            self._frames[self._frame], self._frame = self.state.copy(), change[0]
            if self._frame in self._frames:
                self.state = self._frames[self._frame].copy()
            else:
                self._new_data(line, text)
                self._skip_data(line, text, "goes to other data: save them, and convert the code that is of them")
        elif command == "frame" and words[:1] == ["copy"] and len(words) > 2 and words[2] != self._frame:
            source = self.state if words[1] == self._frame else self._frames.get(words[1])
            if source is not None:
                self._frames[words[2]] = source.copy()
        elif command == "snapshot" and words[:1] == ["save"]:
            self._snapshots.append(self.state.copy())
        elif command == "snapshot" and words[:1] == ["restore"] and not self._unsure:
            at = int(words[1]) if words[1:] and words[1].isdigit() else 0
            if not 0 < at <= len(self._snapshots):
                return False
            self.state = self._snapshots[at - 1].copy()
        elif command not in _KEEPS_DATA or command not in ("frame", "frames", "mi"):
            return False
        else:
            return _spares_data(command, arguments)
        return True


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


_LIKE_COLUMNS = "|".join(sorted(WORDS - {"F", "if", "in", "else", "for", "while"}))
_COLUMN_OF_STATA = re.compile(
    rf'"[^"]*"|`[^\']*\'|(?<![\w$])(?:F(?![\w.(])|(?:{_LIKE_COLUMNS})(?!\w)'
    r"|_[^\W\d_]\w*(?![\w\[(]))([*?]?)"
)


def _marked(text: str) -> str:
    """Mark the columns of a statement whose names are constants or keywords here; Stata has no such constants.

    ``T*`` is a product where values are made, in a condition and in weights, and elsewhere the columns that begin so.
    """
    rest = _without_prefixes(text)
    rest = _without_prefixes(rest.partition(":")[2].lstrip()) if re.match(r"^bys?o?r?t?\s[^:\"]*:", rest) else rest
    word = re.match(r"^\w*", rest)
    command = word[0] if word else ""
    if re.match(r"^(?:us?e?|sa(?:ve?|veold)?|import|insheet|infix|do|run|include|cd|log|label?|la|note|loc(?:al?)?|"
                r"gl(?:ob(?:al?)?)?|temp\w+|args|syntax|gettoken|tokenize|unab|tsunab)$", command):  # fmt: skip
        return text
    end = found.start() if (found := re.search(r"\busing\b", text)) else len(text)
    begin = len(text) - len(rest) + len(command)
    made = _NAMES.get(command) in ("generate", "replace", "egen")
    condition = found.start() if (found := re.search(r"\sif\s", text)) else len(text)

    def marked(match: re.Match[str]) -> str:
        name, sign = match[0].removesuffix(match[1] or "\0"), match[1] or ""
        inside = begin <= match.start() < end or text[: match.start()].lstrip().startswith("by")
        weight = text.count("[", 0, match.start()) > text.count("]", 0, match.start())
        pattern = sign and not (made or weight or match.start() > condition)
        if name[:1] in '"`' or not inside or pattern:
            return match[0]
        return marked_name(name) + sign

    return _COLUMN_OF_STATA.sub(marked, text)


def _read_name(header: str, case: str) -> str:
    """Return the name that Stata makes of a file's header, "" where it has one of its own."""
    name = re.sub(r"\W", "", header)[:32]
    name = name.lower() if case == "lower" else name.upper() if case == "upper" else name
    return marked_name(name) if name and not name[0].isdigit() else ""


def _changed(command: str, arguments: str) -> list[str]:
    """Return the columns that a command makes or changes, as far as it names them."""
    body, options = _at_comma(arguments)
    if made := _option(options, r"g|gen|gene\w*|newvar"):
        return re.findall(r"[^\W\d]\w*", made)
    replaced = re.search(r"\breplace\b", options) and command not in _HARMLESS and " using " not in body
    if "`" in body or not (command in _VALUES or replaced):
        return []
    if command == "winsor2" and not re.search(r"\breplace\b", options):
        return [name + _suffix_of_winsor(options) for name in body.split() if name.isidentifier()]
    if command == "recode":
        body = re.sub(r"\([^()]*\)|[^\s=]+\s*=\s*\S+|[^\s/]+\s*/\s*[^\s/]+", " ", body)
    body = re.split(r"\sif\s|\sin\s|=", body)[0]
    body = re.sub(r"^\s*\w+", "", body) if command == "gstats" else body
    body = re.sub(r"\((?![^()]*[A-Za-z_*])[^()]*\)|\([^()]*=[^()]*\)", " ", body)
    found = re.findall(r"(?<![\w*?-])[^\W\d]\w*(?![\w*?(-])", body)
    return [one for one in dict.fromkeys(found) if one not in _STORAGE and not re.fullmatch(r"str\d+|_all", one)]


def _stem(command: str, arguments: str) -> str:
    """Return what the names of the columns begin with that tabulate or separate numbers, "" where it makes none."""
    body, options = _at_comma(arguments)
    made = _option(options, r"g|gen|gene\w*")
    name = re.match(r"\s*([^\W\d]\w*)", body)
    return made or (name[1] if command == "separate" and name else "")


def _trims(options: str) -> bool:
    """Say whether winsor2 makes values beyond its cuts missing."""
    return bool(re.search(r"\btr?i?m?\b", re.sub(r"\w+\([^()]*\)", "", options)))


def _with_steps(node: Node, step: int) -> Node:
    """Return an expression whose lags, leads and differences are ``step`` times as far."""
    match node:
        case Unary():
            return replace(node, operand=_with_steps(node.operand, step))
        case Binary():
            return replace(node, left=_with_steps(node.left, step), right=_with_steps(node.right, step))
        case Call(arguments=given):
            inner = tuple(a if a.value is None else replace(a, value=_with_steps(a.value, step)) for a in given)
            if node.function in ("l", "f", "d"):
                by = given[1].value if len(given) > 1 else None
                count = by.value if isinstance(by, Number) else 1.0
                inner = (inner[0], Argument(Number(count * step)))
            return replace(node, arguments=inner)
        case _:
            return node


def _several(name: str, meant: Sequence[str]) -> str:
    """Say of which columns a name that is cut down may be one."""
    return f"`{name}` may be {' or '.join(f'`{one}`' for one in meant[:4])}{' or …' * (len(meant) > 4)}"


def _of_cuts(x: str, within: str, options: str) -> str:
    """Return what winsor2 is here, "" where an option is not known here."""
    number = r"\d+(?:\.\d+)?"
    cuts = re.search(rf"\bc\w*\(\s*({number})\s+({number})\s*\)", options)
    left = re.sub(r"\bs\w*\([^()]*\)|\btr?i?m?\b", "", options.replace(cuts[0], "") if cuts else options)
    low, high = (float(cuts[1]), float(cuts[2])) if cuts else (1.0, 99.0)
    if left.strip() or not 0 <= low < high <= 100:
        return ""
    trims = _trims(options)
    if abs(low + high - 100) < 1e-9:
        return f"`{'trim' if trims else 'winsorize'}({x}, {low / 100:.12g}{within}, type = 2)`"
    ends = [f"quantile({x}, {one / 100:.12g}{within}, type = 2)" if 0 < one < 100 else "" for one in (low, high)]
    if trims:
        tests = [f"{x} {sign} {end}" for sign, end in zip((">=", "<="), ends, strict=True) if end]
        return f"`ifelse({' & '.join(tests)}, {x}, NA)`"
    below = f"pmax({x}, {ends[0]})" if ends[0] else x
    return f"`pmin({below}, {ends[1]})`" if ends[1] else f"`{below}`"


def _of_share(x: str, within: str, options: str) -> str:
    """Return what winsor is here, which moves whole numbers of values, "" where an option is not known here."""
    share = re.fullmatch(r"\s*p\((0?\.\d+)\)\s*", options)
    if share is None or within:
        return ""
    return f"`winsorize({x}, {float(share[1]):g}, type = 2)`"


def _suffix_of_winsor(options: str) -> str:
    """Return what winsor2 puts behind the names of what it makes, "" where it replaces."""
    if re.search(r"\breplace\b", options):
        return ""
    given = _option(options, r"s\w*") or ("_tr" if _trims(options) else "_w")
    return without_marks(given).strip("\"'")


def _spares_data(command: str, arguments: str) -> bool:
    """Say whether a command is known to leave rows and columns of the data alone."""
    if command in _KEEPS_DATA:
        return re.match(_KEEPS_DATA[command], arguments) is not None
    known = COMMANDS.get(command)
    return command in {*_HARMLESS, *_HARMLESS.values()} or (
        known is not None and known.sort != "data" and command not in _ROWS
    )


def _behind_condition(text: str) -> str:
    """Return the statement that stands behind a condition in its own line."""
    text = re.sub(r"^(?:else\s+if|if)\b", "if", text.strip())
    if text.startswith("else"):
        return text.removeprefix("else").strip()
    found = re.search(r"(?<=[\w)\"'.\]])\s+(?=[A-Za-z_])", text[2:].lstrip())
    return text[2:].lstrip()[found.end() :] if found else ""


def _stata_ours(text: str, role: Role) -> str:
    """Write an expression of Stata; there operators of time series may have small letters, which in R are names."""
    if role in ("value", "condition"):
        return _expression_ours(text, role)
    lag = r"(?<![\w.])([lfds][lfds\d]*)\.(?=[A-Za-z_])"
    found = ours(re.sub(lag, lambda m: m[0].upper(), text.strip()), role, of_stata=True)
    if re.search(r"(?<![\w.\d])\.[a-z]?(?![\w.(])", re.sub(r'"[^"]*"', "", found)):
        raise NotReadError("it compares with a missing value in a way that is not read")
    return found


def _expression_ours(text: str, role: Role) -> str:
    """Write what a column or condition is set to; how it is put together is decided by its tree alone."""
    text = re.sub(r"~(?!=)", "!", text.strip()).replace("~=", "!=")
    text = re.sub(r"(?<![<>=!])=>", ">=", text)
    text = re.sub(r"(?<![\w.])t([dmqhyw])\(([^()]*)\)", _date, text)
    node = tree_of(_without_inrange(text))
    node = found_in(node) if role == "condition" else node
    if problems := check(node, role):
        raise NotReadError(f"`{text}` is not understood: {problems[0].message}")
    with suppress(LanguageError):  # as it stands, where that is the same
        if parse(text) == node:
            return text
    return write(node)


_IN_A_YEAR = {"m": 12, "q": 4, "h": 2, "w": 52}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def _date(found: re.Match[str]) -> str:
    """Return the number that Stata has for tm(2004m3), tq(2004q1), td(1jan2004) and the like, which count from 1960."""
    kind, inside = found[1], found[2].strip().casefold()
    if kind == "y" and re.fullmatch(r"\d{4}", inside):
        return inside
    if (day := re.fullmatch(r"(\d{1,2})\s*([a-z]{3})[a-z]*\s*(\d{4})", inside)) and kind == "d" and day[2] in _MONTHS:
        try:
            return str((date(int(day[3]), _MONTHS.index(day[2]) + 1, int(day[1])) - date(1960, 1, 1)).days)
        except ValueError:
            return found[0]
    part = re.fullmatch(rf"(\d{{4}}){kind}(\d{{1,2}})", inside)
    per_year = _IN_A_YEAR.get(kind, 0)
    if part is None or not 1 <= int(part[2]) <= per_year:
        return found[0]
    return str((int(part[1]) - 1960) * per_year + int(part[2]) - 1)


def _without_inrange(text: str) -> str:
    """Write inrange() out: no missing value is in a range, and a missing end is none."""
    while found := re.search(r"(?<![\w.])inrange\(", text):
        depth, parts, end = 1, [""], found.end()
        while end < len(text) and depth:
            c = text[end]
            depth += (c == "(") - (c == ")")
            if c == "," and depth == 1:
                parts.append("")
            elif depth:
                parts[-1] += c
            end += 1
        if depth or len(parts) != 3 or '"' in "".join(parts):
            raise NotReadError("inrange() is not understood")
        x, low, high = (part.strip() if re.fullmatch(r"[\s\w.]*", part) else f"({part.strip()})" for part in parts)
        number = r"[-+*/()\s]*(?:(?:\d+\.?\d*|\.\d+)[-+*/()\s]*)+"
        tests = [] if re.fullmatch(number, high) else [f"!missing({x})"]
        if not re.fullmatch(r"\.[a-z]?", low):
            tests.append(f"{x} >= {low}" if re.fullmatch(number, low) else f"(missing({low}) | {x} >= {low})")
        if not re.fullmatch(r"\.[a-z]?", high):
            tests.append(f"{x} <= {high}")
        before, whole, behind = text[: found.start()], " & ".join(tests), text[end:]
        text = f"{before}({whole}){behind}" if before.strip() or behind.strip() else whole
    return text


def _without_comments(text: str) -> tuple[str, int]:
    """Join the lines over which comments go, as Stata does, and return the line of one that is not closed, or 0.

    Comments may stand in comments; ``//`` goes to the end of its line alone.
    """
    text, parts = text.replace(_JOINED, " "), list[str]()
    kept = at = begin = depth = 0
    while found := re.compile(r"/\*|\*/" if depth else r"(?m)(?:^|(?<=\s))//[^\n]*|/\*").search(text, at):
        at = found.end()
        if found[0] == "*/":
            depth -= 1
            if not depth:
                parts.append(_JOINED * text.count("\n", begin, at))
                kept = at
        elif found[0] == "/*":
            if not depth:
                parts.append(text[kept : found.start()])
                begin = found.start()
            depth += 1
    quoted = text[text.rfind("\n", 0, begin) + 1 : begin].count('"') % 2
    if depth and not quoted:
        return "".join(parts), text.count("\n", 0, begin) + 1
    return "".join(parts) + text[begin if depth else kept :], 0


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Return statements with their lines, without comments, continued lines joined."""
    text, _ = _without_comments(text)
    by_line, begun, first, in_comment, number = True, "", 1, False, 0
    for raw in text.split("\n"):
        start = number + 1 + raw[: len(raw) - len(raw.lstrip())].count(_JOINED)
        number += 1 + raw.count(_JOINED)
        if in_comment or (by_line and not begun.strip() and re.match(r"^\s*\*", raw)):
            in_comment = by_line and "///" in raw  # goes on with the next line
            continue
        line, _, continued = re.sub(r"(?:^|\s)//(?!/).*$", "", raw).partition("///")
        if delimiter := re.match(r"^\s*#d(?:elimit)?\s+(\S+)", line):
            by_line = delimiter[1] != ";"
            continue
        first = first if begun.strip() else start
        begun += " " + line
        if by_line and not (_ or continued):
            yield first, " ".join(begun.split())
            begun = ""
        while not by_line and ";" in begun:
            one, _, begun = begun.partition(";")
            if not re.match(r"^\s*\*", one):
                yield first, " ".join(one.split())
            first = start
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
        new = re.sub(r"`=([^`']+)'", lambda m: n if re.fullmatch(_NUMBER, n := _computed(m[1])) else m[0], new)
        if new == text:
            break
        text = new
    return text


def _call(text: str) -> tuple[str, str, str] | None:
    """Return the function, the inside of its brackets and the condition of ``mean(x) if y > 1``."""
    name, _, rest = text.partition("(")
    depth = 1
    for k, c in enumerate(rest):
        depth += (c == "(") - (c == ")")
        if not depth:
            behind = re.fullmatch(r"\s*(?:if\b\s*(.+))?", rest[k + 1 :])
            return (name.strip(), rest[:k].strip(), behind[1] or "") if behind and name.strip().isidentifier() else None
    return None


def _at_comma(text: str) -> tuple[str, str]:
    """Split at the first comma that stands in no bracket."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            return text[:k], text[k + 1 :]
    return text, ""


def _each_of(word: str) -> list[str]:
    """Return the words that one with lists in brackets is in Stata: i.(a b)##c.x is i.a##c.x i.b##c.x, i(2 3).a two."""
    signs, parts = re.findall(r"#+(?![^()]*\))", word), re.split(r"#+(?![^()]*\))", word)
    choices: list[list[str]] = []
    for part in parts:
        listed = re.fullmatch(r"((?:[^()]|\([^()]*\))*\.)?\(([^()]+)\)", part)
        levels = re.fullmatch(r"i?\(([\d\s/]+)\)\.(\w+)", part)
        if levels and not re.search(r"\d{5}", levels[1]):
            spans = [one.split("/") for one in levels[1].split()]
            choices.append([f"{k}.{levels[2]}" for one in spans for k in range(int(one[0]), int(one[-1]) + 1)])
        else:
            choices.append([f"{listed[1] or ''}{one}" for one in listed[2].split()] if listed else [part])
    signs.append("")
    return ["".join(map("".join, zip(one, signs, strict=True))) for one in itertools.product(*choices)]


def _options(text: str) -> dict[str, str]:
    """Return what the brackets of every option hold, "" without brackets, by its name in full.

    Raises
    ------
    NotReadError
        One is neither read nor known to leave numbers alone.
    """
    found: dict[str, str] = {}
    while text := text.lstrip(" ,"):
        word = re.match(r"\w+", text)
        name = word[0] if word else text[0]
        text, inside = text[len(name) :].lstrip(), None
        if text.startswith("("):
            depths = itertools.accumulate((c == "(") - (c == ")") for c in text)
            end = next((k for k, depth in enumerate(depths) if not depth), len(text))
            inside, text = text[1:end].strip(), text[end + 1 :]
        if name not in _OPTIONS_READ:
            where = ". Here: a term `offset(log(x))` among the controls" if name.startswith(("exp", "off")) else ""
            raise NotReadError(f"the option {name}{'()' * (inside is not None)} is not read{where}")
        if (full := _OPTIONS_READ[name]) in found and full in _OF_NUMBERS:
            raise NotReadError(f"the option {full} stands there twice")
        if full in _OF_NUMBERS and (inside is None) != (full in ("robust", "fe", "be", "re")):
            raise NotReadError(f"the option {name} is not understood")
        found[full] = inside or ""
    return found


def _effects(written: Sequence[str]) -> list[str]:
    """Write fixed effects; slopes of a factor have intercepts, ``f[x]``, only where the factor stands there, too."""
    bare = [re.sub(r"(?<![\w.])i\.", "", one) for one in dict.fromkeys(written)]
    parts = [(one, [p for p in one.split("#") if p]) for one in bare]
    slopes = {one: (f, x) for one, pieces in parts if (found := _slope(pieces)) for f, x in [found]}
    own = {f for one, (f, _) in slopes.items() if "##" in one} | {one for one in bare if "#" not in one}
    texts: list[str] = []
    for one, pieces in parts:
        if one in slopes:
            factor, x = slopes[one]
            brackets = "[{}]" if factor in own else "[[{}]]"
            text = factor + brackets.format(x)
            own.discard(factor)
            texts = [text if t == factor else t for t in texts] if factor in texts else [*texts, text]
        elif any(piece.startswith("c.") for piece in pieces):
            raise NotReadError(f"`{one}` in absorb() is not read: fixed effects have slopes of one column each")
        elif one in own or "#" in one or not any(f == one for f, _ in slopes.values()):
            texts.append(_stata_ours(one, "effects"))
    return list(dict.fromkeys(texts))


def _levels_of(effect: str) -> list[str]:
    """Return the factors whose joint levels a fixed effect has, none where one is of slopes."""
    names = [re.sub(r"^i\.", "", one) for one in effect.split("#") if one]
    return names if all(re.fullmatch(r"[^\W\d]\w*", one) for one in names) else []


def _slope(pieces: Sequence[str]) -> tuple[str, str] | None:
    """Return the factor and the number of ``state#c.year``."""
    numbers = [found[1] for piece in pieces if (found := re.fullmatch(r"c\.\(?([^\W\d]\w*)\)?", piece))]
    factors = [piece for piece in pieces if re.fullmatch(r"[^\W\d]\w*", piece)]
    return (factors[0], numbers[0]) if len(pieces) == 2 and len(numbers) == len(factors) == 1 else None


def _option(options: str, names: str) -> str | None:
    found = re.search(rf"\b(?:{names})\(([^()]*)\)", options)
    return found[1].strip() if found else None


def _errors(command: str, given: Mapping[str, str], unit: str | None, sampled: bool) -> tuple[str, str]:
    """Return the errors of a command and how it counts; with weights of a sample (``sampled``) they are robust."""
    vce, more = _at_comma(given.get("vce", ""))
    kind, _, clusters = vce.strip().partition(" ")
    sort = _VCE.get(kind)
    if "vce" in given and (sort is None or (sort != "cluster" and clusters.strip())):
        raise NotReadError(f"the errors of vce({given['vce']}) are not read{_here(kind)}")
    if more and not re.fullmatch(r"\s*suite\(\w+\)\s*", more):
        raise NotReadError(f"what vce() has behind its comma is not read: {more.strip()}")
    if not re.fullmatch(r"(?:all|clusters?)?", given.get("dofadjustments", "")):
        raise NotReadError("other degrees of freedom than Stata's own (dofadjustments) are not read")
    clusters = given.get("cluster") or (clusters if sort == "cluster" else "")
    ssc = _CORRECTED.get(command, "")
    if "cluster" in given or sort == "cluster":
        columns = re.sub(r"\s*#+\s*", "^", re.sub(r"\bi\.", "", clusters)).replace(",", " ").split()
        if not columns or not all(re.fullmatch(r"[^\W\d]\w*(?:\^[^\W\d]\w*)*", one) for one in columns):
            raise NotReadError(f"`{clusters}` names no columns that errors cluster by")
        if len(columns) > 2:
            raise NotReadError("errors by more than two clusterings")
        return "~" + " + ".join(columns), ssc
    if sort == "robust" or "robust" in given or sampled or (command == "ppmlhdfe" and sort is None):
        return (f"~{unit}", "") if command == "xtreg" and unit else ("hetero", ssc)
    return "iid", ssc
