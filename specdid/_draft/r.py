"""An R script: feols, fepois, felm and lm with one formula written out, and what it does to their data before."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf

import numpy as np

from specdid._diagnostics import many
from specdid._draft.memory import (
    ACROSS,
    FIRST,
    MARK,
    WORDS,
    DataFacts,
    Memory,
    NotReadError,
    ReadCode,
    Regression,
    State,
    called,
    calls,
    columns_of,
    in_brackets,
    marked_name,
    moved_column,
    ours,
    texts_of,
    without_marks,
)
from specdid._draft.r_errors import Defaults, Errors, errors_of_lm, errors_of_sandwich, read_errors
from specdid._draft.r_numbers import LARGEST_INTEGER, Kind, kind_of, text_in_r
from specdid.language import COMMANDS, FUNCTIONS, LanguageError, expand, not_read, parse, write
from specdid.language.tree import (
    Argument,
    Binary,
    Call,
    Constant,
    Name,
    Node,
    Number,
    Text,
    Unary,
    chain,
    children,
    number_value,
    walk,
)
from specdid.panel.columns import MISSING, number_text

LONGEST_CALL = 10_000
"""Characters of a call."""
MOST_CUTS = 30
"""Conditions that the rows of a frame are cut by, one after the other, and summaries of an expression."""
_CALLS = {"feols": "feols", "fepois": "fepois", "felm": "feols", "lm": "feols", "lm_robust": "feols"}
_LM = {
    "lm": ("subset", "weights", "na.action"),
    "lm_robust": ("weights", "subset", "clusters", "fixed_effects", "se_type"),
}
"""Functions whose formula is R's own, without fixest's: their arguments behind the data, by place."""
_R_FORMULAS = {"felm", *_LM}
_ONLY_FIXEST = {"i", "l", "f", "d", "sw", "sw0", "csw", "csw0", "mvsw", "regex", ".."}
_OF_A_FIT = re.compile(r"\b(?:resid|residuals|fitted|fitted\.values|predict|augment|vif|hatvalues|model\.matrix)\(\s*$")
"""What takes of a regression what is no effect."""
_AROUND = {"coeftest", "boottest", "vcovHC", "vcovCL", "vcovBK", "vcovSCC"}
"""Functions whose argument is a regression, for errors of another kind."""
_OTHERS = {
    name: not_read(name)
    for name, command in COMMANDS.items()
    if "R" in command.of and command.sort in ("regression", "analysis") and name not in {*_CALLS, *_AROUND}
}
_TAKEN = {
    "fml", "data", "vcov", "cluster", "se", "ssc", "dof", "weights", "subset", "split", "fsplit", "panel.id",
    "fixef.rm",
}  # fmt: skip
_OF_COLUMNS = {"vcov", "cluster", "se", "split", "fsplit", "clusters"}
"""Arguments of a regression that name columns, or are columns of its frame."""
_NO_MATTER = {
    "notes", "lean", "warn", "verbose", "nthreads", "mem.clean", "data.save", "collin.tol", "fixef.tol", "fixef.iter",
    "fixef.algo", "glm.iter", "glm.tol", "demeaned", "combine.quick", "keepX", "keepCX",
}  # fmt: skip
"""Arguments of a regression that change neither rows nor numbers beyond tolerance."""
_NO_MATTER_IN_LM = {"model", "x", "y", "qr", "return_vcov", "try_cholesky", "ci", "alpha"}
_NAME = r"[A-Za-z.][\w.]*"
_BRACKETS = r"\((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\)"
_GUARD = rf"^(?:if|while|for)\s*{_BRACKETS}\s*|^else\s+"
"""What stands before a statement that runs under a condition or in a loop."""
_SELECTING = re.compile(
    r"(?<![\w.])(?:(across)|((?:mutate|transmute|summari[sz]e|rename|modify|map)_(?:at|if|all))|(rename_with)|(fill))\("
)
"""What changes the columns of a selection."""
_LOGICAL = re.compile(r"[<>=!&|]|%in%|%chin%|%between%|\bis\.")
"""What shows that rows are chosen by a condition, not by their numbers."""
_CONSTANTS = {
    "T": "TRUE", "F": "FALSE", "pi": "3.141592653589793",
    "LETTERS": "", "letters": "", "month.name": "", "month.abb": "",
}  # fmt: skip
"""Variables of base R, and their values where these are one; columns of their names hide them in a data mask alone."""
_LITERALS = {"TRUE", "FALSE", "NULL", "NA", "NaN", "Inf", "NA_real_", "NA_integer_", "NA_character_", "if", "else"}
_OF_SCRIPT = re.compile(
    r"\"[^\"]*\"|'[^']*'|`[^`]*`|(?P<among>%in%\s*)?(?<![\w.$@:])(?!\.\d)"
    rf"(?P<name>(?<!%){_NAME})(?![\w.])(?!\s*[($@]|::|\s*=[^=])"
)
"""A name that may be a variable of the script: no function, argument or text, and not behind ``$``."""
_KNOWN = frozenset(
    re.findall(
        r"\S+",
        """
    library require requireNamespace suppressMessages suppressWarnings suppressPackageStartupMessages source setwd getwd
    options invisible print cat message warning stop stopifnot paste paste0 sprintf format file.path here dir.create
    file.exists basename dirname normalizePath Sys.time Sys.setenv Sys.getenv Sys.setlocale set.seed rm gc ls exists
    get mget assign sessionInfo proc.time system.time tic toc install.packages p_load pacman data.frame data.table
    tibble tribble list c vector matrix array cbind rbind t dim nrow ncol length names colnames rownames head tail str
    summary glimpse View table xtabs prop.table unique duplicated rev sort order rank which which.max which.min any all
    sum mean median min max sd var quantile range cor cumsum cumprod diff seq seq_len seq_along rep rnorm runif sample
    rbinom apply sapply lapply vapply mapply tapply Map Filter Reduce do.call aggregate by with within subset transform
    merge ifelse switch if for while repeat function return identical all.equal nchar substr substring strsplit gsub
    sub grepl grep regmatches tolower toupper trimws toString rownames_to_column map map_dfr map_df map_dbl map_chr
    walk imap pmap map2 reduce set_names keep discard mutate filter select arrange group_by ungroup summarise summarize
    rename rename_with transmute distinct count n n_distinct slice pull left_join right_join inner_join full_join
    anti_join semi_join bind_rows bind_cols pivot_longer pivot_wider spread gather separate unite nest unnest complete
    fill drop_na replace_na expand_grid crossing across where everything starts_with ends_with contains matches all_of
    any_of one_of vars if_else case_when case_match recode coalesce na_if lag lead shift between row_number first last
    nth cut findInterval factor levels droplevels relevel fct_relevel nlevels interaction split unsplit unlist stack
    setDT setDF setkey setkeyv setorder setorderv setnames setcolorder copy fread fwrite fifelse rbindlist dcast melt
    melt.data.table uniqueN frank rleid coef coefficients coeftable confint vcov se pvalue tstat fitstat resid residuals
    fitted predict nobs AIC BIC logLik deviance df.residual r2 wald waldtest linearHypothesis anova tidy glance augment
    etable esttex esttable setFixest_dict setFixest_etable modelsummary stargazer texreg screenreg htmlreg kable
    kable_styling xtable datasummary msummary coefplot iplot ggplot aes labs xlab ylab ggtitle xlim ylim ggsave png pdf
    svg jpeg tiff dev.off par plot lines points abline legend hist barplot boxplot density curve axis text title layout
    element_text element_blank element_line element_rect unit margin expansion position_dodge guides guide_legend arrow
    saveRDS readRDS save load write.csv writeLines write.table sink capture.output tryCatch try round signif floor
    ceiling abs sqrt exp log log2 log10 log1p sign pmin pmax cos sin Negate Vectorize Recall match match.arg setdiff
    union intersect is.element nargs missing deparse substitute quote bquote eval parse expression formula as.formula
    reformulate terms update all.vars environment sys.call on.exit Sys.Date ISOdate strptime strftime difftime months
    weekdays year month quarter ymd mdy dmy lm glm nls t.test var.test chisq.test weighted.mean scale sweep outer
    crossprod solve diag det complete.cases na.omit nest_by rowwise c_across rowSums rowMeans colSums colMeans rowsum
    ave embed append unname setattr attr attributes structure class inherits typeof mode nlevels numeric character
    logical integer double Sys.sleep interactive commandArgs quit q sw sw0 csw csw0 mvsw i l d f bs ns poly I offset xpd
    cummax cummin cummean join_by fcase cols cols_only col_double col_number col_integer col_character col_logical
    col_factor col_date col_skip col_guess vroom
    ssc dof vcov_cluster vcov_hetero hetero iid cluster NW DK conley panel unpanel fixef collinearity obs sunab desc
    """,
    )
)
"""Functions of R and of usual packages: other calls are of functions of a person's own, here or elsewhere."""
_KNOWN_ALIKE = re.compile(
    r"(?:is|as|read|write|Sys|file|str|stri|geom|stat|scale|theme|facet|coord|gg|annotate|setFixest|getFixest|parse|print)[._]\w*"
)
_READING = re.compile(
    r"(?:[\w.]+::)?(?:read[._]?\w*|fread|vroom|import(?=\([^)]*\.\w+[\"']))\("
    r"\s*(?:(?:file|path|input)\s*=\s*)?[\"']([^\"']+)[\"']"
)
_HEAD = re.compile(r"^\s*(?:for|while|if|repeat)\b|\bfunction\s*\(|\\\(|\b(?:[slvm]apply|map\w*|pmap)\s*\(")
_READ_ALIKE = {
    "header", "sep", "stringsAsFactors", "encoding", "fileEncoding", "show_col_types", "data.table", "check.names",
    "dec", "quote", "guess_max", "strip.white", "file", "path", "input", "delim", "progress", "lazy", "num_threads",
}  # fmt: skip
"""Arguments that say how a file is written, not which part of it is read."""
_READERS = {
    **dict.fromkeys(("read.csv", "read.csv2", "read.table", "read.delim", "fread"), ("na.strings", ("NA",))),
    **dict.fromkeys(("read_csv", "read_csv2", "read_tsv", "read_delim", "vroom"), ("na", ("", "NA"))),
}
"""Of what reads texts: the argument that says which cells are missing, and what it says by itself."""
_KEEP_BLANKS = {"read.csv", "read.csv2", "read.table", "read.delim", "read.delim2"}
"""Of what reads texts: what leaves blanks at their ends by itself."""
_ZEROS_STAY = {"read_csv", "read_csv2", "read_tsv", "read_delim", "vroom"}
"""Of what reads texts: what leaves 01 as text."""
_ALL_DOUBLE = {
    "read_csv",
    "read_csv2",
    "read_tsv",
    "read_delim",
    "vroom",
    "read_dta",
    "read_stata",
    "read_excel",
    "read_xlsx",
}
"""Of what reads files: what makes no integers of numbers."""
_TEXTS_OF = {"paste", "paste0", "ifelse", "case_when", "coalesce", "tolower", "toupper", "trimws"}
"""Functions of texts that are those of their arguments, or parts of these."""
_TRUTHS = {"T", "F", "TRUE", "FALSE", "true", "false"}
_AS_LOGICAL = _READERS.keys() - {"fread"}
"""Of what reads texts: what makes a column of ``_TRUTHS`` logical, also of T and F."""
_OTHER_ERRORS = re.compile(
    r"[(,]\s*(?:vcov|cluster|se|ssc|dof|robust)\s*=|\b(?:coeftest|boottest|coef_test)\("
    r"|\b(?:summary|coeftable|confint|vcov|se|pvalue|tstat)\((?:[^()]|\([^()]*\))*?(?<=[(,])\s*(?:~|vcov[A-Z]|[\"']"
    r"(?:iid|standard|hetero|white|robust|hc[0-5]|cluster|(?:two|three|four)way|nw|newey_west|dk|driscoll_kraay|conley)\b)",
    re.IGNORECASE,
)
"""Also fixest's second argument of what prints, by its place."""
_IN_PLACE = re.compile(r"(?<![\w.])(?:source|attach|load|data|assign|list2env|eval|set|setnames)\(|:=|%<>%")
"""What changes data without an assignment, or may."""
_OF_ROWS = re.compile(
    r"filter|subset|merge|join|bind|summari|drop_na|na\.omit|distinct|slice|pivot|read[._]|fread"
    r"|\b(?:complete|head|tail|sample_\w+|rename\w*|expand\w*|uncount)\("
)
_ROWS_ALONE = re.compile(
    r"(?:\b(?:filter|subset|merge|\w+_join|bind_rows|rbind\w*|drop_na|na\.omit|distinct|slice\w*|complete|head|tail"
    rf"|sample_\w+|expand\w*|uncount|unique)\(|<-\s*(?:(?:as\.data\.table|setDT|copy)\()?{_NAME}\)?\[[^\[])(?!.*(?:(?:mutate|transform|within|replace|fill)\w*\(|:=))"
)
"""What leaves the values of the rows that stay."""
_OF_VALUES = re.compile(r"\b(?:replace_na|fill|mutate_at|within|na_if)\(|:=")
_OTHERS_TOO = re.compile(
    r"\b(?:across|setnames|mutate_\w+)\(|\b(?:for|while)\s*\(|!!|\{\{|(?<![\w.])\((?:[^()]|\([^()]*\))*\)\s*:="
)
"""What changes columns besides those that mutate() and := name."""
_UNSURE = re.compile(
    r"\b(?:where|everything|starts_with|ends_with|contains|matches|all_of|any_of|one_of|across|for|while|function|get"
    r"|assign|names|colnames|mutate_all|mutate_if|setnames)\s*\(|\.SD\b|!!|\{\{|\[\[\s*\w+\s*\]\]|[(,]\s*[-!]\s*\w|\w:\w"
)
"""What changes columns that are not written out, or more than are."""
_TEXTS = r"(?:[\"'][^\"']+[\"']|c\((?:\s*[\"'][^\"']+[\"']\s*,?)+\))"
_SAME_ROWS = {
    "as.data.table", "as_tibble", "as.data.frame", "data.frame", "data.table", "tibble", "setDT", "setDF", "copy",
    "arrange",
    "setorder", "setorderv", "setkey", "setkeyv", "relocate", "collect", "as.tibble", "droplevels", "pdata.frame",
}  # fmt: skip
_SORTS = {"arrange", "setorder", "setorderv", "setkey", "setkeyv"}
_SAME_TABLE = {
    "set", "setnames", "setattr", "setDT", "setDF", "setkey", "setkeyv", "setindex", "setorder", "setorderv",
    "setcolorder", "invisible", "identity", "print", "return", "suppressWarnings", "suppressMessages",
}  # fmt: skip
"""What gives the table itself that it is given, not a copy."""
_UNGROUPED = {
    "ungroup", "as.data.table", "as_tibble", "as.tibble", "as.data.frame", "data.frame", "data.table", "tibble",
    "setDT", "setDF", "pdata.frame", "merge", "reframe", "aggregate", "ddply", "cbind", "melt", "dcast", "stack",
}  # fmt: skip
"""What leaves no groups of group_by()."""
_KEEP_GROUPS = {
    "filter", "mutate", "select", "rename", "rename_with", "distinct", "slice", "slice_head", "slice_tail", "slice_min",
    "slice_max", "slice_sample", "left_join", "right_join", "inner_join", "full_join", "semi_join", "anti_join",
    "drop_na", "replace_na", "fill", "arrange", "relocate", "collect", "droplevels", "transmute", "add_count",
    "add_tally", "count", "mutate_at", "mutate_if", "mutate_all", "subset", "within", "na.omit", "unique", "head",
    "tail", "copy", "invisible", "print", "identity", "panel", "complete",
}  # fmt: skip
"""What keeps groups: dplyr's and tidyr's verbs, and functions of base R that choose by ``[`` or set by ``[<-``."""
_VERBS = _SAME_ROWS | {
    "filter", "subset", "mutate", "transform", "group_by", "ungroup", "drop_na", "na.omit", "distinct", "slice",
    "panel",
    "select", "within", "merge", "summarise", "summarize", "rename", "left_join", "inner_join", "unique", "complete",
    "rename_with",
}  # fmt: skip
_BY_ROW = {
    "log", "log1p", "log10", "exp", "sqrt", "abs", "floor", "ceiling", "round", "sign", "I", "ifelse", "fifelse",
    "if_else",
    "is.na", "pmin", "pmax", "between", "case_when", "coalesce", "is.finite", "as.numeric", "as.integer", "as.double",
    "as.logical", "paste", "paste0", "substr", "tolower", "toupper", "trimws", "nchar", "grepl", "c", "asinh",
}  # fmt: skip
"""Functions that give here, row by row, what they give in R."""
_HERE = {
    "as.character": "x itself as a fixed effect, else paste0(x), where a missing value is the text NA",
    "cumsum": "cumsum(x), along the unit's time, without by",
    "cummax": "cummax(x), along the unit's time, without by",
    "ntile": "ntile(x, n), which splits ties by unit and time, or quantile_group(x, n), where they stay together",
    "cut": "case_when(x > 0 & x <= 2 ~ 1, x > 2 & x <= 4 ~ 2) of breaks 0, 2 and 4",
    "replace_na": "coalesce(x, 0)",
    "str_detect": 'grepl("text", x), the pattern first',
    "na_if": "ifelse(x == 1, NA, x), of one value",
    "any": "max(x, by = g) == 1 of a condition x",
    "all": "min(x, by = g) == 1 of a condition x",
    "xor": "(a) != (b)",
    "trunc": "as.integer(x)",
    "ave": "mean(x, by = g)",
    "percent_rank": "(rank(x, by = g) - 1) / (sum(!is.na(x), by = g) - 1); ties share their mean, in R their least",
    "cume_dist": "rank(x, by = g) / sum(!is.na(x), by = g); ties share their mean, in R their largest",
    "min_rank": "rank(x, by = g), where ties have their mean",
    "row_number": "rank(x, by = g) of values, or cumsum(1) of a unit's rows",
    "across": "a line of [derive] for each column",
    "rank": "rank(x, by = g)",
    "quantile": "quantile(x, p, by = g)",
    "fcase": "case_when(a ~ 1, TRUE ~ 0)",
    "scale": "scale(x, by = g)",
    "n": "count(by = g)",
    "uniqueN": "n_distinct(x, by = g), which counts no missing value",
    "n_distinct": "n_distinct(x, by = g), which counts no missing value",
}
"""What a function of R that is not taken over is here."""
_ORDERING = {"factor", "ordered", "relevel", "fct_relevel", "fct_inorder", "as_factor"}
"""Functions that put the levels of a factor in an order, of which the first is the base of its dummies."""
MOST_OF_BODY = 8
"""Statements of a function that are looked at for what it may be."""
_NO_OPTIONS = {"fml", "data", "vcov", "x", "na.rm", "n", "names", "probs", "replace", ".x"}
"""Arguments that what stands in _HERE has, too, or that change nothing in it."""
_OF_EXAMPLE = {"first", "last", "nth", "lag", "lead", "shift", "across", "fcase"}
"""Functions of which it is an example, or whose options are read."""
_MOST_VALUES = {"n_distinct": 1, "uniqueN": 1, "rank": 1, "min_rank": 1, "scale": 1, "trunc": 1}
"""Arguments without a name beyond which it is not that."""
_OF_TABLES = {
    ".GRP": ". Here: the column itself, or group(x, y), which numbers groups in their own order",
    ".NGRP": "", ".I": "", ".SD": "", ".SDcols": "", ".BY": "", ".EACHI": "",
}  # fmt: skip
"""Names that data.table gives within its brackets, and what they are here."""
_IN_FORMULAS = _BY_ROW | {
    "l", "f", "d", "i", "poly", "bs", "ns", "scale", "factor", "sw", "sw0", "csw", "csw0", "mvsw", "..",
}  # fmt: skip
_OF_ALL = {"scale", "bs", "ns", "poly"}
_ACROSS_ROWS = {"l", "f", "d", *_OF_ALL}
_SERIES = (
    r"(?<![\w.])(shift|lag|lead)\(\s*([\w.]+)\s*(?:,\s*(?:n\s*=\s*)?(\d+)L?\s*)?"
    r"(?:,\s*type\s*=\s*[\"'](lag|lead)[\"']\s*)?\)"
)
_DEFAULTS = (
    r"(?<![\w.])(?P<name>shift|lag|lead)\((?P<x>\s*[\w.]+\s*)(?P<more>(?:,\s*(?:n\s*=\s*)?\d+L?\s*)?)"
    r",\s*(?:default|fill)\s*=\s*(?P<value>-?\d+(?:\.\d+)?)L?\s*(?P<kind>(?:,\s*type\s*=\s*[\"'](?:lag|lead)[\"']\s*)?)\)"
)
"""A lag or lead with another value where there is no row."""
_LOADED = r"(?<![\w.])(?:dplyr|tidyverse)\b(?!:)"
_DPLYR = rf"{_LOADED}|(?<![\w.:])(?:mutate|group_by|summari[sz]e)\(|(?<![\w.])(?:sys\.)?source\("
"""Where lag() is dplyr's: what loads it, may do so, or could not run without it."""
_GROUPED = {"mean", "median", "min", "max", "sd"}
_COUNTED = {"sum", "any", "all"}
_SUMMARIES = "|".join((*_GROUPED, *_COUNTED, "n_distinct", "uniqueN"))
"""Functions of many values that have one, as a pattern."""
_RUNNING = {"cumsum", "cummax"}
_OF_GROUPS = {name for name, made in FUNCTIONS.items() if any(one.name == "by" for one in made.parameters)}
_OF_LENGTH = {"sum", "sd", "cumsum", "cummax", "l", "f", "scale", "rank", "quantile", "n_distinct"}
"""Functions of which one value that is repeated has another one, or another number of them, than the value alone."""
_SURE = {
    "abs", "sign", "floor", "ceiling", "round", "ifelse", "between", "pmin", "pmax", "as.integer", "as.numeric",
    "asinh", "mean", "median", "min", "max", "sum", "count", "group",
}  # fmt: skip
"""Functions that have a value wherever their arguments have."""
_OF_NUMBERS = {*_GROUPED, "quantile", "sum", "nrow", "ncol", "length", "var", "range", "n_distinct", "uniqueN"}
_OF_ONE_VALUE = (
    "`{0}` is of one value: R stops there since 4.3, and took that of the first row for all before. Here: `{1}`, "
    "where every row is meant"
)
_TIMES = re.compile(r"(?i)^(?:t|yr|(?:.*_)?(?:year|time|date|month|quarter|period|week|wave|day)s?|yearmonth|ym|yq)$")


_GOES_ON = re.compile(r"(?:[-+*/^~,=|&<>!:$@?]|%[^%\s]*%)$")
"""The end of a line whose statement goes on."""
_TEXT_OR_COMMENT = re.compile(
    r"(?s:(?<![\w.])(?P<raw>[rR])(?P<quote>[\"'])(?P<more>-*)(?:\(.*?\)|\[.*?\]|\{.*?\})(?P=more)(?P=quote)"
    r"|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`\n]*`)|#.*"
)
"""A text, raw or not, or a name in backticks, in which # begins no comment; or a comment."""


def _without_comment(found: re.Match[str]) -> str:
    if found["raw"]:  # its r stays, with which it is not read
        inside = re.sub("[\"'`\\\\]", " ", found[0][2:-1])
        return f'r"{inside}"'
    return "" if found[0].startswith("#") else found[0]


def read_r(text: str, facts: DataFacts = FIRST) -> ReadCode:
    """Return the regressions of an R script, of whose data ``facts`` are known."""
    return _R(facts).read(text)


@dataclass(frozen=True, slots=True)
class _Summaries:
    """A table of one row for each group of a frame; ``made`` are its columns, of versions, ``state`` the frame then."""

    root: str
    state: State
    by: tuple[str, ...]
    made: Mapping[str, str]
    line: int


@dataclass(slots=True)
class _Model:
    """Regressions of one call of lm, by their place; ``asked`` are errors that were asked for of them."""

    frame: str
    regressions: list[int]
    asked: list[tuple[str, str]] = field(default_factory=list)


