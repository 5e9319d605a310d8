"""Every table of the spec file and every key of it; analyses and estimators declare their own keys beside them."""

from __future__ import annotations

from specdid._format.kinds import (
    ColumnValue,
    Either,
    Flag,
    Formula,
    Key,
    Lines,
    Many,
    Nested,
    NumberValue,
    TableKeys,
    TextValue,
    Word,
)
from specdid._study import (
    DIMENSIONS,
    DISTRIBUTIONS,
    NARROWEST,
    RULES,
    STATISTICS,
    WIDEST,
    AppendixOptions,
    FigureOptions,
    Inference,
    RunOptions,
)
from specdid._words import ENGLISH, LANGUAGES
from specdid.language.check import Role

STEPS = ("year", "half", "quarter", "month", "week", "day")
_NAMES = Formula("names")
_VALUE = Formula("value")

_META = (
    Key(
        "type",
        Word(("equivalent", "nonequivalent", "uncertain")),
        "Whether the option answers the same question as the others (Del Giudice and Gangestad 2021); those that are "
        "nonequivalent or uncertain stand apart on the curve and enter no joint test.",
        '"uncertain"',
        otherwise="equivalent",
    ),
    Key("why", TextValue(), "The reason for the option, for readers of the output.", '"as Table 3 of the paper"'),
)


def _formula(role: Role, doc: str, example: str) -> Key:
    return Key("formula", Formula(role), doc, example, required='write formula = "…" in it')


MATCH = TableKeys(
    "match",
    "match = { … } of a sample",
    "Cut a sample to treated units and their matched controls; weights of matched controls sum to their number, as "
    "MatchIt's do.",
    (
        Key(
            "on",
            Formula("terms"),
            "The covariates: terms of the propensity score, or the variables of exact and entropy matching.",
            '"x1 + x2"',
            required='name what to match on: on = "x1 + x2"',
        ),
        Key(
            "treated",
            _VALUE,
            "The column that is 1 for treated units and 0 for the others.",
            '"pilot"',
            otherwise="ever treated under the specification's treatment",
        ),
        Key(
            "at",
            Formula("condition"),
            "The cross-section in which units are matched: one row per unit.",
            '"year == 2011"',
            otherwise="each period is matched by itself",
        ),
        Key("method", Word(shelf="matching"), "How controls are found and weighted.", '"nearest"', "nearest"),
        Key(
            "ratio",
            NumberValue("1 or more", whole=True, least=1),
            "Controls for each treated unit.",
            "2",
            otherwise="1",
        ),
        Key(
            "replace",
            Flag(),
            "Whether a control may be matched several times; if not, the treated with the largest score choose first, "
            "with `ratio` in rounds: each takes one control before any takes its second.",
            "true",
            otherwise="false",
        ),
        Key(
            "caliper",
            NumberValue("above 0", above=0),
            "The largest distance of a match, on the propensity score.",
            "0.05",
            otherwise="no limit",
        ),
        Key(
            "caliper_sd",
            NumberValue("above 0", above=0),
            "The same in standard deviations of the propensity score.",
            "0.2",
            otherwise="no limit",
        ),
        Key(
            "bandwidth",
            NumberValue("above 0", above=0),
            "The bandwidth of the kernel, on the propensity score.",
            "0.06",
            otherwise="0.06",
        ),
        Key("exact", _NAMES, "Columns in which matched units must agree.", '"province"', otherwise="none"),
        Key(
            "common_support",
            Flag(),
            "Whether treated units are left out whose propensity score no control's reaches.",
            "true",
            otherwise="false",
        ),
    ),
)

