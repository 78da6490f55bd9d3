#!/usr/bin/env bash
# Shards that workers keep on disk: shipped once, found again after a restart, fetched again when damaged.
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
if "$FORAGE" --version | grep -q 'MPI: none'; then
    skip "shards" "built without MPI"
    exit 77
fi
deploy() { # deploy NAME ARGS...: one worker, told to say what it did
    local name=$1; shift
    timeout 100 "$FORAGE" launch -n 2 -v -v "$EXAMPLE" "${SMALL[@]}" --set data.placement=movable --set worker.cache_dir="$T/shards" \
        --out "$T/$name" "$@" >"$T/$name.out" 2>&1
}
shards() { sed -n "s/.*worker ends.*shards: \(.*\)/\1/p" "$T/$1/mpirun.log"; }
timeout 100 "$FORAGE" simulate -q "$EXAMPLE" "${SMALL[@]}" --set data.placement=movable --out "$T/sim" >/dev/null 2>&1
want=$(sha "$T/sim")

deploy first
n=$(find "$T/shards" -type f | wc -l)
expect "the first worker fetches every shard and keeps it" "0 kept here, $n fetched, 0 damaged" "$(shards first)"
expect "the simulation's model" "$want" "$(sha "$T/first")"
deploy second
expect "the next start ships nothing" "$n kept here, 0 fetched, 0 damaged" "$(shards second)"
expect "the same model" "$want" "$(sha "$T/second")"
mapfile -t files < <(find "$T/shards" -type f | sort)
printf x | dd of="${files[0]}" bs=1 seek=100 conv=notrunc status=none
truncate -s 50 "${files[1]}"
rm "${files[2]}"
deploy third
expect "what is damaged or missing is fetched again, and only that" "$((n - 3)) kept here, 3 fetched, 0 damaged" "$(shards third)"
expect_match "damage is reported" 'a shard that was kept is fetched again: .*expected bytes of that hash' "$(cat "$T/third/mpirun.log")"
expect "the same model again" "$want" "$(sha "$T/third")"
expect "and it is kept again" "$n" "$(find "$T/shards" -type f | wc -l)"
deploy none --set worker.cache_disk_mb=0 --set worker.cache_dir="$T/unused"
expect "without room nothing is kept" "absent 0 kept here, $n fetched, 0 damaged" "$([ -e "$T/unused" ] && echo there || echo absent) $(shards none)"
done_testing
