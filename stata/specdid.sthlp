{smcl}
{* *! specdid 0.1.0}{...}
{title:Title}

{phang}
{bf:specdid} {hline 2} Specification curves for difference in differences


{title:Syntax}

{p 8 17 2}{cmd:specdid run} {it:spec.toml} [{cmd:,} {opt out(directory)} {opt clear} {opt jobs(#)} {opt audit(# | all)}]

{p 8 17 2}{cmd:specdid read} {it:directory} [{cmd:, clear}]

{p 8 17 2}{cmd:specdid check} {it:spec.toml}

{p 8 17 2}{cmd:specdid init} {it:directory} [{cmd:,} {opt data(file)} {opt from(do-file)} {opt unit(name)} {opt time(name)} {opt treatment(name)} {opt outcome(name)}]

{p 8 17 2}{cmd:specdid show} {it:spec.toml} [{cmd:,} {opt which(id | #rank | preferred)} {opt code(stata | r | python)} {opt out(directory)}]


{title:Description}

{pstd}
{cmd:specdid} calls the program specdid, which is written in Python and has to be installed apart
({bf:pip install specdid}, Python 3.11 to 3.13). One text file declares outcomes, treatments, controls, fixed effects,
samples, weights and estimators; {cmd:run} estimates every combination, tests the curve, draws it and writes all to
{it:directory}: start with {bf:summary.md} or open {bf:report.html}.

{pstd}
{cmd:run} with {opt clear}, and {cmd:read}, load {bf:results.csv} into memory: a row per specification and variance, those
that have no estimate too, with {bf:status} and {bf:message}. Numbers are read as double.

{pstd}
{cmd:init, data()} drafts a spec file of a panel, {cmd:init, from()} one of the regressions of a do-file.

{pstd}
The program is the global macro {bf:SPECDID}, else the environment variable of that name, else {bf:specdid} or
{bf:uvx specdid} on the path. Stata 16 or later with its Python integration is needed.

{pstd}
{ul:Not tested in Stata}: the authors have none. The part that calls the program is tested in Python with a stand-in for
Stata's {bf:sfi}. Please report what does not work.


{title:Examples}

{phang}{cmd:. global SPECDID "/home/me/venv/bin/specdid"}{p_end}
{phang}{cmd:. specdid init study, data("panel.dta") outcome(lnwage)}{p_end}
{phang}{cmd:. specdid check study/study.toml}{p_end}
{phang}{cmd:. specdid run study/study.toml, out(curve) clear}{p_end}
{phang}{cmd:. summarize estimate if status == "ok", detail}{p_end}


{title:Stored results}

{pstd}
{cmd:run} and {cmd:read} store the directory in {bf:r(out)}. The return code is 198 where the spec or data are wrong, 601
where the program was not found, and 9 otherwise.