OPTIONS = {
    "outcome": TableKeys(
        "outcome",
        '[outcome] "label" = { … }',
        "What is explained. Outcomes of one scale share a curve.",
        (
            _formula("outcome", "The outcome; c(a, b) or sw(a, b) is several.", '"log(so2 / pop)"'),
            Key(
                "scale",
                TextValue(),
                "What estimates are in; outcomes share a curve where it is the same.",
                '"log points"',
                otherwise="each outcome has a curve of its own",
            ),
            Key(
                "expect",
                Word(("negative", "positive")),
                "The sign of the effect expected before anything is estimated; joint tests multiply by it.",
                '"negative"',
                otherwise="joint tests take estimates as they are",
            ),
            *_META,
        ),
    ),
    "treatment": TableKeys(
        "treatment",
        '[treatment] "label" = { … }',
        "Whose coefficient is estimated: one term, 0/1 for the estimators of staggered adoption.",
        (
            Key(
                "term",
                Formula("terms"),
                "The treatment: one term, such as a 0/1 column or an interaction.",
                '"did"',
                required='write term = "…" in it',
            ),
            Key(
                "with",
                Formula("terms"),
                "Terms in every specification of this treatment, such as the main effects of an interaction.",
                '"dudt + ind3"',
                otherwise="none",
            ),
            Key(
                "cohort",
                _VALUE,
                "The first treated period of each unit, 0 or infinity where it is never treated; event studies and "
                "the estimators sunab, csdid, did_imputation, stackedev, lpdid and sdid need it.",
                '"c12"',
                otherwise="[study] cohort",
            ),
            Key(
                "estimand",
                TextValue(),
                "What the estimate is of, in words; medians are taken of one estimand.",
                '"effect in years 3 to 4"',
                otherwise="the estimator's words",
            ),
            *_META,
        ),
    ),
    "controls": TableKeys(
        "controls",
        '[controls] "label" = "…"',
        "The right-hand side beside the treatment.",
        (
            _formula(
                "terms",
                'The terms, "1" for none; sw, csw and mvsw make several sets of them.',
                '"pgdp + mvsw(ind2, ln_open)"',
            ),
            *_META,
        ),
    ),
    "fixed_effects": TableKeys(
        "fixed_effects",
        '[fixed_effects] "label" = "…"',
        "What is absorbed.",
        (
            _formula(
                "effects",
                'Fixed effects joined by +, "0" for none: a^b interacts two, a[x] has a slope of x for each level.',
                '"city_id + province^year"',
            ),
            *_META,
        ),
    ),
    "sample": TableKeys(
        "sample",
        '[sample] "label" = "…"',
        "Which rows are used, after every column has been computed on the full panel.",
        (
            Key(
                "where",
                Formula("sample"),
                "The condition of a row; where it is missing the row is out. each(f) and drop_each(f) are one sample "
                "per level of f.",
                '"capital == 0"',
                otherwise="all rows, where there is a `match`; else it is needed",
            ),
            Key(
                "match",
                Either((TextValue(shown=False), Nested(MATCH))),
                "How the sample is matched, or the name of a [match] that says it.",
                '{ on = "x1 + x2" }',
                otherwise="not matched",
            ),
            *_META,
        ),
        needs=((("where", "match"), 'write where = "…" in it'),),
    ),
    "weights": TableKeys(
        "weights",
        '[weights] "label" = "…"',
        "Analytic weights of rows, scaled to mean 1 over the rows used.",
        (_formula("value", 'The weight, "1" for none.', '"pop"'), *_META),
    ),
    "instruments": TableKeys(
        "instruments",
        '[instruments] "label" = "…"',
        "Instruments of the treatment: two-stage least squares in place of feols, with an estimand of its own.",
        (
            _formula(
                "terms",
                'The instruments that are excluded from the regression, "1" for none: least squares. Controls, fixed '
                "effects and weights are those of the specification.",
                '"z1 + z2"',
            ),
            *_META,
        ),
    ),
    "estimator": TableKeys(
        "estimator",
        '[estimator] "label" = "…"',
        "How the effect is estimated; a table may give the estimator's own settings.",
        (
            Key(
                "method",
                Word(shelf="estimators"),
                "The estimator.",
                '"feols"',
                required="write method = …, one of {choices}",
            ),
            *_META,
        ),
        more="the settings of the estimator",
    ),
}
"""By dimension, what an option takes; the first key is what a text alone stands for."""


def role_of(dimension: str) -> Role:
    """Return what the expressions of a dimension are; those of a user's own are terms."""
    kind = OPTIONS[dimension].keys[0].kind if dimension in OPTIONS else None
    return kind.role if isinstance(kind, Formula) else "terms"


