"""Several faults at once: each is said once, and what is sound is still read."""

from read_studies import read


def test_what_is_wrong_is_left_out_and_missed_once(tmp_path):
    study, faults = read(
        """
        [study]
        data = "p.csv"
        [derive]
        z = "log(y"
        [macros]
        m = "a +"
        [outcome]
        "bad" = "log("
        "good" = "z"
        [treatment]
        "d" = "d"
        [variant."v"]
        "off" = {}
        "on" = 1
        [[exclude]]
        when = { outcome = "bad" }
        because = "b"
        [preferred]
        outcome = "bad"
        v = "on"
        """,
        tmp_path,
    )
    assert [f.place.line for f in faults] == [5, 7, 9, 15]
    assert [o.label for o in study.outcome] == ["good"]
    assert list(study.derive) == ["z"]
    assert list(study.macros) == ["m"]
    assert (study.exclude, study.preferred) == ((), {})


def test_several_faults_of_every_kind_at_once(tmp_path):
    study, faults = read(
        """
        [study]
        dta = "p.csv"
        unit = 3
        [outcome]
        "y" = "lgo(y)"
        [treatment]
        "d" = { term = "d", type = "equal" }
        [controls]
        "x" = 3
        [estimator]
        "o" = "feol"
        [[exclude]]
        when = { smaple = "a" }
        [inference]
        alpha = 2
        [nonsense]
        """,
        tmp_path,
    )
    assert study.unread == {("study", "unit"), ("outcome", "y"), ("controls", "x"), ("estimator", "o")}
    assert [(f.place.line, f.code) for f in faults] == [
        (3, "unknown_key"),
        (4, "wrong_type"),
        (6, "unknown_name"),
        (8, "bad_choice"),
        (10, "wrong_type"),
        (12, "bad_choice"),
        (13, "missing_key"),
        (14, "unknown_name"),
        (16, "out_of_range"),
        (17, "unknown_key"),
    ]
