"""Odd paths, numbers, texts, code and expressions, to be put where a spec holds sensible ones."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from fuzz_cage import CANARY

CODE = tuple(
    text.format(CANARY)
    for text in (
        "__import__('os').system('touch {0}_1')", "exec('open(\"{0}_2\", \"w\")')", "eval('{0}')",
        "open('{0}_3', 'w')", "`__import__('{0}')`", "{0}.__class__.__mro__", "{{`{0}`}}", "I(__import__('{0}'))",
        "pd.eval('{0}')", "x1 + @{0}", "C(x1, levels = __import__('{0}'))", "`x1`.{0}()", "Q('{0}')",
        "bs({0})", "regex('{0}|.*')", "..('({0}+)+$')", "x1 %in% c({0}())", "log(x1, base = {0}.x)",
        "\\x5f_import__('{0}')", "i(x1, {0}.y)", "poly(x1, {0}())", "x1[{0}()]", "x1^{0}()", "'{0}'.format(x1)",
        "$(touch {0}_4)", "`touch {0}_5`",
        "=cmd|'/c {0}'!A1", "{{{{ {0} }}}}", "\\input{{{0}}}", "<script>{0}</script>",
    )
)  # fmt: skip
PATHS = (
    "/etc/passwd", "../../../../etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/mem", "/proc/self/environ.csv",
    "fifo.csv", "zero.csv", "loop.csv", "directory.csv", "huge.csv", "file:///etc/passwd", "https://a.com/a.csv",
    "s3://bucket/a.parquet", "\\\\server\\share\\a.csv", "C:\\a.csv", "~/a.csv", "$HOME/a.csv", "*.csv", "a\x00.txt",
    "", ".", "..", "/", "small.csv/", "small.csv/..", "small.csv/small.csv", "a" * 300 + ".csv", "a/" * 3000 + "b.csv",
    "|touch canary_6", "http:small.csv", "small.CSV", "SMALL.csv", "./small.csv", "directory.csv/../small.csv",
    "case.toml", "small.csv.gz", "nul", "CON.csv", "small.csv ", " small.csv", "\u202esmall.csv", "small\udcff.csv",
)  # fmt: skip
NUMBERS = (0, -1, 1, 2, 1e-300, 1e308, 10**9, 2**31, 2**62, 2**63, 2**64, -(2**63), 10**30, 0.5, 1.0, -0.0,
           float("inf"), float("-inf"), float("nan"))  # fmt: skip
TEXTS = (
    "", " ", "TRUE", "NA", "1", "0", "unit", "id", "year", "x1", "y", "d", "a" * 20_000, "\n", "\t", "\x1b[31m",
    "\u202e", "中文", "😀", "é" * 300, "%s %d {0} {x}", "..x", "regex('.')", "sw()",
        "mvsw(" + ", ".join(f"x{j}" for j in range(40)) + ")",
    "csw(" + ", ".join(f"I(x1 + {j})" for j in range(200)) + ")", "~id", "~id + year", "hetero", "feols", "sunab",
        "loky", "wild",
    "mvsw(" + ", ".join(f"I(x1^{j + 1})" for j in range(9)) + ")",
)  # fmt: skip

NAMES = (
    "id",
    "year",
    "group",
    "cohort",
    "d",
    "x1",
    "x2",
    "x3",
    "y",
    "z",
    "w",
    "nobody",
    "`x 1`",
    "中文",
    "T",
    "pi",
    "self",
)
BINARY = ("+", "-", "*", "/", "^", ":", "==", "!=", "<", ">=", "&", "|", "%in%", "%%", "%/%", "~", "[", "[[")
UNARY = ("-", "+", "!", "~")
FUNCTIONS = (
    "log", "log1p", "log10", "exp", "sqrt", "abs", "asinh", "floor", "I", "factor", "C", "i", "poly", "l", "f", "d",
    "scale", "center", "winsorize", "trim", "pmin", "pmax", "ifelse", "is.na", "at", "first", "ave", "c", "sw", "sw0",
    "csw", "csw0", "mvsw", "regex", "..", "each", "eval", "system",
)  # fmt: skip
PATTERNS = ("^x", ".", "(a+)+$", "x[12]", "[", "^(x|y)$", "x{1,100}", "(x{1,90}){90}", "\\d", "\\1", "", ".*.*.*.*z")


def expression(random: Random, depth: int = 0, names: Sequence[str] = NAMES) -> str:
    """Write a random expression of the language's forms, sensible or not."""
    if depth > 4 or random.random() < 0.25 + 0.1 * depth:
        leaf = random.randrange(6)
        if leaf < 3:
            return random.choice(names)
        return str(
            random.choice(
                (
                    *NUMBERS[:16],
                    "TRUE",
                    "NA",
                    "'a'",
                    "..some",
                    "..x",
                    "2001:2004",
                    "1e400",
                    "1e-400",
                    "0x1F",
                    "3L",
                    '"\\u4e2d"',
                )
            )
        )
    inner = [expression(random, depth + 1, names) for _ in range(random.randrange(1, 4))]
    match random.randrange(6):
        case 0 | 1:
            operator = random.choice(BINARY)
            close = {"[": "]", "[[": "]]"}.get(operator, "")
            return f"{inner[0]} {operator} {inner[-1]}{close}"
        case 2:
            return f"({inner[0]})"
        case 3:
            return random.choice(UNARY) + inner[0]
        case _:
            function = random.choice(FUNCTIONS)
            if function in ("regex", "..", "each"):
                return f"{function}({random.choice(PATTERNS)!r})"
            if random.random() < 0.2:
                inner[-1] = f"{random.choice(('k', 'p', 'ref', 'degree', 'base', 'x', 'by'))} = {inner[-1]}"
            return f"{function}({', '.join(inner)})"