VARIANT_OPTION = TableKeys(
    "variant",
    '[variant."name"] "label" = { … }',
    "A dimension of your own: what an option changes in everything else. The first option is the baseline; {} changes "
    "nothing.",
    (
        Key(
            "derive",
            Lines(_VALUE, "column"),
            "Columns computed otherwise: a column of the data before [derive] is run, a derived one in its place, its "
            "own name meaning the old value.",
            '{ so2 = "winsorize(so2, 0.01)" }',
            {},
            otherwise="no column changes",
        ),
        Key("add", Formula("terms"), "Terms added to the right-hand side.", '"lowcarbon"', otherwise="none"),
        Key("absorb", Formula("effects"), "Fixed effects added.", '"tcz^year"', otherwise="none"),
        Key(
            "where",
            Formula("sample"),
            "A condition that rows must meet as well, before anything is matched.",
            '"capital == 0"',
            otherwise="all rows",
        ),
        Key(
            "data",
            TextValue(shown=False),
            "A file in place of the study's own, with the same units and periods and the columns that the study uses: "
            "each option is the study on another file.",
            '"satellite.csv"',
            otherwise="the study's own file",
        ),
        *_META,
    ),
)

RESHAPE = TableKeys(
    "reshape",
    "reshape = { … }",
    "Read a file that has a column per variable and period with a row per period.",
    (
        Key("time", ColumnValue(), "The new column of periods, and what stands in braces in `columns`.", '"year"',
            required='write reshape = { time = "year", columns = "gdp_{year}" }'),
        Key(
            "columns",
            Either((TextValue(shown=False), Many(TextValue(shown=False)), Lines(TextValue(shown=False), "name"))),
            "How the columns are called: one pattern or several, or a table that names the new columns. The period is "
            "digits, as 2012 or 201212; the new column is called by what else stands in the pattern.",
            '["gdp_{year}", "pop_{year}"]',
            required='write columns = "gdp_{year}" in it',
        ),
    ),
)  # fmt: skip

JOINED = TableKeys(
    "data",
    '[data."name"]',
    "A further file: every row of the study's data takes the columns of its row with the same keys, or none.",
    (
        Key(
            "file",
            TextValue(shown=False),
            "The file, relative to the spec file; of any kind that `data` may be.",
            '"weather.csv"',
            required='name it: file = "weather.csv"',
        ),
        Key(
            "by",
            Either((TextValue(shown=False), Many(TextValue(shown=False)), Lines(TextValue(shown=False), "column"))),
            "The columns that say which rows belong together, unique in the file: unit and time, the unit alone, time "
            'alone, or any other. A table gives the file\'s own names: { city_id = "code" }.',
            '["city_id", "year"]',
            required='name the columns that say which rows belong together: by = ["city_id", "year"]',
        ),
        Key(
            "suffix",
            TextValue(),
            "What is put behind names of columns that the data have already.",
            '"_weather"',
            otherwise="a name that is used and means two columns is a fault",
        ),
        Key(
            "reshape",
            Nested(RESHAPE),
            RESHAPE.doc,
            '{ time = "year", columns = "rain_{year}" }',
            otherwise="read as it is",
        ),
    ),
)

VCOV = TableKeys(
    "vcov",
    '[vcov] "label" = "…"',
    "Standard errors. The first is on the curve; the others are further rows of the results.",
    (
        Key(
            "formula",
            TextValue(shown=False),
            '"iid", "hetero" (HC1), "~a" clustered by a column or "~a + b" by two.',
            '"~city_id"',
            required='write { formula = "~a", ssc = "…", distribution = "…" }',
        ),
        Key(
            "ssc",
            Word(RULES),
            "The small-sample correction, named after the software whose it is.",
            '"areg"',
            "fixest",
        ),
        Key(
            "distribution",
            Word(DISTRIBUTIONS),
            "What p-values and intervals are taken from.",
            '"normal"',
            otherwise="the estimator's own: t for least squares",
        ),
    ),
)

SELECTOR = TableKeys(
    "selector",
    '{ has = "…", lacks = "…" }',
    "Options by the terms that they hold, in place of a label.",
    (
        Key("has", Formula("terms"), "Terms that the option holds.", '"pgdp"', otherwise="any"),
        Key("lacks", Formula("terms"), "Terms that it does not hold.", '"ind2"', otherwise="none"),
    ),
)
_SELECTED = Many(Either((TextValue(shown=False), Nested(SELECTOR))))
_SELECTORS = Lines(_SELECTED, "dimension")

