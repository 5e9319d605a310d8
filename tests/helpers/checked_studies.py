"""A small sound study, the faults of it when tables are added or replaced, and what a fault says."""

from specdid._run.prepare import examine

DATA = """\
id,year,y,z,d,first,x,w,zone,text,gap,state,pilot
1,2010,1.0,2.0,0,2012,0.5,1,a,p,1,1,1
1,2011,2.0,1.0,0,2012,0.7,1,a,q,1,1,1
1,2012,4.0,1.5,1,2012,0.1,1,a,p,1,1,1
2,2010,1.5,0.0,0,0,0.2,2,b,q,2,1,0
2,2011,2.5,2.0,0,0,0.9,2,b,p,,1,0
2,2012,2.0,3.0,0,0,0.4,2,b,q,2,1,0
3,2010,0.5,4.0,0,0,0.3,3,b,p,3,2,0
3,2011,1.0,1.0,0,0,0.6,3,b,q,3,2,0
3,2012,1.5,2.0,0,0,0.8,3,b,p,3,2,0
"""
SPEC = {
    "study": 'data = "d.csv"\nunit = "id"\ntime = "year"',
    "outcome": '"y" = "y"',
    "treatment": '"d" = "d"',
}


def write(directory, study="", data=DATA, **tables):
    """A small sound study with tables added or replaced."""
    parts = {**SPEC, **tables}
    parts["study"] = "\n".join(filter(None, [SPEC["study"], study]))
    text = "".join(f"[{name.replace('__', '.')}]\n{body}\n" for name, body in parts.items())
    (directory / "d.csv").write_text(data)
    (directory / "s.toml").write_text(text)
    return directory / "s.toml"


def faults(directory, **tables):
    return examine(write(directory, **tables))[1]


def marked(fault):
    """What the caret of a fault underlines."""
    place = fault.place
    return place.line_text[place.column - 1 : place.column - 1 + place.length]


def assert_says(fault, code, message, underlined, advice):
    """The code and the message hold these words, the caret underlines this, the help holds the advice."""
    assert code in fault.code
    assert message in fault.message
    assert marked(fault).strip('"') == underlined
    assert advice is None or advice in fault.help
