"""What is wrong with a text that is not TOML, in words for someone who writes one rarely."""

from __future__ import annotations

import re

from specdid._diagnostics import Document, Fault
from specdid._toml.build import Conflict
from specdid._toml.scan import LITERALS, NOTHING, QUOTES, Broken, Statement

FULL_WIDTH = dict(zip("＝，：；．（）［］｛｝＂＇“”„‟‘’«»＃、。　", '=,:;.()[]{}"\'""""\'\'""#,. ', strict=True))
"""Punctuation of Chinese input methods and word processors, and what TOML wants."""

LONGEST_SHOWN = 200
"""Characters of a wrong value that are shown."""

_NUMBER_WITHOUT_DIGIT = re.compile(r"[+-]?(\.\d+|\d+\.)([eE][+-]?\d+)?\Z")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+\Z")
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f]")

Cause = tuple[int, int, str, str | None]
"""Start, stop, message, help."""


def explain_slip(document: Document, statement: Statement, slip: Broken) -> Fault:
    """Explain what is wrong with a statement at one place."""
    text = document.text
    cause = _control_character(text, slip.start) or _full_width(text, slip)
    if cause is None and slip.code in _SIMPLE:
        cause = (slip.start, slip.stop, *_SIMPLE[slip.code])
    if cause is None:
        cause = _EXPLAINERS[slip.code](text, statement, slip)
    start, stop, message, help_ = cause
    return Fault("toml", message, document.place(start, stop), help_)


def explain_conflict(document: Document, conflict: Conflict) -> Fault:
    """Say what stands twice, or where its name has another meaning."""
    place = document.place(*conflict.place)
    if conflict.what == "contradiction":
        message = f"`{conflict.name}` is already there with another meaning"
        return Fault("toml", message, place, "a key holds a value or a table, and stands once")
    line = document.text.count("\n", 0, conflict.first[0]) + 1 if conflict.first else 0
    notes = (f"it first stands on line {line}",) if line else ()
    help_ = "a label or key can stand once in its table; rename one or take one away"
    if conflict.what == "table":
        help_ = "put everything under one header, or give the second one another name"
    message = f"the {conflict.what} `{conflict.name}` stands twice"
    return Fault("repeated_key", message, place, help_, notes=notes)


def control_characters(document: Document) -> list[Fault]:
    """Find characters that no TOML text may hold; the scanner passes over them."""
    faults = []
    for found in _CONTROL.finditer(document.text):
        start, stop, message, help_ = _control_character(document.text, found.start()) or (0, 0, "", None)
        if message:
            faults.append(Fault("toml", message, document.place(start, stop), help_))
    return faults


def refused(document: Document, at: int, said: str) -> Fault:
    """Repeat what tomli says where nothing better is known."""
    return Fault("toml", f"not TOML: {said[:1].lower()}{said[1:]}", document.place(at, at + 1))


def _control_character(text: str, at: int) -> Cause | None:
    character = text[at : at + 1]
    if character == "\r":
        return at, at + 1, "a carriage return without a line feed", "save the file with LF or CRLF line ends"
    if character and (character < " " or character == "\x7f") and character not in "\n\t":
        return at, at + 1, f"a control character (U+{ord(character):04X})", "take it away"
    return None


def _full_width(text: str, slip: Broken) -> Cause | None:
    """Recognise full-width punctuation or a typographic quote where the scanner stopped."""
    character = text[slip.start : slip.start + 1]
    plain = FULL_WIDTH.get(character)
    if plain is None:
        return None
    if character in QUOTES and character not in "＂＇":
        help_ = f"write {plain} instead: word processors and input methods make others"
        return slip.start, slip.start + 1, f"typographic quote `{character}`", help_
    shown = "a space" if plain == " " else f"`{plain}`"
    help_ = f"write {shown} instead: switch the input method to half-width"
    return slip.start, slip.start + 1, f"full-width character `{character}`", help_


def _bare_key(text: str, statement: Statement, slip: Broken) -> Cause:
    key = text[slip.start : slip.stop]
    before = text[statement.start : slip.start]
    if statement.header:
        written = f'{before}"{key}"{"]" * before.count("[")}'
    else:
        written = f'"{key}" = …'
    help_ = f"write {written}; only A-Z a-z 0-9 _ - can stand without quotes"
    return slip.start, slip.stop, f"the key `{key}` must stand in quotes", help_