TOGETHER = TableKeys(
    "together",
    "[[together]]",
    "Options of several dimensions that belong together: only these combinations are planned, and they are one choice; "
    "controls that still vary among them are a choice of their own, with a share of what is left by the tie.",
    (
        Key(
            "dimensions",
            Many(TextValue(shown=False)),
            "The dimensions that are tied, two or more; a dimension is in one [[together]] at most.",
            '["outcome", "estimator"]',
            required='name the dimensions that are tied: dimensions = ["outcome", "estimator"]',
        ),
        Key(
            "options",
            Many(Many(_SELECTED, alone=False), alone=False),
            "Rows of options that belong together, one entry for each dimension; several options in an entry are a "
            "list, and crossed within the row. Every option of these dimensions is in some row.",
            '[["log y", "OLS"], ["y", "Poisson"]]',
            required='write what goes together: options = [["log y", "OLS"], ["y", "Poisson"]]',
        ),
        Key(
            "because",
            TextValue(),
            "The reason, which `specdid plan` shows.",
            '"Poisson takes the outcome in levels"',
            otherwise="no reason is shown",
        ),
    ),
)

EXCLUDE = TableKeys(
    "exclude",
    "[[exclude]]",
    "Combinations that make no sense are excluded, with the reason, and counted.",
    (
        Key(
            "when",
            _SELECTORS,
            "The options that are excluded together: all that are named must hold.",
            '{ estimator = "Sun-Abraham", weights = "population" }',
            otherwise="every specification, but those of `unless`",
        ),
        Key(
            "unless",
            _SELECTORS,
            "The options beside which they stay.",
            '{ treatment = "batches 1–3" }',
            otherwise="no exception",
        ),
        Key(
            "because",
            TextValue(),
            "The reason, which the output shows.",
            '"levels are for Poisson alone"',
            required="say why: the reason is shown in the output",
        ),
    ),
    needs=(
        (
            ("when", "unless"),
            '[[exclude]] has `when = { dimension = "label" }`, `unless` likewise, and `because = "…"`',
        ),
    ),
)

_INFERENCE, _RUN, _FIGURE, _APPENDIX = Inference(), RunOptions(), FigureOptions(), AppendixOptions()

INFERENCE = TableKeys(
    "inference",
    "[inference]",
    "Tests of the curve as a whole: would a curve like this arise without any effect?",
    (
        Key(
            "alpha",
            NumberValue("above 0 and below 1: 0.05 gives 95% intervals", above=0, below=1),
            "The level of significance; intervals are at 1 - alpha.",
            "0.1",
            _INFERENCE.alpha,
        ),
        Key(
            "draws",
            NumberValue("0 (no test) or more, up to 1,000,000", whole=True, least=0, most=1_000_000),
            "Draws of each null; the smallest p-value is 1 / (draws + 1).",
            "1999",
            _INFERENCE.draws,
        ),
        Key(
            "null",
            Many(Word(shelf="inference")),
            "How a curve without an effect is drawn: residuals change sign by cluster (wild), or the assignment is "
            "dealt out again (permutation).",
            '["wild", "permutation"]',
            _INFERENCE.null,
        ),
        Key(
            "primary",
            Word(STATISTICS),
            "The joint statistic that is reported first; the others are secondary.",
            '"median estimate"',
            _INFERENCE.primary,
        ),
        Key(
            "cluster",
            _NAMES,
            "The one column by whose levels signs change and standard errors of the tests are clustered.",
            '"province"',
            otherwise="the unit",
        ),
        Key(
            "assign",
            _NAMES,
            "The columns of the data that the assignment consists of: what a permutation deals out again.",
            '"pilot + batch"',
            otherwise="needed by the permutation null",
        ),
        Key(
            "level",
            _NAMES,
            "Who was assigned: the state of a state law that is observed by county.",
            '"province"',
            otherwise="the unit",
        ),
        Key(
            "strata",
            _NAMES,
            "Columns within whose levels the assignment is dealt out again.",
            '"province"',
            otherwise="none: over all levels",
        ),
    ),
)

