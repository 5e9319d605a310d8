* stored as notyet
* two lines * / x y
* Needs Stata 16 or later with reghdfe (ssc install).

version 16
clear all
set varabbrev off

* a column that is numeric but for words that stand for missing, TRUE and FALSE
capture program drop numeric_column
program numeric_column
    args name
    capture confirm string variable `name'
    if _rc {
        recast double `name'
        exit
    }
    generate double _value = real(trim(`name'))
    replace _value = 1 if inlist(trim(`name'), "TRUE", "True", "true")
    replace _value = 0 if inlist(trim(`name'), "FALSE", "False", "false")
    drop `name'
    rename _value `name'
end
* the quantiles p and 1 - p, interpolated as R's default does
mata:
real scalar type7(real colvector v, real scalar p)
{
    real scalar h, j
    h = (rows(v) - 1) * p + 1
    j = floor(h)
    return(v[j] + (h - j) * (v[min((j + 1, rows(v)))] - v[j]))
}
void tails(string scalar name, real scalar p)
{
    real colvector v
    v = st_data(., name)
    v = sort(select(v, v :< .), 1)
    st_numscalar("r(low)", type7(v, p))
    st_numscalar("r(high)", type7(v, 1 - p))
}
end
capture program drop quantiles
program quantiles, rclass
    args name p
    mata: tails("`name'", `p')
    return scalar low = r(low)
    return scalar high = r(high)
end

* --- The data ---
* sha256 23d2df991ea0f6f5
import delimited using "data/panel.csv", varnames(1) case(preserve) asdouble encoding("UTF-8")
generate long _row = _n
foreach name in city_id province year pop pilot batch pgdp ind2 ln_so2 ln_open ln_pat {
    numeric_column `name'
}
drop if missing(city_id)

* --- New columns, on all rows ---
egen long _unit = group(city_id)
generate long _period = year
tsset _unit _period
* dall = (batch > 0) * (year >= batch)
generate double dall = cond(missing(batch), ., batch > 0) * cond(missing(year, batch), ., year >= batch)
* lagged = l(ln_open, 1)
sort _unit _period
generate double _x1 = L1.ln_open
generate double lagged = _x1
* began = first(pilot == 1 & year >= 2012)
generate double _x2 = cond(((pilot == 1 & !missing(pilot)) & (year >= 2012 & !missing(year))), year, maxdouble())
generate double _x3 = ((pilot == 1 & !missing(pilot)) & (year >= 2012 & !missing(year))) | ((pilot != 1 & !missing(pilot)) | (year < 2012 & !missing(year)))
egen double _x4 = min(_x2), by(city_id)
egen double _x5 = max(_x3), by(city_id)
replace _x4 = . if _x5 == 0
generate double began = _x4
* began:ind2
generate double began_ind2 = began * ind2
* group = ave(pgdp, province)
egen double _x6 = mean(pgdp) if !missing(province), by(province)
generate double group = _x6
* wins = winsorize(ln_pat, 0.01)
quantiles ln_pat 0.01
generate double _x7 = cond(missing(ln_pat), ., min(max(ln_pat, r(low)), r(high)))
generate double wins = _x7
* before = at(pop, year == 2011)
generate double _x9 = (year == 2011 & !missing(year))
replace _x9 = 0 if missing(pop)
bysort city_id (_x9): generate double _x8 = cond(_x9[_N] == 1, pop[_N], .)
generate double before = _x8
* size = ifelse(before > 100, large , small )
generate size = cond((before > 100 & !missing(before)), "large", cond((before <= 100 & !missing(before)), "small", ""))
* size::large:pgdp
generate double size_large_pgdp = cond(missing(size), ., size == "large") * pgdp
* size::small:pgdp
generate double size_small_pgdp = cond(missing(size), ., size == "small") * pgdp
* poly(ind2, 2)1
orthpoly ind2, generate(_x10_1 _x10_2) degree(2)
quietly count if !missing(ind2)
generate double _x10 = _x10_1 / sqrt(r(N))
generate double poly_ind2_2_1 = _x10
* poly(ind2, 2)2
orthpoly ind2, generate(_x11_1 _x11_2) degree(2)
quietly count if !missing(ind2)
generate double _x11 = _x11_2 / sqrt(r(N))
generate double poly_ind2_2_2 = _x11

* --- The sample ---
* rows that are complete in all variables; a clustering drops none
foreach name in ln_so2 dall lagged began_ind2 group wins size_large_pgdp size_small_pgdp ///
    poly_ind2_2_1 poly_ind2_2_2 pop city_id size year {
    drop if missing(`name')
}
foreach name in ln_so2 dall lagged began_ind2 group wins size_large_pgdp size_small_pgdp ///
    poly_ind2_2_1 poly_ind2_2_2 pop city_id year {
    drop if abs(`name') == maxdouble()  // stands for infinity
}
keep if pop > 0
egen long size_year = group(size year)

* --- The regression ---
* singletons: levels of a fixed effect with one row, until there are none
local rows = 0
while _N != `rows' {
    local rows = _N
    foreach f of varlist city_id size_year {
        tempvar size
        bysort `f': generate long `size' = _N
        drop if `size' == 1
        drop `size'
    }
}
* the first treated period; missing is never treated: 0 or after the last period
generate double _cohort = batch if batch != 0 & batch <= 2017
generate double _now = year
quietly summarize _now
replace _cohort = . if _cohort > r(max)
* cohorts that are treated in all of their rows are left out
egen double _starts = min(_now), by(_cohort)
drop if _starts >= _cohort & !missing(_cohort)
quietly count if missing(_cohort)
if r(N) == 0 {  // no cohort is never treated: the last one serves, until its treatment
    quietly summarize _cohort
    local last = r(max)
    keep if _now < `last'
    replace _cohort = . if _cohort == `last'
}
* Wooldridge (2021), extended two-way fixed effects: a dummy for each cohort and period since treatment, averaged by their rows
generate double _since = _now - _cohort
egen long _cell = group(_since _cohort) if !missing(_since) & _since >= 0
quietly levelsof _cell, local(cells)
foreach k of local cells {
    generate byte _cell`k' = _cell == `k'
}
generate double _rows = pop
* dofadjustments(clusters) counts fixed effects as fixest and specdid do: one redundant level for each effect
* after the first, effects nested in a cluster not at all. reghdfe's own default (pairwise) also takes off
* redundant levels of disconnected groups, so that its standard errors would be slightly smaller.
display as text "two"
reghdfe ln_so2 _cell?* lagged began_ind2 group wins size_large_pgdp size_small_pgdp poly_ind2_2_1 ///
    poly_ind2_2_2 [aweight = pop], ///
    absorb(city_id size_year) vce(cluster city_id year) dofadjustments(clusters) tolerance(1e-12)
* the effect of a cell that is omitted as collinear is in others
scalar _total = 0
foreach k of local cells {
    quietly summarize _since if _cell == `k'
    scalar _n`k' = 0
    if r(mean) >= 0 {
        quietly summarize _rows if _cell == `k' & e(sample)
        scalar _n`k' = r(sum)
    }
    scalar _total = _total + _n`k'
}
local effect "0"
foreach k of local cells {
    local share = _n`k' / _total
    if `share' > 0 & _se[_cell`k'] > 0 local effect "`effect' + `share' * _cell`k'"
}
quietly lincom `effect'
display %14.10g r(estimate) "  (standard error " %14.10g r(se) ")"
display as text "hc"
reghdfe ln_so2 _cell?* lagged began_ind2 group wins size_large_pgdp size_small_pgdp poly_ind2_2_1 ///
    poly_ind2_2_2 [aweight = pop], ///
    absorb(city_id size_year) vce(robust) dofadjustments(clusters) tolerance(1e-12)
quietly lincom `effect'
display %14.10g r(estimate) "  (standard error " %14.10g r(se) ")"
display as text "iid"
reghdfe ln_so2 _cell?* lagged began_ind2 group wins size_large_pgdp size_small_pgdp poly_ind2_2_1 ///
    poly_ind2_2_2 [aweight = pop], ///
    absorb(city_id size_year) vce(unadjusted) dofadjustments(clusters) tolerance(1e-12)
quietly lincom `effect'
display %14.10g r(estimate) "  (standard error " %14.10g r(se) ")"
