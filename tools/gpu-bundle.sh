#!/usr/bin/env bash
# A folder that checks and measures the CUDA device on a machine without MPI, HDF5, Autotools or network: programs with
# their shared libraries, the kernels' sources with a Makefile for nvcc alone, peers, a small data set, and run-all.
# Usage: tools/gpu-bundle.sh BUILD OUT [NVCC]     BUILD: a build folder, made --with-mpi=no and with CUDA
# (`make gpu-bundle` makes one in gpu-build/ and the bundle in gpu-bundle/.)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd) out=$2 nvcc=${3:-nvcc}
most=40000000 # bytes
programs=(forage tests/unit/test_trainer_device tests/unit/test_trainer_device_codes tests/unit/test_trainer_device_memory tests/unit/test_trainer_device_step
    tests/gpu/test_device_ops tests/gpu/test_cuda_device bench/bench_device)

# Old-style rpath: it holds for the libraries' own libraries, too, and comes before LD_LIBRARY_PATH.
# shellcheck disable=SC2016 # make and the dynamic linker expand it
run_path='LDFLAGS=-Wl,--disable-new-dtags,-rpath,\$$ORIGIN/../lib'
(cd "$build" && rm -f "${programs[@]}")
make -s -C "$build" "$run_path" libforage.so >&2
make -s -C "$build" "$run_path" FG_LDADD='-L. -lforage -lm' "${programs[@]}" >&2
export LD_LIBRARY_PATH=$build # until libforage.so lies where programs look for it
version=$("$build/forage" --version)
case $version in *'MPI: none'*) ;; *) echo "gpu-bundle: $build is built with MPI: configure --with-mpi=no" >&2; exit 2 ;; esac
case $version in *'CUDA: none'*) echo "gpu-bundle: $build is built without CUDA" >&2; exit 2 ;; esac

rm -rf "$out"
mkdir -p "$out/bin" "$out/lib" "$out/data" "$out/peers"
for p in "${programs[@]}"; do
    cp "$build/$p" "$out/bin/"
    # the C and C++ libraries are the machine's own
    ldd "$build/$p" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' |
        { grep -vE '/(libc|libm|libdl|librt|libpthread|libutil|libresolv|libstdc\+\+|libgcc_s)\.so' || true; } |
        xargs -r cp -Lt "$out/lib/"
done
chmod u+w "$out"/bin/* "$out"/lib/*
strip "$out"/bin/* "$out"/lib/*
for p in common jax_conv jax_train jax_pfl jax_cohort torch_train torch_pfl torch_cohort; do cp "$here/bench/peers/$p.py" "$out/peers/"; done
cp -r "$here/datasets/samples/mnist-writers" "$out/data/"
cp "$here/tools/gpu-run-all.py" "$out/run-all"
cp "$here/tools/gpu_session.py" "$out/"
chmod +x "$out/run-all"
for f in $(make -s --no-print-directory -C "$here/kernels" -f Makefile.nvcc NVCC="$nvcc" files); do
    mkdir -p "$out/src/$(dirname "$f")"
    cp "$here/$f" "$out/src/$f"
done
{
    echo "$version"
    echo "needs glibc $(objdump -T "$out"/bin/* "$out"/lib/* | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -1) or later"
    git -C "$here" log -1 --format='commit %H' 2>/dev/null || true
} >"$out/made-from.txt"

bytes=$(du -sb "$out" | cut -f1)
echo "$out: $((bytes / 1000000)) MB, $(tail -n +2 "$out/made-from.txt" | head -1)"
[ "$bytes" -lt "$most" ] || { echo "gpu-bundle: more than $((most / 1000000)) MB" >&2; exit 1; }
