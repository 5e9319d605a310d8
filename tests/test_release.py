"""What a release says of itself agrees: version, licence, authors, citation, what is packed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import specdid
import yaml

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))

# Of the Citation File Format 1.2.0, what such a file may hold at its top level and in a reference.
TOP = {
    "abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers", "keywords",
    "license", "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact",
    "repository-code", "title", "type", "url", "version",
}  # fmt: skip
REFERENCE = {"type", "title", "authors", "journal", "year", "volume", "issue", "start", "end", "doi", "url"}
PERSON = {"family-names", "given-names", "name-particle", "name-suffix", "affiliation", "orcid", "email", "alias"}
ENTITY = {"name", "address", "city", "country", "website", "email", "orcid", "alias"}


def people(authors: list[dict[str, str]]) -> None:
    assert authors
    for author in authors:
        assert set(author) <= (ENTITY if "name" in author else PERSON)
        assert author.get("name") or author.get("family-names")


def test_the_citation_file_keeps_its_format():
    assert {"cff-version", "message", "title", "authors"} <= set(CITATION) <= TOP
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["type"] in ("software", "dataset")
    people(CITATION["authors"])
    assert len(set(CITATION["keywords"])) == len(CITATION["keywords"])
    for reference in CITATION["references"]:
        assert {"type", "title", "authors"} <= set(reference) <= REFERENCE
        people(reference["authors"])
        assert re.fullmatch(r"10\.\d{4,9}/\S+", reference["doi"])


def test_version_licence_and_authors_are_said_once():
    assert specdid.__version__ == PROJECT["version"] == CITATION["version"]
    assert CITATION["license"] == PROJECT["license"]
    assert [a["name"] for a in CITATION["authors"]] == [a["name"] for a in PROJECT["authors"]]


def test_the_changelog_has_a_place_for_what_comes():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1:] == sorted(headings[1:], key=lambda v: [int(n) for n in v.split(".")], reverse=True)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_ci_installs_on_every_python_that_is_promised(version):
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]
    loop = re.search(r"for version in ([\d. ]+);", (ROOT / ".ci/release").read_text("utf-8"))
    assert version in loop.group(1).split()


def test_every_file_that_is_not_code_is_packed():
    """The wheel has what [tool.setuptools.package-data] matches; nothing else may be needed."""
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["specdid"]
    package = ROOT / "specdid"
    packed = {p for pattern in patterns for p in package.glob(pattern)}
    files = (p for p in package.rglob("*") if p.is_file())
    assert {p for p in files if p.suffix not in (".py", ".pyc")} <= packed


def test_dependencies_have_a_lowest_version():
    extras = PROJECT["optional-dependencies"]
    for requirement in [*PROJECT["dependencies"], *(r for extra in extras.values() for r in extra)]:
        assert re.match(r"^[A-Za-z0-9_.\[\]-]+(>=|==)\d", requirement), requirement


def test_what_begins_too_late_is_skipped_and_said(request, monkeypatch):
    """CI on a slow machine must not pass for whole: SPECDID_UNTIL in tests/conftest.py."""
    name = str(ROOT / "tests" / "conftest.py")
    ours = next(p for p in request.config.pluginmanager.get_plugins() if getattr(p, "__file__", "") == name)
    for until, late in (("inf", False), ("0", True)):
        monkeypatch.setenv("SPECDID_UNTIL", until)
        if late:
            with pytest.raises(pytest.skip.Exception):
                ours.pytest_runtest_setup()
        else:
            ours.pytest_runtest_setup()
    said = []
    reports = [SimpleNamespace(longrepr=("file", 1, f"Skipped: {ours.LATE}")), SimpleNamespace(longrepr="no moderndid")]
    for skipped in (reports, reports[1:]):
        reporter = SimpleNamespace(stats={"skipped": skipped}, write_line=lambda line, **_: said.append(line))
        ours.pytest_terminal_summary(reporter)
    assert said == [f"1 TESTS WERE NOT RUN: {ours.LATE}"]
