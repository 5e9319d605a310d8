"""The formula language: R's grammar with fixest's multiple-estimation operators.

Text becomes a tree (`parse`), the tree is checked against the list of what an expression
may hold (`check`), expanded into alternatives (`expand`, `expand_terms`), read as terms or
effects (`terms`, `effects`), tied to columns (`bind`) and written back (`write`).
"""

from specdid.language.functions import FUNCTIONS, Function, argument
from specdid.language.grammar import parse
from specdid.language.problems import LanguageError, Problem, closest
from specdid.language.references import macros_in, referenced
from specdid.language.scope import Bound, Definition, Scope, bind, write_out
from specdid.language.write import write, write_name, write_number

__all__ = [
    "FUNCTIONS",
    "Bound",
    "Definition",
    "Function",
    "LanguageError",
    "Problem",
    "Scope",
    "argument",
    "bind",
    "closest",
    "macros_in",
    "parse",
    "referenced",
    "write",
    "write_name",
    "write_number",
    "write_out",
]
