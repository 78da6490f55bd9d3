#!/usr/bin/env python3
"""Cut the trace samples that ship with forage out of the full traces.

usage: tools/make-trace-samples.py TRACES [OUT]

TRACES holds availability/ and carbon/ (see datasets/samples/README.md for their origins); OUT is
datasets/samples/traces by default. The same input gives the same bytes.
"""
import datetime
import gzip
import hashlib
import os
import sys

DAYS = 14
START = datetime.datetime(2024, 9, 2, tzinfo=datetime.timezone.utc)  # a Monday
# The same season and weekday in the carbon files' year: 52 weeks earlier, as doc/trace-format.md has it.
CARBON_START = START - datetime.timedelta(weeks=52)
ZONES = ["AU-NSW", "BR-SP", "CA-ON", "CL-SIC", "GB", "IN-WE", "KR"]
PER_COUNTRY = 24


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") as f:
        return f.read().splitlines()


def write(path, text):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write(text)


def iso(t):
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def volunteers(src, out):
    """Two weeks of volunteers' PCs: of each country the nodes that come first by hash, up to PER_COUNTRY."""
    text = lines(os.path.join(src, "availability", "volunteer-desktops-vpngate-2024-09_2024-11.csv.gz"))
    rows = [line.split(",") for line in text if not line.startswith("#")][1:]
    zero = datetime.datetime(2024, 9, 1, tzinfo=datetime.timezone.utc)
    begin = int((START - zero).total_seconds())
    span = DAYS * 86400
    cut = {}
    for node, a, b in rows:
        a, b = max(int(a) - begin, 0), min(int(b) - begin, span)
        if a < b:
            cut.setdefault(node, []).append((a, b))
    by_country = {}
    for node in cut:
        by_country.setdefault(node[:2], []).append(node)
    chosen = []
    for nodes in by_country.values():
        nodes.sort(key=lambda n: hashlib.sha256(n.encode()).hexdigest())
        chosen += nodes[:PER_COUNTRY]
    chosen.sort()
    up = sum(b - a for n in chosen for a, b in cut[n])
    body = ["%s,%d,%d" % (n, a, b) for n in chosen for a, b in cut[n]]
    head = [
        "# clock: utc",
        "# zero_utc: " + iso(START),
        "# ends: lower-bound",
        "# zone_of_node: country-prefix",
        "# source: VPN Gate volunteer server list (PCs run by volunteers), git history of sinspired/VpngateAPI servers.csv",
        "# two weeks of the 384 PCs of the full trace; at most %d of a country, drawn by hash" % PER_COUNTRY,
        "# up interval = [boot, last sighting + 10 min]; starts are good to about an hour, ends are lower bounds",
        "# nodes: %d  intervals: %d  span_s: %d  mean_availability: %.4f"
        % (len(chosen), len(body), span, up / span / len(chosen)),
        "node,start_s,end_s",
    ]
    write(os.path.join(out, "volunteer-desktops-2w.csv"), "\n".join(head + body) + "\n")


def spot(src, out):
    """The half day of a spot cluster, unchanged."""
    text = lines(os.path.join(src, "availability", "spot-aws-bamboo-p3.csv.gz"))
    write(os.path.join(out, "spot-bamboo-p3.csv"), "\n".join(text) + "\n")


def carbon(src, out, zone):
    text = lines(os.path.join(src, "carbon", "%s_2023.csv.gz" % zone))
    head = [line for line in text if line.startswith("#")]
    end = iso(CARBON_START + datetime.timedelta(days=DAYS))
    rows = [line for line in text if line[:1].isdigit() and iso(CARBON_START) <= line.split(",")[0] < end]
    assert len(rows) == DAYS * 24, (zone, len(rows))
    write(os.path.join(out, "carbon-%s-2w.csv" % zone), "\n".join(head + ["utc_time,gco2_per_kwh"] + rows) + "\n")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.strip())
    out = sys.argv[2] if len(sys.argv) == 3 else os.path.join(os.path.dirname(__file__), "../datasets/samples/traces")
    os.makedirs(out, exist_ok=True)
    volunteers(sys.argv[1], out)
    spot(sys.argv[1], out)
    for zone in ZONES:
        carbon(sys.argv[1], out, zone)


main()
