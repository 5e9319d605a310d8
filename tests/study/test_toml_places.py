"""The locator knows where every key and leaf stands, and agrees with tomli on what they are."""

import string
from itertools import pairwise

import pytest
import tomli
from examples import examples
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from specdid._diagnostics import Document
from specdid._toml import parse_toml
from specdid._toml.places import places

CHARACTERS = st.text(alphabet="ab 1.#=[]{},'\"\\\n\t\u4e2d\u00e9\U0001f600\u202e", max_size=12)


def leaves(value, path=()):
    """Every key path of a document with its value, tables and lists too."""
    if path:
        yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from leaves(one, (*path, key))


def basic(text, extra=""):
    """Write ``text`` between double quotes, some characters as escapes."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
    out = "".join(escapes.get(c) or (f"\\U{ord(c):08x}" if c in extra else c) for c in text)
    return f'"{out}"'


@st.composite
def texts(draw):
    text = draw(CHARACTERS)
    kinds = ["basic", "escaped", "multi"]
    if "'" not in text:
        kinds.append("literal multi")
        if "\n" not in text:
            kinds.append("literal")
    kind = draw(st.sampled_from(kinds))
    if kind == "literal":
        return f"'{text}'"
    if kind == "literal multi":
        return f"'''\n{text}'''"
    if kind == "multi":
        inner = text.replace("\\", "\\\\").replace('"""', '""\\"')
        inner = inner[:-1] + '\\"' if inner.endswith('"') else inner
        continued = draw(st.sampled_from(["", "\\\n   "]))
        return f'"""{continued}{inner}"""' if continued or not inner.startswith("\n") else f'"""\n{inner}"""'
    return basic(text, "\u4e2da\U0001f600" if kind == "escaped" else "")


@st.composite
def keys(draw):
    bare = draw(st.text(alphabet=string.ascii_letters + "12_-", min_size=1, max_size=4))
    return draw(st.sampled_from([bare, basic(draw(CHARACTERS)), f"'{bare}.x'", f'"{bare} y"']))


SCALARS = st.one_of(
    texts(),
    st.sampled_from(["1", "-7", "1_000", "0.5", "1e3", "true", "false", "inf", "nan", "2012-01-01",
                     "2012-01-01 10:00:00", "2012-01-01T10:00:00Z", "10:30:00", "0xff"]),
)  # fmt: skip
GAPS = st.sampled_from(["", " ", "\n", " # note ]}\n  "])


@st.composite
def values(draw, depth=2):
    if not depth or draw(st.integers(0, 2)):
        return draw(SCALARS)
    inner = draw(st.lists(values(depth - 1), max_size=3))
    gaps = [draw(GAPS) for _ in range(4)]
    comma = draw(st.sampled_from(["", ","])) if inner else ""
    if draw(st.booleans()):
        return "[" + gaps[0] + f",{gaps[1]}".join(inner) + comma + gaps[2] + "]"
    pairs = [f"{draw(keys())} = {one}" for one in inner]
    return "{" + gaps[0] + f",{gaps[1]}".join(pairs) + comma + gaps[2] + "}"


@st.composite
def documents(draw):
    lines = []
    for _ in range(draw(st.integers(0, 7))):
        dotted = ".".join(draw(st.lists(keys(), min_size=1, max_size=3)))
        kind = draw(st.sampled_from(["pair"] * 4 + ["table", "array", "comment", "blank"]))
        lines.append(
            {
                "pair": f"{dotted}  =\t{draw(values())} {draw(st.sampled_from(['', '# note']))}",
                "table": f"[ {dotted} ]",
                "array": f"  [[{dotted}]]",
                "comment": "# a = 1",
                "blank": "",
            }[kind]
        )
    return "\n".join(lines) + "\n"


@settings(max_examples=examples(200))
@given(documents())
@example('[[a]]\nb.c = 1\n[a.d]\ne = {"f" = ["x", {g = 1}]}\n[[a]]\nb = """""x"""""\n')
@example("x = '''\n''a'' '''''\n")
@example('a = ["x", # y = 1\n  "b", [1,\n [2], # c = 3\n],\n "d=1"]\n')
@example('x = """\\\n   \n  a\\\n  b"""\n')
def test_every_leaf_has_its_place(text):
    try:
        expected = tomli.loads(text)
    except tomli.TOMLDecodeError:
        assume(False)
    found = places(text)
    assert all(path in found for path, _ in leaves(expected))
    for path, value in leaves(expected):
        check_spot(text, found[path], path[-1], value)


def check_spot(document, spot, key, value):
    start, stop = spot.key
    if isinstance(key, str):
        assert tomli.loads(document[start:stop] + " = 1") == {key: 1}
    written = document[slice(*spot.value)]
    if isinstance(value, str):
        assert tomli.loads(f"x = {written}") == {"x": value}
        check_offsets(document, spot.offsets, value)
    elif not isinstance(value, dict | list):
        assert repr(tomli.loads(f"x = {written}")) == repr({"x": value})


def check_offsets(document, offsets, value):
    assert len(offsets) == len(value) + 1
    assert all(a < b for a, b in pairwise(offsets))
    for character, at in zip(value, offsets, strict=False):
        assert document[at] in (character, "\\")
        if document[at] != character:
            assert tomli.loads(f'x = "{document[at : at + 10]}'[: 5 + escape_length(document, at)] + '"') == {
                "x": character
            }


def escape_length(document, at):
    return {"x": 4, "u": 6, "U": 10}.get(document[at + 1], 2)


@settings(max_examples=examples(400))
@given(st.text(alphabet="ab.=[]{},'\"\\\n #1u\uff1d\u201c\u4e2d\r\x00", max_size=60))
@example('a = "\\ud800"')
@example("a = [" * 60)
@example("a = " + "9" * 5000)
@example("a = {b = 1, b = 2}\n[a]\n[a.b]\n[[a]]\n")
@example("[[a]]\n[a]\n[a]\n")
@example("a.b = 1\na = 2\n")
@example("1=1\r")
@example("a = 'b'\r \r")
@example("a = 1\r# comment\n")
def test_whatever_is_written_gives_values_or_located_faults(text):
    document = Document("x.toml", text)
    read = parse_toml(document)
    try:
        expected = tomli.loads(text)
    except (tomli.TOMLDecodeError, ValueError, RecursionError):
        assert read.faults
    else:
        assert not read.faults
        assert repr(read.values) == repr(expected)
    for fault in read.faults:
        assert fault.place is not None
        assert 1 <= fault.place.line <= text.count("\n") + 1
        assert 1 <= fault.place.column <= len(fault.place.line_text) + 1
        assert fault.message


LONG_LINES = (
    "x" * 500_000, "[" * 200_000, "\"" * 100_001, " " * 500_000 + "x", "a=1 " * 50_000,
    "a = [" + "1," * 99_999,
)  # fmt: skip


@pytest.mark.parametrize("line", LONG_LINES, ids=range(len(LONG_LINES)))
def test_a_long_line_costs_little(line):
    read = parse_toml(Document("x.toml", line))
    assert read.faults


@pytest.mark.parametrize("line", ["{} = 1", "[{}]", "[[{}]]", "x = {{ {} = 1 }}"])
@pytest.mark.parametrize("parts", [700, 100_000])
def test_a_key_of_many_parts_is_a_fault(line, parts):
    deep = line.format(".".join(["a"] * parts))
    (fault,) = parse_toml(Document("s.toml", f"[study]\nunit = 'id'\n{deep}\n")).faults
    assert (fault.code, fault.place.line) == ("too_large", 3)
