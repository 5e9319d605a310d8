"""The formula language: R's grammar with fixest's multiple-estimation operators.

Text becomes a tree (`parse`), the tree is checked against the list of what an expression
may hold (`check`), expanded into alternatives (`expand`, `expand_terms`), read as terms or
effects (`terms`, `effects`), tied to columns (`bind`) and written back (`write`).
"""

from specdid.language.check import Role, check, subtraction_problems
from specdid.language.expansion import TermSets, expand, expand_terms, expansion_size, join_term_sets
from specdid.language.functions import FUNCTIONS, Function, argument, written_out
from specdid.language.grammar import FormulaParts, formula_parts, parse
from specdid.language.hints import column_help
from specdid.language.scan import CONSTANTS_AND_KEYWORDS
from specdid.language.scope import Bound, Definition, Scope, bind, macros_in, referenced, unknown_columns, write_out
from specdid.language.terms import Effect, Term, Terms, briefly, common_start, effects, lower_order, relabel, terms
from specdid.language.tree import LanguageError, Mistake, Name
from specdid.language.write import without_ticks, write, write_name, write_number

__all__ = [
    "CONSTANTS_AND_KEYWORDS",
    "FUNCTIONS",
    "Bound",
    "Definition",
    "Effect",
    "FormulaParts",
    "Function",
    "LanguageError",
    "Mistake",
    "Name",
    "Role",
    "Scope",
    "Term",
    "TermSets",
    "Terms",
    "argument",
    "bind",
    "briefly",
    "check",
    "column_help",
    "common_start",
    "effects",
    "expand",
    "expand_terms",
    "expansion_size",
    "formula_parts",
    "join_term_sets",
    "lower_order",
    "macros_in",
    "parse",
    "referenced",
    "relabel",
    "subtraction_problems",
    "terms",
    "unknown_columns",
    "without_ticks",
    "write",
    "write_name",
    "write_number",
    "write_out",
    "written_out",
]
