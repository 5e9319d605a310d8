"""[inference], [run], [figure] and [appendix]."""

from __future__ import annotations

from collections.abc import Sequence

from specdid import _plugins
from specdid._decode.items import Item
from specdid._decode.table import Log, Table, as_table
from specdid._decode.words import APPENDIX_FORMATS, BACKENDS, FORMATS
from specdid._study import (
    NARROWEST,
    STATISTICS,
    WIDEST,
    AppendixOptions,
    Expression,
    FigureOptions,
    Inference,
    RunOptions,
)
from specdid.language.tree import chain

INFERENCE_KEYS = ("alpha", "draws", "null", "primary", "cluster", "assign", "level", "strata")


def read_inference(item: Item | None, nulls: Sequence[str], log: Log) -> Inference:
    """Read [inference]; what is not written has the contract's defaults."""
    table = as_table(item, log, "[inference]", takes=INFERENCE_KEYS) if item is not None else None
    if table is None:
        return Inference()
    default = Inference()
    alpha = table.number("alpha", "above 0 and below 1: 0.05 gives 95% intervals", lambda a: 0 < a < 1)
    draws = table.whole("draws", "0 (no test) or more, up to 1,000,000", lambda n: 0 <= n <= 1_000_000)
    null = table.choices("null", nulls)
    found = Inference(
        default.alpha if alpha is None else alpha,
        default.draws if draws is None else draws,
        default.null if null is None else null,
        _cluster(table),
        table.expression("assign", "names"),
        table.expression("level", "names"),
        table.expression("strata", "names"),
        True,
        table.item.key,
        table.choice("primary", STATISTICS) or default.primary,
        table.origin("draws"),
    )
    table.close()
    moving = [name for name in null or () if _plugins.load("inference", name).assigns]
    if moving and "assign" not in table and found.draws:
        log.add(
            table.origin("null") or table.item.key,
            "no_assign",
            f"{moving[0]} needs `assign`",
            'name the columns that assignment consists of: assign = "pilot + batch"',
        )
    return found


def _cluster(table: Table) -> Expression | None:
    """Read `cluster`: one column, since the wild bootstrap changes signs by one grouping of the rows."""
    found = table.expression("cluster", "names")
    if found is not None and len(nodes := chain(found.tree, "+")) > 1:
        table.log.add(
            found.origin,
            "one_cluster",
            f"the tests of the curve cluster by one column, not {len(nodes)}",
            "name the coarser one; two-way standard errors are for [vcov]",
            found.tree.span,
        )
        return None
    return found


def read_run(item: Item | None, log: Log) -> RunOptions:
    """Read [run]."""
    default = RunOptions()
    table = _settings(item, log, "[run]")
    if table is None:
        return default
    jobs = table.whole("jobs", "1 or more, or -1 for all cores", lambda n: n != 0)
    backend = table.choice("backend", BACKENDS)
    limit = table.whole("limit", "1 or more", lambda n: n >= 1)
    address = table.get("address")
    if address is not None:
        log.add(
            address.origin,
            "address_in_file",
            "the address of a cluster does not belong into a spec file: whoever wrote the file would name the "
            "machine that is sent the data and whose answers are run here",
            "take it out, and set SPECDID_ADDRESS in the environment",
        )
    table.close()
    return RunOptions(
        jobs or default.jobs,
        backend or default.backend,
        limit or default.limit,
        table.origin("limit"),
    )


def read_figure(item: Item | None, dimensions: Sequence[str], log: Log) -> FigureOptions:
    """Read [figure]."""
    default = FigureOptions()
    table = _settings(item, log, "[figure]")
    if table is None:
        return default
    sort = table.choice("sort", ("estimate", "declared", *dimensions))
    formats = table.choices("formats", FORMATS)
    width = table.number("width", f"from {NARROWEST:g} to {WIDEST:g} (inches)", lambda w: NARROWEST <= w <= WIDEST)
    table.close()
    return FigureOptions(sort or default.sort, formats or default.formats, width)


def read_appendix(item: Item | None, log: Log) -> AppendixOptions:
    """Read [appendix]; an empty list of formats writes none."""
    default = AppendixOptions()
    table = _settings(item, log, "[appendix]")
    if table is None:
        return default
    help_ = 'name specifications by id or rank: show = ["3f2a", "#41"]'
    listed = [(log.text(one, help_), one.origin) for one in table.list_of("show") or ()]
    formats = table.choices("formats", APPENDIX_FORMATS)
    table.close()
    show = tuple((text.strip(), origin) for text, origin in listed if text is not None)
    return AppendixOptions(show, default.formats if formats is None else formats)


def _settings(item: Item | None, log: Log, title: str) -> Table | None:
    return as_table(item, log, title) if item is not None else None