RUN = TableKeys(
    "run",
    "[run]",
    "How the work is shared. Nothing in this table changes a number.",
    (
        Key(
            "jobs",
            NumberValue("1 or more, or -1 for all cores", whole=True, never=0),
            "Worker processes.",
            "4",
            _RUN.jobs,
            otherwise="one per core",
        ),
        Key(
            "backend",
            Word(("serial", "loky", "threading", "dask", "ray")),
            "What runs the workers; dask and ray are extras, and can be clusters.",
            '"serial"',
            _RUN.backend,
        ),
        Key(
            "limit",
            NumberValue("1 or more", whole=True, least=1),
            "The number of specifications above which nothing is planned.",
            "5000000",
            _RUN.limit,
        ),
    ),
)

FIGURE = TableKeys(
    "figure",
    "[figure]",
    "The figure's files. Nothing in this table changes a number.",
    (
        Key(
            "sort",
            TextValue(shown=False),
            "The order of specifications: estimate, declared (as planned), or a dimension.",
            '"declared"',
            _FIGURE.sort,
        ),
        Key("formats", Many(Word(("pdf", "png", "svg"))), "The files that are drawn.", '["pdf"]', _FIGURE.formats),
        Key(
            "width",
            NumberValue(f"from {NARROWEST:g} to {WIDEST:g} (inches)", least=NARROWEST, most=WIDEST),
            "Inches; 3.5 draws the curve for a column of a page.",
            "3.5",
            otherwise="6.5",
        ),
    ),
)

APPENDIX = TableKeys(
    "appendix",
    "[appendix]",
    "The robustness appendix of a paper.",
    (
        Key(
            "show",
            Many(TextValue(shown=False)),
            "Specifications shown in full beside the preferred, lowest, median and highest: ids, or ranks.",
            '["#41"]',
            (),
            otherwise="none",
        ),
        Key(
            "formats",
            Many(Word(("tex", "md", "docx"))),
            "The files that are written; an empty list writes none.",
            '["tex", "docx"]',
            _APPENDIX.formats,
        ),
        Key(
            "reference",
            TextValue(shown=False),
            "A Word document, such as a journal's template, whose styles appendix.docx has: Title, Heading 1, Caption, "
            "Normal. Relative to the spec file; nothing else of it is read.",
            '"journal.docx"',
            otherwise="plain styles",
        ),
    ),
)

FIX = Key(
    "fix",
    Lines(Many(Either((TextValue(shown=False), Nested(SELECTOR), *map(Nested, OPTIONS.values())))), "dimension"),
    "Options of an analysis's columns in place of those of [preferred]; a list makes several columns, a table is an "
    "option that only this analysis has.",
    '{ controls = ["1", "pgdp"] }',
    otherwise="[preferred], once per outcome",
)
VARY = Key(
    "vary",
    Many(TextValue(shown=False)),
    "Dimensions that take all their options, or those of `fix`; columns follow their order, the last fastest.",
    '["controls", "outcome"]',
    otherwise="none",
)
"""Keys that every analysis takes beside its own."""


def _short(dimension: str) -> Key:
    option = OPTIONS[dimension]
    first = option.keys[0]
    kind = Formula(role_of(dimension)) if isinstance(first.kind, Formula) else first.kind
    doc = f"The only option of [{dimension}], in one line. {first.doc}"
    return Key(dimension, kind, doc, first.example, otherwise=f"[{dimension}], or its default")


