"""What is wrong with an expression, and where."""

import pytest
from specdid.language import LanguageError, check, parse

WRONG = {
    "value": [
        ("(a", "("), ("a)", ")"), ("(a]", "]"), ("a b", "b"), ("a +", "+"), ("a ++* b", "+*"), ("* b", "*"),
        ("", ""), ("'abc", "'abc"), ("`abc", "`abc"), ("``", "``"), ("2x", "2x"), ("1_000", "1_"), ("_x", "_x"),
        ("2(a)", "("), ("a, b", ","), ("a = 1", "="), ("f(a=)", "=)"), ("a == b == c", "=="), ("a && b", "&&"),
        ("a || b", "||"), ("a ** 2", "**"), ("a <- 1", "<-"), ("a -> b", "->"), ("a <> b", "<>"), ("a$b", "$"),
        ("a;b", ";"), ("a and b", "and"), ("a or b", "or"), ("not a", "not"), ("a in b", "in"), ("if (a) b", "if"),
        ("Inf", "Inf"), ("NULL", "NULL"), ("a %>% b", "%>%"), ("a % b", "%"), ("r'x'", "r'x'"), ("'\\d'", "\\d"),
        ("log（x）", "（"), ("a＋b", "＋"), ("x == “a”", "“"), ("a、b", "、"), ("a ≥ 1", "≥"), ("a\u200b", "\u200b"),
        ("a\u00a0+ b", "\u00a0"), ("x == 'a\u202e'", "\u202e"), ("1e999", "1e999"), ("ln(x)", "ln(x)"),
        ("lgo1p(x)", "lgo1p(x)"), ("lag(x)", "lag(x)"), ("xtile(x)", "xtile(x)"), ("zzzzzzz(x)", "zzzzzzz(x)"),
        ("winsorize(x, .5)", ".5"), ("winsorize(x, -.1)", "-.1"), ("winsorize(x)", "winsorize(x)"),
        ("winsorize(x, q = 1)", "q = 1"), ("cut(x, c(1, 2, 2))", "2"), ("cut(x, c(1, 3, 2))", "2"),
        ("log(x, 2, 3)", "3"), ("log(x = a, x = b)", "x = b"), ("log(x, 1)", "1"), ("a^b", "b"), ("a^11", "11"),
        ("a^-11", "-11"), ("l(x, k)", "k"), ("l(x, 101)", "101"), ("l(x, 1:2)", "1:2"), ("a:b", "a:b"),
        ("y ~ x", "y ~ x"), ("factor(x)", "factor(x)"), ("c(1, 2)", "c(1, 2)"), ("..m", "..m"), ("x[1]", "x[1]"),
        ("'a' + x", "'a'"), ("1 + (NA != x)", "NA != x"),
    ],
    "terms": [
        ("a##b", "##"), ("a#b", "#"), ("as.factor(x)", "as.factor(x)"), ("bs(x, knots = c(1, 1))", "1"),
        ("a^11", "11"), ("(a + b)^0.5", "0.5"), ("poly(x, 11)", "11"), ("so2 | city", "so2 | city"), ("a - b", "b"),
        ("a1-a17", "a17"), ("-a", "a"), ("a - a + a - b", "b"), ("a*a", "a*a"), ("x + a:a", "a:a"),
        ("x + a/b", "a/b"), ("a %in% b", "a %in% b"), ("a + 2", "2"), ("a + 'b'", "'b'"), ("a[b]", "a[b]"),
        ("a - sw(b, d)", "sw(b, d)"), ("sw(a, csw(b, d))", "csw(b, d)"), ("log(sw(a, b))", "sw(a, b)"),
        ("sw()", "sw()"), ("sw(k = a)", "k = a"), ("each('^a')", "each('^a')"), ("regex('(a+)+')", "'(a+)+'"),
        ("regex(a)", "a"),
    ],
    "condition": [
        ("a == 2008:2016", "2008:2016"), ("a %in% b", "b"), ("a %in% c(b)", "b"), ("a + b", "a + b"), ("1", "1"),
        ("sw(a, b)", "sw(a, b)"), ("x == NA", "x == NA"),
    ],
    "effects": [
        ("a*b", "a*b"), ("a:b", "a:b"), ("factor(a)", "factor(a)"), ("a[1]", "1"), ("sw(a, b*d)", "b*d"),
        ("log1p(lag(a))", "lag(a)"),
    ],
    "names": [
        ("a + b^c", "b^c"),
    ],
    "outcome": [
        ("c(y, )", "c(y, )"), ("mvsw(y, z)", "mvsw(y, z)"),
    ],
    "formula": [
        ("x", "x"), ("~x", "~x"), ("y ~ x | f | g", "g"), ("y ~ x | f | d ~ z", "y ~ x | f | d ~ z"),
    ],
}  # fmt: skip
"""Role -> texts, and what is marked of each."""
CASES = [(role, *case) for role, cases in WRONG.items() for case in cases]


