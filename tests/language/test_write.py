"""The canonical text: the contract's spelling, and what is written reads back as it was."""

import pytest
from examples import examples
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from specdid.language import LanguageError, parse, write
from specdid.language.tree import Argument, Binary, Call, Constant, Macro, Name, Number, Text, Unary


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a+b", "a + b"),
        ("province ^ year", "province^year"),
        ("log(so2/pop)", "log(so2 / pop)"),
        ("I( pgdp^2 )", "I(pgdp^2)"),
        ("`pgdp` + `GDP per capita`", "pgdp + `GDP per capita`"),
        ("i(f,x,ref=2011)", "i(f, x, ref = 2011)"),
        ("year%in%c(2010L,0x7DC)", "year %in% c(2010, 2012)"),
        ("2008 : 2016", "2008:2016"),
        ("1e-2*a + 1.50", "0.01 * a + 1.5"),
        ("'it\\'s'", '"it\'s"'),
        ("T & F | NA", "TRUE & FALSE | NA"),
        ("((a))", "a"),
        ("(a+b)*c", "(a + b) * c"),
        ("a-(b-c)", "a - (b - c)"),
        ("(a^b)^c", "(a^b)^c"),
        ("!(a==1)", "!(a == 1)"),
        ("!a", "!a"),
        ("(-a)^2", "(-a)^2"),
        ("csw0(,a)", "csw0(, a)"),
        ("y~x|f [x]+g[[ z ]]", "y ~ x | f[x] + g[[z]]"),
        ("..('^ind')", '..("^ind")'),
        ("~city_id+year", "~city_id + year"),
        ("`TRUE`", "`TRUE`"),
        ("城市+年份", "城市 + 年份"),
    ],
)
def test_the_contracts_spelling(text, canonical):
    assert write(parse(text)) == canonical
    assert write(parse(canonical)) == canonical


PRINTABLE = st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00")
ANY_NAME = st.one_of(st.sampled_from(["a", "b.c", "人均GDP", ".x", "x_1"]), st.text(PRINTABLE, min_size=1, max_size=8))
LEAVES = st.one_of(
    ANY_NAME.map(Name),
    st.sampled_from(["m", "economy"]).map(Macro),
    st.floats(0, 1e300, allow_nan=False, allow_subnormal=False).map(lambda value: Number(abs(value))),
    st.integers(0, 10**6).map(lambda value: Number(float(value))),
    st.text(PRINTABLE, max_size=8).map(Text),
    st.sampled_from([True, False, None]).map(Constant),
)
BINARY = [
    "~",
    "|",
    "&",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%%",
    "%/%",
    "%in%",
    ":",
    "^",
    "[",
    "[[",
]


def grown(inner):
    argument = st.builds(Argument, st.one_of(st.none(), inner))
    named = st.builds(Argument, inner, ANY_NAME)
    arguments = st.lists(st.one_of(argument, named), max_size=3).map(tuple)
    return st.one_of(
        st.builds(Unary, st.sampled_from(["-", "+", "!", "~"]), inner),
        st.builds(Binary, st.sampled_from(BINARY), inner, inner),
        st.builds(Call, st.one_of(ANY_NAME, st.just("..")), arguments.filter(lambda a: a != (Argument(None),))),
    )


@settings(max_examples=examples(400))
@given(st.recursive(LEAVES, grown, max_leaves=12))
def test_what_is_written_reads_back_as_it_was(node):
    assert parse(write(node)) == node


def located(text):
    try:
        parse(text)
    except LanguageError as error:
        assert error.problems  # noqa: PT017 - the other branch is as good
        return error.problems
    return ()


@settings(max_examples=examples(300))
@given(st.text(st.sampled_from("abx12.()[]+-*/^:~|&!<=>%in,'\"` \\_TF"), max_size=25))
def test_any_text_is_a_tree_or_a_located_problem(text):
    problems = located(text)
    assert all(0 <= p.span.start <= p.span.stop <= len(text) for p in problems)
    if not problems:
        assert parse(write(parse(text))) == parse(text)


@settings(max_examples=examples(300))
@given(st.text(max_size=20))
def test_no_text_at_all_breaks_the_parser(text):
    assume(text.strip())
    problems = located(text)
    assert all(0 <= p.span.start <= p.span.stop <= len(text) for p in problems)