class _R(Memory):
    """An R script, statement by statement; every frame has a state of its own."""

    def __init__(self, facts: DataFacts) -> None:
        super().__init__(facts)

    def read(self, text: str) -> ReadCode:
        text = _TEXT_OR_COMMENT.sub(_without_comment, text)
        text = re.sub(r"([,\[]\s*)let\(", r"\1`:=`(", text)
        text = _marked(_with_paths(text), self._data)
        statements, dead = _that_run(list(_r_statements(text)))
        for line, head in dead:
            self.skip(line, head, "what stands behind a condition that is FALSE is never run, and left out")
        if (end := _end_of(statements)) is not None:
            line, ending, _ = statements[end]
            self.skip(line, ending, "ends the script: what stands behind it is not run, and not read")
            statements = statements[:end]
        calls = [_r_calls(statement) for _, statement, _ in statements]
        used = [(name, _frame_of(_arguments(inside))) for found in calls for name, _, inside in found if name in _CALLS]
        settings = (re.search(r"\bsetFixest_estimation\(", statement) for _, statement, _ in statements)
        used += [
            ("", _frame_of(_arguments(_inside(found.string, found.end()))))
            for found in settings
            if found and "data" in found.string
        ]
        frames = self._frames = _sources(statements, {f for _, f in used if f})
        self._of_frame: dict[str, State] = {}
        self._root: dict[str, str] = {}
        self._defaults = Defaults()
        self._macros: dict[str, str] = {}
        self._here = ""
        self._moved = ""
        """The frame whose own columns have other rows than those that steps before have left of it."""
        self._stood: dict[str, dict[str, str]] = {}
        """The columns of frames as the statement finds them, which are those of ``df$x`` in it."""
        self._piped: dict[str, str] | None = None
        """The columns of what a step of a pipe is given, which are those of ``.$x``."""
        self._one_table: dict[str, set[str]] = {}
        self._done: set[str] = set()
        self._of_tables = re.search(r"data\.table|\bfread\(|\bsetDT\(|:=", text) is not None
        self._begun: set[tuple[int, str]] = set()
        self._renames: list[tuple[int, str, str]] = []
        self._singletons = 0
        self._cells: dict[str, tuple[int, str, str]] = {}
        self._padded: dict[str, tuple[int, str]] = {}
        self._zeros: dict[str, tuple[int, str]] = {}
        self._factor_levels: dict[str, frozenset[str]] = {}
        """Of columns, and versions of them, that are read as factors: their levels."""
        self._logical: dict[str, str] = {}
        """Columns of texts that are read as logical, and by which function."""
        self._numbers: dict[str, Kind] = {}
        """Columns of the file, and versions of them, by which of R's numbers they are."""
        scipen = re.search(r"\bscipen\s*=\s*(\d{1,3})", text)
        self._scipen = int(scipen[1]) if scipen else 0
        self._by_felm: dict[str, list[int]] = {}
        self._models: dict[str, _Model] = {}
        """Regressions of lm by the name that they are assigned to."""
        self._by_lm: dict[str, list[int]] = {}
        self._variances: set[str] = set()
        """Names of what was read of vcovHC() and the like."""
        self._otherwise: dict[str, set[str]] = {}
        self._factors: list[int] = []
        self._levels: set[str] = set()
        self._levels_of: dict[str, str] = {}
        self._bases: dict[str, str] = {}
        """Of factors that a line makes of another column of the data, that column."""
        self._listed_of: dict[str, list[tuple[int, str, str]]] = {}
        self._saved: dict[str, str] = {}
        self._statements = statements
        self._masked_lag = _masked_lag(text)
        self._sure: dict[str, bool] = {}
        self._tables_made: dict[str, _Summaries] = {}
        self._functions = {name for name, _, _ in _functions(statements)}
        self._set_panel(calls, statements)
        self._set_variables(text, statements, frames)
        self._set_helpers(statements)
        self._set_changers(statements)
        self._told_unknown: set[str] = set()
        self._told_columns: set[tuple[str, int]] = set()
        loops = _loops_of(text)
        self._infinite: dict[int, list[set[str]]] = {}
        once = _read_once(statements, calls)
        own = _own_regressions(statements, calls)
        for k, ((line, statement, within), found) in enumerate(zip(statements, calls, strict=True)):
            if once[k]:
                why = "a loop, condition or function is not run: the regressions in it are read once, as written"
                self.skip(line, " ".join(statement.split()), why)
            local = self._arguments if within else _arguments_of(statement)
            self._local, self._at = local | loops, line
            if "$" in statement or "with(" in statement:
                self._stood = {frame: dict(state.columns) for frame, state in self._of_frame.items()}
            self._native = "|>" in statement and "%>%" not in statement
            piped = "%>%" in statement or "|>" in statement
            bare = _without_texts(statement) if found else ""
            before = len(self.found.regressions)
            for name, at, inside in found:
                shown, at_line = " ".join(f"{name}({inside})".split()), line + statement.count("\n", 0, at)
                if bare[at] == " ":
                    self.skip(at_line, shown, "it stands in a text: write it out where it is run")
                    continue
                if _OF_A_FIT.search(statement[:at]):
                    self.skip(at_line, shown, "residuals, fitted values and the like are taken of it, not its effects")
                    continue
                try:
                    self._regression(name, inside, at_line, _piped(statement[:at]) if piped else None, local)
                except NotReadError as error:
                    self.skip(at_line, shown, str(error))
            statement = self._asked_errors(statement, line, found, before)
            rest = statement
            for _, _, inside in found:
                rest = rest.replace(inside, "")
            if hidden := _not_written_out(" ".join(rest.split()), own):
                why = f"what `{hidden}` makes is not read: write its regressions out, or add them to the draft"
                self.skip(line, " ".join(statement.split()), why)
            if found and _OTHER_ERRORS.search(rest):
                self._other_errors(line, " ".join(statement.split()))
            self._done = set()
            plain = " ".join(statement.split()).rstrip("{} ")
            same, body = self._by_reference(plain)
            if not found:
                self._other(plain, line, frames, within)
            elif (
                (made := _assigned(" ".join(statement.split())))
                and made[0] in frames
                and (made[1] or not _is_one_call(made[2]))
            ):
                self._changed(made[0], made[1], line, " ".join(statement.split()))
            self._tell_tables(same, body, line, plain)
            self._assign_table(plain, within)
            self._tell_unknown(rest, line)
            if not within and (made := _assigned(plain)) and not made[1]:
                self._set_before.add(made[0])
        if data := _READING.search(text):
            self.found.data = self.found.data or data[1]
        self._tell_errors()
        self._tell_renames()
        for role in ("unit", "time"):
            given = getattr(self.found, role)
            names = {state.columns.get(given, given) for _, state in self._states} if given else {given}
            if not any(name and self.known(name) for name in names) and names:
                setattr(self.found, role, names.pop() if len(names) == 1 else None)
        keys = {
            state.columns.get(name or "")
            for state in self._of_frame.values()
            for name in (self.found.unit, self.found.time)
        }
        if self._is_moved(self.found.time):
            moved = f"A line of the code moves `{self.found.time}` by a number: as far apart, and lags are the same."
            self.found.comments["study"] = [*self.found.comments.get("study", ()), moved]
        if any(self.makes(key) and not self._is_moved(self.found.time, key) for key in keys if key):
            self.found.comments["study"] = [
                f"The code makes one of `{self.found.unit}` and `{self.found.time}`, its unit and time. Lags and "
                "first() in [derive] are meant of these as the data have them."
            ]
            self.found.unit = self.found.time = None
        code = self.finish()
        called = {*_called(" ".join([*code.derived.values(), *(r.condition for r in code.regressions)]))}
        if told := [text for text, functions in self._otherwise.items() if functions & called]:
            code.comments["derive"] = told
        self._tell_infinite(code)
        self._tell_logs(code)
        self._tell_bases(code)
        self._tell_cells(code)
        self._tell_zeros(code)
        return code

    def _tell_logs(self, code: ReadCode) -> None:
        """Say what asks for the value of a log of 0, -Inf in R and missing here; of a term both leave it out."""
        logs: dict[str, str] = {}

        def of_zero(node: Node) -> str:
            """Return which value has a log that is infinite, "" where none may be asked for."""
            match node:
                case Name():
                    return logs.get(node.name, "")
                case Call(function="log" | "log2" | "log10" | "log1p" as function):
                    inner = node.arguments[0].value
                    moved = inner if inner is None or function != "log1p" else Binary("+", inner, Number(1))
                    infinite = moved is not None and self._may_be_zero(moved, code)
                    return ("log1p() of -1" if function == "log1p" else "The log of 0") if infinite else ""
                case _:
                    return ""

        def asked(node: Node) -> bool:
            sums = isinstance(node, (Unary, Binary)) and node.operator in "+-*/"
            inner = any(of_zero(one) for part in children(node) for one in walk(part))
            return inner and not of_zero(node) and (not sums or any(asked(part) for part in children(node)))

        found: dict[str, list[str]] = {}

        def tell(node: Node, what: str) -> None:
            for one in sorted({of_zero(one) for one in walk(node)} - {""}):
                if what not in found.setdefault(one, []):
                    found[one].append(what)

        for name, text in code.derived.items():
            with suppress(LanguageError):
                node = parse(text)
                if asked(node):
                    tell(node, f"`{name}`")
                elif zero := next(filter(None, map(of_zero, walk(node))), ""):
                    logs[name] = zero
        for condition in sorted({r.condition for r in code.regressions}):
            with suppress(LanguageError):
                if asked(node := parse(condition)):
                    tell(node, "conditions of samples")
        for zero, those in sorted(found.items()):
            listed = ", ".join(those[:12]) + ", …" * (len(those) > 12)
            told = f"{zero} is -Inf in R, smaller than any number, and missing here: {listed}."
            code.comments.setdefault("derive" if code.derived else "sample", []).append(told)

    def _tell_bases(self, code: ReadCode) -> None:
        """Say whose dummies leave out another text than R's, which puts small and capital letters together."""
        terms = {term for r in code.regressions for term in r.terms}
        for name in sorted({name for term in terms for name in term.split(":") if re.fullmatch(_NAME, name)}):
            column = self._facts.values(name, code.derived)
            if column is None or not column.is_text or not column.levels:
                continue
            here, there = min(column.levels), min(column.levels, key=lambda text: (text.casefold(), text.swapcase()))
            if here != there:
                told = (
                    f"Dummies of `{name}` leave out “{here}” here, as capitals come before small letters, and "
                    f"“{there}” in R, but for the locale C: write i({name}, ref = {write(Text(there))})"
                )
                if product := next((term for term in sorted(terms) if name in term.split(":")[:2] != [term]), ""):
                    other = next((one for one in product.split(":") if one != name), name)
                    told += f", and i({name}, {other}, ref = {write(Text(there))}) for `{product}`, without which the "
                    told += f"coefficient of `{other}` is of another group"
                told += "."
                code.comments.setdefault("controls", []).append(told)

    def _may_be_zero(self, node: Node, code: ReadCode) -> bool:
        """Say whether what a log is of may be 0, as far as the data show."""
        values = self._facts.values(write(node), code.derived)
        if values is not None and values.numbers is not None:
            return bool((values.numbers == 0).any())
        match node:
            case Name():
                return node.name in code.derived or node.name not in self._facts.nonzero
            case Number():
                return node.value == 0
            case Binary(operator="+", left=Name() as of, right=Number() as more) if of.name not in code.derived:
                return self._facts.bounds(of.name)[0] <= -more.value
            case Binary(operator="*" | "/" as operator):
                parts = (node.left, node.right) if operator == "*" else (node.left,)
                return any(self._may_be_zero(one, code) for one in parts)
            case Call(function="exp"):
                return False
            case _:
                return True

    def _tell_infinite(self, code: ReadCode) -> None:
        """Say which columns of the draft are a smallest or largest value of groups that may have none."""
        made: list[str] = []
        made_at: dict[str, set[int]] = {}
        for version in self._versions.values():
            if version.expression and version.line in self._infinite:
                made_at.setdefault(version.name, set()).add(version.line)
        for name, text in code.derived.items():
            own, at = code.called.get(name, (name, 0))
            of = {code.called.get(one, (one, 0))[0] for one in columns_of(text)}
            lines = {
                one
                for one in ({at} if at else made_at.get(own, set()))
                if any(those <= of for those in self._infinite.get(one, ()))
            }
            if lines and {*_called(text)} & {"min", "max"}:
                made.append(f"`{name}` of line {max(lines)}")
        if any({*_called(r.condition)} & {"min", "max"} for r in code.regressions) and self._infinite:
            made.append("conditions of samples")
        if made:
            listed = ", ".join(made[:12]) + ", …" * (len(made) > 12)
            told = (
                "min() and max() of a group without a value are infinite in R, missing here, and `max(x) > 1` is "
                f"FALSE there: {listed}."
            )
            code.comments.setdefault("derive", []).append(told)

    def _tell_renames(self) -> None:
        """Say which columns have other names in the code, where a regression's data have them, not what joins them."""
        kept: dict[int, dict[str, str]] = {}
        for line, new, key in self._renames:
            if any(state.columns.get(new) == key for _, state in self._states):
                kept.setdefault(line, {})[new] = f"`{new}` is `{self._plain(key)}`"
        for _, new, key in self._renames:  # by one name in all regressions alone
            names = {name for _, state in self._states for name, one in state.columns.items() if one == key}
            plain = any(key not in state.columns.values() for _, state in self._states)
            if names == {new} and not self.known(key) and not plain:
                self.found.renamed[key] = new
        for line, told in kept.items():
            self.found.notes.append((line, f"columns keep the names of the data: {', '.join(told.values())}"))

    def _set_panel(
        self, calls: Sequence[list[tuple[str, int, str]]], statements: Sequence[tuple[int, str, bool]]
    ) -> None:
        """Take unit and time from panel.id, from att_gt, else from what all regressions absorb, or most."""
        absorbed: list[set[str]] = []
        named: list[set[str]] = []
        for _, statement, _ in statements:
            settings = re.search(r"\bsetFixest_estimation\(", statement)
            panel = settings and _two_names(_arguments(_inside(statement, settings.end())).get("panel.id", ""))
            if not panel and (indexed := re.search(r"\b(?:pdata\.frame|plm)\(", statement)):
                panel = _two_names(_arguments(_inside(statement, indexed.end())).get("index", ""))
            if panel and self.found.unit is None:
                self.found.unit, self.found.time = panel
        for name, _, inside in (one for found in calls for one in found):
            given = _arguments(inside)
            panel = _two_names(given.get("panel.id", ""))
            if name == "att_gt" and {"idname", "tname"} <= {*given}:
                panel = given["idname"].strip("\"'"), given["tname"].strip("\"'")
            if panel and self.found.unit is None:
                self.found.unit, self.found.time = panel
            parts = _split(given.get("fml", "").partition("~")[2], "|")
            if name in _LM:
                factors = re.findall(rf"(?:as\.)?factor\(\s*({_NAME})\s*\)(?!\s*[:*])", parts[0])
                parts = [parts[0], " + ".join([*factors, given.get("fixed_effects", "").lstrip("~ ")]).strip(" +")]
                parts = [one for one in parts if one]
            if name in _CALLS and len(parts) > 1:
                plain = re.sub(r"(?<!\[)\[[^\[\]]*\](?!\])", "", parts[1])  # i[t] absorbs i, too; i[[t]] does not
                absorbed.append({*re.findall(rf"(?:^|[+(,])\s*({_NAME})\s*(?=$|[+),])", plain)})
                plain = re.sub(rf"(?<![\w.]){_NAME}\[\[[^\[\]]*\]\]", "", plain)
                named.append({*re.findall(_NAME, plain)})  # state^year absorbs the year, too
        if self.found.unit is None and absorbed:
            those = set.intersection(*named)
            for one in [set.intersection(*absorbed), *(one for one in absorbed if one <= those)]:
                times = sorted(c for c in one if _TIMES.match(c))
                units = sorted(one - {*times})
                if len(times) == 1 and len(units) == 1:
                    self.found.unit, self.found.time = units[0], times[0]
                    break
            told = "unit and time are what all regressions with fixed effects absorb"
            if self.found.unit is None:
                told = self._take_of_most(absorbed)
            if self.found.unit is not None:
                self.found.comments["study"] = [f"COMPLETE: {told}. Mend what is not so."]

    def _take_of_most(self, absorbed: Sequence[set[str]]) -> str:
        """Take the unit and time that some regressions absorb and that are a key of the data, else those of most."""
        pairs: Counter[tuple[str, str]] = Counter()
        for one in absorbed:
            times = [c for c in one if _TIMES.match(c)]
            units = [c for c in one if c not in times]
            if len(times) == 1 and len(units) == 1:
                pairs[units[0], times[0]] += 1
        keys = [pair for pair in pairs if self._facts.key(*pair)]
        if len(keys) == 1:
            self.found.unit, self.found.time = keys[0]
            return "unit and time are what regressions absorb of which the data have one row each"
        most = [pair for pair, n in pairs.items() if 2 * n > len(absorbed) and self._facts.key(*pair) is not False]
        if most:
            self.found.unit, self.found.time = most[0]
        return "unit and time are what most regressions with fixed effects absorb"

    def _set_variables(self, text: str, statements: Sequence[tuple[int, str, bool]], frames: set[str]) -> None:
        """Tell columns from variables of the script: those of loops and functions, and what is assigned to."""
        self._arguments = _arguments_of(text)
        self._variables: dict[str, str] = {}
        self._set_before: set[str] = set()
        for _, statement, _ in statements:
            plain = " ".join(statement.split())
            of_names = re.match(r"[\w.]+\([^()]*\)\s*(?:<<?-|=(?!=))", plain)  # names(df) <- c(…) leaves df a frame
            made = None if of_names else _assigned(plain)
            one = r"-?\d+(?:\.\d+)?L?|\"[^\"]*\"|'[^']*'"
            literal = made and re.fullmatch(rf"{one}|c\((?:{one})(?:\s*,\s*(?:{one}))*\)", made[2])
            if made and not made[1] and (literal or made[0] not in frames):
                self._variables[made[0]] = made[2].rstrip("L") if literal and made[0] not in self._variables else ""
        frames -= {*self._variables}

    def _tell_errors(self) -> None:
        others = []
        for at, why in (
            *((at, f"by felm: {why}") for why, at in self._by_felm.items()),
            (
                self._factors,
                "factor() among the terms: fixest counts it as coefficients, which are never within clusters",
            ),
        ):
            if at:
                named = ", ".join(map(str, sorted({*at})[:12]))
                others.append(
                    f"Line{'s' * (len({*at}) > 1)} {named}: {why}. Errors here may be a little larger or smaller."
                )
        for why, at in self._by_lm.items():
            named = ", ".join(map(str, sorted({*at})[:12]))
            others.append(f"Line{'s' * (len({*at}) > 1)} {named}: {why}.")
        if others:
            self.found.comments["vcov"] = [*self.found.comments.get("vcov", ()), *others]
        if self._singletons:
            self.found.notes.append(
                (
                    self._singletons,
                    'fixef.rm = "none" keeps rows that are alone in a fixed effect; here they are dropped',
                )
            )

    def _regression(self, name: str, inside: str, line: int, piped: str | None, local: set[str]) -> None:
        """Take a call over; ``local`` are names of loops and functions that it stands in."""
        if name not in _CALLS:
            raise NotReadError(_OTHERS[name])
        own, defaults = _arguments(inside, _LM.get(name, ("vcov",))), self._defaults.arguments
        if name in _R_FORMULAS:  # which are not fixest's
            defaults = {}
        given = {**defaults, **own}
        if piped and given.get("data", "") in (".", "_"):
            given["data"] = piped
        frame, steps = _steps(given.get("data", ""))
        if frame in ("", ".", "_") and piped is not None:
            raise NotReadError("its data come by a pipe: name them")
        if frame in local or frame.startswith("."):
            raise NotReadError(f"`{frame}` is a variable of a loop or function: which rows it has is not known")
        if not frame:
            raise NotReadError("it names no data frame")
        if not re.fullmatch(_NAME, frame):
            raise NotReadError("its data are made in the call: make them in a line of their own")
        self.state = self._of_frame.setdefault(frame, State()).copy()
        self._apply(frame, steps, line, rows_alone=True)
        for key in _OF_COLUMNS & {*given}:
            self._refuse_whole(given[key])
            given[key] = _of_own(given[key], frame)
        keeps = f"{name} keeps" if name in _R_FORMULAS else "fixest before 0.13 keeps"
        if re.search(r"none|single|both|perfect_fit", given.get("fixef.rm", "")):  # none is told with its line
            keeps = ""
        if "|" not in _without_texts(given.get("fml", "")) and "fixed_effects" not in given:
            keeps = "factor() keeps"
        try:
            regressions = self._read_call(name, given, line)
        except NotReadError as error:
            of_defaults = {key: value for key, value in defaults.items() if key not in ("data", *own)}
            if key := next(
                (k for k, value in of_defaults.items() if f"`{k}`" in str(error) or value in str(error)), ""
            ):
                set_by = f"setFixest_estimation() in line {self._defaults.line} sets `{key}`"
                raise NotReadError(f"{error}: {set_by}") from None
            raise
        for regression in regressions:
            effects = re.sub(r"[\[\]]+", " + ", regression.effects)
            vcov = regression.vcov.partition("~")[2]
            self.refuse_gone(regression.outcome, *regression.terms, effects.rstrip(" +"), vcov)
            self.add(regression, self._root.get(frame, frame), keeps)

    def _read_call(self, name: str, given: Mapping[str, str], line: int) -> list[Regression]:
        """Return the regressions of a call, one, or two with ``fsplit``."""
        taken = {"fml", "data", *_LM[name]} if name in _LM else _TAKEN
        spared = _NO_MATTER_IN_LM if name in _LM else _NO_MATTER
        if unknown := [key for key in given if key not in taken and key not in spared]:
            raise NotReadError(f"its argument `{unknown[0]}` is not read")
        formula = given.get("fml", "")
        for _ in range(5):
            for macro in re.findall(r"[:*/^]\s*(\.\.[A-Za-z]\w*)|(\.\.[A-Za-z]\w*)\s*[:*/^]", formula):
                if "+" in self._macros.get(macro := "".join(macro), ""):
                    raise NotReadError(f"`{macro}` has several terms beside an operator: write them out")
            formula = re.sub(r"\.\.[A-Za-z]\w*", lambda m: self._macros.get(m[0], m[0]), formula)[:LONGEST_CALL]
        if "~" not in formula or re.search(r"\b(?:as\.formula|paste0?|xpd)\(|\.\[", formula):
            raise NotReadError("its formula is not written out")
        left, _, right = formula.partition("~")
        parts = _split(right, "|")
        if name in _LM:
            self._refuse_of_fixest(name, formula, given)
            parts += [given.get("fixed_effects", "").lstrip("~ ")] * ("fixed_effects" in given)
        if name == "felm":
            parts += ["0"] * (4 - len(parts))
            instruments, clusters = parts[2], parts[3]
        else:
            instruments, clusters = (parts[2] if len(parts) > 2 else "0"), "0"
        if instruments.strip() not in ("", "0") or (name != "felm" and "~" in right):
            raise NotReadError(f"instrumental variables are not covered by a draft. Here: {COMMANDS['ivreg'].here}")
        if "sunab(" in formula:
            raise NotReadError(not_read("sunab"))
        if len(parts) > 1:
            parts[1] = re.sub(rf"(?<![\w.])as\.factor\(\s*({_NAME})\s*\)", r"factor(\1)", parts[1])
        effects = [] if len(parts) < 2 or parts[1].strip() in ("", "0") else [self._term(parts[1], "effects")]
        terms: list[str] = []
        absorbed, without_constant = len(effects), False
        summands = _with_products(_split(parts[0], "+"))
        for term in summands:
            if name in _R_FORMULAS and "^" in _masked(term):  # an operator of R's formulas: x^2 is x
                if not (power := re.fullmatch(rf"({_NAME})\s*\^\s*\d+", term)):
                    raise NotReadError(f"`{term}` is not what it says in a formula of R: write I() around a power")
                term = power[1]
            if less := re.fullmatch(r"(.*?)\s*-\s*1|0", term):
                without_constant, term = True, less[1] or ""
            of_two = re.fullmatch(rf"(?:as\.)?factor\(\s*({_NAME})\s*\)", term)
            if of_two and self.state.columns.get(of_two[1], of_two[1]) in self._facts.binary:
                term = of_two[1]  # its coefficient is that of 1, and may be the effect
            if factor := self._factor(term, line):
                effects.append(factor)
            elif re.fullmatch(rf"{_NAME}(?:\s*/\s*{_NAME})+", term):  # a/b is a + a:b
                nested = list(dict.fromkeys(re.findall(_NAME, term)))
                terms += [self._term(":".join(nested[: k + 1]), "terms") for k in range(len(nested))]
            elif re.search(r"[-/]|%in%|\*(?!\s*[\w.]+\s*$)", _masked(term)):
                raise NotReadError(f"`{term}` is not what it says in a formula of R: write I() around arithmetic")
            elif product := re.fullmatch(rf"({_NAME})\s*\*\s*({_NAME})", term):
                self._term(f"{product[1]}:{product[2]}", "terms")
                terms += [product[1], product[2], *([f"{product[1]}:{product[2]}"] if product[1] != product[2] else [])]
            elif slopes := self._slopes(term, summands, {"subset", "split", "fsplit"} & {*given}):
                terms.append(self._term(slopes, "terms"))
            elif margins := self._margins(term, summands, parts[1:2], line):
                terms += [self._term(term, "terms"), *margins]
            elif re.fullmatch(rf"{_NAME}(?:\s*:\s*{_NAME})+", term):  # x:x is x
                terms.append(self._term(":".join(dict.fromkeys(re.findall(_NAME, term))), "terms"))
            elif re.fullmatch(r"(?:\.\.|regex)\(\s*(?:\"[^\"]*\"|'[^']*')\s*\)", term):
                terms += self._matching(term, left)
            elif term not in ("1", ""):
                terms.append(self._term(term, "terms"))
        if without_constant and not effects:  # whose levels add up to one
            raise NotReadError("a regression without a constant is not here")
        if name == "felm" and len(lefts := _split(left, "|")) > 1:
            if not {*lefts} <= self._facts.complete - {*self.state.columns}:
                raise NotReadError("felm takes the rows where all its outcomes are known: write a regression for each")
            left = f"c({', '.join(lefts)})"
        effects_text = " + ".join(effects)
        condition = given.get("subset", "")
        if re.fullmatch(r"~?\s*-?\s*(?:c\(.*\)|[\d:L]+)", condition):
            raise NotReadError("subset names rows by their number")
        scope = "frame" if name in _R_FORMULAS or condition.startswith("~") else "script"
        condition = self._value(re.sub(r"^~\s*", "", condition), (), "condition", scope=scope) if condition else "TRUE"
        if (
            name not in _R_FORMULAS
            and condition != "TRUE"
            and (whole := next((n for n in _called(_without_powers(formula)) if n in _OF_ALL), None))
        ):
            raise NotReadError(
                f"`{whole}()` is of the rows of `subset` alone in fixest, here of all: have its column in the data"
            )
        if condition != "TRUE" and (moved := next((n for n in _called(formula) if n in ("l", "f", "d")), None)):
            self._refuse_moved(moved, condition)
        weights = re.sub(r"^~\s*", "", given.get("weights", ""))
        if name in _LM:
            errors = errors_of_lm(name, given, "lsdv" if effects else "")
        else:
            errors = read_errors(name, given, clusters, " + ".join(effects[:absorbed]), self._defaults)
        rule = errors.ssc
        if name in _LM:
            self._tell_lm(errors, effects[absorbed:], line, " ".join(f"{name}({formula}, …)".split()))
        elif name == "felm":
            rule, why = self._of_felm(errors.vcov, effects, absorbed=bool(absorbed))
            if why:
                self._by_felm.setdefault(why, []).append(line)
        elif len(effects) > absorbed and errors.vcov.startswith("~") and not rule:
            if absorbed or name != "feols":
                self._factors.append(line)
            else:
                rule = "lsdv"
        if re.search(r"none", given.get("fixef.rm", "")):
            self._singletons = self._singletons or line
        regression = Regression(
            line,
            self._term(left, "outcome"),
            tuple(dict.fromkeys(terms)),
            effects_text or "0",
            condition,
            self._value(weights, ()) if weights and weights != "NULL" else "1",
            errors.vcov,
            rule,
            _CALLS[name],
            errors.unstated,
        )
        split = given.get("split") or given.get("fsplit")
        if split is None:
            return [regression]
        column = re.sub(r"^~\s*|^[\"']|[\"']$", "", split)
        if not re.fullmatch(_NAME, column) or (given.get("split") and given.get("fsplit")):
            raise NotReadError(f"split = {split}: only a column's name is read")
        level = self.in_force(column)
        each = f"each({level})"
        both = each if condition == "TRUE" else f"{each} & {in_brackets(condition)}"
        return [*([regression] if given.get("fsplit") else []), replace(regression, condition=both)]

    def _refuse_of_fixest(self, name: str, formula: str, given: Mapping[str, str]) -> None:
        """Refuse what a formula of lm says otherwise than one of fixest, or not at all.

        Raises
        ------
        NotReadError
            It has some.
        """
        if other := next((n for n in _called(formula) if n in _ONLY_FIXEST), None):
            raise NotReadError(f"`{other}()` is fixest's, and no function of a formula of {name}")
        if "|" in _masked(formula) or re.match(r"\s*c\(", formula):
            raise NotReadError(f"`{formula.strip()}` is not what it says in a formula of {name}")
        if given.get("na.action", "na.omit").strip("\"'") not in ("na.omit", "na.exclude", "NULL"):
            raise NotReadError(f"na.action = {given['na.action']} is not read")

    def _tell_lm(self, errors: Errors, factors: Sequence[str], line: int, text: str) -> None:
        """Say what is otherwise than in lm: factors are absorbed, and errors may be the nearest that are here."""
        if factors:
            told = "factor() among the terms of lm is a fixed effect here: the other coefficients are the same."
            self.found.comments.setdefault("fixed_effects", [])
            if told not in self.found.comments["fixed_effects"]:
                self.found.comments["fixed_effects"].append(told)
        if errors.lacks:
            self.skip(line, text, f"its errors are not those here, `{errors.vcov}` of [vcov]: {errors.lacks}")

    def _asked_errors(self, statement: str, line: int, found: Sequence[tuple[str, int, str]], before: int) -> str:
        """Take over the errors that coeftest(), vcovHC() and vcovCL() ask for of regressions of lm.

        Parameters
        ----------
        found : the regressions that stand in the statement
        before : how many regressions there were before it

        Returns
        -------
        str
            The statement without what was read of it.
        """
        made = range(before, len(self.found.regressions))
        of_lm = len(found) == 1 and found[0][0] == "lm"
        here = _Model(_steps(_arguments(found[0][2]).get("data", ""))[0], [*made]) if of_lm and made else None
        for call in [*re.finditer(r"(?<![\w.])(?:(?:lmtest|sandwich)::)?(coeftest|vcovHC|vcovCL)\(", statement)][::-1]:
            inside = _inside(statement, call.end())
            parts = [part.partition("=") if re.match(r"[\w.]+\s*=[^=]", part) else ("", "", part) for part in
                     _split(inside, ",")]  # fmt: skip
            order = iter({"coeftest": ("x", "vcov."), "vcovHC": ("x", "type")}.get(call[1], ("x", "cluster", "type")))
            given = {key.strip() or next(order, "?"): value.strip() for key, _, value in parts}
            of = given.get("x", "")
            model = here if here is not None and re.match(r"(?:stats::)?lm\(", of) else self._models.get(of)
            function, text = call[1], " ".join(f"{call[0]}{inside})".split())
            if model is None:
                continue
            if function == "coeftest":
                which = given.pop("vcov.", given.pop("vcov", ""))
                function = re.sub(r"^sandwich::", "", which)
                given = {key: value for key, value in given.items() if key not in ("save", "df")}
            if function in ("vcovHC", "vcovCL"):
                try:
                    self._take_errors(function, given, model, line, text)
                except NotReadError as error:
                    self.skip(line, text, f"asks for errors that are not read: {error}")
            elif function not in ("", "print()") and function not in self._variances:
                continue
            statement = statement[: call.start()] + "print()" + statement[call.end() + len(inside) + 1 :]
        target = _assigned(" ".join(statement.split()))
        if target and not target[1]:
            self._models.pop(target[0], None)
            self._variances.discard(target[0])
            if here is not None and _is_one_call(target[2]):
                self._models[target[0]] = here
            elif target[2] == "print()":
                self._variances.add(target[0])
        return statement

    def _take_errors(self, function: str, given: dict[str, str], model: _Model, line: int, text: str) -> None:
        """Give a regression of lm the errors that are asked for, in place of its own or, of others, beside them.

        Raises
        ------
        NotReadError
            They are not read.
        """
        if "cluster" in given:
            given["cluster"] = _of_own(given["cluster"], model.frame)
        for at in model.regressions:
            regression, (frame, state) = self.found.regressions[at], self._states[at]
            errors = errors_of_sandwich(function, given, "lsdv" if regression.effects != "0" else "")
            vcov = f"~{self.in_force(errors.vcov[1:], state)}" if errors.vcov[0] == "~" else errors.vcov
            other = replace(regression, vcov=vcov, ssc=errors.ssc)
            if not model.asked:
                self.found.regressions[at] = other
            elif (vcov, errors.ssc) not in model.asked:
                self.found.regressions.append(replace(other, line=line))
                self._states.append((frame, state))
            told = f"errors are those that line {line} asks for"
            told += ", there with t of N - k degrees of freedom or of df, here of G - 1" * (vcov[0] == "~")
            self._by_lm.setdefault(told, []).append(regression.line)
            model.asked.append((vcov, errors.ssc))
            if errors.lacks:
                self.skip(line, text, f"errors are not those here, `{errors.vcov}` of [vcov]: {errors.lacks}")

    def _refuse_moved(self, function: str, condition: str) -> None:
        """Refuse a lag beside a condition, but of units as a whole.

        Raises
        ------
        NotReadError
            Its periods may be those that the condition leaves, or all.
        """
        unit = self.found.unit or ""
        if not all(self._facts.nested(unit, column) for column in columns_of(condition)):
            verb = "lead" if function == "f" else "lag"
            raise NotReadError(
                f"`{function}()` beside `subset`, which leaves periods of a unit out: whether these are lagged, too, "
                f"is fixest's to say. Write it as a column in a line before, of {verb}() by unit, or in [derive]"
            )

    def _term(self, text: str, role: str) -> str:
        """Return a part of a formula as it is written here."""
        powers = [text[: found.start()].rstrip() for found in re.finditer(r"\^", _masked(text))]
        if text == "." or (role == "terms" and any(base.endswith(")") for base in powers)):
            raise NotReadError(f"`{text}` stands for terms that are not written out")
        if factor := next((n for n in re.findall(_NAME, text) if ":" in text and self._is_factor(n)), None):
            raise NotReadError(f"`{text}` has a slope for each level of `{factor}`, a factor: write i({factor}, x)")
        self._refuse_numbered(text)
        for slope in re.findall(r"\[([^\[\]]+)\]", text) if role == "effects" else ():
            levels = {name for name, key in self.state.columns.items() if key in self.factors | self._levels}
            if "factor(" in slope or not levels.isdisjoint(re.findall(_NAME, slope)):
                raise NotReadError(
                    f"`{text}` has a slope of a factor (`{slope}`), where fixest stops: absorb its levels"
                )
        _refuse_one_value(text)
        names = _called(text)
        if names[:1] == ["factor"] and (here := self._base_named("factor", text)):
            raise NotReadError(f"`factor()` with its levels in a formula is not taken over{here}")
        if other := next((n for n in names if n not in _IN_FORMULAS), None):
            here = ". Here: offset() among the controls" if other == "offset" else self._base_named(other, text)
            raise NotReadError(f"`{other}()` in a formula is not taken over{here}")
        if self.state.kept and (across := next((n for n in _called(_without_powers(text)) if n in _ACROSS_ROWS), None)):
            raise NotReadError(f"`{across}()` looks at rows that the code has cut off before")
        return ours(text, role)  # type: ignore[arg-type]

    def _base_named(self, function: str, text: str) -> str:
        """Say of a factor with its levels in an order within a formula how its base is named here."""
        column, base = self._leveled(function, text) if function in _ORDERING else ("", "")
        if not re.fullmatch(_NAME, column):
            return ""
        return f". Here: i({column}, ref = {base})" if base else f". Here: i({column})"

    def _refuse_numbered(self, text: str) -> None:
        """Refuse the numbers that R gives the levels of a factor.

        Raises
        ------
        NotReadError
            There are some.
        """
        for number in re.finditer(rf"(?<![\w.])as\.(?:numeric|integer|double)\(\s*({_NAME})\s*\)", text):
            if self.state.columns.get(number[1]) in self._levels:
                raise NotReadError(f"`{number[0]}` numbers the levels of a factor, 1, 2, …, which here have no numbers")

    def _matching(self, pattern: str, outcome: str) -> list[str]:
        """Return the columns of the frame in which a pattern is found: those of the file and of the script.

        The pattern itself where these are not known: `add` refuses it where it matches what the script makes.
        """
        if not self._data or self.state.rows:
            return [self._term(pattern, "terms")]
        there = sorted(self.there())
        try:
            (found,) = expand(parse(pattern), {}, there, 1.0, 1)
        except LanguageError as error:
            raise NotReadError(f"of the columns that are there, {error}: `{pattern}`") from error
        names = [write(one) for one in chain(found, "+")]
        if {*names} & columns_of(outcome):
            raise NotReadError(f"`{pattern}` matches the outcome: name the columns")
        if "" in self.state.dropped:
            raise NotReadError(f"`{pattern}` stands behind a line that may leave other columns: name them")
        return names

    def _of_felm(self, vcov: str, effects: Sequence[str], *, absorbed: bool) -> tuple[str, str]:
        """Return the rule of [vcov] that corrects as felm does, and what is to be told of it.

        lfe counts every fixed effect; in newer versions none at all where one is nested in a cluster. Those of
        factor() are coefficients, and counted by all; they are alone where none is ``absorbed``.
        """
        clusters = re.split(r"\s*\+\s*", vcov[1:]) if vcov.startswith("~") else []
        named = [one for part in effects for one in re.split(r"\s*\+\s*", part)]
        if not clusters or (not named and len(clusters) == 1):
            return "", ""
        if len(clusters) > 1:
            return "", "two clusterings, each with its own number of clusters; fixest's rule stands here, of the fewer"
        (of,) = clusters
        if not absorbed:
            return "lsdv", ""
        here = {of, *named}.isdisjoint(self.state.columns)
        nested = [True if name == of else self._facts.nested(name, of) if here else None for name in named]
        if all(one is False for one in nested):
            return "lsdv", ""
        older = 'older versions of lfe count every fixed effect, which is ssc = "lsdv"'
        if not any(nested):
            return (
                "",
                f"whether a fixed effect is nested in the clusters is not known; fixest's rule stands here; {older}",
            )
        if all(nested):
            return "", f"fixest's rule stands here, which is that of newer versions of lfe; {older}"
        return "", (
            "newer versions of lfe count no fixed effect where one is nested in the clusters; fixest's rule stands "
            f"here, which counts those that are not nested; {older}"
        )

    def _factor(self, term: str, line: int) -> str:
        """Return the column whose levels a term is the dummies of, "" for another term."""
        found = re.fullmatch(r"(?:as\.)?factor\((\w+)\)", term)
        name = found[1] if found else term if self.state.columns.get(term) in self.factors | self._levels else ""
        if found or not name or name in self._facts.binary:
            return name if found else ""
        if of := self._levels_of.get(self.state.columns.get(name, "")):
            return of
        if name not in self._data:
            ref = f", ref = {base}" if (base := self._bases.get(self.state.columns.get(name, ""))) else ""
            told = f"`{name}` is a factor: if it has more than two levels, write i({name}{ref})"
            self.found.notes.append((line, told))
            return ""
        return name

    def _is_factor(self, name: str) -> bool:
        """Say whether a line has made a column a factor, unless that has but two values, 0 and 1."""
        return self.state.columns.get(name) in self.factors | self._levels and name not in self._facts.binary

    def _margins(self, term: str, others: Sequence[str], effects: Sequence[str], line: int) -> list[str]:
        """Return what a product with a logical column has beside it: in R that is a factor, with a slope at FALSE, too.

        Raises
        ------
        NotReadError
            It is of more than two columns.
        """
        pieces = _split(term, ":")
        logical = [one for one in pieces if self._is_logical(Name(self.state.columns.get(one, "")))]
        if len(pieces) < 2 or not logical:
            return []
        if len(pieces) > 2:
            raise NotReadError(
                f"`{term}` has a slope at TRUE and at FALSE of `{logical[0]}`: write as.integer() around it"
            )
        there = {*others, *(one for other in others if "*" in _masked(other) for one in _split(other, "*"))}
        beside = [one for k, one in enumerate(pieces) if pieces[1 - k] in logical and one not in there]
        absorbed = [one for part in effects for one in _split(part, "+")]
        key = {one: self.state.columns.get(one, one) for one in (*absorbed, *beside)}
        added = [one for one in beside if not any(self._facts.nested(key[fixed], key[one]) for fixed in absorbed)]
        if beside:
            told = f"`{logical[0]}` is TRUE or FALSE: R has `{term}` for both, here `{' + '.join([*added, term])}`"
            self.found.notes.append((line, f"{told}; where one is collinear, R may show that of FALSE, with its sign"))
        return [self._term(one, "terms") for one in added]

    def _slopes(self, term: str, others: Sequence[str], cut: Set[str]) -> str:
        """Return the slopes by level of a product with ``factor()``, in R of all levels but the first beside ``x``.

        Raises
        ------
        NotReadError
            Which level is the first is not known, or fixest drops one of too many.
        """
        of_levels = re.fullmatch(rf"i\(\s*({_NAME})\s*,\s*({_NAME})\s*\)", term)
        product = re.fullmatch(
            rf"(?:(?:as\.)?factor\(\s*({_NAME})\s*\)\s*:\s*({_NAME})|({_NAME})\s*:\s*(?:as\.)?factor\(\s*({_NAME})\s*\))",
            term,
        )
        if not (found := product or of_levels):
            if re.search(r"(?<![\w.])(?:as\.)?factor\([^()]*\)\s*[:*]|[:*]\s*(?:as\.)?factor\(", term):
                raise NotReadError(f"`{term}` has a slope for each level of a factor: write i(factor, x, ref = …)")
            return ""
        factor, slope = (found[1], found[2]) if found[1] else (found[4], found[3])
        if not {slope, *(other for other in others if slope in _split(other, "*"))} & {*others}:
            return ""
        if of_levels:
            why = f"has a slope for each level beside `{slope}`, one too many, and fixest drops one"
            raise NotReadError(f"`{term}` {why}: write i({factor}, {slope}, ref = …)")
        rows = cut or self.state.kept or self.state.rows
        if rows or factor in self.state.columns or factor not in self._facts.whole:
            why = f"is in R, beside `{slope}`, a slope for each level of `{factor}` but the first that there is"
            raise NotReadError(f"`{term}` {why}: write i({factor}, {slope}, ref = …)")
        return f"i({factor}, {slope}, ref = {self._facts.bounds(factor)[0]:.15g})"

    def _is_logical(self, node: Node) -> bool:
        """Say whether an expression of versions is TRUE or FALSE in R, no number."""
        match node:
            case Name():
                made = self._versions[node.name].expression if self.known(node.name) else None
                return made is not None and self._is_logical(parse(made))
            case Unary(operator="!"):
                return True
            case Binary():
                return node.operator in ("==", "!=", "<", "<=", ">", ">=", "&", "|", "%in%", "%like%")
            case Call(function="ifelse"):
                values = [a.value for a in node.arguments[1:] if a.value not in (None, Constant(None))]
                return all(value is not None and self._is_logical(value) for value in values)
            case Call():
                return node.function in ("is.na", "is.finite", "grepl", "between")
            case _:
                return isinstance(node, Constant) and node.value is not None

    def _with_tests(self, text: str) -> str:
        """Write out that R takes all numbers but 0 for TRUE, where ``!``, ``&``, ``|`` and ifelse() ask for one."""

        def test(node: Node, sign: str = "!=") -> Node:
            return Binary(sign, written(node), Number(0.0)) if self._is_amount(node) else written(node)

        def written(node: Node) -> Node:
            match node:
                case Unary(operator="!") if self._is_amount(node.operand):
                    return test(node.operand, "==")
                case Unary():
                    return Unary(node.operator, written(node.operand))
                case Binary(operator="&" | "|"):
                    return Binary(node.operator, test(node.left), test(node.right))
                case Binary():
                    return Binary(node.operator, written(node.left), written(node.right))
                case Call():
                    of_each = [test if node.function == "ifelse" else written, *[written] * len(node.arguments)]
                    return Call(node.function, tuple(
                        a if a.value is None else Argument(of(a.value), a.name)
                        for of, a in zip(of_each, node.arguments, strict=False)
                    ))  # fmt: skip
                case _:
                    return node

        if not re.search(r"[!&|]|ifelse\(", text):
            return text
        before = parse(text)
        return text if (after := written(before)) == before else write(after)

    def _is_amount(self, node: Node) -> bool:
        """Say whether an expression is a number in R that may be another than 0 and 1."""
        match node:
            case Name():
                key = self.in_force(node.name)
                made = self._versions[key].expression if self.known(key) else None
                if made is not None:
                    return self._is_amount(parse(made))
                return self._facts.numbers(key) is not None and key not in self._facts.binary
            case Number():
                return node.value not in (0, 1)
            case Unary() | Binary():
                return node.operator in ("+", "-", "*", "/", "^", "%%", "%/%")
            case Call(function="ifelse" | "case_when"):
                return any(self._is_amount(one) for one in children(node)[1:])
            case Call():
                values = [a.value for a in node.arguments if a.value is not None and a.name != "by"]
                return node.function == "count" or (node.function in _SURE and any(map(self._is_amount, values)))
            case _:
                return False

    def _is_text(self, node: Node) -> bool:
        """Say whether an expression of versions is text in R."""
        match node:
            case Name():
                made = self._versions[node.name].expression if self.known(node.name) else None
                return node.name in self._facts.texts if made is None else self._is_text(parse(made))
            case Call(function="ifelse" | "coalesce" | "case_when"):
                return any(self._is_text(one) for one in children(node))
            case Binary(operator="~"):
                return self._is_text(node.right)
            case Call():
                return node.function in ("substr", "paste", "paste0", "tolower", "toupper", "trimws")
            case _:
                return isinstance(node, Text)

    def _refuse_text(self, written: str) -> None:
        """Refuse an expression of versions that takes the numbers out of a text.

        Raises
        ------
        NotReadError
            One does.
        """
        for call in calls(written):
            if call.function in ("as.numeric", "as.integer") and any(self._is_text(one) for one in children(call)):
                raise NotReadError(
                    f"`{call.function}()` of text is not taken over. Here: parse_number(x), where all texts are "
                    "numbers with a sign or words, as “$4”; it refuses others, as 207a, which are NA in R"
                )

    def _anew(self, name: str | None) -> bool:
        """Say whether a column is not that of the data any more, nor a factor of its values."""
        key = self.state.columns.get(name or "", "")
        return self.known(key) and key not in self.factors

    def _is_moved(self, time: str | None, key: str = "") -> bool:
        """Say whether a version, else that of every frame that makes it, is a time of the data moved by a number."""
        if time is None or self.known(time):
            return False
        keys = {key} if key else {state.columns.get(time, time) for state in self._of_frame.values()} - {time}
        made = [self._versions[one].expression for one in keys if self.makes(one)]
        return bool(keys) and len(made) == len(keys) and all(moved_column(one or "") == time for one in made)

    def _tell_derived(self, text: str, *functions: str) -> None:
        """Say at [derive] what functions do otherwise in R, where the draft has one of them."""
        self._otherwise[text] = {*functions}

    def _set_helpers(self, statements: Sequence[tuple[int, str, bool]]) -> None:
        """Take up the script's functions of one expression, which are written out where they are called."""
        self._helpers: dict[str, tuple[list[str], str]] = {}
        self._own = {made[0] for _, text, _ in statements if (made := _assigned(" ".join(text.split())))}
        starts = [
            (k, m[0]) for k, (_, text, _) in enumerate(statements)
            if (m := _assigned(" ".join(text.split()))) and re.match(r"(?:function\b|\\\()", m[2])
        ]  # fmt: skip
        bodies = {
            name: " ".join(text for _, text, _ in statements[k : k + MOST_OF_BODY]).partition("}")[0]
            for k, name in starts
        }
        self._of_quantiles = {
            name
            for name, body in bodies.items()
            if "quantile(" in body and re.search(r"\b(?:pmin|pmax|ifelse)\(|\] *<-", body)
        }
        made_twice = Counter(m[0] for _, text, _ in statements if (m := _assigned(" ".join(text.split()))))
        for k, (_, text, _) in enumerate(statements):
            head = re.match(rf"({_NAME})\s*(?:<-|=)\s*(?:function\s*|\\)\(([^()=]*)\)\s*(.*)$", " ".join(text.split()))
            if head is None or made_twice[head[1]] > 1:
                continue
            body = head[3]
            if body == "{":
                body = (
                    " ".join(statements[k + 1][1].split())
                    if [t for _, t, _ in statements[k + 2 : k + 3]] == ["}"]
                    else ""
                )
            if returned := re.match(r"return\(", body):
                body = inside if len(inside := _inside(body, returned.end())) + 8 == len(body) else ""
            names = [name.strip() for name in head[2].split(",")]
            used = {*re.findall(rf"(?<![\w.]){_NAME}(?![\w.]*\s*\(|\s*=[^=])", _without_texts(body))}
            if body and used <= {*names, "TRUE", "FALSE", "NA", "T", "F"} and not re.search(r"<-|[{}$@~\[\"']", body):
                self._helpers[head[1]] = (names, body)

    def _written_out(self, text: str) -> str:
        """Return an expression in which the script's own functions of one expression are written out."""
        if not self._helpers:
            return text
        calls = re.compile(rf"(?<![\w.$:])({'|'.join(map(re.escape, self._helpers))})\(")
        for _ in range(MOST_CUTS):
            if (found := calls.search(_without_texts(text))) is None or len(text) > LONGEST_CALL:
                return text
            names, body = self._helpers[found[1]]
            inside = _inside(text, found.end())
            given = _split(inside, ",")
            if len(given) != len(names) or any(re.match(r"[\w.]+\s*=[^=]", part) for part in given):
                raise NotReadError(f"`{found[1]}()` is called in a way that is not read")
            values = dict(zip(names, given, strict=True))

            def value(m: re.Match[str], values: Mapping[str, str] = values) -> str:
                known = values.get(m[0], m[0])
                return known if re.fullmatch(r"[\w.]+", known) else f"({known})"

            new = re.sub(rf"(?<![\w.\"']){_NAME}(?![\w.]*\s*\(|[\w.]*\s*=[^=]|[\w.]*[\"'])", value, body)
            whole = found.start() == 0 and found.end() + len(inside) + 1 == len(text)
            call = re.match(r"[\w.]+\(", new)
            alone = call is not None and call.end() + len(_inside(new, call.end())) + 1 == len(new)
            new = new if whole or alone else f"({new})"
            text = text[: found.start()] + new + text[found.end() + len(inside) + 1 :]
        raise NotReadError("the script's functions call each other too often")

    def _unknown(self, name: str, statement: str) -> bool:
        """Say whether a function is neither the script's nor known."""
        return not (
            not re.search("[a-z]", name, re.IGNORECASE) or
            name in _KNOWN or name in self._own or name in _CALLS or name in _OTHERS or name in _AROUND
            or name in _VERBS or name in _BY_ROW or name in COMMANDS
            or _KNOWN_ALIKE.fullmatch(name) or re.search(rf"::{re.escape(name)}\s*\(", statement)
        )  # fmt: skip

    def _set_changers(self, statements: Sequence[tuple[int, str, bool]]) -> None:
        """Take up the script's functions that change tables in place: their code, whether arguments, which others."""
        self._changers: dict[str, tuple[str, bool, frozenset[str]]] = {}
        bodies = [
            (name, [" ".join(text.split()) for _, text, _ in statements[k:end]])
            for name, k, end in _functions(statements)
        ]
        before = -1
        while before < len(self._changers):
            before = len(self._changers)
            for name, (head, *more) in bodies:
                first = re.search(r"(?:\bfunction\s*|\\)\(", head)
                inside = _inside(head, first.end()) if first else ""
                parameters = {part.partition("=")[0].strip() for part in _split(inside, ",")}
                local = {one: {one} for one in parameters}
                hit: set[str] = set()
                body = [head[first.end() + len(inside) + 1 :] if first else "", *more]
                of_others = ""
                for text in body:
                    same, called = self._by_reference(text)
                    of_others += f" {called}" if len(of_others) < LONGEST_CALL else ""
                    made = _assigned(text)
                    if made and "<<-" in _masked(text):
                        same |= {made[0]}
                    hit |= {root for one in same for root in local.get(one, {one})}
                    if made and not made[1]:
                        local[made[0]] = {r for one in self._tables(made[2]) for r in local.get(one, {one})}
                if hit:
                    self._changers[name] = (
                        " ".join(body) + of_others,
                        bool(hit & parameters),
                        frozenset(hit - parameters),
                    )

    def _by_reference(self, text: str) -> tuple[set[str], str]:
        """Return the tables that a statement may change in place, and the code of functions by which it does."""
        bare = _without_texts(text)
        if re.match(rf"({_NAME})\s*(?:<-|=)\s*(?:function\b|\\\()", text):
            return set(), ""  # where it is called
        found: set[str] = set()
        for sign in re.finditer(":=", bare):
            at = _opening(bare, sign.start())
            if at >= 0 and bare[at] == "[":
                found |= self._tables(text[:at])
        for call in re.finditer(r"(?<![\w.])(?:[\w.]+::)?(?:set|setnames|setattr)\(\s*(?:x\s*=\s*)?", bare):
            if re.search(r"(?:%>%|\|>)\s*$", bare[: call.start()]):
                found |= self._tables(bare[: call.start()].rstrip().removesuffix("|>").removesuffix("%>%"))
            else:
                found |= self._tables(_split(_inside(text, call.end()), ",")[0])
        words = {*re.findall(rf"(?<![\w.$@\"'`]){_NAME}(?![\w.\"'`])", bare)}
        if found & ({*_arguments_of(text)} | {".", "_", ".x"}):
            found |= words
        bodies: list[str] = []
        for name in {*words, *re.findall(rf"[\"']({_NAME})[\"']", text)} & {*self._changers}:
            body, arguments, others = self._changers[name]
            found |= (words if arguments else set()) | others
            bodies.append(body)
        if self._of_tables:
            for call in re.finditer(rf"(?<![\w.:$@])({_NAME})\(", bare):
                if self._unknown(call[1], text):
                    given = (re.sub(rf"^{_NAME}\s*=\s*", "", part) for part in _split(_inside(text, call.end()), ","))
                    found |= {part for part in given if re.fullmatch(_NAME, part)}
                    piped = re.search(rf"({_NAME})\s*(?:%>%|\|>)\s*$", bare[: call.start()])
                    found |= {piped[1]} if piped else set()
        return found, " ".join(bodies)

    def _tables(self, text: str, deep: int = 0) -> set[str]:
        """Return the names whose table an expression may be, none where it is a copy."""
        text = text.rstrip()
        if deep > MOST_CUTS or len(text) > LONGEST_CALL:
            return {*self._frames}
        bare = _without_texts(text)
        if re.match(r"\s*(?:if|switch)\s*\(", bare):
            return {*re.findall(_NAME, bare)}
        pipes = list(re.finditer(r"%>%|\|>", _masked(text)))
        if pipes:
            before, step = text[: pipes[-1].start()], text[pipes[-1].end() :].strip()
            verb = re.match(r"(?:[\w.]+::)?([\w.]+)", step)
            keeps = re.match(r"[._]\[", step) or step in (".", "_")
            return self._tables(before, deep + 1) if keeps or (verb and self._may_keep(verb[1])) else set()
        if bare.endswith("]"):
            at = _opening(bare, len(bare) - 1)
            inside = text[at + 1 : -1]
            double = inside.startswith("[") and inside.endswith("]")
            if double or _sets(inside) or not inside.strip(" ,"):
                return self._tables(text[:at], deep + 1)
            return (
                self._tables(text[:at], deep + 1) if re.fullmatch(r"\d+L?|[\"'][^\"']*[\"']", inside.strip()) else set()
            )
        if bare.endswith(")"):
            at = _opening(bare, len(bare) - 1)
            inside = text[at + 1 : -1]
            called = re.search(r"([\w.]+)\s*$", bare[:at])
            name = called[1] if called else ""
            if name == "get":
                literal = re.match(r"\s*[\"']([^\"']+)[\"']", inside)
                return {literal[1]} if literal else {*self._frames}
            if name in _SAME_TABLE or not name:
                return self._tables(re.sub(r"^\s*x\s*=\s*", "", _split(inside, ",")[0]), deep + 1)
            if name in ("list", "c", "mget") or self._may_keep(name):
                parts = (re.sub(r"^[\w.]+\s*=\s*", "", part) for part in _split(inside, ","))
                return {one for part in parts for one in self._tables(part, deep + 1)}
            return set()
        end = re.search(rf"({_NAME}|_)(?:[$@]`?{_NAME}`?)*$", bare)
        return {end[1]} if end else set()

    def _may_keep(self, name: str) -> bool:
        """Say whether a function may return the table that it is given."""
        return name in _SAME_TABLE or name in ("if", "tryCatch", "try") or name in self._own or self._unknown(name, "")

    def _tell_tables(self, same: set[str], body: str, line: int, text: str) -> None:
        """Mark what a statement changes in place in frames that it does not assign to."""
        reached = {other for one in same for other in self._one_table.get(one, {one})}
        for frame in sorted((reached & self._frames) - self._done):
            why = f"a table of data.table is changed in place, and `{frame}` is this table, or may be"
            self._changed(frame, "", line, text, why, body=body)

    def _assign_table(self, text: str, within: bool) -> None:
        """Remember which names are one table of data.table."""
        if loop := re.search(rf"\bfor\s*\(\s*({_NAME})\s+in\s+", text):
            of = _inside(text, loop.end())
            self._join(loop[1], self._tables(of))
            text = text[loop.end() + len(of) + 1 :].strip()
        plain = re.sub(_GUARD, "", text)
        by_name = re.match(rf"assign\(\s*[\"']({_NAME})[\"']\s*,\s*(.*)\)$", plain)
        made = (by_name[1], "", _split(by_name[2], ",")[0]) if by_name else _assigned(plain)
        if made is None or re.match(r"function\b|\\\(", made[2]):
            return
        target, place, value = made
        others = self._tables(value)
        if target in {other for one in others for other in self._one_table.get(one, {one})}:
            return
        if not within and plain == text and (not place or target in self._frames) and target in self._one_table:
            self._one_table.pop(target).discard(target)
        if not place or target not in self._frames:
            self._join(target, others)

    def _join(self, target: str, others: set[str]) -> None:
        if others:
            group = set().union(*(self._one_table.get(one, {one}) for one in {target, *others}))
            self._one_table |= dict.fromkeys(group, group)

    def _tell_unknown(self, statement: str, line: int) -> None:
        """List a function that is neither the script's nor known, once."""
        for name in _called(_without_texts(statement)):
            if name in self._told_unknown or not self._unknown(name, statement):
                continue
            self._told_unknown.add(name)
            if all(line != at for at, _, _ in self.found.skipped):
                why = f"`{name}()` is defined nowhere in this script: what it does to data or estimates is not read"
                self.skip(line, " ".join(statement.split()), why)

    def _value(
        self, text: str, by: Sequence[str], role: str = "value", *, scope: str = "frame", keys: Sequence[str] = ()
    ) -> str:
        """Return an expression of R as it is written here, by groups where these are named.

        ``scope`` says what a name means first: a column of the "frame", a variable of the "script", or "either"; it is
        never a column in code of "base" R; ``keys`` are groups that the expression sees as one value each, as those of
        data.table.

        Raises
        ------
        NotReadError
            It has a function that does something else here, or a variable of the script.
        """
        if (of := re.match(r"\s*with\(\s*([\w.]+)\s*,", text)) and of[1] == self._here:
            inside = _inside(text, text.index("(") + 1)
            if text.strip() == f"with({inside})":
                self._refuse_other_rows(f"with({of[1]}, …)", self._stood.get(of[1], {}), _words_of(inside), by)
                text, scope = inside.partition(",")[2].strip(), "frame"
        if by and self._of_tables:
            text = re.sub(r"(?<![\w.$])\.N(?![\w.])", "n()", text)
        self._refuse_places(text, by)
        if twice := re.search(r"!\s*!+\s*\w*", _without_texts(text)):
            raise NotReadError(
                f"`{twice[0]}` is the script's variable in dplyr, and elsewhere not not: write its value"
            )
        if not re.search(r"(?<![\w.])function\(|\\\(", text):  # which is not read, and has names of its own
            text = self._with_variables(text, scope)
        text = text.replace("%chin%", "%in%") if "%chin%" in _without_texts(text) else text
        if "$" in text and (whole := self._whole(text, by)):
            return self._with_whole(text, whole, by, role, scope, keys)
        here = "|".join(re.escape(name) for name in (self._here, ".data", ".") if name)
        text = re.sub(rf"(?<![\w.])(?:{here})\$(?={_NAME})", "", text.strip())
        self._refuse_whole(text)
        text = _by_row(_recoded(self._written_out(text)))
        _refuse_one_value(text)
        text = re.sub(
            rf"(?<![\w.$\])])({_NAME})\s*%between%\s*c\(\s*([^(),]+?),\s*([^(),]+)\)", r"between(\1, \2, \3)", text
        )
        bare = re.sub(r"\"[^\"]*\"|'[^']*'", "", text)
        if never := re.search(r"(?:[<>]=?|[=!]=)\s*NA\w*\b|(?<![\w.])NA\w*\s*(?:[<>]=?|[=!]=)", bare):
            raise NotReadError(f"`{never[0].strip()}` is NA in every row in R. Here, where that is meant: is.na(x)")
        if re.search(r"[{$@\\%]|function\(|<-", re.sub(r"%(?:in|like|/|)%", " ", bare)):
            raise NotReadError("its value is not an expression of the frame's columns")
        if other := next((n for n in _called(text) if n in ("first", "l", "f", "d", "group")), None):
            raise NotReadError(
                f"`{other}()` is not taken over{self._instead(other, text, by)}"
            )  # another function than that of this name here
        if own := next((n for n in re.findall(rf"(?<![\w.:$])({_NAME})\(", bare) if n in self._functions), None):
            told = ". Here, where it sets the tails to their quantiles: winsorize(x, p), p on either side"
            raise NotReadError(
                f"`{own}()` is a function of the script, which is not read{told * (own in self._of_quantiles)}"
            )
        if foreign := re.search(
            r"(?<![\w.:])(?!dplyr:|data\.table:)[\w.]+:{2,3}(?:lag|lead|shift|between)(?=\()", bare
        ):
            raise NotReadError(f"`{foreign[0]}()` is not that of dplyr or data.table, and not taken over")
        masked, why = self._masked_lag
        if masked and "lag" not in self._own and re.search(rf"(?<![\w.:])(?:{masked})\(", bare):
            raise NotReadError(why)
        self._refuse_numbered(text)
        sized = r"[-+*/^]|[<>]=?"
        for name in (name for name, key in self.state.columns.items() if key in self.factors):
            one = rf"(?<![\w.$]){re.escape(name)}(?![\w.(])"
            if re.search(rf"{one}\s*(?:{sized})|(?:{sized})\s*{one}", bare):
                raise NotReadError(f"`{name}` is a factor or text, whose values R does not take for numbers")
        text = re.sub(r"\bis\.infinite\(([^()]*)\)", r"(!is.na(\1) & !is.finite(\1))", text)
        unit, time = self.found.unit, self.found.time
        alone = unit is not None and [*by] == [unit]
        looks, running = False, set[str]()
        if alone and time is not None:
            chosen = rf"(?:if_?else|fifelse)\(([^(),]+),\s*{re.escape(time)}\s*,\s*NA\w*\s*\)"
            text = re.sub(
                rf"\bmin\(\s*{chosen}(\s*,\s*na\.rm\s*=\s*T\w*\s*)\)", lambda m: f"min({time}[{m[1]}]{m[2]})", text
            )
            if re.search(rf"\bmin\(\s*{re.escape(time)}\[", text):  # first(), where such a period tells who has one
                text = re.sub(r"(?<![\w.])any\(([^(),]+)(,\s*na\.rm\s*=\s*T(?:RUE)?\s*)?\)", self._any_period, text)
            new = re.sub(_DEFAULTS, lambda m: _with_default(m, time), text)
            new = re.sub(_SERIES, _lagged, new)
            running = {*_called(text)} & _RUNNING
            if (running or new != text) and self.state.kept:
                raise NotReadError("rows are cut off before: the row before is not the period before")
            as_given, as_sorted = self._facts.gaps(unit or "", time)
            apart = as_sorted if self.state.sorted else as_given
            if (running or new != text) and (self.state.order or apart) and (told := self._of_several_keys(by)):
                raise NotReadError(told)
            if (running or new != text) and self.state.order:
                raise NotReadError(f"rows are sorted by {self.state.order}: the row before is not the period before")
            if (running or new != text) and apart:
                raise NotReadError(
                    "the data have gaps, or are not in the order of unit and time: the row before is not the period "
                    "before"
                )
            if new != text:
                self._tell_derived(
                    "lag(), lead() and shift() of R go by rows, l() and f() by periods: the same where the rows of a "
                    "unit are in the order of time and none is absent.",
                    "l",
                    "f",
                )
            if running:
                self._tell_derived(
                    "cumsum() and cummax() of R go by rows, here along the unit's time: the same where the rows of a "
                    "unit are in the order of time.",
                    "cumsum",
                    "cummax",
                )
            looks = looks or bool(running) or new != text
            text = new
            if looks:
                self._refuse_anew(unit, "" if self._is_moved(time, self.state.columns.get(time, "")) else time)
        if by and re.search(r"(?<![\w.:$])n\(\)", text):
            looks, text = True, re.sub(r"(?<![\w.:$])n\(\)", f"count({_group_of(by)})", text)
        if (new := self._summarised(text, by, keys)) != text or {*_called(text)} & {*_GROUPED, *_COUNTED}:
            looks, text = True, new
        if (new := self._distinct(text, by)) != text:
            looks, text = True, new
        if not by and re.search(rf"(?<![\w.])scale\({_NAME}\)", text):
            looks, scaled = True, {"scale"}
        else:
            scaled = set()
        allowed = (
            _BY_ROW
            | scaled
            | running
            | ({*_GROUPED, "sum", "count", "first", "l", "f", "group", "n_distinct"} if looks else set())
        )
        if other := next((n for n in _called(text) if n not in allowed), None):
            cut = re.search(r"(?<![\w.])cut\(", text) if other == "cut" else None
            here = _with_base(_intervals(_inside(text, cut.end()), codes=False)) if cut else ""
            raise NotReadError(
                f"`{other}()` is not taken over{f'. Here: {here}' if here else self._instead(other, text, by)}"
            )
        if found_at := re.search(rf"({_NAME})\[(?:[\w.]*\$)?([^\[\]]+)\]", text):
            if found_at[2].startswith("-"):
                raise NotReadError(
                    f"`{found_at[1]}[-…]` leaves rows out by their number. Here, where it moves the others by one: "
                    f"l({found_at[1]}, 1) or f({found_at[1]}, 1)"
                )
            which = (
                found_at[2]
                if re.search(r"[<>=!]", found_at[2])
                else f"{time or 'year'} == {self._end_of_time(last=False)}"
            )
            raise NotReadError(
                f"`{found_at[0]}` is not taken over. Here: at({found_at[1]}, {which}), of one row of each unit"
            )
        written = self._with_tests(ours(text, role))  # type: ignore[arg-type]
        _refuse_ungrouped(written, by)
        _refuse_recycled(parse(written), keys)
        if by and not {*called(written)}.isdisjoint(_OF_GROUPS):
            self._tell_groups(by)
        self.refuse_gone(written)
        written = self.in_force(written)
        self._refuse_text(written)
        self._refuse_logical(written)
        tree = parse(written)
        self._tell_overflow(tree, written)
        self._tell_texts(tree, written)
        return self.on_kept(written) if looks else written

    def _refuse_other_rows(
        self, shown: str, then: Mapping[str, str], names: Iterable[str], by: Sequence[str] = ()
    ) -> None:
        """Refuse columns of a frame as it stood before, where they are others by now, or of all rows beside a group's.

        Raises
        ------
        NotReadError
            They are.
        """
        if anew := next((one for one in names if then.get(one) != self.state.columns.get(one)), None):
            raise NotReadError(
                f"`{shown}` is as it was before, and this line makes `{anew}` anew: write it in a line before that"
            )
        if by:
            raise NotReadError(
                f"`{shown}` is of all rows, beside those of a group of {', '.join(by)}: only a summary of it alone, as "
                "mean(df$x), is one value there"
            )

    def _whole(self, text: str, by: Sequence[str]) -> list[tuple[int, int]]:
        """Return where, within groups, summaries of all rows stand in an expression: of ``df$x`` and of ``.$x``.

        Raises
        ------
        NotReadError
            Such a column is another one by now, or stands in no such summary.
        """
        bare = _without_texts(text)
        found: list[tuple[int, int]] = []
        own = rf"(?<![\w.$@])({re.escape(self._here)}|\.)\$({_NAME})" if self._here else rf"(?<![\w.$@])(\.)\$({_NAME})"
        for column in re.finditer(own, bare):
            frame, name = column.groups()
            if frame == "." and (self._piped is None or self._native):
                raise NotReadError(f"`{column[0]}` is of what %>% pipes, and nothing else is called `.`")
            then = (self._piped or {}) if frame == "." else self._stood.get(frame, {})
            self._refuse_other_rows(column[0], then, (name,))
            if not by or (found and column.start() < found[-1][1]):
                continue
            at = _opening(bare, column.start())
            while at >= 0 and not (call := re.search(rf"(?<![\w.$@])(?:{_SUMMARIES})$", bare[:at])):
                at = _opening(bare, at)
            inside = _inside(text, at + 1) if at >= 0 else ""
            if at < 0 or call is None or _words_of(re.sub(own, "0", _without_texts(inside))):
                self._refuse_other_rows(column[0], then, (), by)
            else:
                found.append((call.start(), at + len(inside) + 2))
        return found

    def _with_whole(
        self,
        text: str,
        whole: Sequence[tuple[int, int]],
        by: Sequence[str],
        role: str,
        scope: str,
        keys: Sequence[str],
    ) -> str:
        """Write an expression of groups in which summaries of all rows stand, each of them one value."""
        names = {f"of_all_rows__{k}__": text[start:end] for k, (start, end) in enumerate(whole)}
        values = {name: self._value(one, (), scope=scope) for name, one in names.items()}
        for (start, end), name in reversed([*zip(whole, names, strict=True)]):
            text = f"{text[:start]}{name}{text[end:]}"
        try:
            written = self._value(text, by, role, scope=scope, keys=(*keys, *names))
        except NotReadError as error:
            raise NotReadError(re.sub(r"of_all_rows__\d+__", lambda m: names.get(m[0], m[0]), str(error))) from None
        return re.sub(r"of_all_rows__\d+__", lambda m: in_brackets(values[m[0]]), written)

    def _refuse_places(self, text: str, by: Sequence[str]) -> None:
        """Refuse values by the number of their row: rows have no order here but that of each unit's time.

        Raises
        ------
        NotReadError
            There is one.
        """
        found = re.search(rf"(?:({_NAME})|\))\[\s*(?:(\d+)L?|\.N|n\(\))\s*\]", _without_texts(text))
        if found is None:
            return
        shown = f"`{re.sub(r'n[(][)](?=[]])', '.N', found[0])}`" if found[1] else "a row by its number"
        raise NotReadError(f"{shown} is not taken over{self._at_place(found[1] or '', found[2] or '', by)}")

    def _at_place(self, of: str, place: str, by: Sequence[str]) -> str:
        """Say what the value of a group's row by its number is here, "" being the last; ``of`` is a column, or ""."""
        unit, time = self.found.unit, self.found.time or "year"
        if len(by) != 1 or by[0] != (unit or by[0]):
            groups = f"of the groups of {', '.join(by)}" if by else "of the whole frame"
            return f": rows {groups} have no order here; have it in the data"
        cut = bool(self.rows_left())
        there = f"ifelse(left, {time}, NA)" if cut else time
        which = f"{time} == {'min' if place == '1' else 'max'}({there}, by = {by[0]})"
        if place not in ("", "1"):
            which = f"rank({there}, by = {by[0]}) == {place}"
        lines = [*(["x being a line of [derive]"] if not of else [])]
        lines += ["left being one that says which rows the code has left"] if cut else []
        told = "".join(f", {one}" for one in lines)
        return f". Here: at({of or 'x'}, {which}){told}, where R has each unit's rows in the order of time"

    def _refuse_anew(self, *keys: str | None) -> None:
        """Refuse lags and first periods of a unit or time that the script makes.

        Raises
        ------
        NotReadError
            It makes one.
        """
        if key := next((one for one in keys if self._anew(one)), None):
            raise NotReadError(f"`{key}` is made anew before: lags and first() here are of `{key}` in the data")

    def _distinct(self, text: str, by: Sequence[str]) -> str:
        """Return an expression in which n_distinct() and uniqueN() of columns are counted: a missing value is one, too.

        Raises
        ------
        NotReadError
            One is of something else.
        """
        group = f", {_group_of(by)}" if by else ""

        def counted(found: re.Match[str]) -> str:
            name, omits = found["x"], re.search(r"=\s*T", found["omits"] or "")
            node = self._understood(name)
            if node is None or not (self._is_sure(node) or (isinstance(node, Name) and not self.known(node.name))):
                raise NotReadError(f"`{found[0]}` is not taken over{self._instead(found['name'], found[0], by)}")
            of_missing = "" if omits or self._is_sure(node) else f" + max(is.na({name}){group})"
            return f"(n_distinct({name}{group}){of_missing})"

        named = (
            rf"(?<![\w.])(?P<name>n_distinct|uniqueN)\(\s*(?P<x>{_NAME})\s*(?P<omits>,\s*na\.rm\s*=\s*(?:T|F)\w*\s*)?\)"
        )
        of_other = re.sub(named, "", text)
        if other := re.search(r"(?<![\w.])(n_distinct|uniqueN)\(", of_other):
            raise NotReadError(f"`{other[1]}()` is not taken over{self._instead(other[1], of_other, by)}")
        return re.sub(named, counted, text)

    def _any_period(self, found: re.Match[str]) -> str:
        """Write any() of a condition by its first period, unless it may be missing in R."""
        node = self._understood(found[1])
        sure = found[2] or (node is not None and self._is_sure(node))
        return f"is.finite(first({found[1]}))" if sure else found[0]

    def _of_some(self, name: str, of: str, by: Sequence[str], keys: Sequence[str], *, omits: bool) -> str | None:
        """Write a summary of ``x[condition]``, None for another one.

        Where the condition is missing R takes a missing value, and the summary is missing unless it omits these.

        Raises
        ------
        NotReadError
            It has no value in R where there are values here, or the other way round.
        """
        found = re.fullmatch(rf"({_NAME})\[([^\[\]]+)\]", of)
        test = self._understood(found[2]) if found else None
        if found is None or test is None or not self._is_logical(test) or found[1] in keys:
            return None
        column, rows = found.groups()
        value, group = self._understood(column), f", {_group_of(by)}" if by else ""
        first = name == "min" and column == self.found.time and [*by] == [self.found.unit]
        some = f"ifelse({rows}, {column}, NA)"
        if first:
            self._refuse_anew(self.found.unit, self.found.time)
            new = f"first({rows})"  # Inf, too, for who has none
        else:
            new = f"{name}({some}{group})"
        if name == "sum":
            new = f"coalesce({new}, 0)"
        lost = "" if self._is_sure(test) else f"is.na({rows})"
        if value is None or not self._is_sure(value):
            lost = f"{lost}{' | ' if lost else ''}(({rows}) & is.na({column}))"
        new = new if omits or not lost else f"ifelse(max({lost}{group}) == 1, NA, {new})"
        if name in ("min", "max") and not first:
            why = f"`{name}()` of no value is infinite in R, missing here. Here, where every group has one: {new}"
            raise NotReadError(why)
        return new

    def _summarised(self, text: str, by: Sequence[str], keys: Sequence[str] = ()) -> str:
        """Return an expression in which every summary has its groups, from the innermost on.

        Raises
        ------
        NotReadError
            One is another number here where values are missing, or has an argument that is not read.
        """
        pattern = rf"(?<![\w.])({'|'.join((*_GROUPED, *_COUNTED))})\("
        summaries = [*re.finditer(pattern, _without_texts(text))]
        if len(summaries) > MOST_CUTS:
            raise NotReadError(f"it has more than {MOST_CUTS} summaries")
        for found in summaries[::-1]:
            name, inside = found[1], _inside(text, found.end())
            parts = [part for part in _split(inside, ",") if part]
            named = [part for part in parts if re.match(r"[\w.]+\s*=(?!=)", part)]
            omits = [re.fullmatch(r"na\.rm\s*=\s*(?:(T|TRUE)|F|FALSE)", part) for part in named]
            if len(parts) - len(named) != 1 or len(named) > 1 or not all(omits):
                raise NotReadError(f"`{name}({inside})` has an argument that is not read")
            of, holes = next(part for part in parts if part not in named), self.state.holes and not by
            node, dropped = self._understood(of), any(one and one[1] for one in omits)
            if holes and not (dropped and re.fullmatch(_NAME, of)):
                raise NotReadError("rows of missing values stand before where a condition of `[` is missing")
            if name not in ("any", "all") and (value := self._of_some(name, of, by, keys, omits=dropped)):
                text = f"{text[: found.start()]}{value}{text[found.end() + len(inside) + 1 :]}"
                continue
            sure = node is not None and self._is_sure(node) and not holes
            if name in ("any", "all") and not (node is not None and self._is_logical(node)):
                raise NotReadError(f"`{name}()` is not taken over{self._instead(name, text, by)}")
            if not (sure or dropped):
                raise NotReadError(
                    f"`{name}()` without na.rm = TRUE is missing in R where one value is; here those are left out"
                )
            group = f", {_group_of(by)}" if by else ""
            value, of_none = f"{name}({of}{group})", {"sum": "0", "any": "FALSE", "all": "TRUE"}.get(name)
            if name in ("any", "all"):
                value = f"({'max' if name == 'any' else 'min'}({of}{group}) == 1)"
            if of_none and not sure:  # that of no value
                value = f"coalesce({value}, {of_none})"
            if name in ("min", "max") and not sure:
                if re.search(r"\bNA(?:_\w+)?\b", of):
                    raise NotReadError(f"`{name}()` of no value is infinite in R, missing here")
                self._infinite.setdefault(self._at, []).append(columns_of(of))
            text = f"{text[: found.start()]}{value}{text[found.end() + len(inside) + 1 :]}"
        return text

    def _understood(self, text: str) -> Node | None:
        """Return the tree of an expression of versions, None where it is not read."""
        self._weigh()
        with suppress(NotReadError, LanguageError):
            return parse(self.in_force(ours(text, "value")))
        return None

    def _weigh(self) -> None:
        """Remember which versions have a value in every row; each is made of those before it."""
        for key, version in [*self._versions.items()][len(self._sure) :]:
            self._sure[key] = version.expression is not None and self._is_sure(parse(version.expression))

    def _is_sure(self, node: Node, given: Set[str] = frozenset()) -> bool:
        """Say whether an expression of versions has a value in every row, as far as the data show.

        ``given`` are columns that have one wherever it matters, as x in ``!is.na(x) & x > 5``.
        """
        match node:
            case Name():
                return node.name in given or self._sure.get(node.name, node.name in self._facts.complete)
            case Number() | Text():
                return True
            case Constant():
                return node.value is not None
            case Unary():
                return self._is_sure(node.operand, given)
            case Binary(operator="%in%"):
                return self._is_sure(node.left, given)
            case Binary(operator="&" | "|"):
                parts = _joined(node, node.operator)
                asked = {_asked(one, known=node.operator == "&") for one in parts}
                return all(self._is_sure(one, given | asked) for one in parts)
            case Binary(operator="/" | "%/%" | "%%" | "^"):
                by = number_value(node.right)
                whole = by is not None and (by > 0 and by == int(by) if node.operator == "^" else by != 0)
                return whole and self._is_sure(node.left, given)
            case Binary():
                return self._is_sure(node.left, given) and self._is_sure(node.right, given)
            case Call(function="is.na" | "is.finite"):
                return True
            case Call(function="log" | "log10" | "log1p" | "sqrt", arguments=(Argument(Name() as of),)):
                there = not self.known(of.name) and of.name in self._facts.complete
                return there and 0 < self._facts.bounds(of.name)[0] < inf
            case Call() if node.function == "coalesce":
                return any(self._is_sure(one, given) for one in children(node))
            case Call():
                return node.function in _SURE and all(self._is_sure(one, given) for one in children(node))
            case _:
                return False

    def _tell_groups(self, by: Sequence[str]) -> None:
        """Say of which groups rows may be without one: in R these are a group of their own, here they have no value.

        Raises
        ------
        NotReadError
            A column of the data has missing values.
        """
        keys = {self.found.unit, self.found.time}
        nodes = {name: self._understood(name) for name in by if self._data and name not in keys}
        unsure = [name for name, node in nodes.items() if node is None or not self._is_sure(node)]
        if missing := next((name for name in unsure if name in self._data and name not in self.state.columns), None):
            raise NotReadError(f"rows where `{missing}` is missing are a group in R, and have no value here")
        if unsure:
            listed = ", ".join(f"`{name}`" for name in unsure)
            self._tell_derived(f"Rows where {listed} is missing are a group in R, and have no value here.", *_OF_GROUPS)

    def _refuse_whole(self, text: str) -> None:
        """Refuse columns of a whole frame beside rows that are left of it, which R takes by position."""
        if self._moved and re.search(rf"(?<![\w.$]){re.escape(self._moved)}\s*[$\[]", text):
            raise NotReadError(
                f"its rows are cut or sorted before, and `{self._moved}$` is of all rows of `{self._moved}`: R puts it "
                "on them by position. Name the columns alone, or cut in a line of its own"
            )

    def _with_variables(self, text: str, scope: str) -> str:
        """Return an expression in which the script's variables are written out: columns go first where R looks there.

        Raises
        ------
        NotReadError
            A name is a variable whose value is not known here, or may be a column as well.
        """
        columns, sure = self.there(), bool(self._data) and not self.open(self.state.rows)

        def written(found: re.Match[str]) -> str:
            name = found["name"]
            shadowed = name in self._local or name.startswith(".")
            frame = name in self._frames and (scope in ("script", "base") or name not in columns)
            if not (shadowed or frame or name in self._variables) or (name in columns and scope == "frame"):
                return f"{found['among'] or ''}{self._constant(name, scope, sure=sure)}"
            if name == ".N":
                raise NotReadError("`.N` is not taken over. Here, of all rows: count()")
            value = self._variables.get(name, "") if name in self._set_before and not shadowed else ""
            if value and scope not in ("script", "base") and (name in columns or not sure):
                raise NotReadError(f"`{name}` is a variable of the script, and may be a column of its data, too")
            if not value and name in _OF_TABLES:
                raise NotReadError(f"`{name}` is data.table's, and not taken over{_OF_TABLES[name]}")
            if not value and (rows := self.open(self.state.rows)) and not shadowed:
                raise NotReadError(
                    f"`{name}` is a variable of the script, or a column that line {rows[-1][0]}, not read, may bring"
                )
            if not value:
                raise NotReadError(f"`{name}` is a variable of the script, not a column")
            if value.startswith("c(") and not found["among"]:
                raise NotReadError(f"`{name}` has several values, which are read behind %in% alone")
            return f"{found['among'] or ''}{f'({value})' if value[0] == '-' else value}"

        return _OF_SCRIPT.sub(lambda m: written(m) if m["name"] else m[0], text)

    def _constant(self, name: str, scope: str, *, sure: bool) -> str:
        """Return a name that is no variable of the script, or what it is where base R has it, and it is no column.

        Raises
        ------
        NotReadError
            It may be either, or is neither.
        """
        plain, column = without_marks(name), name in self.there()
        if name in _LITERALS:
            return name
        if plain in _CONSTANTS and scope == "either" and column:
            raise NotReadError(
                f"`{plain}` is a column in a data.table's brackets, and R's own in those of a data frame"
            )
        if scope == "base" or (plain in _CONSTANTS and sure and not column):
            if value := _CONSTANTS.get(plain):
                return value
            if plain in _CONSTANTS:
                raise NotReadError(f"`{plain}` is R's own, of several values, and not taken over")
            if not column and (plain in FUNCTIONS or plain in _HERE):
                raise NotReadError(f"a function that is handed over by its name, `{plain}`, is not read")
            raise NotReadError(f"`{plain}` is no column in code of base R: write {self._here or 'df'}${plain}")
        return name

    def _instead(self, function: str, text: str = "", by: Sequence[str] = ()) -> str:
        """Say what a function is here, of the time of the data, and of the code's own values where they are plain."""
        if function == "diff":
            return self._differenced(text, by)
        if function in _ORDERING:
            column, base = self._leveled(function, text)
            told = f", and as a term `i(…, ref = {base})`, of R's base" if base else ""
            return f". Here: {column}{told}" if column else ""
        here = re.sub(r"\byear(?= == 2000)", self.found.time or "year", _HERE.get(function, ""))
        call = re.search(rf"(?<![\w.]){re.escape(function)}\(", text)
        given = _split(_inside(text, call.end()), ",") if call else []
        values = [one for one in given if not re.match(r"[\w.]+\s*=(?!=)", one)]
        named = _arguments(_inside(text, call.end())) if call else {}
        second = values[1] if len(values) > 1 else named.get("n", "")
        options = {k: v for k, v in named.items() if k not in _NO_OPTIONS and not k.startswith("number ")}
        if function == "quantile" and options.get("type") in ("2", "7"):
            kind = options.pop("type")
            here = here.replace(", by = g", f", type = {kind}, by = g")
        elif function == "scale" and {*options} == {"scale"} and options.pop("scale") in ("F", "FALSE"):
            here = here.replace("scale", "center")
        elif function == "rank" and options.get("ties.method", "").strip("\"'") == "average":
            del options["ties.method"]
        elif function == "ave":
            summary = options.pop("FUN", "mean")
            here = here.replace("mean", summary) if summary in _GROUPED else ""
            here = here.replace("by = g", _group_of(groups)) if (groups := values[1:]) else here.replace(", by = g", "")
        elif function == "cut":
            breaks = options.get("breaks", second)
            if "quantile(" in breaks:
                lowest = options.pop("include.lowest", "F") in ("T", "TRUE")
                here = _at_quantiles(values[0] if values else "", breaks, lowest)
            elif re.fullmatch(r"\d+L?", breaks):
                here = ""
            options = {k: v for k, v in options.items() if k not in ("breaks", "labels", "dig.lab")}
        if (options and function not in _OF_EXAMPLE) or len(values) > _MOST_VALUES.get(function, len(values)):
            return ""
        if function in ("first", "last", "nth"):
            place = {"first": "1", "last": ""}.get(function, second.rstrip("L"))
            of_time = named.get("order_by", self.found.time) == self.found.time
            if named.keys() & {"na_rm", "na.rm", "default"} or not (of_time and re.fullmatch(r"(?:[1-9]\d*)?", place)):
                return ""
            x = values[0] if values and re.fullmatch(_NAME, values[0]) else ""
            return self._at_place(x, place, by)
        if function == "replace_na" and second:
            here = here.replace("x, 0", f"x, {second}")
        elif function == "na_if" and second:
            here = here.replace("x == 1", f"x == {second}")
        elif function in ("lag", "lead", "shift"):
            return self._moved_rows(function, values, second, named, by)
        if values and re.fullmatch(_NAME, values[0]):
            here = re.sub(r"(?<![\w.])x(?![\w.(])", values[0], here)
        if by and all(re.fullmatch(_NAME, name) for name in by):
            here = here.replace("by = g", _group_of(by))
        elif not by and function != "ave":  # which names its groups itself
            here = re.sub(r"(?:, )?by = g(?=\))", "", here)
        return f". Here: {here}" if here else ""

    def _leveled(self, function: str, text: str) -> tuple[str, str]:
        """Return what a factor with its levels in an order is here, and the base of its dummies where it is another.

        Both are "" where that is not plain. Dummies here leave out the first by the alphabet, or the least number.
        """
        call = re.search(rf"(?<![\w.]){function}\(", text)
        parts = _split(_inside(text, call.end()), ",") if call else []
        given: dict[str, str] = {}
        order = iter(("x", "levels" if function in ("factor", "ordered") else "ref", "labels"))
        for part in parts:
            named = re.fullmatch(r"([\w.]+)\s*=(?!=)\s*(.*)", part)
            given[named[1] if named else next(order, "")] = named[2] if named else part
        inner = re.fullmatch(rf"(?:(?:as\.)?factor\()?\s*({_NAME})\s*\)?", given.get("x", given.get(".f", "")))
        if inner is None:
            return "", ""
        x, known = inner[1], self._facts.levels(inner[1])
        if function == "ordered" or given.get("ordered", "F")[0] == "T":
            return f"{x}, whose dummies are others than the polynomials that R has of an ordered factor", ""
        if function in ("fct_inorder", "as_factor"):
            codes = ", of value labels that of the least code" * (function == "as_factor")
            return f"{x}, and as a term `i(…, ref = …)` of R's base, the value that stands first in the rows{codes}", ""
        listed = re.fullmatch(r"c\((.*)\)", given.get("levels", ""))
        levels = _split(listed[1], ",") if listed else [given["ref"]] if "ref" in given else []
        if not levels or not all(re.fullmatch(r"\"[^\"]*\"|'[^']*'|-?\d+(?:\.\d+)?L?", one) for one in levels):
            return "", ""
        plain = [one.strip("\"'") if one[0] in "\"'" else one.rstrip("L") for one in levels]
        if x in self._data and not known:
            levels = plain
        texts = levels[0][0] in "\"'"
        if not texts and not all(re.fullmatch(r"-?\d+(?:\.\d+)?", one) for one in plain):
            return "", ""
        labels = re.fullmatch(r"c\((.*)\)", given.get("labels", ""))
        if labels:
            called = _split(labels[1], ",")
            cases = ", ".join(f"{x} == {one} ~ {label}" for one, label in zip(levels, called, strict=False))
            return (_with_base(f"case_when({cases})"), "") if len(called) == len(levels) else ("", "")
        if "labels" in given:
            return "", ""
        if listed and not (known and known <= {*plain}):
            column = f"ifelse({x} %in% c({', '.join(levels)}), {x}, NA)"
        else:
            column = x
        least = min(plain) if texts else min(plain, key=float)
        if "ref" in given and not (texts and known):
            least = ""
        elif "ref" in given:
            least = min(known)
        return column, "" if plain[0] == least else levels[0]

    def _moved_rows(
        self, function: str, values: Sequence[str], size: str, named: Mapping[str, str], by: Sequence[str]
    ) -> str:
        """Say what a lag or lead is here: a default stands in R where there is no row, not where a value is missing."""
        unit, time = self.found.unit, self.found.time or "year"
        ahead = (function == "lead" or "lead" in named.get("type", "")) != size.startswith("-")
        x = values[0] if values and re.fullmatch(_NAME, values[0]) else "x"
        n = size.strip("-L") if re.fullmatch(r"-?\d+L?", size) else "1"
        here = f"{'f' if ahead else 'l'}({x}, {n})"
        fill = named.get("default", named.get("fill", values[2] if len(values) > 2 else "NA"))
        if not fill.startswith("NA"):
            group = unit or (by[0] if len(by) == 1 else "unit")
            end = f"{time} == {'max' if ahead else 'min'}({time}, by = {group})"
            end = end if n == "1" else f"rank({'-' * ahead}{time}, by = {group}) <= {n}"
            here = f"ifelse({end}, {fill}, {here})"
        if [*by] == [unit] or (unit is None and len(by) == 1):
            if told := self._of_several_keys(by, here):
                return f": {told}"
            return f". Here: {here}, along the time of [study], where unit and time stand there"
        rows = f"within {' and '.join(f'`{one}`' for one in by)}" if unit in by else "across units"
        told = f"there R goes by rows {rows}, as they are not grouped by {f'`{unit}` alone' if unit else 'the unit'}"
        return f": {told}. Along the time of each unit it is here: {here}"

    def _differenced(self, text: str, by: Sequence[str]) -> str:
        """Say what differences are that a first value is put before, "" of others."""
        whole = re.fullmatch(
            rf"c\(\s*(NA\w*|-?[\d.]+)L?\s*,\s*diff\(\s*({_NAME}|log\(\s*{_NAME}\s*\))\s*(?:,\s*(?:lag\s*=\s*)?1L?\s*)?\)\s*\)",
            text.strip(),
        )
        if not whole or not by:
            return ""
        told = self._moved_rows("lag", ("x",), "1", {"default": whole[1]}, by).replace("l(x, 1)", f"d({whole[2]}, 1)")
        return f"{told}; diff() is of rows, the same where a unit's are sorted by time without gaps"

    def _of_several_keys(self, by: Sequence[str], here: str = "l(x, 1), f(x, 1) or cumsum(x)") -> str:
        """Say what the time is of units whose rows are sorted by several columns, "" of others."""
        keys = [key for key in self.state.keys if key not in by]
        plain = all(re.fullmatch(_NAME, key) and key in self.there() for key in keys)
        if len(keys) < 2 or not plain or len(by) != 1 or self._facts.key(by[0], keys[0]):
            return ""
        of_year = {"month": 12, "quarter": 4}.get(keys[1].casefold()) if len(keys) == 2 else None
        shown = f", as {keys[0]} * {of_year} + {keys[1]}" if of_year else ""
        return (
            f"rows of a unit are sorted by {' and '.join(f'`{key}`' for key in keys)}, and time is one column here: "
            f"have one in the data that numbers the periods{shown}, name it as the time of [study], and write {here}"
        )

    def _end_of_time(self, *, last: bool) -> str:
        """Return the first or last period of the data, an example where these are not known."""
        end = self._facts.bounds(self.found.time)[last] if self.found.time else inf
        return f"{end:g}" if abs(end) < inf else "2000"

    def _other(self, text: str, line: int, frames: set[str], within: bool) -> None:
        """Follow what is done to data and to fixest's defaults, list what else may change them."""
        if setting := re.match(r"^(?:fixest::)?setFixest_(\w+)\(", text):
            try:
                self._set(setting[1], _inside(text, setting.end()))
            except NotReadError as error:
                self.skip(line, text, str(error))
            return
        if written := re.match(
            rf"^(?:[\w.]+::)?(?:write[._]?\w*|fwrite|saveRDS|export)\(\s*(?:x\s*=\s*)?({_NAME})\s*,[^\"']*[\"']([^\"']+)[\"']",
            text,
        ):
            self._saved[written[2]] = written[1]
        if (one := re.match(r"^(?:suppress\w+|invisible)\(", text)) and text == f"{one[0]}{_inside(text, one.end())})":
            self._other(_inside(text, one.end()), line, frames, within)
            return
        if (called := _renaming(text)) and called[0] in frames and not within:
            self.state = self._of_frame.setdefault(called[0], State())
            pairs = self._pairs_renamed(called[1], called[2])
            with suppress(NotReadError):
                if pairs:
                    self._done.add(called[0])
                    self._rename([(new, "=", old) for old, new in pairs.items()], line)
                    return
        renames = re.match(rf"^(?:col)?names\(\s*({_NAME})\s*\)\s*(?:\[.*\]\s*)?(?:<-|=)\s*(.+)$", text)
        if renames and renames[1] in frames and not within and self._names_alone(renames[1], renames[2], line, text):
            return
        of = re.match(rf"^(\w[\w.]*)\(\s*({_NAME})\s*\)\s*(?:\[.*\]\s*)?(?:<<?-|=(?!=))", text)
        if of and of[2] in frames:  # `names(df) <- x` changes df, and makes it no other frame
            if of[1] not in ("rownames", "row.names"):
                self._changed(of[2], "", line, text)
            return
        guarded = within or re.match(_GUARD, text)
        assigned = _assigned(re.sub(_GUARD, "", text))
        if assigned is None:
            frame, steps = _steps(text)
            if frame in frames and not guarded and all(verb in _SAME_ROWS or verb == "[" for verb, _ in steps):
                steps = steps[: _in_place(steps)]
                if any(":=" in inside or verb.startswith("set") for verb, inside in steps):
                    self._changes(frame, frame, steps, line, text)
                return
            if re.match(r"^(?:base::)?(?:source|sys\.source|eval|list2env|load)\(", text):
                self._other_code(line, text)
            elif re.match(r"^(?:base::)?(?:at|de)tach\(", text):
                pass  # names of columns alone; a regression without data is listed
            elif _IN_PLACE.search(text):
                name = re.match(rf"^assign\(\s*[\"']({_NAME})[\"']", text) or re.match(rf"^(?:\w+\()?({_NAME})", text)
                self._changed(name[1] if name else "", "", line, text)
            elif _OTHER_ERRORS.search(text):
                self._other_errors(line, text)
            else:
                self._hidden_change(text, line, frames)
            return
        target, place, value = assigned
        base, steps = _steps(value)
        itself = _in_place(steps)
        if base in frames - {target} and not guarded and any(":=" in inside for _, inside in steps[:itself]):
            self._changes(base, base, steps[:itself], line, text)
            value = base + "".join(f"[{inside}]" for _, inside in steps[itself:])
        if target not in frames or (not place and _is_number(value)):
            self._hidden_change(value, line, frames, text)
            if _OTHER_ERRORS.search(value):
                self._other_errors(line, text)
            return
        if guarded:
            self._changed(target, place, line, text, "it stands in a loop, a condition or a function")
            return
        if place:
            self._column(target, place, value, line, text)
            return
        base, steps = _steps(value)
        reading = _READING.match(base)
        inside = _inside(base, base.find("(") + 1)
        if reading and base.endswith(f"({inside})"):
            others = self._parts_read(_split(inside, ",")[1:])
            self._forget({target, self._saved.get(reading[1], target)}, line)
            if others:
                self._skip_parts(others, line, text)
                self._listed_of.setdefault(target, []).append(self.found.skipped[-1])
            self._of_frame[target] = State(data=reading[1], rows=((line, text),) if others else ())
            self._root[target] = target
            self.state = self._of_frame[target]
            reader, parts = base[: base.find("(")].rpartition(":")[2], [p.strip() for p in _split(inside, ",")[1:]]
            if not others:
                self._read_logical(reader, parts)
            self._read_cells(reader, parts, line)
            self._read_padded(reader, parts, line)
            self._read_texts(parts, line, text)
            self._read_factors(reader, parts)
            self._read_numbers(reader, parts)
            self._read_zeros(reader, parts, line)
            self._changes(target, target, steps, line, text)
            return
        self._changes(target, base, steps, line, text)

    def _parts_read(self, arguments: Sequence[str]) -> list[str]:
        """Return the arguments of what reads a file that may say which part of it is read."""
        sheets = {f"{given}{quote}{self._facts.sheet}{quote}" for given in ("sheet=", "") for quote in "\"'"}
        first = sheets if self._facts.sheet else set()
        given = [part for part in arguments if re.sub(r"\s*=\s*", "=", part.strip()) not in {"sheet=1", *first}]
        given = [part for part in given if _classes(part) is None]
        if self._data:  # what is missing here and not there is told
            given = [part for part in given if not {*(_missing_of(part) or ("?",))} <= {*MISSING}]
        return sorted({part.partition("=")[0].strip() for part in given} - _READ_ALIKE)

    def _read_cells(self, reader: str, arguments: Sequence[str], line: int) -> None:
        """Have columns of text as R's function reads their cells; keep what is to be told of those that differ."""
        if reader not in _READERS:
            return
        argument, missing = _READERS[reader]
        missing = next((m for part in arguments if (m := _missing_of(part)) is not None), missing)
        for name, cells in sorted(self._facts.words.items()):
            text = name in self._facts.texts - self._logical.keys()
            others = [one for one in cells if one not in missing and (text or one not in ("", "NaN", "nan"))]
            if not others:
                continue
            shown = " and ".join(
                f"{write(Text(one)) if one else 'empty cells'} in {many(cells[one], 'row')}" for one in others
            )
            if not text:
                why = (
                    f"`{name}` has {shown}, text for {reader}(), which makes the column text: a term of it stands for "
                    f"a level of each value. Here it is a number, missing there: write {argument} or as.numeric() into "
                    "the code if that is meant, else i()"
                )
            elif len(cells) == 1 and not (reader == "fread" and others == [""]):
                made = f"ifelse(is.na({name}), {write(Text(others[0]))}, {name})"
                self.define(name, line, made)
                why = f"`{name}` has {shown}, which {reader}() leaves as text, a level of its own: so does [derive]"
                self._cells[name] = (line, why, made)
                continue
            else:
                may = "may leave" if reader == "fread" and "" in others else "leaves"
                why = (
                    f"`{name}` has {shown}, which {reader}() {may} as text, a level of its own; here those rows are "
                    f"missing, and left out: write {argument} into the code if that is meant, else words into the file"
                )
            self._cells[name] = (line, why, "")

    def _read_padded(self, reader: str, arguments: Sequence[str], line: int) -> None:
        """Keep what is to be told of texts with blanks at their ends, which R's own functions leave."""
        if reader not in _KEEP_BLANKS or any(re.fullmatch(r"strip\.white\s*=\s*T(?:RUE)?", one) for one in arguments):
            return
        for name, (cell, rows, _) in self._facts.padded.items():
            if name in self._facts.texts:
                shown, read = write(Text(cell)), write(Text(cell.strip()))
                self._padded[name] = (
                    line,
                    f"`{name}` has blanks at the ends of {many(rows, 'cell')}, as {shown}, which {reader}() keeps: a "
                    f"value of its own there, and {read} here. Write strip.white = TRUE or trimws() into the code if "
                    "that is meant, else other words into the file",
                )

    def _read_zeros(self, reader: str, arguments: Sequence[str], line: int) -> None:
        """Keep what is to be told of numbers with zeros before, which readr leaves as text."""
        self._zeros = {}
        if reader not in _ZEROS_STAY or any(re.match(r"col_types\b", one) for one in arguments):
            return
        for name, (cell, _) in self._facts.zeros.items():
            if name not in self._facts.texts:
                self._zeros[name] = (
                    line,
                    f"`{name}` has zeros before numbers, as {cell}, which {reader}() leaves as text: a term of it "
                    f'stands for levels there, and "{cell}" is not {cell.lstrip("0") or 0}. Here it is a number: '
                    "write as.numeric() around it into the code if that is meant, else have it as text in the data, "
                    "with a letter before",
                )

    def _tell_zeros(self, code: ReadCode) -> None:
        """Say of texts of digits that are used as more than levels that they are numbers here."""

        def used(node: Node) -> set[str]:
            match node:
                case Name():
                    return {node.name}
                case Call(
                    function="as.numeric" | "as.integer" | "parse_number" | "is.na" | "n_distinct" | "factor" | "i"
                ):
                    return set().union(*(used(one) for one in children(node) if not isinstance(one, Name)))
                case Call():
                    return set().union(
                        *(used(a.value) for a in node.arguments if a.value is not None and a.name != "by")
                    )
                case _:
                    return set().union(*map(used, children(node)))

        names = {name for name, (_, twice) in self._facts.zeros.items() if twice} if self._zeros else set()
        for text in (
            *code.derived.values(),
            *(t for r in code.regressions for t in (r.outcome, *r.terms, r.condition)),
        ):
            with suppress(LanguageError):
                names |= used(parse(text)) if self._zeros else set()
        every = [*code.derived.values(), *(one for r in code.regressions for one in texts_of(r))]
        there = set().union(*map(columns_of, every)) if names else set()
        code.notes += [told for name, told in self._zeros.items() if name in names & there]

    def _tell_cells(self, code: ReadCode) -> None:
        """Say of columns that are used which cells R reads otherwise, but of numbers that are taken out of text."""
        written = [*code.derived.values(), *(one for r in code.regressions for one in texts_of(r))]

        def used(node: Node) -> set[str]:
            if isinstance(node, Call) and node.function in ("as.numeric", "as.integer", "trimws"):
                return set().union(*(used(one) for one in children(node) if not isinstance(one, Name)))
            return {node.name} if isinstance(node, Name) else set().union(*map(used, children(node)))

        names: set[str] = set()
        for one in written:
            with suppress(LanguageError):
                names |= columns_of(one) if one.startswith("~") else used(parse(one))
        compared = set().union(*(columns_of(one) for one in written if re.search(r"[\"']|%in%", one)))
        code.notes += [
            told
            for name, told in self._padded.items()
            if name in names and (self._facts.padded[name][2] or name in compared)
        ]
        for name, (line, why, made) in self._cells.items():
            if made in written if made else name in names:
                code.notes.append((line, why))

    def _skip_parts(self, others: Sequence[str], line: int, text: str) -> None:
        named = ", ".join(f"`{one}`" for one in others)
        self.skip(line, text, f"reads with {named}: have the data in the file as this line leaves them")

    def _read_texts(self, arguments: Sequence[str], line: int, text: str) -> None:
        """List the columns that are read as text, which are levels in a regression, and as such are taken over."""
        names = [name for part in arguments for name, is_text in (_classes(part) or {}).items() if is_text]
        for name in names:
            self.define(name, line, None)
            self.factors.add(self.state.columns[name])
        if names:
            listed = ", ".join(f"`{name}`" for name in names)
            why = (
                f"reads {listed} as text: a term of it stands for its levels, as a fixed effect here; elsewhere it is "
                "as the file is read here, where 06 may be a number"
            )
            self.skip(line, text, why)

    def _read_logical(self, reader: str, arguments: Sequence[str]) -> None:
        """Remember which columns of text are read as logical: of truths alone, whose empty cells are missing."""
        if reader not in _AS_LOGICAL:
            return
        missing = next((m for part in arguments if (m := _missing_of(part)) is not None), _READERS[reader][1])
        given = {name for part in arguments for name in _classes(part) or ()}
        for name in self._facts.texts - given:
            others = self._facts.words.get(name, {}).keys() - {*missing}
            if self._facts.levels(name) <= _TRUTHS and self._facts.levels(name) and others <= {""}:
                self._logical[name] = reader

    def _read_factors(self, reader: str, arguments: Sequence[str]) -> None:
        """Remember the levels of columns of text that are read as factors, with cells that are missing here alone."""
        if reader not in _READERS or not any(re.fullmatch(r"stringsAsFactors\s*=\s*T(?:RUE)?", p) for p in arguments):
            return
        missing = next((m for part in arguments if (m := _missing_of(part)) is not None), _READERS[reader][1])
        for name in self._facts.texts - self._logical.keys():
            others = self._facts.words.get(name, {}).keys() - {*missing}
            if (key := self.state.columns.get(name, name)) not in self.factors:
                self._factor_levels[key] = self._facts.levels(name) | others

    def _logical_in(self, node: Node) -> str:
        """Return the column, read as logical, that an expression of versions is the text of, "" for none."""
        match node:
            case Name() if self.makes(node.name):
                return self._logical_in(parse(self._versions[node.name].expression or ""))
            case Name():
                return node.name if node.name in self._logical else ""
            case Call(function="trimws" | "tolower" | "toupper"):
                return next((name for one in children(node) if (name := self._logical_in(one))), "")
            case _:
                return ""

    def _refuse_logical(self, written: str) -> None:
        """Refuse to compare, in an expression of versions, a column that R reads as logical with a text.

        Raises
        ------
        NotReadError
            It does.
        """
        for one in walk(parse(written)) if self._logical else ():
            if not (isinstance(one, Binary) and one.operator in ("==", "!=", "%in%")):
                continue
            texts = [text.value for text in walk(one) if isinstance(text, Text)]
            name = self._logical_in(one.left) or self._logical_in(one.right)
            if name and texts:
                levels = self._facts.levels(name)
                text = write(Text(texts[0] if texts[0] in levels else min(levels)))
                raise NotReadError(
                    f'{self._logical[name]}() makes `{name}` logical: its texts are "TRUE" and "FALSE" in R, here '
                    f"those of the file. Here, where these are meant: {name} == {text}"
                )

    def _read_numbers(self, reader: str, arguments: Sequence[str]) -> None:
        """Remember which columns of numbers are read as integers, and which as doubles."""
        typed = any(re.match(r"colClasses|col_types|integer64", one) for one in arguments)
        whole = {n for n in self._facts.integers if max(map(abs, self._facts.bounds(n))) <= LARGEST_INTEGER}
        for name in self._data - self._facts.texts:
            if not typed and reader in _ALL_DOUBLE:
                self._numbers[name] = "double"
            elif not typed and reader in {*_KEEP_BLANKS, "fread"} and self._facts.integers:
                long = reader == "fread" and name in self._facts.integers  # which are of bit64
                self._numbers[name] = "integer" if name in whole else "" if long else "double"
            else:
                self._numbers[name] = ""

    def _kind(self, name: str) -> Kind:
        if name not in self._numbers:
            made = self._versions[name].expression if self.known(name) else None
            self._numbers[name] = kind_of(parse(made), made, self._kind) if made is not None else ""
        return self._numbers[name]

    def _note(self, told: str) -> None:
        told = re.sub(r"(?<!\w)\w+__\d+__", lambda key: self._plain(key[0]), told)
        if (self._at, told) not in self.found.notes:
            self.found.notes.append((self._at, told))

    def _tell_overflow(self, node: Node, written: str) -> bool:
        """Note where integers of R are beyond its largest, which it makes NA; say whether a part is."""
        if sum(self._tell_overflow(one, written) for one in children(node)):  # all are told
            return True
        sums = isinstance(node, Call) and node.function in ("sum", "cumsum", "as.integer")
        if not (sums or (isinstance(node, Binary) and node.operator in ("+", "-", "*"))):
            return False
        if kind_of(node, written, self._kind) != "integer":
            return False
        text = written[node.span.start : node.span.stop]
        with suppress(NotReadError):
            made = self.values(self.on_kept(re.sub(r"^cumsum", "sum", text)))
            if made is None or made.numbers is None:
                return False
            rows = int((self.left(made.numbers) & (abs(made.numbers) > LARGEST_INTEGER)).sum())
            if not rows:
                return False
            which = "some rows" if text.startswith("cumsum") else many(rows, "row")
            grouped = self._of_tables and "by =" in text
            self._note(
                f"`{text}` is of integers in R and beyond {LARGEST_INTEGER} in {which}, where R has NA, with a warning"
                f"{', or newer versions of data.table a number' * grouped}. Here it is a number: write as.numeric() "
                "into the code if that is meant, else have the column in the data"
            )
            return True
        return False

    def _tell_texts(self, tree: Node, written: str) -> None:
        """Note where what a text looks like matters and R writes a number in it otherwise, as 1e+05."""
        for node in walk(tree):
            texts = isinstance(node, Binary) and node.operator in ("==", "!=", "%in%", "%like%")
            texts = texts and any(isinstance(one, Text) for one in walk(node))
            if not (texts or (isinstance(node, Call) and node.function in ("nchar", "substr", "grepl"))):
                continue
            for value, rows in (odd for one in children(node) for odd in self._written_otherwise(one, written)):
                here = number_text(value)
                whole = value == int(value) and abs(value) <= LARGEST_INTEGER
                mend = "write as.integer() around it into the code if its digits" if whole else "if not its digits"
                self._note(
                    f"`{written[node.span.start : node.span.stop]}` looks at a number as text: R writes {here} as "
                    f'"{text_in_r(value, self._scipen)}", here it is "{here}" ({many(rows, "row")}): {mend} '
                    f"are meant, {'else ' * whole}have the column in the data"
                )

    def _written_otherwise(self, node: Node, written: str) -> Iterator[tuple[float, int]]:
        """Give of each double in a text the first value that R writes otherwise, and in how many rows."""
        if kind_of(node, written, self._kind) == "double":
            made = self.values(written[node.span.start : node.span.stop])
            if made is None or made.numbers is None:
                return
            values = made.numbers[self.left(made.numbers) & np.isfinite(made.numbers)]
            odd = [one for one in map(float, np.unique(values)) if text_in_r(one, self._scipen) != number_text(one)]
            if odd:
                yield odd[0], int(np.isin(values, odd).sum())
        elif isinstance(node, Name) and self.makes(node.name):
            made_of = self._versions[node.name].expression or ""
            yield from self._written_otherwise(parse(made_of), made_of)
        elif node.function in _TEXTS_OF if isinstance(node, Call) else getattr(node, "operator", "") == "~":
            for one in children(node):
                yield from self._written_otherwise(one, written)

    def _forget(self, frames: set[str], line: int) -> None:
        """List no more what was done to frames before their file is read again: the file has it.

        Nor what was done to those that only went into these.
        """
        roots = {self._root.get(frame, frame) for frame in frames}
        used = {self._root.get(frame, frame) for frame, _ in self._states}
        if roots & used:
            return
        before = [one for one in self._statements if one[0] < line]
        behind = " ".join(
            _without_texts(text)
            for at, text, within in self._statements
            if at >= line or within or re.search(r"\bfunction\b|\\\(", text)
        )
        there = {*self._of_frame, *self._listed_of} - frames
        named = there & {*re.findall(_NAME, behind)}
        still = _sources(before, named)
        for frame, listed in self._listed_of.items():
            root = self._root.get(frame, frame)
            if root in roots or (frame not in still and root not in used):
                self.found.skipped = [one for one in self.found.skipped if one not in listed]
        if not named:
            self.read_again = line

    def _names_alone(self, frame: str, value: str, line: int, text: str) -> bool:
        """List a line that gives columns other names, none of which the data have; say whether it is one."""
        names = re.findall(r"[\"']([^\"']+)[\"']", value) if re.fullmatch(_TEXTS, value) else []
        same = re.fullmatch(
            rf"(?:tolower|toupper|make\.names|clean_names)\((?:col)?names\(\s*{re.escape(frame)}\s*\)\)", value
        )
        if not (names or same) or {*names} & {*self._data, *self.state.columns}:
            return False
        self.state = self._of_frame.setdefault(frame, State())
        for name in names:
            self.define(name, line, None)
        old = re.search(r"names\(\s*[\w.]+\s*\)\s*==\s*[\"']([^\"']+)[\"']\s*\]\s*(?:<-|=)", text)
        small = value.startswith("tolower(") and all(name == name.lower() for name in self.there())
        self.state.dropped |= {old[1]} if old else set() if small else {""}  # what a pattern does not match any more
        self.skip(line, text, "gives columns other names: have these in the data")
        return True

    def _other_code(self, line: int, text: str) -> None:
        """List a line that runs or brings what is not read; it may change every frame that is there."""
        for state in self._of_frame.values():
            state.rows += ((line, text),)
        for frame in self._frames - self._own - {*self._of_frame}:  # which it brings, perhaps
            self._of_frame[frame] = State()
        self.skip(line, text, "runs or brings other code or data, which are not read: what they change, do before")

    def _other_errors(self, line: int, text: str) -> None:
        unit = self.found.unit or "unit"
        here = ""
        if other := re.search(r"(?<![\w.])(?:vcov(?:SCC|BK|DC|NW|HAC)|NeweyWest|kernHAC)(?![\w.])", text):
            here = f", but {other[0]} is not here: [vcov] has iid, hetero and clusters of one column or two"
        elif re.search(r"(?<![\w.])vcovHC(?![\w.])", text):
            here = (
                f'. Here: {{ formula = "~{unit}", ssc = "none" }} for a plm, whose vcovHC() is by groups (HC0; its HC1 '
                'is N / (N - k) of that); "hetero" for others'
            )
        self.skip(line, text, f"asks for other standard errors than the regression: add them to [vcov]{here}")

    def _hidden_change(self, text: str, line: int, frames: set[str], shown: str = "") -> None:
        """List what assigns to data within the brackets of a call."""
        for frame in sorted(frames):
            if re.search(
                rf"(?<![\w.$]){re.escape(frame)}(?:\$[\w.]+|\[+[^\]]*\]+)*\s*(?:<<?-|%<>%)|->>?\s*{re.escape(frame)}\b",
                text,
            ):
                self._changed(frame, "", line, shown or text)
                return

    def _set(self, what: str, inside: str) -> None:
        """Take over what setFixest_… sets for the lines that follow.

        Raises
        ------
        NotReadError
            It sets what is not read.
        """
        if what == "fml":
            for part in _split(inside, ","):
                key, equals, value = part.partition("=")
                if equals and key.strip().startswith("..") and value.strip().startswith("~"):
                    self._macros[key.strip()] = value.strip()[1:].strip()
                else:
                    raise NotReadError(f"`{part}` is not read")
        elif what in ("ssc", "vcov", "estimation") and re.fullmatch(r"(?:reset\s*=\s*T(?:RUE)?)?", inside.strip()):
            fresh = Defaults()
            self._defaults = Defaults(
                fresh.ssc if what == "ssc" else self._defaults.ssc,
                fresh.vcov if what == "vcov" else self._defaults.vcov,
                fresh.arguments if what == "estimation" else self._defaults.arguments,
                self._defaults.line,
            )
        elif what == "ssc":
            self._defaults = replace(self._defaults, ssc=inside)
        elif what == "vcov":
            self._defaults = replace(self._defaults, vcov=_arguments(inside))
        elif what == "estimation":
            self._defaults = replace(self._defaults, arguments=_arguments(inside), line=self._at)
        elif what not in ("dict", "etable", "nthreads", "print", "notes", "coefplot", "multi"):
            raise NotReadError("is not read")

    def _changes(self, target: str, base: str, steps: Sequence[tuple[str, str]], line: int, text: str) -> None:
        """Apply what a statement makes of a frame to the frame that it assigns to."""
        self._done.add(target)
        if (table := self._summaries(base, steps, line)) is None:
            self._tables_made.pop(target, None)
        else:
            self._tables_made[target] = table
        known = base in self._of_frame or base == target
        simple = re.fullmatch(_NAME, base)
        if not simple or not (known or base not in self._arguments):
            sources = [n for n in re.findall(_NAME, base) if n in self._of_frame]
            source = target if target in sources or not sources else sources[0]
            self._of_frame[target] = self._of_frame.get(source, State()).copy()
            if self._of_frame[target].groups:  # whether they are kept depends on what is called
                self._of_frame[target].groups = (base,)
            self._follow(target, steps)
            call = re.match(r"(?:[\w.]+::)?(?:read\w*|fread|import|vroom)\b[\w.]*\(", base)
            whole = call is not None and len(_inside(base, call.end())) + call.end() + 1 == len(base)
            first = whole and not sources and not _READING.search(base)  # the data of the draft are what it reads
            if first and call is not None:
                inside = _split(_inside(base, call.end()), ",")
                named = [part for part in inside if re.match(rf"\s*{_NAME}\s*=(?!=)", part)]
                if others := self._parts_read([*named, *[part for part in inside if part not in named][1:]]):
                    self._skip_parts(others, line, text)
                    self._of_frame[target].rows += ((line, text),)
                    return
            if first and not steps:
                self._begun.add((line, text))
            self._changed(target, "", line, text, of_frame=bool(first))
            if first and call is not None:
                self._read_texts(_split(_inside(base, call.end()), ","), line, text)
            return
        old = self._of_frame.get(base, State()).copy()
        self._of_frame[target] = old
        self.state = old.copy()
        self._root[target] = self._root.get(base, base)
        if len(steps) == 1 or any(verb == "[" for verb, _ in steps):
            try:
                self._apply(base, steps, line)
            except NotReadError as error:
                self._of_frame[target] = old
                self._follow(target, steps)
                if steps and steps[0][0] == "mutate" and len(_split(steps[0][1], ",")) > 1:
                    self._one_by_one(target, base, steps, line)
                else:
                    self._changed(target, "", line, text, str(error))
                return
            self._of_frame[target] = self.state
            return
        self._one_by_one(target, base, steps, line)

    def _summaries(self, base: str, steps: Sequence[tuple[str, str]], line: int) -> _Summaries | None:
        """Return the table that a pipe makes of a frame by its groups; None of other statements."""
        steps = [*steps]
        while steps and steps[-1][0] in _UNGROUPED and not steps[-1][1]:
            steps.pop()
        if base not in self._of_frame or not steps or steps[-1][0] not in ("summarise", "summarize"):
            return None
        before, moved, self.state = self.state, (self._here, self._moved), self._of_frame[base].copy()
        made: dict[str, str] = {}
        try:
            self._apply(base, steps[:-1], line)
            for part in (one for one in _split(steps[-1][1], ",") if one and not re.match(r"\.groups\s*=", one)):
                key, _, value = (one.strip() for one in part.partition("="))
                written = self._value(value, self.state.groups)
                again = {*re.findall(_NAME, _without_texts(value))} & {*made}
                if not (re.fullmatch(_NAME, key) and self.state.groups) or again or not _is_of_groups(parse(written)):
                    return None
                made[key] = written
            return _Summaries(self._root.get(base, base), self.state, self.state.groups, made, line)
        except (NotReadError, LanguageError):
            return None
        finally:
            self.state, (self._here, self._moved) = before, moved

    def _joined(self, frame: str, parts: Sequence[str], line: int) -> Mapping[str, str] | None:
        """Return the columns that left_join() brings of a table of groups of the same rows; None where it is another.

        The line that makes the table is listed no more where nothing else uses it.
        """
        table = self._tables_made.get(parts[0]) if parts else None
        if table is None and parts and "join(" not in parts[0]:
            table = self._summaries(*_steps(parts[0]), line)
        if table is None or len(parts) > 2:
            return None
        given = re.sub(r"^by\s*=(?!=)\s*", "", parts[1]) if len(parts) == 2 else ""
        names = re.fullmatch(r"(?:c|join_by)\((.*)\)", given)
        keys = {name.strip("\"'") for name in _split(names[1] if names else given, ",") if name}
        natural = not given and self._data and not self.open(self.state.rows)
        of, there = table.state, self.state
        same = (there.data, there.rows, self._root.get(frame, frame)) == (of.data, of.rows, table.root)
        same = same and all(there.columns.get(name) == of.columns.get(name) for name in table.by)
        gone = {*table.by} & there.dropped or {*table.made} & (self.there() | {*table.by})
        uses = [
            (at, within) for at, text, within in self._statements if parts[0] in re.findall(_NAME, _without_texts(text))
        ]
        if not same or gone or not (natural or keys == {*table.by}):
            return None
        between = sum(within or table.line <= at <= line for at, within in uses)
        if between > 2:  # what makes and what joins it: it may be another by now
            return None
        if len(uses) == 2:
            those = [one for one in self._listed_of.get(parts[0], ()) if one[0] == table.line]
            self.found.skipped = [one for one in self.found.skipped if one not in those]
        return table.made

    def _one_by_one(self, target: str, base: str, steps: Sequence[tuple[str, str]], line: int) -> None:
        """Apply what is read of a pipe, and list the steps that are not."""
        single: list[tuple[str, str, int]] = []
        piped: dict[str, str] = {}
        for verb, inside in steps:
            parts = [part for part in _split(inside, ",") if part]
            apart = verb == "mutate" and not any(re.match(r"\.\w+\s*=", part) for part in parts)
            single += [(verb, part, k) for k, part in enumerate(parts)] if apart else [(verb, inside, 0)]
        self.state = self._of_frame[target]
        whole, moved = (self.state.kept, self.state.rows), False
        for verb, inside, of_step in single:
            before = self.state.copy()
            piped = dict(before.columns) if of_step == 0 else piped
            moved = moved or (before.kept, before.rows) != whole
            try:
                self._apply(base, [(verb, inside)], line, moved=moved, piped=piped)
                moved = moved or bool(self._moved)
            except NotReadError as error:
                self._of_frame[target] = before
                self._follow(target, [(verb, inside)])
                self._changed(target, "", line, f"{verb}({inside})", str(error))
            self._of_frame[target] = self.state

    def _follow(self, frame: str, steps: Sequence[tuple[str, str]]) -> None:
        """Keep groups and order of a statement that is not taken over otherwise."""
        self.state = self._of_frame[frame]
        for verb, inside in steps:
            parts = [part for part in _split(inside, ",") if part]
            if verb == "[" and parts and parts[0].startswith("order(") and not _sets(inside):
                self._sort(_split(_inside(parts[0], 6), ","))
            elif verb != "[":
                self._group(verb, parts)

    def _group(self, verb: str, parts: Sequence[str]) -> None:
        """Put in force what a verb does to groups and to the order of rows, which last beyond its statement."""
        if verb in ("group_by", "rowwise"):
            self.state.groups = tuple(parts) if verb == "group_by" else ("rowwise()",)
        elif verb in _UNGROUPED:
            self.state.groups = () if not parts or verb != "ungroup" else ("ungroup()",)
        elif self.state.groups and verb in ("summarise", "summarize", "tally"):
            given = next((re.sub(r"^\.groups\s*=\s*", "", one) for one in parts if re.match(r"\.groups\s*=", one)), "")
            kept = {
                "": self.state.groups[:-1],
                "drop_last": self.state.groups[:-1],
                "drop": (),
                "keep": self.state.groups,
            }
            plain = all(re.fullmatch(_NAME, one) for one in self.state.groups)
            self.state.groups = kept.get(given.strip("\"'"), (f"{verb}()",)) if plain else (f"{verb}()",)
        elif (
            self.state.groups and verb == "transform"
        ):  # what is new is bound by data.frame(); R's version says the rest
            new = {part.partition("=")[0].strip(" `\"'") for part in parts} - self.there()
            self.state.groups = () if new and self._data else ("transform()",)
        elif self.state.groups and verb not in _KEEP_GROUPS | _SORTS:
            self.state.groups = (f"{verb}()",)
        if verb in _SORTS:
            self._sort(parts)

    def _sort(self, parts: Sequence[str]) -> None:
        """Remember an order in which a unit's rows do not follow each other in time."""
        unit, time = self.found.unit, self.found.time
        joined = ", ".join(part for part in parts if not re.match(r"\.by_group\b|na\.last\b", part))
        self.state.sorted, self.state.keys = False, ()
        if re.search(r"\b(?:decreasing|order)\s*=", joined):
            self.state.order = f"`{joined}`"
            return
        keys = re.sub(rf"(?<![\w.]){_NAME}\$|[\"']", "", re.sub(r"^c\((.*)\)$", r"\1", joined))
        self.state.keys = tuple(key for key in _split(keys, ",") if key)
        for key in filter(None, _split(keys, ",")):
            if key == time:
                self.state.order, self.state.sorted = "", True
                return
            if re.sub(r"^-|^desc\((.*)\)$", r"\1", key) != unit:
                self.state.order = f"`{joined}`"
                return

    def _apply(
        self,
        frame: str,
        steps: Sequence[tuple[str, str]],
        line: int,
        rows_alone: bool = False,
        moved: bool = False,
        piped: dict[str, str] | None = None,
    ) -> None:
        """Put steps into the present state; rows of ``moved`` are not all those of the frame any more.

        ``piped`` are the columns that the first step is given, where it is a part of one.

        Raises
        ------
        NotReadError
            One of them is not read; the state is then not to be used.
        """
        whole = self.state.kept, self.state.rows
        self._here, self._moved = ("", frame) if moved else (frame, "")
        self._piped = dict(self.state.columns)
        for k, (verb, inside) in enumerate(steps):
            self._piped = piped if piped is not None and k == 0 else dict(self.state.columns)
            parts = [part for part in _split(inside, ",") if part] if verb != "[" else _split(inside, ",")
            by = self.state.groups if verb in ("filter", "mutate") else ()  # subset() and transform() know no groups
            if verb in ("filter", "mutate") and not by:
                parts, by = _by_of(parts)
            if verb == "[":
                self._bracket(parts, line, rows_alone)
            elif verb in ("filter", "subset"):
                parts, chosen = _columns_chosen(parts) if verb == "subset" else (parts, [])
                if not (parts or chosen) or any(re.match(r"[\w.]+\s*=[^=]", part) for part in parts):
                    raise NotReadError(f"{verb}() has an argument that is not read")
                for kept in [self._value(part, by, "condition") for part in parts]:  # all are of the rows before
                    self._keep(kept)
                if chosen:
                    self._select(chosen, line)
            elif verb == "drop_na" and parts and all(re.fullmatch(_NAME, part) for part in parts):
                for part in parts:
                    self._cut(f"!is.na({part})")
            elif rows_alone:
                raise NotReadError("its data are made in the call: make them in a line of their own")
            elif (verb == "group_by" and all(re.fullmatch(_NAME, part) for part in parts)) or (
                verb == "ungroup" and not parts
            ):
                self._group(verb, parts)
            elif verb in ("mutate", "transform"):
                before = dict(self.state.columns)
                self._group(verb, parts)
                for key, value in [pair for part in parts for pair in _pairs(part, self._across_columns)]:
                    if value.strip() == "NULL":
                        self.state.columns.pop(key, None)
                        self.leave([key], line)
                        continue
                    after = self.state.columns
                    if verb == "transform":  # all at once, of the columns as they were
                        self.state.columns = before
                    expression = self._value(value, by)
                    self.state.columns = after if verb == "mutate" else dict(after)
                    self.define(key, line, expression)
            elif verb == "select" and "=" not in inside:  # what is not there any more may be matched by a pattern
                self._select(parts, line)
            elif verb == "rename_with" and (pairs := self._pairs_renamed("", inside.strip())):
                self._rename([(new, "=", old) for old, new in pairs.items()], line)
            elif verb == "rename" and (one := re.fullmatch(r"c\((.*)\)", inside.strip())):  # plyr's, old = new
                self._rename([part.partition("=")[::-1] for part in _split(one[1], ",")], line)
            elif verb in ("rename", "select") and not re.search(r"[\w.]+\s*\(", inside.replace("c(", "")):
                self._rename([part.partition("=") for part in parts if "=" in part], line)
                if verb == "select":
                    self._select([part.partition("=")[0].strip() for part in parts], line)
            elif verb == "left_join" and (made := self._joined(frame, parts, line)) is not None:
                for key, expression in made.items():
                    self.define(key, line, expression)
            elif verb == "panel" and parts and (panel := _two_names(parts[0])):
                self.found.unit, self.found.time = panel
            elif verb not in _SAME_ROWS or (verb in ("data.frame", "data.table", "tibble") and parts):
                called = f"{verb}()" if re.fullmatch(r"[\w.]+", verb) else f"`{verb}`"
                here = f". Here: {COMMANDS[verb].here}" if verb in COMMANDS else ""
                raise NotReadError(f"{called} is not taken over{here}")
            else:
                self._group(verb, parts)
            if verb == "[" and _sets(inside):  # in place: the frame itself has it
                self._stood[frame] = dict(self.state.columns)
            sorts = verb == "arrange" or (verb == "[" and inside.startswith("order(") and not _sets(inside))
            if sorts or (self.state.kept, self.state.rows) != whole:
                self._here, self._moved = "", frame
        self._piped = dict(self.state.columns) if steps else self._piped

    def _select(self, parts: Sequence[str], line: int) -> None:
        """Leave columns out, or all but those that are named."""
        if "everything()" in parts:
            return
        less = [re.sub(r"^[-!]\s*", "", part) for part in parts if part[0] in "-!"]
        found = [self._chosen(part) for part in less or parts]
        if len(less) not in (0, len(parts)) or None in found:
            self.state.dropped |= {""}
            named = ", ".join(f"`{part}`" for part, names in zip(less or parts, found, strict=True) if names is None)
            if named and ("", line) not in self._told_columns:
                self._told_columns.add(("", line))
                why = f"which columns {named} leaves is not known here: what regressions name must be among these"
                self.skip(line, ", ".join(parts), why)
            return
        names = {name for those in found for name in those or ()}
        if less:
            self.leave(names, line)
            return
        self.leave({*self._data, *self.state.columns} - names, line)
        if not self._data:
            here = {*self.state.columns, *names}
            self.state.leaving += ((True, tuple(sorted(here)), f"was dropped in line {line}"),)

    def _texts_of(self, given: str) -> list[str] | None:
        """Return texts that are written out, or those of a variable that a line before has set."""
        value = self._variables.get(given, "") if given in self._set_before else given
        if given in self._local:
            heads = [
                head[1]
                for _, text, _ in self._statements
                for head in re.finditer(rf"\bfor\s*\(\s*{re.escape(given)}\s+in\s+(.*)", " ".join(text.split()))
            ]
            lists = [re.match(_TEXTS, head) for head in heads]
            value = f"c({', '.join(one[0] for one in lists if one)})" if heads and all(lists) else ""
            value = re.sub(r"(?<=[(,\s])c\(([^()]*)\)", r"\1", value)
        return re.findall(r"[\"']([^\"']+)[\"']", value) if re.fullmatch(_TEXTS, value) else None

    def _chosen(self, part: str) -> list[str] | None:
        """Return the columns that an argument of select() stands for, None where that is not known."""
        if inner := re.fullmatch(r"c?\((.*)\)", part):
            found = [self._chosen(one) for one in _split(inner[1], ",") if one]
            return None if None in found else [name for those in found for name in those or ()]
        if re.fullmatch(_NAME, part):
            return None if part in self._variables and part not in self.there() else [part]
        if re.fullmatch(r"([\"'`])[^\"'`]+\1", part):
            return [part[1:-1]]
        if inner := re.fullmatch(rf"(?:all_of|any_of|one_of)\(\s*({_TEXTS}|{_NAME})\s*\)", part):
            return self._texts_of(inner[1])
        asked = re.fullmatch(r"(starts_with|ends_with|contains)\(\s*[\"']([^\"']+)[\"']\s*\)", part)
        if asked and self._data and not self.open(self.state.rows):
            ask = {"starts_with": str.startswith, "ends_with": str.endswith, "contains": str.__contains__}[asked[1]]
            return [name for name in sorted(self.there()) if ask(name.casefold(), asked[2].casefold())]
        ends = re.fullmatch(rf"({_NAME})\s*:\s*({_NAME})", part)
        order = self._data_order
        if ends and {ends[1], ends[2]} <= {*order} and not {*self.state.columns} - {*order} and not self.state.rows:
            first, last = sorted((order.index(ends[1]), order.index(ends[2])))
            return [*order[first : last + 1]]
        return None

    def _rename(self, pairs: Sequence[tuple[str, str, str]], line: int) -> None:
        """Call columns otherwise: here they keep the names that they have in the data."""
        names = [(new.strip(" `\"'"), old.strip(" `\"'")) for new, _, old in pairs]
        keys = {self.found.unit, self.found.time}
        for new, old in names:
            if not (re.fullmatch(_NAME, new) and re.fullmatch(_NAME, old)) or new in self._data or old in keys:
                raise NotReadError(f"`{old}` becomes `{new}` in a way that is not read")
        before = dict(self.state.columns)
        for new, old in names:
            self.state.columns.pop(old, None)
            self.leave([old], line, f"was renamed to `{new}`")
        for new, old in names:
            self.state.columns[new] = before.get(old, old)
            self.state.dropped -= {new}
        self._renames += [(line, new, self.state.columns[new]) for new, _ in names]

    def _pairs_renamed(self, old: str, new: str) -> dict[str, str]:
        """Return what columns are called instead; none where that is not known."""
        if new in ("tolower", "toupper"):
            change = str.lower if new == "tolower" else str.upper
            return {name: change(name) for name in sorted(self.there()) if change(name) != name} if self._data else {}
        names = re.findall(r"[\"']([^\"']+)[\"']", new)
        if re.fullmatch(r"\d+", old):
            as_read = not (self.state.columns or self.state.dropped or self.state.rows)
            those = [*self._data_order[int(old) - 1 : int(old)]] if as_read and int(old) else []
        else:
            those = re.findall(r"[\"']([^\"']+)[\"']", old)
        return dict(zip(those, names, strict=True)) if len(those) == len(names) else {}

    def _bracket(self, parts: list[str], line: int, rows_alone: bool) -> None:
        """Apply ``[rows]``, ``[rows, ]``, ``[, columns]`` or data.table's ``[rows, x := …, by = g]``."""
        rows, rest = parts[0], [part for part in parts[1:] if part]
        names_of = r"(?:col)?names\(\s*[\w.]+\s*\)\s*%in%\s*"
        columns = rest[0] if len(rest) == 1 and not rows else rows if len(parts) == 1 else ""
        one = rf"({_TEXTS}|{_NAME})"
        out = re.fullmatch(rf"!\s*\(\s*{names_of}{one}\s*\)|!\s*{names_of}{one}", columns)
        stays = re.fullmatch(rf"(?:{names_of})?{one}", columns)
        numbered = re.fullmatch(r"-\s*(?:c\(([\d\s,]+)\)|(\d+))", columns) if not self._of_tables else None
        if numbered and self._data_order and not (self.state.columns or self.state.dropped or self.state.rows):
            places = [int(one) for one in re.findall(r"\d+", columns)]
            self.leave([self._data_order[k - 1] for k in places if 0 < k <= len(self._data_order)], line)
            return
        named = not self._of_tables or (len(parts) > 1 and stays and stays[1].startswith(("c(", '"', "'")))
        found = (out or stays) if named and not rows_alone else None  # of a data.table the others are no columns
        if found and (names := self._texts_of(next(filter(None, found.groups()), ""))):
            self._select([f"-{name}" if out else name for name in names], line)
            return
        if not rest:
            if ordered := re.fullmatch(r"order\((.*)\)", rows):
                self._sort(_split(ordered[1], ","))
                return
            if not rows or not _LOGICAL.search(rows):
                raise NotReadError("its rows or columns are not taken over")
            scope = "frame" if len(parts) == 1 else "either" if self._of_tables else "base"
            self._keep(kept := self._value(rows, (), "condition", scope=scope))
            self._weigh()
            self.state.holes = self.state.holes or not (self._of_tables or self._is_sure(parse(kept)))
            return
        grouped = [part for part in rest[1:] if re.match(r"(?:by|keyby)\s*=", part)]
        if rows_alone or not re.search(r":=", rest[0]) or len(rest) - 1 != len(grouped):
            raise NotReadError("what stands in its brackets is not taken over")
        by: tuple[str, ...] = ()
        for part in grouped:
            inner = re.sub(r"^(?:\.|c|list)\((.*)\)$", r"\1", part.partition("=")[2].strip())
            by = tuple(name.strip("\"'") for name in _split(inner, ","))
            if not all(re.fullmatch(_NAME, name) for name in by):
                raise NotReadError("its groups are not read")
        several = re.match(r"^`:=`\(", rest[0])
        pairs = (
            [one.partition("=")[::2] for one in _split(_inside(rest[0], several.end()), ",")]
            if several
            else [rest[0].partition(":=")[::2]]
        )
        if ordered := re.fullmatch(r"order\((.*)\)", rows):  # of this line alone
            here = self.state.order, self.state.sorted
            self._sort(_split(ordered[1], ","))
            try:
                self._bracket(["", *rest], line, rows_alone)
            finally:
                self.state.order, self.state.sorted = here
            return
        before = dict(self.state.columns)
        for key, value in pairs:
            name = key.strip().strip("\"'")
            if value.strip() == "NULL":
                those = re.findall(r"[\"']([^\"']+)[\"']", key) if re.fullmatch(_TEXTS, key.strip()) else [name]
                for one in those:
                    self.state.columns.pop(one, None)
                self.leave(those, line)
                continue
            if not re.fullmatch(_NAME, name):
                raise NotReadError(f"`{key.strip()}` is not read")
            after, self.state.columns = self.state.columns, dict(before)
            expression = self._value(value, by, keys=by)
            if rows:
                old = self._now(name)
                if old is None or by:
                    raise NotReadError("sets some rows of a column that the code does not make")
                if ACROSS & {*called(expression)}:
                    raise NotReadError("what it sets looks at the rows that it chooses alone")
                expression = _where(self._value(rows, (), "condition"), expression, old)
            self.state.columns = after
            self.define(name, line, expression)

    def _cut(self, condition: str, by: Sequence[str] = (), *, scope: str = "frame") -> None:
        self._keep(self._value(condition, by, "condition", scope=scope))

    def _keep(self, found: str) -> None:
        """Leave the rows that fulfil a condition, of versions."""
        if len(self.state.kept) >= MOST_CUTS:
            raise NotReadError(f"rows are cut more than {MOST_CUTS} times")
        if found not in self.state.kept:
            self.state.kept += (found,)

    def _column(self, frame: str, place: str, value: str, line: int, text: str) -> None:
        """Apply ``df$x <- …``."""
        several = re.fullmatch(rf"\[\s*(?:,\s*)?({_TEXTS})\s*\]", place)
        if several and value.strip() == "NULL":
            self.state = self._of_frame.setdefault(frame, State())
            self.leave(re.findall(r"[\"']([^\"']+)[\"']", several[1]), line)
            return
        column = re.fullmatch(rf"\$`?({_NAME})`?|\[\[\s*[\"']({_NAME})[\"']\s*\]\]", place)
        self._here, self._moved, self._piped = frame, "", None
        some = re.fullmatch(rf"\$`?({_NAME})`?\[(.*)\]", place)
        if some and (old := self._old(frame, some[1])):
            try:
                levels = self._factor_levels.get(self.state.columns.get(some[1], some[1]))
                self.define(some[1], line, self._set_some(some[2], value, old, levels))
                if levels is not None:
                    self._factor_levels[self.state.columns[some[1]]] = levels
            except NotReadError as error:
                self._changed(frame, place, line, text, str(error))
            return
        if column is None:
            self._changed(frame, place, line, text)
            return
        if value.strip() == "NULL":
            self.state = self._of_frame.setdefault(frame, State())
            self.leave([column[1] or column[2]], line)
            return
        try:
            self.state = self._of_frame.setdefault(frame, State())
            self.define(column[1] or column[2], line, self._value(value, (), scope="base"))
        except NotReadError as error:
            self._changed(frame, place, line, text, str(error))

    def _set_some(self, rows: str, value: str, old: str, levels: Set[str] | None = None) -> str:
        """Return a column, of which a factor has ``levels``, of which ``df$x[rows] <- value`` sets some rows."""
        if not _LOGICAL.search(rows):
            raise NotReadError("its rows are not chosen by a condition")
        new = self._value(value, (), scope="base")
        tree = parse(new)
        texts = [one.value for one in walk(tree) if isinstance(one, Text)]
        if levels is not None and (anew := [one for one in texts if one not in levels]):
            raise NotReadError(
                f"{write(Text(anew[0]))} is no level of the factor that stringsAsFactors = TRUE makes: R sets NA, with "
                "a warning"
            )
        if columns_of(new) and not _is_of_groups(tree):
            raise NotReadError("what is set in some rows is a column, which R takes from its first row on")
        return _where(self._value(rows, (), "condition", scope="base"), new, old)

    def _old(self, frame: str, name: str) -> str | None:
        """Return the definition of a column that the code makes, the name of one of the data; None of others."""
        self.state = self._of_frame.setdefault(frame, State())
        return self._now(name)

    def _now(self, name: str) -> str | None:
        key = self.state.columns.get(name, name)
        there = key in self._data and name not in self.state.dropped and key not in self.factors
        return self.derived(name) if self.known(key) else key if there else None

    def _changed(
        self, frame: str, place: str, line: int, shown: str, why: str = "", *, of_frame: bool = True, body: str = ""
    ) -> None:
        """Note that a line changes a frame: some of its columns where these are named, else its rows, too.

        ``of_frame`` is whether named columns are changed in that frame, not in what a function makes of it; ``body`` is
        the code of the functions that do it.
        """
        self._done.add(frame)
        text = f"{shown} {body}" if body else shown
        self.state = self._of_frame.setdefault(frame, State())
        column = re.match(rf"^(?:\$|@)`?({_NAME})|^\[\[?\s*,?\s*[\"']({_NAME})[\"']\s*\]", place)
        exact = [column[1] or column[2]] if column else self._targets(place)
        values, text = text, _without_values(text)
        names = exact or _made_in(text)
        certain = bool(exact)
        selected = None if exact else self._selected(text, place)
        if selected is not None:
            of, rest = selected
            named = self._named(rest, frame) if _OTHERS_TOO.search(_SELECTING.sub("(", rest)) else ()
            names = [*dict.fromkeys([*_made_in(rest), *named, *of])]
            certain = of_frame and bool(self._data and names) and _makes_new_columns(shown)
        elif not exact and not _ROWS_ALONE.search(text):
            unsure = _OTHERS_TOO.search(text) or (not names and _UNSURE.search(text))
            certain = of_frame and not unsure and not _OF_ROWS.search(text)
            if not names or not certain:
                certain = certain and (bool(names) or _OF_VALUES.search(text) is not None)
                looped = re.fullmatch(rf"\[\[({_NAME})\]\]", place)
                over = self._texts_of(looped[1]) if looped else None
                names = [*dict.fromkeys([*names, *self._named(text, frame), *(over or ())])]
            certain = certain and bool(names)
        for name in names:
            old = self.state.columns.get(name)
            self.define(name, line, None)
            made = rf"(?<![\w.]){re.escape(name)}\s*(?:=|:=|<-)\s*"
            if re.search(rf"{made}(?:as\.factor|factor|ordered|cut|relevel|fct_\w+)\(", values):
                self._levels.add(self.state.columns[name])
            if ordered := re.search(rf"{made}(?=(factor|relevel|fct_relevel)\()", values):
                plain = values[ordered.end() :].replace(f"{frame}$", "")
                self._bases[self.state.columns[name]] = self._leveled(ordered[1], plain)[1]
            other = re.search(
                rf"{made}(?:as\.)?factor\(\s*(?:{re.escape(frame)}\$)?({_NAME})\s*\)\s*(?:[,)\]]|$)", values
            )
            source = self.state.columns.get(other[1], other[1]) if other else ""
            if source in self._data - self._facts.binary:
                self._levels_of[self.state.columns[name]] = source
            same = rf"(?:factor|as\.factor|as\.character)\(\s*(?:{re.escape(frame)}\$)?{re.escape(name)}\s*\)"
            if re.search(rf"{made}{same}\s*(?:[,)\]]|$)", values) and (old is None or old in self.factors):
                self.factors.add(self.state.columns[name])
        if certain and re.search(r"\bwithin\(", values):
            for inner in re.findall(r"(?<![\w.])rm\(([^()]*)\)", values):
                self.leave(re.findall(_NAME, inner), line)
        reasons = [why] if why else []
        if names:
            listed = ", ".join(f"`{n}`" for n in names)
            reasons.append(f"changes {listed}: write it in [derive], or have it in the data as this line leaves it")
        if not certain:
            self.state.rows += ((line, shown),)
            self.state.leaving = ()
            for name in sorted(self.state.dropped - {""}):  # it may bring one by this name
                self.define(name, line, None)
            reasons.append("may change rows or values: do it in the data before")
        self.skip(line, shown, "; ".join(reasons))
        self._listed_of.setdefault(frame, []).append(self.found.skipped[-1])
        if re.search(r"\b(?:\w+_join|merge|bind_cols|cbind)\(", text):
            self.found.joins.append(line)
            for other in {*re.findall(_NAME, text)} & {*self._of_frame} - {frame}:
                for name, key in self._of_frame[other].columns.items():
                    if name in {*self._data, *self.state.columns}:
                        continue
                    if self.known(key):
                        self.bring(name, key, line)
                    elif name != key:  # renamed there
                        self.define(name, line, None)

    def _selected(self, text: str, place: str) -> tuple[list[str], str] | None:
        """Return the columns that selections of a statement may stand for, and the rest of it; None without one."""
        found: list[str] = []
        new_names: list[tuple[str, str]] = []
        for call in _SELECTING.finditer(_without_texts(text)):
            parts = [part for part in _split(_inside(text, call.end()), ",") if part]
            given = [re.sub(r"^\.(?:cols|vars|predicate)\s*=\s*", "", part) for part in parts]
            named = [new for new, old in zip(given, parts, strict=True) if new != old]
            if call[1]:
                found += (named or given)[:1]
                made = _across(parts)
                new_names += [(found[-1], new) for new, _ in made[1]] if made and found else []
            elif call[4]:
                found.append(f"c({', '.join(parts)})")
            elif call[3]:
                given = given[1:] if given and given[0] in self._frames else given
                found.append(named[0] if named else given[1] if len(given) > 1 else "everything()")
            else:
                listed = [one for one in given if re.match(r"(?:vars|c)\(|[\"']|is\.\w+$", one)]
                found.append(listed[0] if listed else "everything()")
        of_table = re.search(r"\.SDcols\s*=\s*", text)
        if of_table:
            found += _split(_inside(text, of_table.end()), ",")[:1]
        elif re.search(r"\.SD\b", text):
            found.append("everything()")
        found += [made[1] for made in re.finditer(rf"(?<![\w.])(?={_BRACKETS}\s*:=)\((.*?)\)\s*:=", text)]
        found += ["everything()"] if re.search(r"\bfor\s*\([^{]*?\bin\b[^{]*?(?<![\w.])(?:col)?names\(", text) else []
        inside = re.fullmatch(r"\[(.*)\]", place)
        if inside:
            double = re.fullmatch(r"\[(.*)\]", inside[1])
            found.append(_split(double[1] if double else inside[1], ",")[-1] or "everything()")
        if all(self._is_list(one) for one in found) and all(new == "{}" for _, new in new_names):
            return None
        for one in found:
            text = text.replace(one, " ")
        those = set[str]().union(*(self._may_be(one, data_table=of_table is not None or bool(place)) for one in found))
        those -= set() if place or of_table or "group" in text else {*self.state.groups}
        if new_names and len({of for of, _ in new_names}) == len(found):
            own = {name for name in those if any(new == "{}" for _, new in new_names)}
            made_of = {new.format(name) for of, new in new_names for name in self._may_be(of) & those}
            likes = [re.escape(new).replace(r"\{\}", ".+") for _, new in new_names if new != "{}"]
            if not self._data:  # then those that regressions name
                there = self._may_be("everything()")
                made_of = {name for name in there if any(re.fullmatch(one, name) for one in likes)}
            those = own | made_of
        order = {name: k for k, name in enumerate(self._data_order)}
        return sorted(those, key=lambda name: (order.get(name, len(order)), name)), text

    def _is_list(self, part: str) -> bool:
        """Say whether a selection names its columns one by one, and nothing else."""
        plain = re.fullmatch(rf"(?:c|vars|\.)?\(\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\)", part.strip())
        return plain is not None or self._texts_of(part.strip()) is not None

    def _may_be(self, part: str, *, data_table: bool = False) -> set[str]:
        """Return the columns that a selection may stand for, all where it is not understood."""
        part, there = part.strip(), self.there()
        if not self._data:  # then what regressions name
            texts = [inside for _, text, _ in self._statements for _, _, inside in _r_calls(text)]
            there |= {*re.findall(rf"(?<![\w.$]){_NAME}(?![\w.]|\s*[(=])", " ".join(texts))} - self._frames
        for sign in "|&":
            if len(parts := _split(part, sign)) > 1:
                sets = [self._may_be(one) for one in parts]
                return set.union(*sets) if sign == "|" else set.intersection(*sets)
        if part[:1] in ("-", "!"):
            less = self._selection(part[1:].strip(), script=data_table)
            return there - {*less} if less is not None else there
        if inner := re.fullmatch(r"(?:c|vars)?\((.*)\)", part):
            signed = [one for one in _split(inner[1], ",") if one]
            more = [self._may_be(one) for one in signed if one[0] not in "-!"]
            found = set[str]().union(*more) if more else there
            for one in signed:
                found = found & self._may_be(one) if one[0] in "-!" else found
            return found
        if re.fullmatch(r"(?:where\(\s*)?is\.numeric\s*\)?", part):
            return there - self._facts.texts
        chosen = self._selection(part, script=data_table)
        return there if chosen is None else {*chosen}

    def _across_columns(self, part: str) -> list[str] | None:
        """Return the columns that a selection of across() stands for, which are never those of groups."""
        chosen = self._chosen(part)
        return None if chosen is None else [name for name in chosen if name not in self.state.groups]

    def _selection(self, part: str, *, script: bool) -> list[str] | None:
        """Return the columns of a selection, a name being a variable of the ``script`` or a column."""
        return self._texts_of(part) if script else self._chosen(part)

    def _targets(self, place: str) -> list[str]:
        """Return the columns that ``df[rows, "x"] <- …`` sets, where these are written there."""
        inside = place[1:-1].strip("[]") if re.fullmatch(r"\[.*\]", place) else ""
        parts = _split(inside, ",")
        last = parts[-1] if len(parts) < 3 else ""
        last = self._variables.get(last, last) if last not in self._arguments else ""
        return re.findall(r"[\"']([^\"']+)[\"']", last) if re.fullmatch(_TEXTS, last) else []

    def _named(self, text: str, frame: str) -> list[str]:
        """Return the columns that a statement names, also by variables of the script."""
        words = re.findall(rf"(?<![\w.]){_NAME}(?![\w.]|\s*\()", text)
        words += [word for one in words for word in re.findall(_NAME, self._variables.get(one, ""))]
        known = {*self._data, *self.state.columns} - {frame}
        return [word for word in dict.fromkeys(words) if word in known]

    def open(self, rows: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
        return tuple(one for one in rows if one not in self._begun)


def _by_of(parts: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the arguments of a verb without its ``.by``, and the groups that this names, where they are columns."""
    rest = [part for part in parts if not re.match(r"\.by\s*=(?!=)", part)]
    given = [re.sub(r"^\.by\s*=\s*|[\"']", "", part) for part in parts if part not in rest]
    names = [name for one in given for name in _split(re.sub(r"^c\((.*)\)$", r"\1", one), ",")]
    return (rest, tuple(names)) if all(re.fullmatch(_NAME, name) for name in names) else ([*parts], ())


def _group_of(by: Sequence[str]) -> str:
    """Return the argument that names groups here.

    Raises
    ------
    NotReadError
        They are no columns.
    """
    if not all(re.fullmatch(_NAME, name) for name in by):
        raise NotReadError("its groups are not read")
    return f"by = {by[0]}" if len(by) == 1 else f"by = group({', '.join(by)})"


def _refuse_ungrouped(written: str, by: Sequence[str]) -> None:
    """Refuse an expression of a grouped frame, as it is written here, of which a part is of all rows.

    Raises
    ------
    NotReadError
        One is.
    """
    for call in calls(written) if by else ():
        if call.function in _OF_GROUPS and not any(
            a.name == "by" and a.value == parse(_group_of(by).removeprefix("by = ")) for a in call.arguments
        ):
            raise NotReadError(f"`{call.function}()` is of the groups of {', '.join(by)}, which are not read here")


def _is_single(node: Node, keys: Sequence[str]) -> bool:
    """Say whether an expression, as it is written here, has the length 1 in R, where ``keys`` have it, too."""
    if isinstance(node, Call) and node.function in {*_GROUPED, "sum", "count", "first"}:
        return True
    return node.name in keys if isinstance(node, Name) else all(_is_single(one, keys) for one in children(node))


def _refuse_recycled(node: Node, keys: Sequence[str]) -> None:
    """Refuse what R makes of one value and repeats, where it is made of all rows here.

    Raises
    ------
    NotReadError
        There is such a part.
    """
    for call in (one for one in walk(node) if isinstance(one, Call)):
        values = [a.value for a in call.arguments if a.value is not None and a.name != "by"]
        if not values or not _is_single(first := values[0], keys):
            continue
        if call.function in _OF_LENGTH:
            raise NotReadError(f"`{write(first)}` has one value, not one in each row, of which R has `{call.function}`")
        if call.function == "ifelse" and not all(_is_single(one, keys) for one in values):
            raise NotReadError(
                f"`{write(first)}` has one value: ifelse() then gives one, too, the first. Write if () … else …, or "
                "the condition by rows"
            )


def _joined(node: Node, sign: str) -> list[Node]:
    """Return the conditions that a sign joins."""
    if isinstance(node, Binary) and node.operator == sign:
        return [*_joined(node.left, sign), *_joined(node.right, sign)]
    return [node]


def _asked(node: Node, *, known: bool) -> str:
    """Return the column that a condition asks to be known, or missing; "" for another condition."""
    if known:
        return _asked(node.operand, known=False) if isinstance(node, Unary) and node.operator == "!" else ""
    match node:
        case Call(function="is.na", arguments=(Argument(Name() as of),)):
            return of.name
        case _:
            return ""


def _is_of_groups(node: Node) -> bool:
    """Say whether an expression has one value in each group: columns stand in summaries alone."""
    if isinstance(node, Call) and node.function in {*_GROUPED, "sum", "count", "first"}:
        return True
    return not isinstance(node, Name) and all(_is_of_groups(one) for one in children(node))


def _refuse_one_value(text: str) -> None:
    """Refuse ``&&`` and ``||`` but in an ``if``, which is listed by its name."""
    single = re.search(r"&&|\|\|", _without_texts(text))
    if single and not re.search(r"(?<![\w.])if\s*\(", text):
        raise NotReadError(_OF_ONE_VALUE.format(single[0], single[0][0]))


def _columns_chosen(parts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the condition of subset() and the columns of its ``select``, where these keep their names."""
    rest = [re.sub(r"^subset\s*=(?!=)\s*", "", part) for part in parts if not re.match(r"select\s*=(?!=)", part)]
    select = [part.partition("=")[2].strip() for part in parts if re.match(r"select\s*=(?!=)", part)] + rest[1:]
    several = re.fullmatch(r"([-!]?)\s*c\((.*)\)", select[0]) if select else None
    chosen = [several[1] + part for part in _split(several[2], ",")] if several else select
    if len(select) > 1 or any("=" in _masked(part) or not part for part in chosen):
        raise NotReadError("subset() has an argument that is not read")
    return rest[:1], chosen


def _classes(argument: str) -> dict[str, bool] | None:
    """Return the columns whose kind an argument of what reads a file names, and whether that is text; None for more."""
    given = re.fullmatch(r"col(?:Classes|_types)\s*=\s*(?:readr::)?(?:c|cols|list)\((.*)\)", argument.strip())
    found: dict[str, bool] = {}
    for part in _split(given[1], ",") if given and given[1].strip() else ():
        kind = re.fullmatch(
            rf"[`\"']?({_NAME})[`\"']?\s*=\s*(?:readr::)?(?:col_|[\"'])"
            r"(?:(character|factor|[cf])|numeric|integer|double|number|logical|[nidl])(?:\(\)|[\"'])",
            part,
        )
        if kind is None or kind[1].startswith("."):
            return None
        found[kind[1]] = kind[2] is not None
    return found if given else None


def _with_products(summands: Sequence[str]) -> list[str]:
    """Write ``x * factor(g)`` out, which has x, the levels of g and slopes by these."""
    found: list[str] = []
    for term in summands:
        factors = re.fullmatch(rf"({_NAME})\s*\*\s*((?:as\.)?factor\(\s*{_NAME}\s*\))", term)
        reverse = re.fullmatch(rf"((?:as\.)?factor\(\s*{_NAME}\s*\))\s*\*\s*({_NAME})", term)
        if factors or reverse:
            x, factor = factors.groups() if factors else (reverse[2], reverse[1]) if reverse else ("", "")
            found += [x, factor, f"{factor}:{x}"]
        else:
            found.append(term)
    return found


def _pairs(part: str, chosen: Callable[[str], list[str] | None]) -> list[tuple[str, str]]:
    """Return the columns that an argument of mutate() makes, each with its value: one, or those of across().

    ``chosen`` gives the columns that a selection stands for, None where that is not known.

    Raises
    ------
    NotReadError
        Which they are is not read.
    """
    key, equals, value = part.partition("=")
    if equals and re.fullmatch(r"\s*[A-Za-z][\w.]*\s*", key):
        return [(key.strip(), value)]
    call = re.fullmatch(r"across\((.*)\)", part)
    form = _across(_split(call[1], ",")) if call else None
    if form is None:
        raise NotReadError(f"`{part}` is not read")
    columns, functions = form
    written = re.fullmatch(rf"c\(({_NAME}(?:\s*,\s*{_NAME})*)\)|({_NAME})", columns)
    names = re.findall(_NAME, written[1] or written[2]) if written else chosen(columns)
    found = []
    for name in names or ():
        for new, function in functions:
            of = re.fullmatch(rf"(?:function\s*|\\)\(({_NAME})\)\s*(.+)|~\s*(.+)|({_NAME})", function)
            if of is None or re.search(r"[\"']", function):
                raise NotReadError(f"`{part}` is not read")
            variable, body = (of[1], of[2]) if of[1] else (r"\.x?", of[3] or f"{of[4]}(.x)")
            found.append((new.format(name), re.sub(rf"(?<![\w.]){variable}(?![\w.(])", name, body)))
    if names is None or (written is None and not {n for _, v in found for n in _words_of(v)} <= {*names}):
        raise NotReadError(f"`{part}` is not read")
    return found


def _words_of(text: str) -> list[str]:
    return re.findall(rf"(?<![\w.]){_NAME}(?![\w.]*\s*\(|\s*=[^=])", re.sub(r"\b(?:TRUE|FALSE|NA|T|F)\b", "", text))


def _makes_new_columns(text: str) -> bool:
    """Say whether a statement has across() of mutate() alone, under names of their own: no row or column changes."""
    made = _assigned(text)
    steps = _steps(made[2])[1] if made else []
    calls = [_split(_inside(text, one.end()), ",") for one in re.finditer(r"(?<![\w.])across\(", _without_texts(text))]
    forms = [_across(parts) for parts in calls]
    new = all(form is not None and all(name != "{}" for name, _ in form[1]) for form in forms)
    return bool(steps and forms) and new and {verb for verb, _ in steps} <= {"mutate", "group_by", "ungroup"}


def _across(parts: Sequence[str]) -> tuple[str, list[tuple[str, str]]] | None:
    """Return the selection of across(), and each function with the name that it makes of a column's, ``{}`` in it."""
    given: dict[str, str] = {}
    order = iter((".cols", ".fns"))
    for part in parts:
        named = re.fullmatch(r"(\.\w+)\s*=(?!=)\s*(.*)", part)
        given[named[1] if named else next(order, "")] = named[2] if named else part
    if given.keys() - {".cols", ".fns", ".names"} or not {".cols", ".fns"} <= given.keys():
        return None
    several = re.fullmatch(r"list\((.*)\)", given[".fns"])
    functions = {"": given[".fns"]}
    if several:
        pairs = [re.fullmatch(rf"({_NAME})\s*=(?!=)\s*(.+)", one) for one in _split(several[1], ",")]
        if not all(pairs):
            return None
        functions = {m[1]: m[2] for m in pairs if m}
    names = re.fullmatch(
        r"[\"']((?:[\w.]|\{\.?(?:col|fn)\})*)[\"']", given.get(".names", '"{.col}_{.fn}"' if several else '"{.col}"')
    )
    if names is None or not re.search(r"\{\.?col\}", names[1]) or (not several and "fn}" in names[1]):
        return None
    glue = re.sub(r"\{\.?col\}", "{}", names[1])
    if glue.count("{}") > 1 or (len(functions) > 1 and "fn}" not in glue):
        return None
    return given[".cols"], [(re.sub(r"\{\.?fn\}", name, glue), function) for name, function in functions.items()]


def _recoded(text: str) -> str:
    """Write dplyr's recode() out, from one value to another.

    Raises
    ------
    NotReadError
        It has an argument of another kind.
    """
    while found := re.search(r"(?<![\w.:])(?:dplyr::)?recode\(", _without_texts(text)):
        inside = _inside(text, found.end())
        x, *rules = _split(inside, ",")
        literal = r"-?\d+(?:\.\d+)?L?|NA\w*|\"[^\"]*\"|'[^']*'"
        pairs = [
            re.fullmatch(rf"(\.default|\.missing|[`\"']?[^`\"'=]+[`\"']?)\s*=\s*({literal})", one) for one in rules
        ]
        if not rules or not all(pairs):
            raise NotReadError("recode() from literals to literals alone is read")
        given = {m[1].strip(" `\"'"): m[2] for m in pairs if m}
        x = x if re.fullmatch(r"[\w.]+", x) else f"({x})"
        other, missing = given.pop(".default", None), given.pop(".missing", None)
        numbers = [bool(re.fullmatch(r"-?\d+(?:\.\d+)?", key)) for key in given]
        texts = [value[0] in "\"'" for value in given.values()]
        if not given or len({*numbers}) > 1 or len({*texts}) > 1:
            raise NotReadError("recode() mixes numbers and texts")
        new = other if other is not None else x if numbers[0] != texts[0] else "NA"
        for key, value in reversed(given.items()):
            new = f"ifelse({x} == {key if numbers[0] else chr(34) + key + chr(34)}, {value}, {new})"
        if missing is not None:
            new = f"ifelse(is.na({x}), {missing}, {new})"
        text = text[: found.start()] + new + text[found.end() + len(inside) + 1 :]
    return text


_FORMALS = {
    "ifelse": ("test", "yes", "no"),
    "fifelse": ("test", "yes", "no", "na"),
    "if_else": ("condition", "true", "false", "missing"),
    "round": ("x", "digits"),
    "log": ("x", "base"),
    "substr": ("x", "start", "stop"),
}
"""Arguments of functions of R, in their order."""


def _in_order(text: str) -> str:
    """Write arguments that are given by their names at their places."""
    call, at = re.compile(rf"(?<![\w.:$])({'|'.join(_FORMALS)})\("), 0
    while len(text) < LONGEST_CALL and (found := call.search(_without_texts(text), at)):
        at, formals = found.end(), _FORMALS[found[1]]
        inside = _inside(text, at)
        named: dict[str, str] = {}
        others: list[str] = []
        for part in _split(inside, ","):
            name = re.match(r"([\w.]+)\s*=(?!=)\s*", part)
            if name:
                named[name[1]] = part[name.end() :]
            else:
                others.append(part)
        free = [formal for formal in formals if formal not in named]
        values = named | dict(zip(free, others, strict=False))
        whole = [formal for formal in formals if formal in values]
        if named and {*named} <= {*formals} and len(others) <= len(free) and whole == [*formals[: len(whole)]]:
            new = ", ".join(values[formal] for formal in whole)
            text = f"{text[:at]}{new}{text[at + len(inside) :]}"
    return text


def _by_row(text: str) -> str:
    """Write what R calls otherwise, and has in every row the same value here: kinds of NA, log2(), what is missing."""
    text = re.sub(r"(?<![\w.\"'])NA_(?:real|integer|character)_(?![\w\"'])", "NA", text)
    text = re.sub(
        r"(?<=[\w.)])\s*\^\s*\(\s*(\d{1,3})\s*/\s*([1-9]\d{0,2})\s*\)", lambda m: f"^{int(m[1]) / int(m[2])!r}", text
    )
    text, at = _in_order(text), 0
    while len(text) < LONGEST_CALL and (
        found := re.compile(
            r"(?<![\w.:$])(?:(log2)|(if_else)|(fifelse)|(replace)|(cut)|(pmin|pmax)|(fcase)|(na_if))\("
        ).search(_without_texts(text), at)
    ):
        at = found.end()
        inside = _inside(text, at)
        parts = _split(inside, ",")
        new = f"log({inside}, 2)" if found[1] and len(parts) == 1 and "=" not in _masked(inside) else ""
        if found[8]:
            literal = len(parts) == 2 and re.fullmatch(r"-?\d+(?:\.\d+)?L?|\"[^\"]+\"|'[^']+'", parts[1])
            value = parts[-1].rstrip("L") if literal and parts[-1][-1] == "L" else parts[-1]
            new = f"ifelse({parts[0]} == {value}, NA, {parts[0]})" if literal else ""
        elif found[7]:
            new = _cases(parts)
        elif found[6]:
            more = len(parts) == 3 and re.fullmatch(r"na\.rm\s*=\s*T(?:RUE)?", parts[2])
            new = f"coalesce({found[6]}({parts[0]}, {parts[1]}), {parts[0]}, {parts[1]})" if more else ""
        elif found[5]:
            new = _intervals(inside, codes=True)
        elif found[4]:
            one = len(parts) == 3 and re.fullmatch(_NAME, parts[0]) and _LOGICAL.search(parts[1])
            if one and re.fullmatch(r"-?\d+(?:\.\d+)?L?|NA|TRUE|FALSE|\"[^\"]*\"|'[^']*'", parts[2]):
                new = _where(parts[1], parts[2], parts[0])
        elif not found[1] and len(parts) == 4:
            key = "missing" if found[2] else "na"
            missing = re.sub(rf"^{key}\s*=(?!=)\s*", "", parts[3])
            if not any(re.match(r"[\w.]+\s*=(?!=)", part) for part in (*parts[:3], missing)):
                new = f"ifelse(is.na({parts[0]}), {missing}, {found[0]}{', '.join(parts[:3])}))"
        if new:
            text = f"{text[: found.start()]}{new}{text[at + len(inside) + 1 :]}"
    return text


def _cases(parts: Sequence[str]) -> str:
    """Return what fcase() is here, "" where its arguments are not read."""
    rest = [re.fullmatch(r"default\s*=(?!=)\s*(.*)", part) for part in parts]
    pairs = [part for part, other in zip(parts, rest, strict=True) if other is None]
    others = [other[1] for other in rest if other]
    if len(pairs) % 2 or not pairs or len(others) > 1 or any(re.match(r"[\w.]+\s*=(?!=)", part) for part in pairs):
        return ""
    cases = [f"{test} ~ {value}" for test, value in zip(pairs[::2], pairs[1::2], strict=True)]
    return f"case_when({', '.join([*cases, *(f'TRUE ~ {one}' for one in others)])})"


def _intervals(inside: str, *, codes: bool) -> str:
    """Return what cut() of breaks that are written out is here, "" for others, or unless it gives ``codes``."""
    given: dict[str, str] = {}
    order = iter(("x", "breaks", "labels", "include.lowest", "right"))
    for part in _split(inside, ","):
        named = re.fullmatch(r"([\w.]+)\s*=(?!=)\s*(.*)", part)
        given[named[1] if named else next(order, "")] = named[2] if named else part
    number = r"-?(?:\d+(?:\.\d+)?|\.\d+|Inf)"
    flags = {name: given.get(name, default) for name, default in (("include.lowest", "F"), ("right", "T"))}
    breaks = re.fullmatch(rf"c\(({number}(?:\s*,\s*{number})+)\)", given.get("breaks", ""))
    labels = given.get("labels", "NULL")
    known = {*given} <= {"x", "breaks", "labels", *flags, "ordered_result", "dig.lab"}
    if not (breaks and known and given.get("x") and {*flags.values()} <= {"T", "TRUE", "F", "FALSE"}):
        return ""
    at = sorted((one.strip() for one in breaks[1].split(",")), key=float)
    texts = _split(labels[2:-1], ",") if re.fullmatch(_TEXTS, labels) else []
    plain = labels in ("F", "FALSE")
    if len({*map(float, at)}) < len(at) or not (plain or labels == "NULL" or len(texts) == len(at) - 1):
        return ""
    if codes and not plain:
        return ""
    lowest, right = (flags[name][0] == "T" for name in ("include.lowest", "right"))
    x = given["x"] if re.fullmatch(r"[\w.]+", given["x"]) else f"({given['x']})"
    cases = []
    for k, (low, high) in enumerate(pairwise(at)):
        above = ">" if right and not (lowest and k == 0) else ">="
        below = "<=" if right or (lowest and k == len(at) - 2) else "<"
        ends = [f"{x} {above} {low}"] * (low != "-Inf") + [f"{x} {below} {high}"] * (high != "Inf")
        cases.append(f"{' & '.join(ends) or f'!is.na({x})'} ~ {texts[k] if texts else k + 1}")
    return f"case_when({', '.join(cases)})"


def _with_base(cases: str) -> str:
    """Say of texts in the order of R's levels that the first of them is not the base here."""
    texts = re.findall(r"~ [\"']([^\"']*)[\"']", cases)
    if not texts or min(texts) == texts[0]:
        return cases
    return (
        f"{cases}, of which the base of dummies is “{min(texts)}”, the first by the alphabet, and in R “{texts[0]}”: "
        "write 1, 2 and so on for the texts to have R's"
    )


def _at_quantiles(x: str, breaks: str, lowest: bool) -> str:
    """Return the groups of cut() at quantiles of the same column that are equal shares, "" of others.

    Without ``lowest`` no interval holds the least value.
    """
    inside = _split(_inside(breaks, breaks.find("quantile(") + len("quantile(")), ",")
    plain = [one for one in inside if not re.match(r"[\w.]+\s*=(?!=)", one)]
    named = (one.partition("=") for one in inside if one not in plain)
    given = {key.strip(): value.strip() for key, _, value in named}
    shares = given.get("probs", plain[1] if len(plain) > 1 else "seq(0, 1, 0.25)")
    numbers = re.findall(r"\d*\.?\d+", shares)
    count = 0.0
    if step := re.fullmatch(r"seq\(\s*0\s*,\s*1\s*,\s*(?:by\s*=\s*)?(0?\.\d+|1\s*/\s*(\d+))\s*\)", shares):
        count = float(step[2]) if step[2] else 1 / float(step[1])
    elif length := re.fullmatch(r"seq\(\s*0\s*,\s*1\s*,\s*length(?:\.out)?\s*=\s*(\d+)L?\s*\)", shares):
        count = float(length[1]) - 1
    elif divided := re.fullmatch(r"\(?\s*0\s*:\s*(\d+)\s*\)?\s*/\s*(\d+)", shares):
        count = float(divided[1]) if divided[1] == divided[2] else 0.0
    elif re.fullmatch(r"c\([\d.,\s]+\)", shares):
        count = len(numbers) - 1.0
        count *= all(abs(float(one) - k / count) < 1e-9 for k, one in enumerate(numbers)) if count else 0
    if plain[:1] != [x] or given.keys() - {"probs", "na.rm", "names"} or count < 2 or abs(count - round(count)) > 1e-9:
        return ""
    groups = f"quantile_group({x}, {round(count)}, by = g)"
    return groups if lowest else f"ifelse({x} == min({x}, by = g), NA, {groups})"


def _where(rows: str, value: str, old: str) -> str:
    """Return a column of which some rows are set: those where the condition is missing are not."""
    new = f"ifelse({rows}, {value}, {old})"
    sure = re.fullmatch(
        r"!?is\.(?:na|finite)\([^()]*\)|!is\.na\([^()]*\) & !is\.finite\([^()]*\)", rows.strip("()") + ")"
    )
    return new if sure else f"ifelse(is.na({rows}), {old}, {new})"


def _without_values(text: str) -> str:
    """Leave out of what makes named columns of how, which changes no other column and no row."""
    at = 0
    while found := re.compile(
        rf"\b(?:mutate|transform|summari[sz]e)\(|`:=`\(|\bwithin\(|(?:\)|\b{_NAME}|[\"'`])\s*:=(?!`)"
    ).search(text, at):
        at = found.end()
        inside = _inside(text, at)
        if found[0].endswith("="):
            rest = _split(inside, ",")[1:]
            new = ", ".join([" 0", *rest])
        elif found[0] == "within(":
            body = inside[len(_split(inside, ",")[0]) :] if re.match(rf"\s*{_NAME}\s*,", inside) else inside
            made = dict.fromkeys(re.findall(rf"(?<![\w.$])({_NAME})(?:\[[^\]]*\])?\s*<-", body))
            simple = not re.search(r"\b(?:for|while|if|assign|get)\s*\(|\[\[|\$|->|<<-", body) and made
            new = ", ".join([inside[: len(inside) - len(body)].rstrip(", "), *(f"{n} <- 0" for n in made)])
            new = new if simple else inside
        else:
            parts = _split(inside, ",")
            new = ", ".join(re.sub(r"^([\w.]+|`[^`]+`)\s*=(?!=).*$", r"\1 = 0", part) for part in parts)
        text = text[:at] + new + text[at + len(inside) :]
        at += len(new)
    return text


def _made_in(text: str) -> list[str]:
    """Return the columns that mutate(), transform(), summarise(), within(), set() and := in a statement make."""
    calls = re.finditer(r"\b(?:mutate|transform|summari[sz]e)\(|`:=`\(", text)
    inside = [_inside(text, call.end()) for call in calls]
    many = re.findall(rf"\bacross\(\s*(?:c\(([\w.,\s]*)\)|({_NAME})\s*,)(?!.*\.names)", text)
    keys = [name for several, one in many for name in re.findall(_NAME, several or one)]
    keys += [part.partition("=")[0].strip(" `\"'") for one in inside for part in _split(one, ",") if "=" in part]
    for call in re.finditer(r"\bwithin\(", text):
        keys += re.findall(rf"(?<![\w.$])({_NAME})\s*<- 0(?=,|$)", _inside(text, call.end()))
    for call in re.finditer(r"(?<![\w.])set\(", text):
        parts = [part.partition("=")[::2] for part in _split(_inside(text, call.end()), ",")]
        named = [value.strip() for key, value in parts if key.strip() == "j"]
        columns = named or ([parts[2][0]] if len(parts) == 4 and not parts[2][1] else [])
        keys += [name for one in columns if re.fullmatch(_TEXTS, one) for name in re.findall(r"[\"']([^\"']+)", one)]
    for several, one in re.findall(rf"(?:c\(([^()]*)\)|[\"'`]?({_NAME})[\"'`]?)\s*:=", text):
        keys += [*re.findall(_NAME, several), one]
    return [key for key in dict.fromkeys(keys) if re.fullmatch(_NAME, key) and not key.startswith(".")]


def _with_default(found: re.Match[str], time: str) -> str:
    """Write out what stands where there is no row before or after, which is where there is no period."""
    there, moved = (f"{found['name']}({x}{found['more']}{found['kind']})" for x in (time, found["x"]))
    return f"ifelse(is.na({there}), {found['value']}, {moved})"


def _lagged(found: re.Match[str]) -> str:
    lead = found[1] == "lead" or found[4] == "lead"
    return f"{'f' if lead else 'l'}({found[2]}, {found[3] or 1})"


def _masked_lag(text: str) -> tuple[str, str]:
    """Return which of lag(), lead() and between() are not those of dplyr in a script, and why; "" for none."""
    loaded, plm = re.search(_LOADED, text), re.search(r"(?<![\w.])plm\b(?!\s*[:(.])", text)
    if re.search(_DPLYR, text) is None:
        return "lag", (
            "the script loads neither dplyr nor tidyverse: `lag()` is then that of stats, which moves no value of "
            "a column. If dplyr's is meant, load it; data.table's is shift()"
        )
    if plm and (loaded is None or loaded.start() < plm.start()):
        why = "plm is loaded behind dplyr, or may be: lag(), lead() and between() are then its own. Write dplyr::lag()"
        return "lag|lead|between", why
    for call in re.finditer(r"(?<![\w.])(?:library|require)\(\s*[\"']?(?:dplyr|tidyverse)\b", text):
        inside = _inside(text, call.end())
        named = re.search(r"(?<![\w.])lag(?![\w.])", inside) is not None
        if (named and "exclude" in inside) or (not named and "include.only" in inside):
            return "lag", "dplyr is loaded without its lag(): it is then that of stats. Write dplyr::lag()"
    return "", ""


def _piped(before: str) -> str:
    """Return what is piped into a call, "" where it is not written before it."""
    bare = re.sub(r"(?:[\w.]+::)?$", "", before).rstrip()
    if not bare.endswith(("|>", "%>%")):
        return ""
    bare = " ".join(re.sub(r"(?:\|>|%>%)$", "", bare).split())
    made = _assigned(bare)
    found = made[2] if made else bare
    return found if found.count("(") == found.count(")") else ""


def _called(text: str) -> list[str]:
    """Return the functions that an expression calls, as they are named without their packages."""
    bare = re.sub(r"\"[^\"]*\"|'[^']*'", "", text)
    return re.findall(r"(?<![\w.])(?:[\w.]+:{2,3})?([A-Za-z.][\w.]*)\s*\(", bare)


def _without_powers(formula: str) -> str:
    """Take plain powers out of a formula, which are of a row's own value: `poly(x, 2, raw = TRUE)`."""
    return re.sub(r"(?<![\w.])poly\([^()]*,\s*raw\s*=\s*T(?:RUE)?\s*\)", "1", formula)


def _two_names(text: str) -> tuple[str, str] | None:
    """Return unit and time of ``~unit + time`` or ``c("unit", "time")``."""
    found = re.fullmatch(
        rf"~\s*({_NAME})\s*\+\s*({_NAME})|c\(\s*[\"']({_NAME})[\"']\s*,\s*[\"']({_NAME})[\"']\s*\)", text
    )
    return (found[1] or found[3], found[2] or found[4]) if found else None


def _steps(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what an expression of data begins with, and the verbs that are applied to it, each with its arguments."""
    text = " ".join(text.split())
    pipes = [(m.start(), m.end()) for m in re.finditer(r"%>%|\|>", _masked(text))]
    if pipes:
        ends = [start for start, _ in pipes[1:]] + [len(text)]
        base, steps = _steps(text[: pipes[0][0]])
        for (_, start), end in zip(pipes, ends, strict=True):
            piece = text[start:end].strip()
            call = re.match(r"(?:[\w.]+::)?([\w.]+)\((.*)\)$", piece)
            steps.append((call[1], call[2]) if call else (piece, ""))
        return base, steps
    call = re.match(r"(?:[\w.]+::)?([\w.]+)\(", text)
    if call and call[1] in _VERBS and len(inside := _inside(text, call.end())) + call.end() + 1 == len(text):
        first, *rest = _split(inside, ",")
        if not re.match(r"[\w.]+\s*=[^=]", first):
            base, steps = _steps(first)
            return base, [*steps, (call[1], ", ".join(rest))]
    steps = []
    at = call.end() + len(_inside(text, call.end())) + 1 if call and call[1] in _SAME_ROWS else 0
    bracket = re.match(_NAME, text) if not at else None
    begun = at or (bracket.end() if bracket else 0)
    if re.match(r"\[[^\[]", text[begun:]):
        at = begun
        while text[at : at + 1] == "[" and (inside := _inside(text, at + 1)):
            steps.append(("[", inside))
            at += len(inside) + 2
        if at == len(text):
            base, before = (text[:begun], []) if bracket else _steps(text[:begun])
            return base, [*before, *steps]
    return text, []


def _renaming(text: str) -> tuple[str, str, str] | None:
    """Return the frame, what names are given other ones, as they are written, and these; None of other statements."""
    quoted = r"(?:\"[^\"]*\"|'[^']*')"
    names = rf"(?:col)?names\(\s*({_NAME})\s*\)"
    some = rf"^{names}\[\s*(?:(?:which\(\s*)?(?:col)?names\(\s*[\w.]+\s*\)\s*==\s*({quoted})\s*\)?|(\d+)L?)\s*\]"
    if found := re.match(rf"{some}\s*(?:<-|=)\s*({quoted})$", text):
        return found[1], found[2] or found[3], found[4]
    if found := re.match(rf"^{names}\s*(?:<-|=)\s*(tolower|toupper)\(\s*(?:col)?names\(\s*\1\s*\)\s*\)$", text):
        return found[1], "", found[2]
    call = re.match(r"^(?:data\.table::)?setnames\(", text)
    if call is None or text != f"{call[0]}{_inside(text, call.end())})":
        return None
    order, given = iter(("x", "old", "new")), dict[str, str]()
    for part in _split(_inside(text, call.end()), ","):
        key, equals, value = part.partition("=")
        given[key.strip() if equals else next(order, "")] = value.strip() if equals else part
    old, new = given.get("old", ""), given.get("new", "")
    if {*given} <= {"x", "old", "new"} and re.fullmatch(_TEXTS, old) and re.fullmatch(_TEXTS, new):
        return given.get("x", ""), old, new
    return None


def _in_place(steps: Sequence[tuple[str, str]]) -> int:
    """Return how many steps at the beginning are of the table itself: behind the first other one is a copy."""
    for k, (verb, inside) in enumerate(steps):
        if verb == "[":
            if inside.strip(" ,") and not _sets(inside):
                return k
        elif verb not in _SAME_TABLE:
            return k
    return len(steps)


_TRUE_OR_FALSE = r"(?<![\w.$@])({})(?![\w.(])"
_LOGICAL_ARGUMENT = re.compile(
    r"(?:\w*\.\w[\w.]*|header|decreasing|demean|lean|drop|fill|keep\w*|all|unique|exact|fixed|perl|quiet|verbose|sort|"
    r"(?:include|right|simplify|by|nested)\w*)\s*=\s*$"
)
"""Arguments that are TRUE or FALSE, behind which T and F are not columns."""


def _marked(text: str, columns: Iterable[str]) -> str:
    """Mark columns whose names are constants or keywords: in backticks, behind $, and T and F where there is one."""
    words = "|".join(sorted(WORDS))
    text = re.sub(rf"`({words})`", lambda m: marked_name(m[1]), text)
    text = re.sub(rf"(?<=[\w.)]\$)({words})(?![\w.(])", lambda m: marked_name(m[1]), text)
    text = re.sub(rf"(\[\[\s*|,\s*)([\"'])({words})\2(?=\s*\])", lambda m: m[1] + m[2] + marked_name(m[3]) + m[2], text)
    there = {without_marks(name) for name in columns}
    for word in ("T", "F"):
        made = rf"[$\"']{word}{MARK}|[(,]\s*{word}\s*=(?!=)|(?<![\w.]){word}\s*:="
        if word not in there and not re.search(made, text):
            continue

        def marked(found: re.Match[str]) -> str:
            constant = found[1] is None or _LOGICAL_ARGUMENT.search(
                found.string, max(0, found.start() - 60), found.start()
            )
            return found[0] if constant else marked_name(found[1])

        quoted = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|"
        text = re.sub(quoted + _TRUE_OR_FALSE.format(word), marked, text)
    return text


def _missing_of(part: str) -> tuple[str, ...] | None:
    """Return the cells that an argument of what reads a file says are missing, None of another, or not written out."""
    text = r"(?:\"[^\"]*\"|'[^']*')"
    found = re.fullmatch(rf"na(?:\.strings)?\s*=\s*(?:({text})|c\(\s*({text}(?:\s*,\s*{text})*)\s*\))", part.strip())
    return tuple(one[1:-1] for one in re.findall(text, found[1] or found[2])) if found else None


def _sets(inside: str) -> bool:
    """Say whether what stands in brackets has ``:=`` of that table."""
    return ":=" in _masked(inside)


def _opening(text: str, at: int) -> int:
    """Return where the bracket opens in which, or at whose end, a place stands; -1 for none."""
    depth = 1
    for k in range(at - 1, max(-1, at - LONGEST_CALL), -1):
        depth += (text[k] in ")]}") - (text[k] in "([{")
        if not depth:
            return k
    return -1


def _masked(text: str) -> str:
    """Return a text of the same length without what stands in brackets and quotes."""
    out, depth, quote = [], 0, ""
    for c in text:
        if quote:
            out.append(" ")
            quote = "" if c == quote else quote
            continue
        if c in "\"'":
            quote = c
        opens, closes = c in "([{", c in ")]}"
        depth = max(0, depth - closes)
        out.append(" " if depth or quote or opens or closes else c)
        depth += opens
    return "".join(out)


def _arguments_of(text: str) -> set[str]:
    """Return the names of arguments of functions and variables of loops."""
    heads = re.findall(r"(?:\bfunction\s*|\\)\(([^()]*)\)", text)
    found = {name for head in heads for name in re.findall(rf"(?:^|,)\s*({_NAME})", head)}
    return found | _loops_of(text)


def _loops_of(text: str) -> set[str]:
    """Return the variables of loops, which stay behind them; arguments of functions do not."""
    return {*re.findall(rf"\bfor\s*\(\s*({_NAME})\s+in\b", text)}


def _without_texts(text: str) -> str:
    """Return a text of the same length without what stands in quotes."""
    return re.sub(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", lambda m: f'"{" " * (len(m[0]) - 2)}"', text)


def _with_paths(text: str) -> str:
    """Write the names of files out that file.path(), here() and paste0() put together where a file is read."""
    quoted = r"\"[^\"\\\n]*\"|'[^'\\\n]*'"
    made = Counter(re.findall(rf"(?m)(?<![\w.$])({_NAME})\s*(?:<<?-|=)", text))
    texts = {
        name: value[1:-1]
        for name, value in re.findall(rf"(?m)^({_NAME})[ \t]*(?:<-|=)[ \t]*({quoted})[ \t]*;?[ \t]*$", text)
        if made[name] == 1
    }

    def written(found: re.Match[str]) -> str:
        parts = [texts.get(part, part) for part in re.findall(rf"{quoted}|{_NAME}", found["parts"])]
        parts = [part[1:-1] if part[:1] in ("'", '"') else part for part in parts]
        if {*re.findall(_NAME, re.sub(quoted, "", found["parts"]))} - {*texts}:
            return found[0]
        name = ("" if found["function"] == "paste0" else "/").join(parts).removeprefix("./")
        return f'{found["reads"]}"{name}"' + "\n" * found[0].count("\n")

    return re.sub(
        r"(?<![\w.])(?P<reads>(?:[\w.]+::)?(?:read[._]?\w*|fread|vroom|import)\(\s*(?:(?:file|path|input)\s*=\s*)?)"
        rf"(?:here::)?(?P<function>file\.path|here|paste0)\(\s*(?P<parts>(?:{quoted}|{_NAME})"
        rf"(?:\s*,\s*(?:{quoted}|{_NAME}))*)\s*\)",
        written,
        text,
    )


def _that_run(statements: Sequence[tuple[int, str, bool]]) -> tuple[list[tuple[int, str, bool]], list[tuple[int, str]]]:
    """Leave out what stands in ``if (FALSE)``; return what is left, and the heads of regressions that are out."""
    left: list[tuple[int, str, bool]] = []
    dead: list[tuple[int, str]] = []
    depth, head = 0, (0, "")
    for line, text, within in statements:
        if depth:
            depth += text.endswith("{") - (text == "}")
        elif re.match(r"\s*if\s*\(\s*(?:FALSE|F|0L?)\s*\)", text) and not re.search(r"\belse\b", text):
            depth, head = int(text.endswith("{")), (line, " ".join(text.split()))
        else:
            left.append((line, text, within))
            continue
        if _r_calls(text) and head not in dead:
            dead.append(head)
    return left, dead


def _end_of(statements: Sequence[tuple[int, str, bool]]) -> int | None:
    """Return which statement ends the script, under no condition: ``q()``, ``quit()`` or ``stop()``."""
    head = re.compile(r"\belse\s*$|(?:\b(?:if|for|while|function)\s*|\\)\(.*\)\s*$", re.DOTALL)
    for k, (_, text, within) in enumerate(statements):
        call = re.match(r"\s*(?:q|quit|stop|knitr::knit_exit|knit_exit)\(", text)
        whole = call is not None and not text[call.end() + len(_inside(text, call.end())) + 1 :].strip()
        if whole and not within and not (k and head.search(statements[k - 1][1])):
            return k
    return None


def _functions(statements: Sequence[tuple[int, str, bool]]) -> Iterator[tuple[str, int, int]]:
    """Return the script's own functions: name, their first statement, and the first one behind them."""
    for k, (_, text, _) in enumerate(statements):
        made = re.match(rf"\s*({_NAME})\s*(?:<<?-|=)\s*(?:function\b|\\\()", text)
        if made:
            end, depth = k + 1, int(text.endswith("{"))
            while end < len(statements) and depth:
                depth += statements[end][1].endswith("{") - (statements[end][1] == "}")
                end += 1
            yield made[1], k, end


def _own_regressions(statements: Sequence[tuple[int, str, bool]], calls: Sequence[Sequence[object]]) -> set[str]:
    """Return the script's own functions that make regressions, by themselves or through each other."""
    bodies: list[tuple[str, str, bool]] = []
    for name, k, end in _functions(statements):
        body = " ".join(one for _, one, _ in statements[k:end])
        head = re.match(rf"\s*{re.escape(name)}\s*(?:<<?-|=)\s*(?:function\b|\\\()", body)
        bodies.append((name, _without_texts(body[head.end() if head else 0 :]), any(calls[k:end])))
    found = {name for name, body, calls_one in bodies if calls_one or _not_written_out(body, ())}
    while more := {name for name, body, _ in bodies if name not in found and _not_written_out(body, found)}:
        found |= more
    return found


def _not_written_out(text: str, own: Iterable[str]) -> str:
    """Return what makes regressions in a statement without a call that could be read, "" where nothing does."""
    estimators, fixest = "|".join(map(re.escape, _CALLS)), "|".join(map(re.escape, _CALLS.keys() - _LM.keys()))
    if by_name := re.search(rf"do\.call\(\s*(?:what\s*=\s*)?[\"']?(?:[\w.]+::)?(?:{estimators})\b", text):
        return by_name[0]
    bare = _without_texts(text)
    bare = re.sub(r"\bmethod\s*=\s*lm\b", "", bare)  # of ggplot2
    given = re.search(rf"(?<![\w.$])(?:{estimators})(?![\w.]|\s*[(=])|(?<![\w.$])update\(", bare)
    wrapper = re.search(rf"(?<![\w.$])(?!(?:{estimators})\s*\()[\w.]*(?:{fixest})[\w.]*(?=\s*\()", bare)
    names = "|".join(map(re.escape, sorted(own)))
    called = re.search(rf"(?<![\w.$])(?:{names})(?![\w.]|\s*(?:<-|=[^=]))", bare) if names else None
    return next((found[0] for found in (given, wrapper, called) if found), "")


def _read_once(statements: Sequence[tuple[int, str, bool]], calls: Sequence[list[tuple[str, int, str]]]) -> list[bool]:
    """Say which statements are heads of loops, conditions or functions that regressions stand in."""
    holds: list[bool] = []  # whether a regression stands before the next closing brace
    for (_, statement, _), found in zip(reversed(statements), reversed(calls), strict=True):
        holds.append(bool(found) or (statement != "}" and bool(holds) and holds[-1]))
    return [
        bool(_HEAD.search(statement) and (found or statement.rstrip().endswith("{"))) and held
        for (_, statement, _), found, held in zip(statements, calls, reversed(holds), strict=True)
    ]


def _r_statements(text: str) -> Iterator[tuple[int, str, bool]]:
    """Return statements with their lines, and whether they stand in braces; heads of loops are statements, too."""
    depth, quote, begun, line, first, braces, last = 0, "", "", 1, 1, 0, 0
    escaped = False
    for k, c in enumerate(text):
        last = last if c.isspace() else k + 1  # before it only blank lines, or comments
        if quote:
            escaped, quote = c == "\\" and not escaped, "" if c == quote and not escaped else quote
        elif c in "\"'`":
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth = max(0, depth - 1)
        if (
            not quote
            and not depth
            and (c in ";{}" or (c == "\n" and not _GOES_ON.search(text[max(0, last - 40) : last])))
        ):
            if (begun + c).strip(" \t\n;}"):
                yield first if begun else line, begun + "{" * (c == "{"), braces > 0
            if c == "}":
                yield line, c, False
            begun = ""
            braces = max(0, braces + (c == "{") - (c == "}"))
        elif begun or not c.isspace():
            first = first if begun else line
            begun += c
        line += c == "\n"
    if begun.strip():
        yield first, begun, braces > 0


def _r_calls(statement: str) -> list[tuple[str, int, str]]:
    """Return the regressions in a statement: name, where it stands, what is in its brackets."""
    found: list[tuple[str, int, str]] = []
    end = 0
    names = "|".join(map(re.escape, {**_CALLS, **_OTHERS}))
    for call in re.finditer(rf"(?<![\w.])({names})\s*\(", statement):
        if call.start() >= end:  # else within another
            inside = _inside(statement, call.end())
            if call[1] in _OTHERS and re.search(rf"(?<![\w.])({'|'.join(_CALLS)})\s*\(", inside):
                continue  # what it is of is read
            end = call.end() + len(inside)
            found.append((call[1], call.start(), inside))
    return found


def _is_one_call(value: str) -> bool:
    """Say whether a value is a regression and nothing else, which is no data."""
    call = re.match(rf"(?:[\w.]+::)?(?:{'|'.join(_CALLS)})\s*\(", value)
    return call is not None and len(_inside(value, call.end())) + call.end() + 1 == len(value)


def _is_number(value: str) -> bool:
    """Say whether a value is what a function makes of numbers, which is no data."""
    call = re.match(rf"(?:[\w.]+::)?(?:{'|'.join(_OF_NUMBERS)})\(", value)
    return call is not None and len(_inside(value, call.end())) + call.end() + 1 == len(value)


def _assigned(text: str) -> tuple[str, str, str] | None:
    """Return what a statement assigns to, which part of it, and the value."""
    masked = _masked(text)
    arrow = re.search(r"<<?-|(?<![<>=!:-])=(?!=)|->>?", masked)
    if arrow is None:
        return None
    left, value = text[: arrow.start()].strip(), text[arrow.end() :].strip()
    if arrow[0].startswith("->"):
        left, value = value, left
    head = re.match(rf"^(?:[\w.]+(?:<-)?\()*({_NAME})\)*(.*)$", left)
    return (head[1], head[2].strip(), value) if head else None


def _sources(statements: Sequence[tuple[int, str, bool]], frames: set[str]) -> set[str]:
    """Return the frames and what they are made of."""
    found = set(frames)
    made = [a for _, text, _ in statements if (a := _assigned(" ".join(text.split())))]
    made = [a for a in made if not re.match(r"function\b|\\\(", a[2])]
    targets = {target for target, _, _ in made}
    for target, _, value in reversed(made):
        if target in found:
            found |= targets & set(re.findall(rf"(?<![\w.$@]){_NAME}", value))
    return found


def _inside(text: str, start: int) -> str:
    depth, quote = 1, ""
    for k in range(start, min(len(text), start + LONGEST_CALL)):
        c = text[k]
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        else:
            depth += (c in "([{") - (c in ")]}")
            if not depth:
                return text[start:k]
    return text[start : start + LONGEST_CALL]


def _split(text: str, at: str) -> list[str]:
    """Split at a character that stands in no bracket and no quotes."""
    parts, depth, quote = [""], 0, ""
    for c in text:
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        else:
            depth += (c in "([{") - (c in ")]}")
        if c == at and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += c
    return [" ".join(part.split()) for part in parts]


def _arguments(inside: str, more: Sequence[str] = ("vcov",)) -> dict[str, str]:
    """Return the arguments of a regression by their names; ``more`` are those behind the data."""
    given: dict[str, str] = {}
    order = iter(("fml", "data", *more, *(f"number {k}" for k in range(3 + len(more), 99))))
    for part in _split(inside, ","):
        key, equals, value = part.partition("=")
        if equals and re.fullmatch(r"[\w.]+", key.strip()) and not value.startswith("="):
            given[{"formula": "fml"}.get(key.strip(), key.strip())] = value.strip()
        elif part and (place := next(order, None)):
            given[place] = part
    return given


def _of_own(value: str, frame: str) -> str:
    """Return an argument that takes columns, where it takes them out of the regression's own frame, by their names.

    Raises
    ------
    NotReadError
        It takes them out of another.
    """
    own = re.escape(frame)
    named = rf"(?:\$({_NAME})|\[\[\s*[\"']({_NAME})[\"']\s*\]\]|\[\s*,\s*[\"']({_NAME})[\"']\s*\])"
    found = re.sub(rf"(?<![\w.$]){own}{named}", lambda m: m[1] or m[2] or m[3], value)
    bare = found if found == value or found.startswith("~") or not re.fullmatch(_NAME, found) else f"~{found}"
    if other := re.search(rf"(?<![\w.$])(?!{own}\[)({_NAME})\s*[$\[]", bare):
        raise NotReadError(f"`{value}` takes columns out of `{other[1]}`: have them in `{frame}`")
    return bare


def _frame_of(given: Mapping[str, str]) -> str:
    return _steps(given.get("data", ""))[0]
