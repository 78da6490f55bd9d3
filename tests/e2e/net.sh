#!/usr/bin/env bash
# The transport with real processes under mpirun: prints `ok - name` or `not ok - name` for each case.
# shellcheck disable=SC2317 # functions are called by wait_for
# shellcheck source=tests/lib/e2e.sh
. "${FG_SRCDIR:-.}/tests/lib/e2e.sh"
prog=${NET_RANKS:-$(pwd)/tests/e2e/net_ranks}
bin=$(sed -n 's/^#define FG_MPI_BIN "\(.*\)"/\1/p' config.h 2>/dev/null)
if [ -z "$bin" ] || [ ! -x "$prog" ]; then
    echo "skip - net: built without MPI"
    exit 77
fi
args=(--with-ft ulfm --mca async_mpi_finalize 1 --mca btl 'self,tcp' --mca pml ob1 --mca btl_tcp_if_include lo
      --oversubscribe --bind-to none)
[ "$(id -u)" = 0 ] && args+=(--allow-run-as-root)

say() { # say STATUS NAME
    if [ "$1" = 0 ]; then echo "ok - $2"; else echo "not ok - $2"; failed=1; fi
}

run() { # run N MODE: one mpirun, its own folder in $dir
    dir=$T/$2
    mkdir "$dir"
    timeout 60 "$bin/mpirun" "${args[@]}" -n "$1" "$prog" "$2" "$dir" >"$dir/log" 2>&1
    cat "$dir"/error.* 2>/dev/null | sed 's/^/# /'
}

run 4 echo
[ "$(find "$dir" -name 'done*' | wc -l)" = 4 ]
say $? "net: frames from 1 byte to 8 MiB come back whole and in order from three workers"

run 6 kill
[ -f "$dir/done.0" ] && [ -f "$dir/done.5" ] && [ ! -f "$dir/done.1" ] && [ "$(cat "$dir/worst_us.0")" -lt $(($(soon) * 500000)) ]
say $? "net: four killed workers are seen one by one ($(cat "$dir/worst_us.0" 2>/dev/null) us at worst), the fifth still answers"

run 3 idle
most=$(cat "$dir"/cpu_ppm.* | sort -n | tail -1)
[ "$(find "$dir" -name 'cpu_ppm*' | wc -l)" = 3 ] && [ "$most" -lt 20000 ]
say $? "net: waiting ranks use less than 2% of a core ($most millionths)"

dir=$T/busy
mkdir "$dir"
timeout 60 "$bin/mpirun" "${args[@]}" -n 3 "$prog" busy "$dir" >"$dir/log" 2>&1 &
job=$!
all_said() { [ "$(cat "$dir"/pid.* 2>/dev/null | wc -l)" = 3 ]; }
wait_for 60 all_said
pids=$(cat "$dir"/pid.*)
parent=$(ps -o ppid= -p "${pids%%$'\n'*}" | tr -d ' ')
begin=$(date +%s%N)
disown $job
kill -9 "$parent"
# shellcheck disable=SC2086 # a list of pids
wait_for "$(soon)" none_alive $pids
left=$?
[ "$(wc -w <<<"$pids")" = 3 ] && [ "$left" = 0 ]
say $? "net: ranks that compute end within a second of kill -9 of their mpirun ($((($(date +%s%N) - begin) / 1000000)) ms)"
for p in $pids; do kill -9 "$p" 2>/dev/null; done
exit $failed
