# Unit tests: tests/unit/test_<module>.c, one program each, linked with cmocka.
UNIT_TESTS = tests/unit/test_fmath tests/unit/test_rng \
	tests/unit/test_kernels_math

if HAVE_CMOCKA
check_PROGRAMS += $(UNIT_TESTS)
endif

