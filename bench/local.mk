# Benchmarks: built by `make check` so that they keep compiling; bench/run runs them.
BENCHES = bench/bench_limits bench/bench_kernels bench/bench_train bench/bench_codec bench/bench_sum \
	bench/bench_device bench/bench_round bench/bench_sender bench/bench_load bench/bench_slots
EXTRA_PROGRAMS += $(BENCHES) bench/tradeoff
check_DATA += $(BENCHES) bench/tradeoff
bench: forage $(BENCHES)
.PHONY: bench
limits = bench/limits.c bench/limits.h
bench_bench_limits_SOURCES = bench/bench_limits.c $(limits)
bench_bench_limits_LDADD = $(FG_LDADD)
bench_bench_kernels_SOURCES = bench/bench_kernels.c $(limits)
bench_bench_kernels_LDADD = $(FG_LDADD)
bench_bench_train_SOURCES = bench/bench_train.c bench/case.c bench/case.h $(limits)
bench_bench_train_LDADD = $(FG_LDADD)
bench_bench_codec_SOURCES = bench/bench_codec.c $(limits)
bench_bench_codec_LDADD = $(FG_LDADD)
bench_bench_load_SOURCES = bench/bench_load.c bench/case.c bench/case.h $(limits)
bench_bench_load_LDADD = $(FG_LDADD)
bench_bench_slots_SOURCES = bench/bench_slots.c bench/case.c bench/case.h $(limits)
bench_bench_slots_LDADD = $(FG_LDADD)
bench_tradeoff_LDADD = $(FG_LDADD)
bench_bench_sum_SOURCES = bench/bench_sum.c $(limits)
bench_bench_sum_LDADD = $(FG_LDADD)
bench_bench_sender_LDADD = $(FG_LDADD)
bench_bench_device_SOURCES = bench/bench_device.c bench/case.c bench/case.h $(limits)
bench_bench_device_LDADD = $(FG_LDADD)
bench_bench_round_SOURCES = bench/bench_round.c bench/case.c bench/case.h $(limits)
bench_bench_round_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fg_device_emulated
bench_bench_round_LDADD = $(FG_LDADD)
