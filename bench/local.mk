# Benchmarks: built by `make check` so that they keep compiling, run by hand.
EXTRA_PROGRAMS += bench/bench_kernels
check-local: bench/bench_kernels
bench_bench_kernels_LDADD = $(FG_LDADD)
