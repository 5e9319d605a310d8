"""What a researcher reads when an expression is wrong: place, cause, suggestion."""

import pytest
from specdid.language import LanguageError, check, parse
from specdid.language.habits import in_our_spelling

WRONG = [
    # role, text, marked, message, help
    ("value", "(a", "(", "`(` is never closed", "add `)`"),
    ("value", "a)", ")", "`)` closes nothing", "delete it"),
    ("value", "(a]", "]", "`]` cannot close the `(` before it", "write `)`"),
    ("value", "a b", "b", "an operator is missing before `b`", "`+` adds a term"),
    ("value", "a +", "+", "the expression ends after `+`", "what comes after"),
    ("value", "a ++* b", "+*", "nothing stands between `+` and `*`", "a value is missing"),
    ("value", "* b", "*", "nothing stands before `*`", "a value is missing"),
    ("value", "", "", "the expression is empty", "`TRUE` for all rows"),
    ("value", "'abc", "'abc", "the text is never closed", "add `'`"),
    ("value", "`abc", "`abc", "the name is never closed", "backtick"),
    ("value", "``", "``", "a name in backticks cannot be empty", ""),
    ("value", "2x", "2x", "a name cannot begin with a digit", "`2 * x`"),
    ("value", "1_000", "1_", "a number has no `_`", "1000"),
    ("value", "_x", "_x", "a name cannot begin with `_`", "`_x`"),
    ("value", "2(a)", "(", "`2` is not a function", "write `*`"),
    ("value", "a, b", ",", "a comma can stand only between a function's arguments", "c(a, b)"),
    ("value", "a = 1", "=", "`=` does not compare", "write `==`"),
    ("value", "f(a=)", "=)", "nothing stands between", "missing"),
    ("value", "a == b == c", "==", "comparisons cannot be chained", "a < b & b < c"),
    ("value", "a && b", "&&", "`&&` looks at one value", "write `&`"),
    ("value", "a || b", "||", "`||` looks at one value", "write `|`"),
    ("value", "a ** 2", "**", "`**` is not a power here", "write `^`"),
    ("value", "a <- 1", "<-", "`<-` assigns", "`< -`"),
    ("value", "a -> b", "->", "`->` assigns", "[derive]"),
    ("value", "a <> b", "<>", "`<>` is not a comparison", "write `!=`"),
    ("value", "a$b", "$", "`$` takes a part of an object", "column's name"),
    ("value", "a;b", ";", "`;` separates expressions", "one expression"),
    ("terms", "a##b", "##", "Stata's interaction", "a*b"),
    ("terms", "a#b", "#", "`#` cannot stand", "a:b"),
    ("value", "a and b", "and", "`and` is not an operator", "write `&`"),
    ("value", "a or b", "or", "`or` is not an operator", "write `|`"),
    ("value", "not a", "not", "`not` is not an operator", "write `!`"),
    ("value", "a in b", "in", "`in` cannot stand", "%in%"),
    ("value", "if (a) b", "if", "`if` cannot stand", "ifelse"),
    ("value", "Inf", "Inf", "`Inf` cannot stand", "no infinity"),
    ("value", "NULL", "NULL", "`NULL` cannot stand", "NA"),
    ("value", "a %>% b", "%>%", "no operator `%>%`", "%in%"),
    ("value", "a % b", "%", "a single `%` is no operator", "%%"),
    ("value", "r'x'", "r'x'", "texts have no prefix `r`", "write 'x'"),
    ("value", r"'\d'", r"\d", r"unknown escape `\d`", "backslash"),
    ("value", "log（x）", "（", "full-width `（`", "write `(`"),
    ("value", "a＋b", "＋", "full-width `＋`", "write `+`"),
    ("value", "ａ", "ａ", "full-width `ａ`", "write `a`"),
    ("value", "x == “a”", "“", "left double quotation mark", 'write `"`'),
    ("value", "a、b", "、", "ideographic comma", "write `,`"),
    ("value", "a ≥ 1", "≥", "greater-than or equal to", "write `>=`"),
    ("value", "x²", "²", "superscript two", "write `^2`"),
    ("value", "\u0430bc", "\u0430", "(cyrillic small letter a, U+0430) only looks like `a`", "backticks"),
    ("value", "a\u200b", "\u200b", "invisible character: zero width space, U+200B", "delete it"),
    ("value", "a\u00a0+ b", "\u00a0", "invisible character: no-break space", "ordinary space"),
    ("value", "x == 'a\u202e'", "\u202e", "right-to-left override", "delete it"),
    ("value", "1e999", "1e999", "too large a number", ""),
    ("value", "ln(x)", "ln(x)", "no function `ln`", "`log(x, base)`"),
    ("value", "lgo1p(x)", "lgo1p(x)", "no function `lgo1p`", "did you mean `log1p(x)`?"),
    ("value", "np.log(x)", "np.log(x)", "no function `np.log`", "write `log`"),
    ("value", "lag(x)", "lag(x)", "no function `lag`", "`l(x, 1)`"),
    ("value", "avg(x)", "avg(x)", "no function `avg`", "`mean(x, by = g)`"),
    ("terms", "as.factor(x)", "as.factor(x)", "no function `as.factor`", "`factor(x)`"),
    ("value", "xtile(x)", "xtile(x)", "no function `xtile`", "quantile_group(x, 4, type = 2)"),
    ("value", "eval('x')", "eval('x')", "no function `eval`", "a spec file is data"),
    ("value", "zzzzzzz(x)", "zzzzzzz(x)", "no function", "the functions are log, log1p"),
    ("value", "winsorize(x, .5)", ".5", "`0.5` is not a share per tail", ""),
    ("value", "winsorize(x, -.1)", "-.1", "`-0.1` is not a share per tail", ""),
    ("value", "winsorize(x)", "winsorize(x)", "`winsorize()` lacks its argument `p`", "winsorize(x, p, by = g)"),
    ("value", "winsorize(x, q = 1)", "q = 1", "`winsorize()` has no argument `q`", "winsorize(x, p, by = g)"),
    ("value", "cut(x, c(1, 2, 2))", "2", "the cut points do not increase", "list them in order"),
    ("value", "cut(x, c(1, 3, 2))", "2", "the cut points do not increase", "list them in order"),
    ("terms", "bs(x, knots = c(1, 1))", "1", "the knots do not increase", "list them in order"),
    ("value", "log(x, 2, 3)", "3", "`log()` takes no further argument", "log(x, base)"),
    ("value", "log(x = a, x = b)", "x = b", "`x` is given twice", ""),
    ("value", "log(x, 1)", "1", "`1` is not a positive constant", ""),
    ("value", "a^b", "b", "the exponent is not a constant", "exp(a * log(x))"),
    ("value", "a^11", "11", "the exponent is above 10", ""),
    ("value", "a^-11", "-11", "the exponent is above 10", ""),
    ("terms", "a^11", "11", "the exponent is above 10", ""),
    ("terms", "(a + b)^0.5", "0.5", "the exponent is not 1, 2", ""),
    ("terms", "poly(x, 11)", "11", "`11` is not a whole number from 1 to 10", ""),
    ("value", "l(x, k)", "k", "`k` is not a whole number of periods", ""),
    ("value", "l(x, 101)", "101", "the lag is above 100", ""),
    ("value", "l(x, 1:2)", "1:2", "a value has one lag", "several terms"),
    ("value", "a:b", "a:b", "`:` cannot stand here", "a range follows `%in%`"),
    ("condition", "a == 2008:2016", "2008:2016", "`:` cannot stand here", "%in%"),
    ("condition", "a %in% b", "b", "`b` is not a list of values", "c(1, 2)"),
    ("condition", "a %in% c(b)", "b", "`b` is not a constant", ""),
    ("condition", "a + b", "a + b", "`a + b` is not a condition", "x > 0"),
    ("condition", "1", "1", "`1` is not a condition", "TRUE"),
    ("condition", "sw(a, b)", "sw(a, b)", "`sw()` cannot stand here", "own dimension"),
    ("value", "y ~ x", "y ~ x", "`~` cannot stand inside", "[study] formula"),
    ("value", "factor(x)", "factor(x)", "`factor()` makes a term", "column itself"),
    ("value", "c(1, 2)", "c(1, 2)", "`c()` lists values", "%in%"),
    ("value", "..m", "..m", "`..m` stands for terms", "[derive]"),
    ("value", "x[1]", "x[1]", "`[` cannot stand here", "at(x"),
    ("value", "'a' + x", "'a'", "`+` cannot take a text", "=="),
    ("terms", "so2 | city", "so2 | city", "`|` has no meaning among terms", "[fixed_effects]"),
    ("terms", "a - b", "b", "`b` is taken away and is not among the terms", "`I(a - b)`"),
    ("terms", "a1-a17", "a17", "`a17` is taken away", "a range of columns"),
    ("terms", "-a", "a", "`a` is taken away", "`I(a - b)`"),
    ("terms", "a - a + a - b", "b", "`b` is taken away", ""),
    ("terms", "a*a", "a*a", "`a*a` would be `a` alone", "`a + I(a^2)`"),
    ("terms", "x + a:a", "a:a", "`a:a` would be `a` alone", "`I(a^2)`"),
    ("terms", "x + a/b", "a/b", "`a / b` among terms is no ratio", "`I(a / b)` for the ratio"),
    ("terms", "a %in% b", "a %in% b", "`b` is not a list of values", "`a:b`"),
    ("condition", "x == NA", "x == NA", "a comparison with `NA` is missing in every row", "write `is.na(x)`"),
    ("value", "1 + (NA != x)", "NA != x", "a comparison with `NA`", "write `!is.na(x)`"),
    ("terms", "a + 2", "2", "a number is not a term", "I(2 * x)"),
    ("terms", "a + 'b'", "'b'", '`"b"` is not a term', ""),
    ("terms", "a[b]", "a[b]", "slopes stand among the fixed effects", "city_id[year]"),
    ("terms", "a - sw(b, d)", "sw(b, d)", "alternatives cannot be subtracted", ""),
    ("terms", "sw(a, csw(b, d))", "csw(b, d)", "cannot stand in another operator", "sw(a, b, c)"),
    ("terms", "log(sw(a, b))", "sw(a, b)", "`sw()` cannot stand here", ""),
    ("terms", "sw()", "sw()", "`sw()` has no arguments", ""),
    ("terms", "sw(k = a)", "k = a", "`sw()` has no argument `k`", ""),
    ("terms", "each('^a')", "each('^a')", "`each()` separates arguments", "mvsw(each("),
    ("terms", "regex('(a+)+')", "'(a+)+'", "repeats a group that repeats", ""),
    ("terms", "regex(a)", "a", "`a` is not a text", "quotes"),
    ("effects", "a*b", "a*b", "`a * b` is not a fixed effect", "a + b + a^b"),
    ("effects", "a:b", "a:b", "`a:b` is not a fixed effect", "a^b"),
    ("effects", "factor(a)", "factor(a)", "`factor(a)` is not a fixed effect", "name alone"),
    ("effects", "a[1]", "1", "`1` is not a slope", "city_id[year]"),
    ("effects", "sw(a, b*d)", "b*d", "`b * d` is not a fixed effect", ""),
    ("effects", "log1p(lag(a))", "lag(a)", "no function `lag`", ""),
    ("names", "a + b^c", "b^c", "`b^c` is not a column's name", "[derive]"),
    ("outcome", "c(y, )", "c(y, )", "an outcome cannot be empty", ""),
    ("outcome", "mvsw(y, z)", "mvsw(y, z)", "`mvsw()` cannot stand here", ""),
    ("formula", "x", "x", "a formula has a `~`", "outcome ~"),
    ("formula", "~x", "~x", "no outcome stands before `~`", "y ~ x"),
    ("formula", "y ~ x | f | g", "g", "a formula has at most one `|`", "[vcov]"),
    ("formula", "y ~ x | f | d ~ z", "y ~ x | f | d ~ z", "a formula has one `~`", "[instruments]"),
]


def problems(role, text):
    try:
        return check(parse(text), role)
    except LanguageError as error:
        return error.problems


@pytest.mark.parametrize(("role", "text", "marked", "message", "help"), WRONG, ids=[w[1] for w in WRONG])
def test_place_cause_and_suggestion(role, text, marked, message, help):
    first = problems(role, text)[0]
    assert text[first.span.start : first.span.stop] == marked
    assert message in first.message
    assert help in (first.help or "")


def test_several_problems_are_reported_at_once():
    found = problems("value", "log（x） && a$b")
    assert [p.code for p in found] == ["full_width", "full_width", "operator", "operator"]
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


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("winsor2 x", "winsorize(x, 0.01, type = 2)"),
        ("winsor2 x, replace cuts(5 95)", "winsorize(x, 0.05, type = 2)"),
        ("winsor x, gen(z) p(0.05)", "winsorize(x, 0.05, type = 2)"),
        ("winsor2 x, cuts(5 95) by(g)", None),
        ("winsor2 x, cuts(1 95)", None),
        ("winsor2 x, trim", None),
        ("winsor x, gen(z) h(5)", None),
    ],
)
def test_winsor_of_stata_is_written_here_where_its_options_are_known(typed, written):
    assert in_our_spelling(typed, "value") == written
