#!/usr/bin/env bash
# Every test source is in tests/local.mk, once, on a line of its own: a test that is not listed never fails. Scripts can be executed.
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
bad=0 n=0
entry() { # LIST NAME
    n=$((n + 1))
    if [ "$(grep -cx "$1 += $2" tests/local.mk)" -ne 1 ]; then
        echo "not ok - listed: expected one line '$1 += $2' in tests/local.mk"
        bad=1
    fi
}
for list in UNIT_TESTS SIMT_TESTS FUZZ_TARGETS SHELL_TESTS; do
    if [ "$(grep -c "^$list =" tests/local.mk)" -ne 1 ] || ! grep -qx "$list =" tests/local.mk; then
        echo "not ok - listed: expected one line '$list =' in tests/local.mk, entries are '$list += name'"
        bad=1
    fi
done
for f in tests/unit/test_*.c tests/unit/prop_*.c tests/gpu/test_*.c; do
    [ ! -e "$f" ] || entry UNIT_TESTS "${f%.c}"
done
for f in tests/simt/test_*.c; do
    [ ! -e "$f" ] || entry SIMT_TESTS "${f%.c}"
done
for f in tests/fuzz/fuzz_*.c; do
    [ ! -e "$f" ] || entry FUZZ_TARGETS "${f%.c}"
done
for f in src/availability/trace_import_*.c; do # what takes anyone's bytes is fuzzed
    name=${f#src/availability/trace_} && name=${name%.c}
    if [ ! -e "tests/fuzz/fuzz_$name.c" ] || ! ls "tests/fuzz/corpus/$name/"* >/dev/null 2>&1; then
        echo "not ok - listed: expected tests/fuzz/fuzz_$name.c and tests/fuzz/corpus/$name for $f"
        bad=1
    fi
done
for f in tests/lint/*.sh tests/e2e/*.sh; do
    [ "$f" = tests/lint/papers.sh ] || entry SHELL_TESTS "$f"
    [ -x "$f" ] || { echo "not ok - listed: $f cannot be executed (chmod +x)" && bad=1; }
done
[ "$bad" -ne 0 ] || echo "ok - listed: $n tests are listed"
exit "$bad"