STUDY = TableKeys(
    "study",
    "[study]",
    "What all specifications share.",
    (
        Key(
            "title", TextValue(), "The title of figures, tables and pages.", '"Smart-city pilots"', otherwise="its name"
        ),
        Key(
            "name",
            TextValue(shown=False),
            "What its directory of results and its LaTeX labels are called.",
            '"smart-city"',
            otherwise="the spec file's name",
        ),
        Key(
            "language",
            Word(LANGUAGES),
            "The language of figures, tables, report, appendix, summary and of what `run` prints at its end: English "
            "or Chinese. Names and titles stay as they are written here, or in [labels]; faults and files for programs "
            "(CSV, JSON, Parquet) are English.",
            '"zh"',
            ENGLISH,
        ),
        Key(
            "extends",
            TextValue(shown=False),
            "Another spec file, in the same directory or below: what is not written here is as it is there. "
            "Dimensions, rules and tables of analyses are replaced whole, other tables key by key, each [match] and "
            "[data] too; `specdid plan --merged` prints both as one.",
            '"base.toml"',
            otherwise="the file says all itself",
        ),
        Key(
            "data",
            TextValue(shown=False),
            "The data file, relative to the spec file: .csv, .tsv, .parquet, .feather, .dta or .xlsx. "
            "Numbers have no thousands separators: a cell as 3,893,888 or .. makes its column text, which the "
            "file has to mend. "
            "Cells of text files and workbooks lose spaces at their ends; a column whose cells are all numbers, quoted "
            "or not, is one of numbers, 01 being 1. "
            "Empty cells and the words NA, N/A, #N/A, NaN, null and . are missing.",
            '"data/panel.csv"',
            otherwise="given in Python",
        ),
        Key(
            "reshape",
            Nested(RESHAPE),
            RESHAPE.doc,
            '{ time = "year", columns = ["gdp_{year}", "pop_{year}"] }',
            otherwise="read as it is",
        ),
        Key(
            "unit",
            Many(ColumnValue(several=True)),
            "The column that tells units: what is observed over time, treated or not. A list of columns stands for "
            "their combinations, which make a column `unit`.",
            '"city_id"',
            otherwise="repeated cross-sections: nothing that follows units",
        ),
        Key("time", ColumnValue(), "The column of periods.", '"year"', otherwise="no lags, event studies or cohorts"),
        Key(
            "step",
            Either((Word(STEPS), NumberValue(above=0))),
            "What one period is, where that is not 1: 201212 and 201301 are one month apart; 5 is every fifth year.",
            '"month"',
            otherwise="1 in the units of `time`; `check` says which where these look like dates",
        ),
        Key(
            "seed",
            NumberValue("0 or more", whole=True, least=0),
            "What random draws begin from; the same seed gives the same numbers.",
            "20121201",
            1,
        ),
        Key(
            "missing",
            Word(("listwise", "common")),
            "listwise: each specification drops its own incomplete rows; common: all use the rows that are complete "
            "in every variable of the outcome's specifications.",
            '"common"',
            "listwise",
        ),
        Key(
            "never",
            Many(Either((NumberValue(), Word(("default", "empty"))))),
            "Which cohorts are never treated: default is 0, empty an empty cohort too; a list says exactly which "
            "values. Infinity, and a cohort after the last period, always are.",
            '[0, 2000, "empty"]',
            otherwise="default",
        ),
        Key(
            "one_at_a_time",
            Many(TextValue(shown=False)),
            "Dimensions of which at most one leaves its first option: robustness checks tried one by one, not crossed.",
            '["winsorizing", "capitals"]',
            otherwise="all are crossed",
        ),
        Key(
            "formula",
            Formula("formula"),
            "One fixest formula for outcomes, treatment, controls and fixed effects; the first term is the treatment "
            "where none is declared.",
            '"c(y1, y2) ~ did + mvsw(a, b) | city_id + year"',
            otherwise="each dimension has its own",
        ),
        Key(
            "scale",
            TextValue(),
            "The scale of all outcomes that declare none.",
            '"log points"',
            otherwise="each outcome has a curve of its own",
        ),
        Key(
            "cohort",
            _VALUE,
            "The cohort of all treatments that declare none: the first treated period, 0 or infinity never.",
            '"batch"',
            otherwise="none",
        ),
        Key(
            "split",
            Formula("split"),
            "A dimension of one sample per level of a column, each(…), drop_each(…) or window(…); as fixest's split.",
            '"region"',
            otherwise="none",
        ),
        Key(
            "full_split",
            Formula("split"),
            "The same, and all rows first; as fixest's fsplit.",
            '"region"',
            otherwise="none",
        ),
        *(_short(name) for name in (*DIMENSIONS, "instruments")),
        Key(
            "vcov",
            Either((TextValue(shown=False), Nested(VCOV))),
            "The only option of [vcov], in one line.",
            '"~city_id"',
            otherwise="clustered by unit; hetero without a unit",
        ),
    ),
)