def problems(role, text):
    try:
        return check(parse(text), role)
    except LanguageError as error:
        return error.problems


@pytest.mark.parametrize(("role", "text", "marked"), CASES, ids=[c[1] for c in CASES])
def test_the_first_problem_is_marked_where_it_stands(role, text, marked):
    first = problems(role, text)[0]
    assert text[first.span.start : first.span.stop] == marked


def test_several_problems_are_reported_at_once():
    found = problems("value", "log（x） && a$b")
    assert [p.code for p in found] == ["syntax"] * 4
    found = problems("value", "ln(x) + lag(y) + a^b")
    assert [p.span.start for p in found] == [0, 8, 19]


FINE = [
    ("value", "log(so2 / pop)"),
    ("value", "ifelse(batch == 2012, 2012, 0)"),
    ("value", "pilot * (year >= 2012)"),
    ("value", "(batch > 0) * (year >= batch)"),
    ("value", "l(ln_pat, 1) + f(x) + d(x, -2)"),
    ("value", "winsorize(p = 0.01, x = so2)"),
    ("value", "first(treated == 1)"),
    ("value", "ave(x, province) - x %% 2"),
    ("value", "pmin(a, 1) + pmax(a, b, d)"),
    ("condition", "TRUE"),
    ("condition", "municipality == 0 & !is.na(x) | year %in% c(2010, 2012:2014)"),
    ("condition", "province %in% c('北京', \"上海\") & capital"),
    ("condition", "at(pop, year == 2011) <= 100"),
    ("condition", "year %in% 2008:2016"),
    ("terms", "1"),
    ("terms", "..economy + mvsw(ind2, ln_open, ln_pat)"),
    ("terms", "i(year, pilot, ref = 2011) + i(rel, ref = c(-1, 99)) + i(f, factor(g))"),
    ("terms", "x^2 + (a + b)^2 - a:b + I(a / b) + l(x, 1:3) + poly(x, 2, raw = TRUE)"),
    ("terms", "dudt:sw(a, b) + pilot:(year >= 2012) + pilot:(batch %in% c(2012, 2013))"),
    ("terms", "mvsw(each('^x'), regex('^ln_(open|pat)$'), ..('[[:digit:]]+$'))"),
    ("terms", "sw(, a) + csw0(a, b)"),
    ("terms", "0 + a - 1"),
    ("effects", "0"),
    ("effects", "sw(city_id + year, city_id + province^year)"),
    ("effects", "city_id[year] + province[[year]] + floor(year / 5)^city_id + ..fe"),
    ("names", "a + `b c` + 城市"),
    ("outcome", "c(log(y1), y2 - 1)"),
    ("outcome", "sw(y1, y2)"),
    ("formula", "c(log(so2/pop), ww) ~ dudt + mvsw(a, b) | sw(city_id + year, city_id + province^year)"),
]


@pytest.mark.parametrize(("role", "text"), FINE, ids=[t for _, t in FINE])
def test_the_contracts_own_expressions_pass(role, text):
    assert problems(role, text) == ()
