"""Parsing against R's own parse trees, and the places of nodes."""

import csv
from pathlib import Path

import pytest
from specdid.language import LanguageError, parse, referenced, write, write_number
from specdid.language.tree import Argument, Binary, Call, Constant, Macro, Name, Number, Text, Unary, walk

REFERENCE = Path(__file__).parents[1] / "reference" / "r_parse.csv"
with REFERENCE.open(encoding="utf-8", newline="") as file:
    ROWS = [(row["expression"], row["r_tree"]) for row in csv.DictReader(file)]

REFUSED = {
    "a==b==c": "not R either: comparisons do not chain",
    "a>1==b": "not R either: comparisons do not chain",
    "a<-1": "assignment",
    "f(a<-1)": "assignment",
    "a->b": "assignment",
    "a=1": "assignment",
    "a&&b": "one value, not a column",
    "a||b": "one value, not a column",
    "x$y": "parts of objects; there are only columns",
    "x@y": "parts of objects; there are only columns",
    "a;b": "several expressions",
    "function(x) x": "defines a function",
    "if(a) b else c": "control flow",
    "{a}": "a block",
    "{a+b}*2": "a block",
}
OTHERWISE = {
    "T&F": ("(& TRUE FALSE)", "T and F are TRUE and FALSE, not names that could be reassigned"),
    "NA": ("NA", "R's writer gave the constant NA as a missing cell"),
    "`my col`+1": ("(+ `my col` 1)", "names that need backticks are shown with them"),
    "`GDP per capita`/pop": ("(/ `GDP per capita` pop)", "names that need backticks are shown with them"),
}


def shown(node):
    """Prefix form as in r_parse.csv."""
    match node:
        case Name() | Text() | Constant() | Macro():
            return write(node)
        case Number():
            return write_number(node.value)
        case Unary():
            return f"({node.operator} {shown(node.operand)})"
        case Binary():
            return f"({node.operator} {shown(node.left)} {shown(node.right)})"
        case Call():
            return f"({' '.join([node.function, *map(argument, node.arguments)])})"


def argument(given: Argument):
    if given.value is None:
        return "<empty>"
    return shown(given.value) if given.name is None else f"{given.name}={shown(given.value)}"


def test_all_206_are_here():
    assert len(ROWS) == 206
    assert {expression for expression, _ in ROWS} >= REFUSED.keys() | OTHERWISE.keys()


@pytest.mark.parametrize(("expression", "tree"), ROWS, ids=[e for e, _ in ROWS])
def test_rs_tree_or_a_located_problem(expression, tree):
    if expression in REFUSED:
        with pytest.raises(LanguageError) as caught:
            parse(expression)
        for problem in caught.value.problems:
            assert 0 <= problem.span.start < problem.span.stop <= len(expression)
            assert problem.help
        return
    assert shown(parse(expression)) == OTHERWISE.get(expression, (tree,))[0]


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a + !b + c", "(+ a (! (+ b c)))"),
        ("a == !b & c", "(& (== a (! b)) c)"),
        ("a + !b == c", "(+ a (! (== b c)))"),
        ("a ^ -b * c", "(* (^ a (- b)) c)"),
        ("a ^ -b ^ c", "(^ a (- (^ b c)))"),
        ("-!a", "(- (! a))"),
        ("~ a ~ b", "(~ (~ a) b)"),
        ("a == !b == c", "(== a (! (== b c)))"),
        ("2^-1:3", "(: (^ 2 (- 1)) 3)"),
        ("f(a, )", "(f a <empty>)"),
        ("f('k' = 1, `m` = 2)", "(f k=1 m=2)"),
        ("`log`(a)", "(log a)"),
        ("f [ x ] [[ z ]]", "([[ ([ f x) z)"),
        ("-a %in% b:c", "(%in% (- a) (: b c))"),
    ],
)
def test_rs_rules_beyond_the_reference(text, tree):
    assert shown(parse(text)) == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [("1L", 1), ("0x10", 16), ("0xFFL", 255), ("1e3", 1000), (".5", 0.5), ("1.", 1), ("1E-2L", 0.01)],
)
def test_numbers(text, value):
    assert parse(text) == Number(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"'it\'s'", "it's"),
        (r'"a\\b"', "a\\b"),
        (r"'\n\t'", "\n\t"),
        (r"'\x41\u4eba\u{4eba}\U0001F600'", "A人人😀"),
        ("'北京'", "北京"),
        ("\"a 'b'\"", "a 'b'"),
    ],
)
def test_texts(text, value):
    assert parse(text) == Text(value)


def test_backticks_hold_anything():
    assert parse("`GDP（亿元） \\`x\\``") == Name("GDP（亿元） `x`")
    assert parse("`TRUE`") == Name("TRUE")
    assert parse("`T`") != parse("T")


@pytest.mark.parametrize("name", ["a", ".a", "a.b_1", "人均GDP", "Доход", "Ελλάδα", "ünïcode", "..a"])
def test_names(name):
    assert parse(name) == (Macro("a") if name == "..a" else Name(name))


def test_every_node_has_the_characters_it_was_made_from():
    text = "log( (so2) / pop ) + (a*b):c[x] + f(k = 1, , `m n`)"
    nodes = {write(node): text[node.span.start : node.span.stop] for node in walk(parse(text))}
    assert nodes["so2"] == "so2"
    assert nodes["log(so2 / pop)"] == "log( (so2) / pop )"
    assert nodes["so2 / pop"] == "(so2) / pop"
    assert nodes["(a * b):c[x]"] == "(a*b):c[x]"
    assert nodes["f(k = 1, , `m n`)"] == "f(k = 1, , `m n`)"
    assert nodes["`m n`"] == "`m n`"
    assert nodes[write(parse(text))] == text


def test_empty_arguments_have_a_place():
    call = parse("sw(a, , b)")
    assert isinstance(call, Call)
    assert call.arguments[1].span.start == 5


def test_referenced_columns_in_order():
    names = referenced(parse("log(b) + ..m + i(year, a, ref = 2011) + b"))
    assert [n.name for n in names] == ["b", "year", "a", "b"]
    assert names[1].span.start == 17


def test_spans_do_not_count_in_comparisons():
    assert parse("a+b") == parse(" ( a  + `b` )")


def test_a_long_sum_is_fine_and_deep_nesting_is_not():
    parse(" + ".join(f"x{i}" for i in range(250)))
    parse("(" * 50 + "x" + ")" * 50)
    for text in ["log(" * 51 + "x" + ")" * 51, "-" * 60 + "x", "x^" * 60 + "x"]:
        with pytest.raises(LanguageError) as caught:
            parse(text)
        assert caught.value.problems[0].code == "too_large"