OF_ONE = ("log", "exp", "sqrt", "abs", "asinh", "floor", "scale", "center", "log1p", "log10", "is.na")
NUMERIC = ("x1", "x2", "x3", "y", "z", "w", "d", "group", "cohort", "year", "id")


def value(random: Random, depth: int = 0) -> str:
    """Write an expression that the language takes and that can be evaluated, however odd its values."""
    if depth > 3 or random.random() < 0.2 + 0.1 * depth:
        return random.choice((*NUMERIC, *NUMERIC, "1", "0", "2004", "1e300", "1e-300", "NA", "TRUE"))
    a, b, c = (value(random, depth + 1) for _ in range(3))
    return random.choice(
        (
            f"({a}) {random.choice(('+', '-', '*', '/', '%%', '%/%'))} ({b})",
            f"I({a} {random.choice(('+', '-', '*', '/', '%%', '%/%'))} {b})",
            f"I(({a})^{random.choice((2, 3, 10, 0.5, -1, -10, 0))})",
            f"({a}) {random.choice(('==', '!=', '<', '>=', '&', '|'))} ({b})",
            f"{random.choice(OF_ONE)}({a})",
            f"{random.choice(('l', 'f', 'd'))}({a}, {random.choice((1, 2, 0, -1, 5, 2147483647))})",
            f"ifelse({a} > {b}, {c}, {a})",
            f"{random.choice(('pmin', 'pmax'))}({a}, {b})",
            f"{random.choice(('winsorize', 'trim'))}({a}, {random.choice((0, 0.01, 0.2, 0.499))})",
            f"at({a}, year == {random.choice((2001, 2003, 1))})",
            f"first({a} > 0)",
            f"ave({a}, {random.choice(NUMERIC)})",
            f"{a} %in% c({random.choice((1, 2, 2004, '2001:2004', 'NA', '1:2147483647'))})",
            f"factor({random.choice(('group', 'year', 'cohort', 'id', 'x1'))})",
            f"poly({a}, {random.choice((1, 2, 3, 9))})",
            f"i(year, {a}, ref = 2001)",
            f"({a}):({b})",
            f"{a} + {b}",
            f"sw0({random.choice(NUMERIC)}, {random.choice(NUMERIC)})",
        )
    )
