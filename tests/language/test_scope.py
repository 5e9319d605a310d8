"""Content digests: what is the same, whatever it is called or how it is spelled."""

import pickle

import pytest
from pace import within
from specdid.language import Bound, LanguageError, Scope, argument, bind, parse, unknown_columns, write_out
from specdid.language.scope import sources

BASE = Scope.of(["a", "b", "so2", "pop", "year", "my col"])


def scope_of(**derived):
    scope = BASE
    for name, text in derived.items():
        scope = scope.define(name, parse(text))
    return scope


def digest(text, scope=BASE):
    return bind(parse(text), scope).digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("log(so2/pop)", " log( `so2` /(pop) )"),
        ("T", "TRUE"),
        ("winsorize(a, 0.01)", "winsorize(p = 1e-2, x = a)"),
        ("l(a)", "l(a, 1)"),
        ("l(x = a, k = 1L)", "l(a)"),
        ("I(a^2)", "a^2"),
        ("C(a)", "factor(a)"),
        ('..("^a")', 'regex("^a")'),
        ("'x'", '"x"'),
        ("poly(a, 2)", "poly(a, degree = 2, raw = FALSE)"),
    ],
)
def test_the_same_content(one, other):
    assert digest(one) == digest(other)
    assert len(digest(one)) == 32


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "b"),
        ("a", "'a'"),
        ("a - b", "b - a"),
        ("a - (b - a)", "a - b - a"),
        ("1", "'1'"),
        ("l(a, 1)", "f(a, 1)"),
        ("a^2", "a^3"),
        ("log(a)", "log1p(a)"),
        ("pmin(a, b)", "pmin(b, a)"),
        ("NA", "FALSE"),
        ("factor(a)", "a"),
    ],
)
def test_other_content(one, other):
    assert digest(one) != digest(other)


def test_a_digest_is_the_same_in_every_process():
    assert digest("log(so2 / pop)") == "a11749cc1abfc3b874a4c91bc1b0dd59"


def test_derived_columns_count_as_their_definition():
    scope = scope_of(ratio="so2 / pop", y="log(ratio)", z="log(so2/pop)")
    assert bind(parse("y"), scope) == bind(parse("z"), scope)
    assert digest("y", scope) == digest("log(so2 / pop)")


def test_its_own_name_means_the_old_value():
    scope = scope_of(so2="winsorize(so2, 0.01)", y="log(so2)")
    assert digest("y", scope) == digest("log(winsorize(so2, 0.01))")
    twice = scope.define("so2", parse("so2 * 2"))
    assert digest("so2", twice) == digest("winsorize(so2, 0.01) * 2")
    assert digest("y", twice) == digest("y", scope)


def test_definitions_are_found_in_their_own_scope():
    scope = scope_of(so2="so2 + 1", y="so2 * 2")
    inner = scope.definition("y")
    assert inner is not None
    older = inner.scope.definition("so2")
    assert older is not None
    assert older.scope.definition("so2") is None
    assert scope.definition("a") is None
    assert digest("so2 * 2", scope) == inner.digest


def test_written_out():
    scope = scope_of(so2="winsorize(so2, 0.01)", y="log(so2 / pop)")
    assert write_out(bind(parse("y + `my col`"), scope)) == "log(winsorize(so2, 0.01) / pop) + `my col`"
    assert (
        write_out(
            bind(
                parse(
                    "a * y",
                ),
                scope_of(y="a + b"),
            )
        )
        == "a * (a + b)"
    )


def test_exponential_chains_stay_linear():
    scope = BASE
    with within(1):
        for k in range(200):
            scope = scope.define(f"d{k}", parse(f"d{k - 1} * d{k - 1}" if k else "a"))
        bound = bind(parse("d199"), scope)
    with pytest.raises(LanguageError, match="parts; at most"):
        write_out(bound)
    assert pickle.loads(pickle.dumps(bound)).digest == bound.digest


def test_chains_too_deep_to_walk_are_refused():
    def chain_of(length):
        scope = BASE
        for k in range(length):
            scope = scope.define(f"d{k}", parse(f"d{k - 1} + 1" if k else "a"))

    chain_of(200)
    with pytest.raises(LanguageError, match="build on each other"):
        chain_of(400)


def test_names_that_are_not_there():
    with pytest.raises(LanguageError) as caught:
        bind(parse("log(so3) + zzz"), BASE)
    (problem,) = caught.value.problems
    assert (problem.code, problem.help) == ("no_column", "did you mean `so2`?")
    with pytest.raises(LanguageError):
        BASE.define("x", parse("x + 1"))


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("so3", "did you mean `so2`?"),
        ("POP", "did you mean `pop`?"),
        ("i.year", "write `factor(year)`"),
        ("zzzzzz", None),
    ],
)
def test_unknown_columns(name, help):
    (problem,) = unknown_columns(parse(f"`{name}` + a"), BASE.known())
    assert problem.message == f"no column `{name}`"
    assert (problem.help or "").endswith(help or "")
    assert (problem.span.start, problem.span.stop) == (0, len(name) + 2)


def test_arguments_by_name_place_and_default():
    call = parse("winsorize(p = 0.1, a)")
    assert argument(call, "x") == parse("a")
    assert argument(parse("l(a)"), "k") == parse("1")
    assert argument(parse("log(a)"), "base") is None


def test_bound_expressions_compare_by_content_alone():
    assert bind(parse("a+b"), BASE) == bind(parse(" a +b"), Scope.of(["b", "a"]))
    assert isinstance(bind(parse("a"), BASE), Bound)


def test_an_alias_leads_to_what_its_column_is_made_of():
    scope = Scope.of(["a"]).define("b", parse("log(a)")).define("c", parse("b"))
    assert [write_out(bind(parse(name), scope)) for name in ("b", "c")] == ["log(a)", "log(a)"]
    assert sources(bind(parse("c"), scope)) == {"a"}
