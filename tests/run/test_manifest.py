"""Two studies never write over each other, nor share a label in one paper; one that moved is still itself."""

import contextlib
import json
import shutil
import unicodedata

import pytest
import specdid
from command import call_specdid
from read_studies import read
from small_studies import small_panel, small_study
from specdid._example import write_starter
from specdid._run.manifest import default_directory
from specdid.appendix.content import key
from toml_text import write_toml

pytestmark = pytest.mark.usefixtures("undrawn")

NAMED = '[study]\nname = {}\ndata = "p.csv"\noutcome = "y"\ntreatment = "d"\n'


def study(**head):
    """A study of one outcome; ``head`` goes into [study]."""
    made = small_study(controls={"none": "1"}, outcome={"y": "y"}, figure={"formats": ["png"]})
    return made | {"study": made["study"] | head}


def place(folder, panel=1, file="study.toml", **head):
    """A spec file and its data in a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    small_panel(panel).write_csv(folder / "given.csv")
    return write_toml(study(**head), folder / file)


def run(spec, home, out=None):
    """What the user is told when the spec is run from ``home``; nothing where it went well."""
    with contextlib.chdir(home):
        file = spec.relative_to(home)
        try:
            specdid.run(file, out=out or default_directory(specdid.read(file)), jobs=1, audit=0)
        except specdid.OutputError as error:
            return str(error)
    return ""


def spec_of(directory):
    return json.loads((directory / "manifest.json").read_text("utf-8"))["spec"]


@pytest.mark.parametrize("second", [{"title": "other"}, {"title": "small"}], ids=["other title", "same title"])
def test_the_same_file_name_in_another_folder_is_another_study(tmp_path, second):
    one, two = place(tmp_path / "one", 1), place(tmp_path / "two", 2, **second)
    assert not run(one, tmp_path)
    before = (tmp_path / "outputs/study/results.csv").read_bytes()
    said = run(two, tmp_path)
    for words in ("another study called `study`", "one/study.toml", "not of two/study.toml", "write name =", "--out"):
        assert words in said
    assert (tmp_path / "outputs/study/results.csv").read_bytes() == before
    write_toml(study(**second, name="second"), two)
    assert not run(two, tmp_path)
    assert spec_of(tmp_path / "outputs/second")["name"] == "second"
    assert (tmp_path / "outputs/study/results.csv").read_bytes() == before


def test_a_study_may_change_and_still_is_itself(tmp_path):
    spec = place(tmp_path / "one")
    assert not run(spec, tmp_path)
    place(tmp_path / "one", panel=2, title="revised")
    assert not run(spec, tmp_path)
    assert not run(spec, tmp_path / "one", out="../outputs/study")


def test_a_project_that_moved_or_was_copied_goes_on(tmp_path):
    home = tmp_path / "home"
    assert not run(place(home / "specs"), home)
    shutil.copytree(home, tmp_path / "copy")
    home.rename(tmp_path / "moved")
    for place_ in ("copy", "moved"):
        spec = place(tmp_path / place_ / "specs", panel=2, title="revised")
        assert not run(spec, tmp_path / place_), place_


def test_a_spec_file_that_moved_goes_on_where_its_content_or_its_data_tell(tmp_path):
    spec = place(tmp_path / "one")
    assert not run(spec, tmp_path)
    assert not run(place(tmp_path / "two"), tmp_path), "a copy of spec and data"
    shutil.rmtree(tmp_path / "one")
    shutil.rmtree(tmp_path / "two")
    edited = study() | {"sample": {"late": "year > 2001"}}
    small_panel().write_csv(tmp_path / "given.csv")
    moved = write_toml(edited, tmp_path / "study.toml")
    assert not run(moved, tmp_path), "moved and edited, on the same data"
    moved.unlink()
    stranger = place(tmp_path / "three", panel=3, title="stranger")
    assert run(stranger, tmp_path), "of a study that is gone, but another one"


def test_a_copy_that_keeps_the_name_is_refused_once_it_differs(tmp_path):
    first = place(tmp_path, file="a.toml", name="castle")
    assert not run(first, tmp_path)
    second = place(tmp_path, file="b.toml", name="castle", title="other")
    assert "(a.toml), not of b.toml" in run(second, tmp_path)


def test_studies_from_python(tmp_path):
    out = tmp_path / "o"

    def go(**given):
        made = study(**given)
        del made["study"]["data"]
        specdid.run(made, small_panel(), out=out, jobs=1, audit=0)

    go()
    go()
    with pytest.raises(specdid.OutputError, match=r"another study called `study` \(“small”\), not of “other”"):
        go(title="other")
    shutil.rmtree(out)
    go(name="mine")
    go(name="mine", title="other")
    with pytest.raises(specdid.OutputError, match="results of `mine`, not of `study`"):
        go(title="other")


@pytest.mark.parametrize("content", ["{}", "[1]", '{"name": "a web app"}', '{"spec": 1}', "{", "[" * 100_000])
def test_a_manifest_that_specdid_did_not_write_stays(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(specdid.OutputError, match="may be your own"):
        specdid.run(study(), small_panel(), out=tmp_path, jobs=1, audit=0)
    assert (tmp_path / "manifest.json").read_text() == content


def test_a_hostile_manifest_is_data(tmp_path):
    hostile = {"specdid": "0", "spec": {"name": "study", "file": "\0" + "x" * 5000, "title": "\x1b[31m"}, "data": {}}
    (tmp_path / "manifest.json").write_text(json.dumps(hostile))
    with pytest.raises(specdid.OutputError) as caught:
        specdid.run(study(), small_panel(), out=tmp_path, jobs=1, audit=0)
    assert str(caught.value).isprintable()


def test_ranks_are_of_these_data(tmp_path):
    one, two = place(tmp_path / "one", 1), place(tmp_path / "two", 2)
    assert not run(one, tmp_path)
    done = call_specdid(["show", str(one.relative_to(tmp_path)), "#1"], tmp_path)
    assert done.returncode == 0, done.stderr
    done = call_specdid(["show", str(two.relative_to(tmp_path)), "#1"], tmp_path)
    assert done.returncode == 2
    assert "are of another version of this study or its data" in done.stderr


FINE = ("smart-city", "Table 3 (b)", "智慧城市试点", "Größe", "v1.2", "a, b", "it's", "x" * 60, "100分")
BAD = (
    ("a/b", "/", "no path"), ("a\\b", "\\", "no path"), ("..", "..", "begin or end"), (".hidden", ".hidden", "begin"),
    ("-x", "-x", "begin"), ("a:b", ":", "Windows"), ("a?", "?", "Windows"), ("50%", "%", "LaTeX"),
    ("a#b", "#", "LaTeX"), ("{x}", "{", "LaTeX"), ("~", "~", "LaTeX"), ("CON", "CON", "device"),
    ("nul.txt", "nul.txt", "device"), ("Com1", "Com1", "device"), ("lpt¹", "lpt¹", "device"), (" a", " a", "space"),
    ("a ", "a ", "space"), ("a.", "a.", "dot"), ("a\tb", "\t", "nobody sees"), ("a\u200bb", "\u200b", "nobody sees"),
    ("智慧\u3000城市", "\u3000", "nobody sees"), ("a\u202eb", "\u202e", "nobody sees"),
    ("x" * 61, "x" * 61, "at most 60"),
)  # fmt: skip


@pytest.mark.parametrize("name", FINE)
def test_names_that_any_system_takes(tmp_path, name):
    made, faults = read(NAMED.format(json.dumps(name, ensure_ascii=False)), tmp_path)
    assert not faults
    assert made.name == name
    assert made.title == name
    (tmp_path / name).mkdir()


@pytest.mark.parametrize(("name", "marked", "says"), BAD, ids=[ascii(b[0]) for b in BAD])
def test_names_that_some_system_or_latex_refuses(tmp_path, name, marked, says):
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in name)
    _, faults = read(NAMED.format(f'"{escaped}"'), tmp_path)
    assert [f.code for f in faults] == ["bad_name"]
    fault = faults[0]
    assert says in f"{fault.message}; {fault.help}"
    assert fault.place.line == 2
    if name.isprintable() and len(name) < 60 and "\\" not in name:
        underlined = fault.place.line_text[fault.place.column - 1 :][: fault.place.length]
        assert underlined.strip('"') == marked or marked in underlined


def test_one_name_is_one_directory_however_its_accents_are_typed(tmp_path):
    composed, parted = (unicodedata.normalize(form, "Überblick") for form in ("NFC", "NFD"))
    assert composed != parted
    made = [read(NAMED.format(f'"{n}"'), tmp_path)[0] for n in (composed, parted)]
    unnamed = NAMED.replace("name = {}", "")
    made += [read(unnamed, tmp_path, name=f"{n}.toml")[0] for n in (composed, parted)]
    assert {study.name for study in made} == {composed}


def test_two_names_never_share_a_label():
    names = [
        "smart_city",
        "smart-city",
        "smart city",
        "Smart_city",
        "smart__city",
        "_smart_city",
        "智慧城市",
        "碳交易",
        "研究",
        "study",
        "a.b",
        "a_b",
        "é",
        "e",
        "2012",
    ]
    keys = [key(name) for name in names]
    assert len(set(keys)) == len(names)
    assert keys[0] == "smart-city"
    assert all(k.isascii() and k.replace("-", "").isalnum() for k in keys)


def test_init_calls_the_study_as_its_directory(tmp_path, monkeypatch):
    for name, stem in (("pilots", "pilots"), ("智慧城市", "智慧城市"), ("a\nb", "study")):
        spec, data, _ = write_starter(tmp_path / name, "{}")
        assert (spec.name, data.name) == (f"{stem}.toml", "smart_city.csv")
        text = spec.read_text("utf-8")
        assert f"specdid run {stem}.toml" in text
        assert f"outputs/{stem}/" in text
        assert not specdid.check(spec).errors
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = call_specdid(["init", "."], tmp_path / "here")
    assert done.returncode == 0
    assert "specdid run   here.toml" in done.stdout


def test_the_appendix_says_where_it_lies_and_is_called_by_the_name(tmp_path):
    spec = place(tmp_path, name="smart_city")
    assert not run(spec, tmp_path)
    text = (tmp_path / "outputs/smart_city/appendix.tex").read_text("utf-8")
    assert r"\newcommand{\specdiddir}{../outputs/smart_city/}" in text
    assert "smart-city:curve" in text


def test_two_analyses_never_write_one_file(tmp_path):
    window = {"window": [-2, 1]}
    spec = place(tmp_path)
    for names in (("by group", "by_group"), ("A", "a")):
        write_toml(study() | {"event_study": dict.fromkeys(names, window)}, spec)
        assert [f.code for f in specdid.check(spec).errors] == ["bad_name"]
        assert specdid.check(spec)[0].place.line_text.count(names[1])
    placebo = {"placebo": {"periods": [1]}, "placebo.timing": {"periods": [1, 2]}}
    text = write_toml(study() | placebo, spec).read_text("utf-8").replace('["placebo.timing"]', "[placebo.timing]")
    spec.write_text(text, "utf-8")
    assert [f.code for f in specdid.check(spec).errors] == ["bad_name"]
