* stored as lpdid
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
* rows that are complete in all variables but controls; a clustering drops none
foreach name in ln_so2 dall pop city_id size year {
    drop if missing(`name')
}
foreach name in ln_so2 dall pop city_id year {
    drop if abs(`name') == maxdouble()  // stands for infinity
}
foreach name in lagged began_ind2 group wins size_large_pgdp size_small_pgdp poly_ind2_2_1 ///
    poly_ind2_2_2 {
    replace `name' = . if abs(`name') == maxdouble()
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
* periods in steps of the panel, from its first
quietly levelsof _now, local(values)
scalar _step = 0
local before
foreach value of local values {
    if "`before'" != "" {
        scalar _a = max(_step, round(`value' - `before'))
        scalar _b = min(_step, round(`value' - `before'))
        while _b > 0 {
            scalar _r = mod(_a, _b)
            scalar _a = _b
            scalar _b = _r
        }
        scalar _step = _a
    }
    local before `value'
}
scalar _step = max(_step, 1)
quietly summarize _now
scalar _first = r(min)
replace _cohort = ceil((_cohort - _first) / _step)
replace _now = round((_now - _first) / _step)
local window = 1
* Dube et al. (2025): the mean outcome of periods 0 to window less that of period -1
egen long _panel = group(city_id)
tsset _panel _now
generate double _ahead = 0
forvalues h = 0/`window' {
    replace _ahead = _ahead + F`h'.ln_so2
}
generate double _change = _ahead / (`window' + 1) - L1.ln_so2
generate byte _enters = _now == _cohort & _now > 0
generate byte _clean = missing(_cohort) | (_now + `window' < _cohort)
* controls are those of the period itself; a row without them still was an end of a change
foreach name in lagged began_ind2 group wins size_large_pgdp size_small_pgdp poly_ind2_2_1 ///
    poly_ind2_2_2 {
    drop if missing(`name')
}
keep if !missing(_change) & (_enters == 1 | _clean == 1)
egen byte _beside = max(_clean), by(_now)
keep if _beside == 1  // those with a clean control in their period
generate double _w = pop
* dofadjustments(clusters) counts fixed effects as fixest and specdid do: one redundant level for each effect
* after the first, effects nested in a cluster not at all. reghdfe's own default (pairwise) also takes off
* redundant levels of disconnected groups, so that its standard errors would be slightly smaller.
display as text "two"
reghdfe _change _enters lagged began_ind2 group wins size_large_pgdp size_small_pgdp ///
    poly_ind2_2_1 poly_ind2_2_2 [aweight = _w], ///
    absorb(_now) vce(cluster city_id year) dofadjustments(clusters) tolerance(1e-12)
display %14.10g _b[_enters] "  (standard error " %14.10g _se[_enters] ")"
display as text "hc"
reghdfe _change _enters lagged began_ind2 group wins size_large_pgdp size_small_pgdp ///
    poly_ind2_2_1 poly_ind2_2_2 [aweight = _w], ///
    absorb(_now) vce(robust) dofadjustments(clusters) tolerance(1e-12)
display %14.10g _b[_enters] "  (standard error " %14.10g _se[_enters] ")"
display as text "iid"
reghdfe _change _enters lagged began_ind2 group wins size_large_pgdp size_small_pgdp ///
    poly_ind2_2_1 poly_ind2_2_2 [aweight = _w], ///
    absorb(_now) vce(unadjusted) dofadjustments(clusters) tolerance(1e-12)
display %14.10g _b[_enters] "  (standard error " %14.10g _se[_enters] ")"
