#!/usr/bin/env bash
# forage doctor: passes here, and each way of breaking what it looks at is seen and named.
set -u
forage=${FG_PROGRAM:-build/forage}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
ok() { echo "ok - doctor: $1"; }
not_ok() { echo "not ok - doctor: $1"; bad=1; }
# expect NAME WANTED_CODE PATTERN COMMAND...: the exit code and a line of its output
expect() {
    local name=$1 want=$2 pattern=$3 rc=0
    shift 3
    "$@" >"$dir/out" 2>"$dir/err" || rc=$?
    if [ "$rc" -eq "$want" ] && grep -qE -e "$pattern" "$dir/out" "$dir/err"; then
        ok "$name"
    else
        not_ok "$name (code $rc, expected $want and /$pattern/)"
        cat "$dir/out" "$dir/err"
    fi
}

expect "this machine is fine" 0 '^ok +hdf5 ' "$forage" doctor
by=neither
! grep -qwE 'amx_bf16|avx512_bf16' /proc/cpuinfo || by='train.arithmetic = bf16 by (AMX|AVX512_BF16)'
expect "it tells whether bfloat16 is faster" 0 "^ok +bf16 +$by" "$forage" doctor
if grep -q 'built without MPI' "$dir/out"; then
    echo "skip - doctor: MPI (built without)"
else
    expect "a killed rank is survived" 0 '^ok +mpi-ft .*killed; the others saw it after [0-9.]+ ms' "$forage" doctor
    expect "an MPI that does not start is a failure" 1 '^fail +mpi ' env OMPI_MCA_pml=nosuch "$forage" doctor
    expect "a TMPDIR where launch could not work is a failure" 1 '^fail +mpi .*/nowhere/forage-doctor-.*No such file' \
        env TMPDIR="$dir/nowhere" "$forage" doctor
    LC_ALL=C sed 's#/libmpi\.so#/libmXi.so#g' "$forage" >"$dir/unloaded" # as long: found by nobody
    chmod +x "$dir/unloaded"
    expect "an MPI library that is gone is named" 1 '^fail +mpi .*/libmXi.so.*No such file' "$dir/unloaded" doctor
    expect "with its remedy" 1 '-> its library is gone' "$dir/unloaded" doctor
fi
expect "an empty TZDIR is none" 0 'time zones by name: /usr/share/zoneinfo' env TZDIR= "$forage" doctor
expect "missing time zones are a failure with a remedy" 1 '-> apt-get install tzdata' env TZDIR="$dir" "$forage" doctor
expect "without gnuplot it works, with a warning and a remedy" 0 '^warn +gnuplot +.*/no/gnuplot' env GNUPLOT=/no/gnuplot "$forage" doctor
expect "where there is gnuplot it draws" 0 "^$(command -v gnuplot >/dev/null && echo ok || echo warn) +gnuplot " "$forage" doctor

mkdir "$dir/bin"
cat >"$dir/bin/ssh" <<'SH'
#!/bin/sh
for a; do # the last one is the command
    case $a in near | other | bare | stranger) host=$a;; esac
done
case $host in
near) exec sh -c "$a";;
other) echo 'forage 0.0.0';;
stranger) sh -c "$a"; echo 4294967294;;
bare) exec sh -c "/no/such$a";;
*) echo 'Host key verification failed.' >&2; exit 255;;
esac
SH
chmod +x "$dir/bin/ssh"
printf '# all\nnear slots=2\n\nfar\n' >"$dir/hosts"
expect "a host that cannot be reached is a failure, and it says why" 1 '^fail +host +far: .*Host key verification failed' \
    env PATH="$dir/bin:$PATH" "$forage" doctor --hostfile "$dir/hosts"
expect "a host that can is fine" 0 '^ok +host +near: ' env PATH="$dir/bin:$PATH" "$forage" doctor --host near
expect "one with another forage is not" 1 '^fail +host +other: .*without forage .*forage 0.0.0' \
    env PATH="$dir/bin:$PATH" "$forage" doctor --host other
expect "nor one where the user has another number" 1 '^fail +host +stranger: .*user [0-9]+ is 4294967294 there' \
    env PATH="$dir/bin:$PATH" "$forage" doctor --host stranger
expect "nor one without" 1 '^fail +host +bare: .*/no/such/.*not found' env PATH="$dir/bin:$PATH" "$forage" doctor --host bare
expect "a host file that is missing is wrong input" 2 'none: .*No such file' "$forage" doctor --hostfile "$dir/none"

expect "of a study it says what it takes on a GPU" 0 '^ok +study +memory on a GPU: [0-9.]+ .?B a client, .* to evaluate' \
    "$forage" doctor "${FG_SRCDIR:-.}/examples/quickstart.ini"
expect "a study that is missing is wrong input" 2 'nowhere.ini' "$forage" doctor "$dir/nowhere.ini"

"$forage" doctor --json >"$dir/json"
if [ -z "${FG_PYTHON:-}" ]; then
    echo "skip - doctor: --json is JSON (no Python)"
elif "$FG_PYTHON" - "$dir/json" <<'PY'; then
import json, sys
d = json.load(open(sys.argv[1]))
assert d["ok"] is True and d["version"]
for p in d["points"]:
    assert set(p) == {"level", "what", "detail", "remedy"} and p["level"] in ("ok", "warn", "fail")
PY
    ok "--json is JSON"
else
    not_ok "--json is JSON"
fi
exit $bad