def _dimension(name: str) -> Key:
    option = OPTIONS[name]
    first = option.keys[0]
    kind = Lines(Either((first.kind, Nested(option))))
    return Key(name, kind, option.doc, f"{{ label = {first.example} }}", otherwise=_UNWRITTEN[name])


_UNWRITTEN = {
    "outcome": "needed: here, in [study], or in its formula",
    "treatment": "needed: here, in [study], or in its formula",
    "controls": "none",
    "fixed_effects": "unit + time",
    "sample": "all rows",
    "weights": "none",
    "estimator": "feols",
    "instruments": "none",
}

FILE = TableKeys(
    "file",
    "a spec file",
    "Only [study], an outcome and a treatment are needed; a dimension that is left out has one option.",
    (
        Key(
            "study",
            Nested(STUDY),
            STUDY.doc,
            '{ data = "panel.csv", unit = "city_id", time = "year" }',
            required='begin with [study] and below it data = "file.csv", unit and time',
        ),
        Key(
            "data",
            Lines(Nested(JOINED), "name"),
            JOINED.doc,
            '{ weather = { file = "weather.csv", by = ["city_id", "year"] } }',
            otherwise="the study has one file",
        ),
        Key(
            "derive",
            Lines(_VALUE, "column"),
            "New columns, in order, computed once on the full panel before any row is cut.",
            '{ did = "pilot * (year >= 2012)" }',
            otherwise="none",
        ),
        Key(
            "macros",
            Lines(Formula("terms"), "name"),
            "Lists of terms with a name, used as ..name.",
            '{ economy = "pgdp + I(pgdp^2)" }',
            otherwise="none",
        ),
        *(_dimension(name) for name in (*DIMENSIONS, "instruments")),
        Key(
            "variant",
            Lines(Lines(Nested(VARIANT_OPTION)), "name"),
            VARIANT_OPTION.doc,
            '{ capitals = { kept = {}, dropped = { where = "capital == 0" } } }',
            otherwise="none",
        ),
        Key(
            "vcov",
            Lines(Either((TextValue(shown=False), Nested(VCOV)))),
            VCOV.doc,
            '{ city = "~city_id", robust = "hetero" }',
            otherwise="clustered by unit; hetero without a unit",
        ),
        Key(
            "match",
            Lines(Nested(MATCH), "name"),
            'Ways to match, each written once: samples and the `fix` of analyses use them by name, match = "nearest".',
            '{ nearest = { on = "x1 + x2" } }',
            otherwise="a sample says itself how it is matched",
        ),
        Key(
            "together",
            Many(Nested(TOGETHER), alone=False),
            TOGETHER.doc,
            '[{ dimensions = ["outcome", "estimator"], options = [["log y", "OLS"], ["y", "Poisson"]] }]',
            otherwise="every option is combined with every other",
        ),
        Key(
            "exclude",
            Many(Nested(EXCLUDE), alone=False),
            EXCLUDE.doc,
            '[{ when = { estimator = "fepois" }, because = "levels only" }]',
            otherwise="nothing is excluded",
        ),
        Key(
            "preferred",
            _SELECTORS,
            "The specification that the paper reports: one option per dimension.",
            '{ controls = "pgdp + ind2" }',
            otherwise="no specification is preferred; analyses stand at the first option of every dimension",
        ),
        Key("inference", Nested(INFERENCE), INFERENCE.doc, "{ draws = 1999 }", otherwise="999 draws of the wild null"),
        Key("run", Nested(RUN), RUN.doc, "{ jobs = 4 }"),
        Key("figure", Nested(FIGURE), FIGURE.doc, "{ width = 3.5 }"),
        Key("appendix", Nested(APPENDIX), APPENDIX.doc, '{ show = ["#41"] }'),
        Key(
            "labels",
            Lines(TextValue(), "column, term, option or scale"),
            "What columns, terms, options and scales are called in tables and figures.",
            '{ ind2 = "secondary industry, %" }',
            otherwise="as written",
        ),
    ),
)
