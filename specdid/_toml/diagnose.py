"""What is wrong with a text that is not TOML, in words for someone who writes one rarely."""

from __future__ import annotations

import re

from specdid._diagnostics import Document, Fault
from specdid._toml.scan import Scan, Spot, Statement
from specdid._toml.texts import Broken

FULL_WIDTH = dict(
    zip("＝，：；．（）［］｛｝＂＇“”„‟‘’«»＃、。　", "=,:;.()[]{}\"'\"\"\"\"''\"\"#,. ", strict=True)
)
"""Punctuation of Chinese input methods and word processors, and what TOML wants."""

LONGEST_SHOWN = 200
"""Characters of a wrong value that are looked at."""

_KEY_ENDS = {True: re.compile(r"[\]=＝.\"'\n]"), False: re.compile(r"[=＝.\"'\n{},]")}
_NUMBER_WITHOUT_DIGIT = re.compile(r"[+-]?(\.\d+|\d+\.)([eE][+-]?\d+)?\Z")
_LITERALS = {"True": "true", "TRUE": "true", "T": "true", "False": "false", "FALSE": "false", "F": "false"}
_NOTHING = {"null", "None", "NULL", "nil", "NA", "NaN"}

Cause = tuple[int, int, str, str | None]
"""Start, stop, message, help."""


def diagnose(document: Document, text: str, found: Scan, statement: Statement, at: int, said: str) -> Fault:
    """Explain why tomli refuses ``statement``.

    Parameters
    ----------
    document, text, found
        The file, and what is left of its text, scanned.
    at, said
        Where tomli stopped, and its message.
    """
    if statement.repeats:
        return _repeated(document, found, statement)
    if statement.broken is not None:
        start, stop, message, help_ = _explain(text, statement, statement.broken)
    elif text[at : at + 1].isprintable() and "Invalid value" in said:
        start, stop, message, help_ = _explain(text, statement, Broken("bad_value", at, at + 1))
    else:
        start, stop, message, help_ = _tomli(text, at, said)
    return Fault("toml", message, document.place(start, stop), help_)


def _repeated(document: Document, found: Scan, statement: Statement) -> Fault:
    path, (start, stop) = statement.repeats[0]
    first: Spot | None = found.spots.get(path)
    line = document.text.count("\n", 0, first.key[0]) + 1 if first else 0
    what = "the table" if statement.header else "the key"
    notes = (f"it first stands on line {line}",) if line else ()
    help_ = "a label or key can stand once in its table; rename one or take one away"
    if statement.header:
        help_ = "put everything under one header, or give the second one another name"
    message = f"{what} `{path[-1]}` stands twice"
    return Fault("repeated_key", message, document.place(start, stop), help_, notes=notes)


def _tomli(text: str, at: int, said: str) -> Cause:
    control = _control_character(text, at)
    if control is not None:
        return control
    if any(word in said for word in ("overwrite", "redefine", "mutate", "declare")):
        start = text.rfind("\n", 0, max(at - 1, 0)) + 1
        message = "this key or table is already there with another meaning"
        return start, at, message, "a key holds a value or a table, and stands once"
    return at, at + 1, f"not TOML: {said[:1].lower()}{said[1:]}", None


def _explain(text: str, statement: Statement, broken: Broken) -> Cause:
    character = _control_character(text, broken.start) or _full_width(text, broken)
    if character is not None:
        return character
    if broken.code in _SIMPLE:
        return broken.start, broken.stop, *_SIMPLE[broken.code]
    return _EXPLAINERS[broken.code](text, statement, broken)


def _control_character(text: str, at: int) -> Cause | None:
    character = text[at : at + 1]
    if character == "\r":
        return at, at + 1, "a carriage return without a line feed", "save the file with LF or CRLF line ends"
    if character and (character < " " or character == "\x7f") and character not in "\n\t":
        return at, at + 1, f"a control character (U+{ord(character):04X})", "take it away"
    return None


def _full_width(text: str, broken: Broken) -> Cause | None:
    """Recognise full-width punctuation or a typographic quote where the scanner stopped."""
    character = text[broken.start : broken.start + 1]
    plain = FULL_WIDTH.get(character)
    if plain is None:
        return None
    if character in "“”„‟‘’«»":
        help_ = f"write {plain} instead: word processors and input methods make others"
        return broken.start, broken.start + 1, f"typographic quote `{character}`", help_
    shown = "a space" if plain == " " else f"`{plain}`"
    help_ = f"write {shown} instead: switch the input method to half-width"
    return broken.start, broken.start + 1, f"full-width character `{character}`", help_


