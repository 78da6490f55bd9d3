#!/usr/bin/env bash
# Draw a run: accuracy, who was up, and carbon, over virtual time, with gnuplot ($GNUPLOT, else from PATH).
# tools/plot-run.sh RUN OUT.svg
set -eu
[ $# = 2 ] || { sed -n 3p "$0" >&2; exit 2; }
csv=$1/rounds.csv
[ -r "$csv" ] || { echo "$csv: not there; expected a run directory" >&2; exit 2; }
"${GNUPLOT:-gnuplot}" <<GP
set terminal svg size 860,420 font "sans-serif,12" background "#ffffff"
set output "$2"
set datafile separator ","
set key autotitle columnhead
stats "$csv" using "t_begin_s" nooutput
t0 = STATS_min
hours(t) = (t - t0) / 3600.0
set multiplot layout 2,1 margins 0.09,0.91,0.12,0.96 spacing 0.06
set grid xtics ytics lc rgb "#e6e6e6"
set border lc rgb "#808080"
set format x ""
set ylabel "test accuracy"
set yrange [*:1]
set key bottom right
plot "$csv" using (hours(column("t_end_s"))):"test_accuracy" with lines lw 2.5 lc rgb "#1b6ca8" title "accuracy"
set format x "%g"
set xlabel "hours since the start (virtual)"
set ylabel "clients"
set yrange [0:*]
set y2label "gCO2 per round"
set y2tics
set y2range [0:*]
set ytics nomirror
set offsets 0, 0, 12, 0
set key top right horizontal
plot "$csv" using (hours(column("t_begin_s"))):"n_available" with steps lw 2 lc rgb "#7a9e3f" title "up", \
     "" using (hours(column("t_begin_s"))):"n_used" with steps lw 2 lc rgb "#1b6ca8" title "updates used", \
     "" using (hours(column("t_begin_s"))):"carbon_g" axes x1y2 with lines lw 1.5 lc rgb "#c4572b" title "carbon"
GP
