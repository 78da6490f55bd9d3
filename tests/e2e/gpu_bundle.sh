#!/usr/bin/env bash
# The bundle for machines with a GPU: it is small, brings its own libraries, and without a device its run-all skips what
# needs one, says so, and passes all else, away from the build tree and with an empty environment.
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
if "$FORAGE" --version | grep -q 'CUDA: none'; then
    skip "gpu-bundle" "built without CUDA"
    exit 77
fi
if ! [ -e "$FG_BUILDDIR/gpu-bundle/made-from.txt" ]; then # it takes a build of its own, minutes on a small machine
    skip "gpu-bundle" "make gpu-bundle was not run; .ci/run does"
    exit 77
fi
[ -x /usr/bin/python3 ] || { skip "gpu-bundle" "no /usr/bin/python3" && exit 77; }

cp -r "$FG_BUILDDIR/gpu-bundle" "$T/elsewhere"
B=$T/elsewhere
bytes=$(du -sb "$B" | cut -f1)
if [ "$bytes" -lt 40000000 ]; then ok "it is smaller than 40 MB"; else not_ok "it is smaller than 40 MB" "$bytes bytes"; fi

clean() { (cd / && env -i PATH=/usr/bin:/bin "$@"); }
libraries() { for f in "$B"/bin/*; do clean ldd "$f"; done; }
expect "no library comes from the machine but those of C and C++" "" "$(libraries | awk '$2 == "=>" { print $3 }' | sort -u |
    grep -vE "^$B/(bin/\.\./)?lib/" | grep -vE '/(libc|libm|libdl|librt|libpthread|libutil|libresolv|libstdc\+\+|libgcc_s)\.so\.[0-9]+$')"
expect "it has no MPI" "" "$(libraries | grep -i mpi)"
expect_match "the program starts" 'MPI: none' "$(clean "$B/bin/forage" --version)"

mkdir "$T/out"
clean timeout 500 /usr/bin/python3 "$B/run-all" --out "$T/out" >"$T/printed" 2>&1
code=$?
printed=$(cat "$T/printed")
expect "what is printed is saved" "$printed" "$(cat "$T/out/results.txt")"
state() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["steps"][sys.argv[2]]["state"])' "$T/out/results.json" "$1"; }
for s in about tests "same model as the CPU" "tf32 and bf16"; do expect "run-all: $s" passed "$(state "$s")"; done
expect_match "run-all: compiled here" 'passed|skipped' "$(state 'compiled here')"
if [ "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["device"])' "$T/out/results.json")" = True ]; then
    expect_match "run-all: exit code with a device" '^[01]$' "$code"
else
    expect "run-all: exit code without a device" 77 "$code"
    for s in G1 G2 "speed of models" "JAX in tf32" "models in JAX" "models in PyTorch" PyTorch "speed of operations" memcheck racecheck initcheck profile; do
        expect "run-all: $s" skipped "$(state "$s")"
        expect_match "run-all: $s says why" "^-- $s: skipped: there is no NVIDIA device here" "$(grep "^-- $s:" "$T/printed")"
    done
fi
# a step that fails does not stop the others
rm "$B/bin/test_trainer_device"
clean timeout 300 /usr/bin/python3 "$B/run-all" --out "$T/out" --only "tests,same model as the CPU" >"$T/printed" 2>&1
expect "run-all with a failing step: exit code" 1 "$?"
expect "it says so" FAILED "$(state tests)"
expect "and goes on" passed "$(state 'same model as the CPU')"
done_testing
