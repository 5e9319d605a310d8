*! specdid 0.1.0: runs the program specdid and reads its results. Not tested in Stata: its Python part is, see the help.
program define specdid, rclass
    version 16
    gettoken what 0 : 0, parse(" ,")
    if !inlist("`what'", "run", "check", "init", "show", "read") {
        display as error "specdid run, check, init, show or read; see {help specdid}"
        exit 198
    }
    syntax anything(name=given id="a file or directory") [, OUT(string) CLEAR JOBS(integer 0) AUDIT(string) ///
        DATA(string) FROM(string) UNIT(string) TIME(string) TREATMENT(string) OUTCOME(string) CODE(string) WHICH(string)]
    local given = subinstr(`"`given'"', `"""', "", .)
    local words `""`what'" "`given'""'
    if "`what'" == "read" {
        local out `"`given'"'
    }
    if "`what'" == "run" {
        if `"`out'"' == "" {
            local stem = subinstr(`"`given'"', "\", "/", .)
            local stem = substr(`"`stem'"', strrpos(`"`stem'"', "/") + 1, .)
            local out = "outputs/" + regexr(`"`stem'"', "\.toml$", "")
        }
        local words `"`words' "--out" "`out'""'
        if `jobs' != 0 local words `"`words' "--jobs" "`jobs'""'
        if `"`audit'"' != "" local words `"`words' "--audit" "`audit'""'
    }
    if "`what'" == "show" {
        if `"`which'"' == "" local which preferred
        local words `"`words' "`which'""'
        if `"`code'"' != "" local words `"`words' "--code" "`code'""'
        if `"`out'"' != "" local words `"`words' "--out" "`out'""'
    }
    if "`what'" == "init" {
        foreach option in data from unit time treatment outcome {
            if `"``option''"' != "" local words `"`words' "--`option'" "``option''""'
        }
    }
    if "`what'" != "read" {
        python: specdid_call("words", "status")
        if `status' != 0 {
            exit cond(`status' == 2, 198, cond(`status' == 601, 601, 9))
        }
    }
    if inlist("`what'", "run", "read") {
        return local out `"`out'"'
        if "`clear'" != "" | "`what'" == "read" {
            import delimited using "`out'/results.csv", `clear' varnames(1) encoding(utf-8) asdouble case(preserve) bindquote(strict)
        }
    }
end

version 16
python:
import os
import shlex
import shutil
import subprocess

from sfi import Macro, SFIToolkit


def specdid_call(words, status):
    """Run the program with the words of one local macro, print what it says, and put its exit code into another."""
    program = Macro.getGlobal("SPECDID") or os.environ.get("SPECDID") or shutil.which("specdid")
    if not program and shutil.which("uvx"):
        program = shutil.which("uvx")
        start = [program, "specdid"]
    elif program:
        start = [program]
    else:
        SFIToolkit.errprintln(
            "the program specdid was not found: pip install specdid, or pip install . in a clone (Python 3.11 to 3.13), or name it by "
            'global SPECDID "/path/to/specdid"'
        )
        Macro.setLocal(status, "601")
        return
    # Stata's own libraries must not come before those of another Python.
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH")}
    done = subprocess.run(
        start + shlex.split(Macro.getLocal(words).replace("\\", "/")),  # of Windows, too
        env={**environment, "PYTHONUTF8": "1", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
    )
    # Braces are Stata's markup, and a spec's inline tables have them.
    for text, wrong in ((done.stdout, False), (done.stderr, done.returncode != 0)):
        for line in text.splitlines():
            line = "".join({"{": "{c -(}", "}": "{c )-}"}.get(letter, letter) for letter in line)
            (SFIToolkit.errprintln if wrong else SFIToolkit.displayln)(line)
    Macro.setLocal(status, str(done.returncode))
end