def _equals(text: str, statement: Statement, slip: Broken) -> Cause:
    written = text[slip.start : slip.stop]
    return slip.start, slip.stop, f"`{written}` after a key", "TOML writes `key = value`"


def _macro_dots(text: str, statement: Statement, slip: Broken) -> Cause:
    written = text[slip.start : slip.stop]
    help_ = f"write {written.lstrip('.')} = …"
    return slip.start, slip.stop, f"a macro is defined without its dots: `{written}`", help_


def _bad_value(text: str, statement: Statement, slip: Broken) -> Cause:
    start, stop = slip.start, slip.stop
    value = text[start:stop]
    if value in LITERALS:
        return start, stop, f"`{value}` is not a TOML value", f"write {LITERALS[value]}"
    if value in NOTHING:
        return start, stop, f"`{value}` is not a TOML value", "leave the key out where there is no value"
    if _NUMBER_WITHOUT_DIGIT.match(value):
        help_ = f"a number has digits on both sides of its point: {float(value):g}"
        return start, stop, f"`{value}` lacks a digit", help_
    if _DECIMAL_COMMA.match(value):
        return start, stop, f"`{value}` has a decimal comma", f"write {value.replace(',', '.')}"
    if re.fullmatch(r"[+-]?[\d_.:eE+-]+", value):
        return start, stop, f"`{value}` is no number of TOML", "write a number as 12 or 0.5, a text in quotes"
    quote = "'" if '"' in value else '"'
    shown = value if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]}…"
    return start, min(stop, start + LONGEST_SHOWN), "text must stand in quotes", f"write {quote}{shown}{quote}"


def _unclosed_text(text: str, statement: Statement, slip: Broken) -> Cause:
    quote = text[slip.start]
    message = "this text is not closed"
    if text.startswith(quote * 3, slip.start):
        return slip.start, slip.start + 3, message, f"end it with {quote * 3}"
    return slip.start, slip.stop, message, f"end it with {quote} on the same line"


def _bad_escape(text: str, statement: Statement, slip: Broken) -> Cause:
    written = text[slip.start : slip.stop]
    help_ = "write `\\\\`, put the text in single quotes, or use `/` in a path"
    return slip.start, slip.stop, f"`{written}` is no escape of TOML", help_


def _after_text(text: str, statement: Statement, slip: Broken) -> Cause:
    before = text[: slip.start].rstrip()[-1:]
    other = "'" if before == '"' else '"'
    help_ = f"text that holds {before} stands in {other}…{other}; one key and value to a line"
    return slip.start, slip.stop, "the text has ended before this", help_


def _closes_nothing(text: str, statement: Statement, slip: Broken) -> Cause:
    return slip.start, slip.stop, f"`{text[slip.start]}` closes nothing", "take it away"


_SIMPLE = {
    "no_key": ("no key here", "a key that is empty or has a dot stands in quotes"),
    "no_value": ("no value after `=`", 'write a value, or "" for an empty text'),
    "no_equals": ("no `=` after the key", "a line is `key = value`, `[table]` or `# comment`"),
    "no_comma": ("no comma before this", "items are separated by `,`"),
    "character": ("this does not separate items", "items are separated by `,`"),
    "line_comma": ("nothing stands between lines", "take it away: a line ends with its value"),
    "comment": ("a comment begins with `#`", "write `#` instead"),
    "odd_quotes": ("a quote is missing on this line", "every text has a quote before and after it"),
    "wrong_bracket": ("this bracket closes something else", "lists stand in [ ], tables in { }"),
    "too_deep": ("tables and lists are nested too deep", "a spec file needs four levels"),
    "too_many": ("too much on this line is no TOML", None),
    "unclosed_array": ("this list is not closed", "end it with `]`"),
    "unclosed_table": ("this table is not closed", "end it with `}`"),
    "unclosed_header": ("this header is not closed", "end it with `]`, or `]]` where it began with `[[`"),
    "after_header": ("something stands after the header", "start a new line"),
    "after_value": ("something stands after the value", "one key and value to a line"),
}
_EXPLAINERS = {
    "bare_key": _bare_key,
    "equals": _equals,
    "macro_dots": _macro_dots,
    "bad_value": _bad_value,
    "unclosed_text": _unclosed_text,
    "bad_escape": _bad_escape,
    "after_text": _after_text,
    "closes_nothing": _closes_nothing,
}