def _bare_key(text: str, statement: Statement, broken: Broken) -> Cause:
    start, stop = _key_written(text, statement, broken)
    key = text[start:stop]
    before = text[statement.start : start]
    after = "]" * before.count("[") if statement.header else " = …"
    help_ = f'write {before}"{key}"{after}; only A-Z a-z 0-9 _ - can stand without quotes'
    return start, stop, f"the key `{key}` must stand in quotes", help_


def _key_written(text: str, statement: Statement, broken: Broken) -> tuple[int, int]:
    """Give the part of a dotted key at which the scanner stopped, up to ``=``, ``]`` or a dot."""
    line_end = text.find("\n", broken.start)
    stop = len(text) if line_end < 0 else line_end
    ending = _KEY_ENDS[statement.header].search(text, broken.start, stop)
    stop = ending.start() if ending else stop
    start = broken.start
    while start > statement.start and text[start - 1] not in "[.\n{,\"'":
        start -= 1
    written = text[start:stop]
    return start + len(written) - len(written.lstrip()), start + len(written.rstrip())


def _no_equals(text: str, statement: Statement, broken: Broken) -> Cause:
    character = text[broken.start : broken.start + 1]
    rest_of_line = text[broken.start : _line_end(text, broken.start)]
    if character == ":":
        return broken.start, broken.start + 1, "`:` after a key", "TOML writes `key = value`"
    if "=" in rest_of_line and character not in {'"', "'"}:
        return _bare_key(text, statement, broken)
    message = "no `=` after the key"
    return statement.start, broken.start, message, "a line is `key = value`, `[table]` or `# comment`"


def _bad_value(text: str, statement: Statement, broken: Broken) -> Cause:
    start = broken.start
    line = text[start : min(_line_end(text, start), start + LONGEST_SHOWN)]
    value = line.split(" #")[0].rstrip() or line
    if any(opening in text[statement.start : start] for opening in "[{"):
        value = re.split(r"[,\]}]", value, maxsplit=1)[0].rstrip() or value
    stop = start + len(value)
    if value in _LITERALS:
        return start, stop, f"`{value}` is not a TOML value", f"write {_LITERALS[value]}"
    if value in _NOTHING:
        return start, stop, f"`{value}` is not a TOML value", "leave the key out where there is no value"
    if _NUMBER_WITHOUT_DIGIT.match(value):
        return start, stop, f"`{value}` lacks a digit", "a number has digits on both sides of its point: 0.5"
    quote = "'" if '"' in value else '"'
    return start, stop, "text must stand in quotes", f"write {quote}{value}{quote}"


def _unclosed_text(text: str, statement: Statement, broken: Broken) -> Cause:
    quote = text[broken.start]
    message = "this text is not closed"
    if text.startswith(quote * 3, broken.start):
        return broken.start, broken.start + 3, message, f"end it with {quote * 3}"
    return broken.start, broken.stop, message, f"end it with {quote} on the same line"


def _bad_escape(text: str, statement: Statement, broken: Broken) -> Cause:
    written = text[broken.start : broken.stop]
    help_ = "write `\\\\`, put the text in single quotes, or use `/` in a path"
    return broken.start, broken.stop, f"`{written}` is no escape of TOML", help_


def _trailing(text: str, statement: Statement, broken: Broken) -> Cause:
    character = text[broken.start]
    before = text[: broken.start].rstrip()[-1:]
    if before in {'"', "'"} and not statement.header:
        other = "'" if before == '"' else '"'
        help_ = f"text that holds {before} stands in {other}…{other}; one key and value to a line"
        return broken.start, broken.stop, "the text has ended before this", help_
    if statement.header:
        return broken.start, broken.stop, "something stands after the header", "start a new line"
    if character in "]})":
        return broken.start, broken.stop, f"`{character}` closes nothing", "take it away"
    return _bad_value(text, statement, Broken("bad_value", _value_start(text, statement), broken.stop))


def _value_start(text: str, statement: Statement) -> int:
    equals = text.find("=", statement.start)
    return equals + 1 + len(text[equals + 1 :]) - len(text[equals + 1 :].lstrip(" \t"))


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


_SIMPLE = {
    "no_key": ("no key here", "a key that is empty or has a dot stands in quotes"),
    "no_value": ("no value after `=`", 'write a value, or "" for an empty text'),
    "no_comma": ("no comma before this", "items are separated by `,`"),
    "too_deep": ("tables and lists are nested too deep", "a spec file needs four levels"),
    "unclosed_array": ("this list is not closed", "end it with `]`"),
    "unclosed_table": ("this table is not closed", "end it with `}`"),
    "unclosed_header": ("this header is not closed", "end it with `]`, or `]]` where it began with `[[`"),
}
_EXPLAINERS = {
    "bare_key": _bare_key,
    "no_equals": _no_equals,
    "bad_value": _bad_value,
    "unclosed_text": _unclosed_text,
    "bad_escape": _bad_escape,
    "trailing": _trailing,
}
