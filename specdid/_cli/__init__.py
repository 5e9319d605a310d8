"""argv, printing, exit codes; nothing else."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from specdid import __version__, _plugins
from specdid._cli.exits import Exit, guarded, unwritable

_SPEC = click.argument("spec", type=click.Path(path_type=Path))
_OUT = click.option("--out", type=click.Path(path_type=Path), help="Directory for the results [outputs/<name>].")


@contextmanager
def _loading(module: str) -> Iterator[None]:
    """Load a module without searches for garbage: what it makes stays, and is not searched afterwards either."""
    if module in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class _Program(click.Group):
    """The group of all commands, on whatever is left of the streams."""

    def main(self, *given: Any, **named: Any) -> Any:
        """Run a command; where its output cannot be written, that is said and ends it with 5."""
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed by the shell: `specdid check s.toml >&-`
                setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        try:
            return super().main(*given, **named)
        except OSError as error:
            unwritable(error)


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="specdid")
def main() -> None:
    """Estimate every defensible specification, test the curve, draw it."""


@main.command()
@_SPEC
@_OUT
@click.option("--jobs", "-j", type=int, help="Worker processes; -1 is one per core.")
@click.option("--audit", default="25", metavar="N|all", help="Specifications to re-estimate with pyfixest [25].")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but faults.")
@click.option("--verbose", "-v", is_flag=True, help="Print the whole summary, too.")
@click.option("--fresh", is_flag=True, help="Compute everything anew, whatever an earlier run left.")
@click.option("--ignore-memory", is_flag=True, help="Run even where there seems to be too little memory.")
@guarded
def run(
    spec: Path,
    out: Path | None,
    jobs: int | None,
    audit: str,
    quiet: bool,
    verbose: bool,
    fresh: bool,
    ignore_memory: bool,
) -> Exit:
    """Estimate all specifications of SPEC; write results, summary and figure.

    A run that was stopped goes on where it was: start it again.
    """
    with _loading("specdid._cli.running"):
        from specdid._cli.running import run_spec

    return run_spec(spec, out, jobs, _audit_size(audit), quiet, fresh, ignore_memory, verbose)


@main.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How faults are printed: for people, or as JSON on standard output [text].",
)
@guarded
def check(specs: tuple[Path, ...], form: str) -> Exit:
    """Report every fault of SPEC and its data; estimate nothing."""
    from specdid._cli.checking import check_specs

    return check_specs(specs, form)


@main.command()
@_SPEC
@click.option("--merged", is_flag=True, help="Print SPEC and the file that it extends as one spec file.")
@guarded
def plan(spec: Path, merged: bool) -> Exit:
    """Count the specifications of SPEC, say what is excluded and why, estimate the cost."""
    from specdid._cli.planning import plan_spec, print_merged

    return print_merged(spec) if merged else plan_spec(spec)


@main.command()
@_SPEC
@click.argument("which", metavar="ID")
@_OUT
@click.option(
    "--code", type=click.Choice([*_plugins.names("exports"), "all"]), help="Print code in place of the table."
)
@click.option("--write", "target", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE.")
@guarded
def show(spec: Path, which: str, out: Path | None, code: str | None, target: Path | None) -> Exit:
    """Show one specification of SPEC in words and as a regression table, or the code that reproduces it.

    ID is the specification's id or its beginning, its rank as '#41', lowest, median, highest, or preferred.
    """
    from specdid._cli.commands import show_spec

    return show_spec(spec, which, out, code, target)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--sort", help="estimate, declared, or a dimension.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["pdf", "png", "svg"]),
    help="In place of the formats that are there.",
)
@guarded
def plot(directory: Path, sort: str | None, formats: tuple[str, ...]) -> Exit:
    """Draw the curve of DIRECTORY again, without estimating."""
    from specdid._cli.commands import plot_directory

    return plot_directory(directory, sort, formats)


@main.command()
@click.argument("old", type=click.Path(path_type=Path), metavar="OLD")
@click.argument("new", type=click.Path(path_type=Path), metavar="NEW")
@click.option(
    "--write", "target", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE.md, or rows to FILE.csv."
)
@click.option("--figure", type=click.Path(path_type=Path), metavar="FILE", help="Draw both curves: .pdf, .png or .svg.")
@guarded
def compare(old: Path, new: Path, target: Path | None, figure: Path | None) -> Exit:
    """Compare the results in OLD and NEW: what was added, removed, changed, how the curve moved."""
    from specdid._cli.commands import compare_directories

    return compare_directories(old, new, target, figure)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@guarded
def clean(directory: Path) -> Exit:
    """Remove what runs left in DIRECTORY to go on from; results stay."""
    from specdid._cli.commands import clean_directory

    return clean_directory(directory)


@main.command()
@click.argument("words", metavar="[WORD]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Everything, in Markdown: the reference manual.")
@guarded
def explain(words: tuple[str, ...], everything: bool) -> Exit:
    """Say what WORD is: a key, estimator, function, column, code or term; without WORD list what there is."""
    from specdid._cli.commands import explain_word

    return explain_word(" ".join(words), everything)


@main.command()
@guarded
def schema() -> Exit:
    """Print the JSON Schema of spec files, by which editors complete and check them."""
    from specdid._cli.commands import print_schema

    return print_schema()


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), metavar="FILE", help="Draft a spec for this panel instead.")
@click.option(
    "--from", "code", type=click.Path(path_type=Path), metavar="FILE", help="Draft it of a do-file or R script."
)
@click.option(
    "--unit",
    metavar="COLUMN",
    multiple=True,
    help="With --data: the unit, where the file does not show it; again for each further column that tells units.",
)
@click.option("--time", metavar="COLUMN", help="With --data: the time.")
@click.option("--treatment", metavar="COLUMN", help="A 0/1 column, or one of first treated periods.")
@click.option("--outcome", metavar="COLUMN", help="With --data: the outcome.")
@guarded
def init(
    directory: Path,
    data: Path | None,
    code: Path | None,
    unit: tuple[str, ...],
    time: str | None,
    treatment: str | None,
    outcome: str | None,
) -> Exit:
    """Write a commented starter spec and the example panel into DIRECTORY.

    With --data the spec is a draft for a panel of yours: what its columns show, by what evidence, and what is
    left to you. With --from it is a draft of the regressions by reghdfe, xtreg, areg, regress, ppmlhdfe, ivreghdfe,
    feols, fepois, felm, lm or plm in a do-file or an R script, which is read and not run; --data are then the data in
    memory at the regressions.
    """
    from specdid._cli.commands import start_project
    from specdid._cli.drafting import draft_of_code, draft_project

    given: dict[str, Any] = {"unit": unit, "time": time, "treatment": treatment, "outcome": outcome}
    if code is not None:
        if named := [f"--{name}" for name in ("unit", "time", "outcome") if given[name]]:
            raise click.UsageError(f"{named[0]} is not for --from: write it in the draft")
        return draft_of_code(directory, code, data, treatment)
    if data is not None:
        return draft_project(directory, data, given)
    if named := [f"--{name}" for name, value in given.items() if value]:
        raise click.UsageError(f"{named[0]} needs --data FILE")
    return start_project(directory)


def _audit_size(text: str) -> int | None:
    """Read ``--audit``; None is all."""
    if text == "all":
        return None
    if not text.isdecimal():
        raise click.BadParameter("give a number, or `all`", param_hint="--audit")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
