# For end-to-end tests: a temporary folder, one line a case, and short ways to run forage.
# shellcheck shell=bash disable=SC2034 # used by those that source this
set -u
FORAGE=$(realpath "${FG_PROGRAM:-build/forage}")
SRC=$(realpath "${FG_SRCDIR:-.}")
T=$(mktemp -d "${TMPDIR:-/tmp}/forage-test.XXXXXX")
trap 'rm -rf "$T"' EXIT
export XDG_CACHE_HOME=$T/cache
failed=0

ok() { echo "ok - $1"; }
not_ok() { echo "not ok - $1"; shift; printf '  %s\n' "$@"; failed=1; }
skip() { echo "skip - $1 ($2)"; }
done_testing() { exit $failed; }

# expect NAME WANTED FOUND
expect() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected: $2" "found:    $3"; fi; }
# expect_match NAME PATTERN TEXT
expect_match() { if printf '%s' "$3" | grep -qE -- "$2"; then ok "$1"; else not_ok "$1" "expected a match of: $2" "found: $3"; fi; }
# json FILE KEY: a scalar of a JSON object
json() { "${FG_PYTHON:-python3}" -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"; }
sha() { json "$1/summary.json" params_sha256 2>/dev/null || echo none; }

# A small study on the samples that ship: availability and carbon traces and all.
SMALL=(--set run.rounds=6 --set run.eval_every=3)
EXAMPLE=$SRC/examples/quickstart.ini
