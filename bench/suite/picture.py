"""One picture of a run: every figure that has a goal, as a multiple of it, with its spread."""
import os
import shutil
import subprocess

from .figures import shown

HEAD = """set terminal svg size 900,{height} dynamic noenhanced font 'sans-serif,12' background rgb 'white'
set output '{out}'
set title 'Measured, as a multiple of its goal (minimum, median, maximum); right of the line: reached'
set logscale x
set xrange [0.05:20]
set yrange [-0.7:{top}]
set xtics ('1/20' 0.05, '1/10' 0.1, '1/5' 0.2, '1/2' 0.5, 'goal' 1, '2' 2, '5' 5, '10' 10, '20' 20)
set grid xtics lt 1 lc rgb '#dddddd'
set arrow 1 from 1,graph 0 to 1,graph 1 nohead lw 2 lc rgb '#444444'
set ytics ({names})
set lmargin 42
set rmargin 12
unset key
set style fill solid 0.8 noborder
"""
PLOT = """plot '-' using (($1+0.05)/2):2:(0.05):1:($2-0.32):($2+0.32):3 with boxxyerror lc rgb variable, \\
     '-' using 1:2:3:4 with xerrorbars pt 0 lw 1.5 lc rgb '#222222', \\
     '-' using 1:2:3 with labels left font ',10'
"""
REACHED, MISSED = 0x2A7F62, 0xC0603B


def of_goal(key, value):
    return value / key.goal[1] if key.goal[0] == ">=" else key.goal[1] / value


def clipped(x):
    return min(max(x, 0.055), 12.0)


def draw(fig, out):
    """Errors: RuntimeError where gnuplot is not there or fails."""
    gnuplot = os.environ.get("GNUPLOT") or "gnuplot"
    if shutil.which(gnuplot) is None:
        raise RuntimeError("a picture needs gnuplot, on PATH or named in GNUPLOT")
    rows = [k for k in fig.ordered() if fig.known[k].goal]
    rows.reverse()  # the first on top
    bars, spreads, texts = [], [], []
    for y, name in enumerate(rows):
        key = fig.known[name]
        low, middle, high = fig.spread(name)
        ratio = [clipped(of_goal(key, v)) for v in (low, middle, high)]
        bars.append(f"{ratio[1]} {y} {REACHED if of_goal(key, middle) >= 1 else MISSED}")
        spreads.append(f"{ratio[1]} {y} {min(ratio)} {max(ratio)}")
        texts.append(f"{max(ratio) * 1.06} {y} {shown(middle)}")
    names = ", ".join(f"'{name}' {y}" for y, name in enumerate(rows))
    script = HEAD.format(height=90 + 24 * len(rows), out=out, top=len(rows) - 0.3, names=names) + PLOT
    script += "".join("\n".join(block) + "\ne\n" for block in (bars, spreads, texts))
    done = subprocess.run([gnuplot], input=script, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"gnuplot: {done.stderr.strip()}")
