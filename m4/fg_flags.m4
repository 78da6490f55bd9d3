# FG_FLAGS: our compiler flags, kept apart from the user's CFLAGS.
AC_DEFUN([FG_FLAGS], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors (CI)])])
  AC_ARG_ENABLE([sanitize],
    [AS_HELP_STRING([--enable-sanitize=LIST], [sanitizers, e.g. address,undefined or thread])])
  AC_ARG_ENABLE([fuzz],
    [AS_HELP_STRING([--enable-fuzz], [build tests/fuzz as libFuzzer programs (clang); implies --enable-sanitize])])
  # Results must not depend on the compiler's licence to fuse or reorder floats.
  FG_CFLAGS="-std=c11 -D_GNU_SOURCE -ffp-contract=off -fno-fast-math -pthread"
  FG_WARN="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla -Wformat=2"
  AS_VAR_IF([enable_werror], [yes], [FG_WARN="$FG_WARN -Werror"])
  FG_CFLAGS="$FG_CFLAGS $FG_WARN"
  FG_LDFLAGS="-pthread"
  AS_IF([test "x$enable_fuzz" = xyes], [
    AS_CASE(["x$enable_sanitize"], [x|xno], [enable_sanitize=yes])
    FG_CFLAGS="$FG_CFLAGS -fsanitize=fuzzer-no-link"
    FUZZ_MAIN=-fsanitize=fuzzer
    KERNEL_CFLAGS=-fno-sanitize=all # no parser there
    fg_save_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS -fsanitize=fuzzer"
    AC_MSG_CHECKING([whether $CC has libFuzzer])
    AC_LINK_IFELSE([AC_LANG_SOURCE([[#include <stddef.h>
      int LLVMFuzzerTestOneInput(const unsigned char *d, size_t n); int LLVMFuzzerTestOneInput(const unsigned char *d, size_t n) { return d == 0 && n == 1; }]])],
      [AC_MSG_RESULT([yes])],
      [AC_MSG_RESULT([no]); AC_MSG_ERROR([--enable-fuzz needs clang with libFuzzer: CC=clang])])
    CFLAGS=$fg_save_CFLAGS
  ])
  AM_CONDITIONAL([FUZZ], [test "x$enable_fuzz" = xyes])
  AS_CASE([$enable_sanitize], [yes], [enable_sanitize=address,undefined])
  AS_IF([test "x$enable_sanitize" != x && test "x$enable_sanitize" != xno], [
    FG_CFLAGS="$FG_CFLAGS -fsanitize=$enable_sanitize -fno-sanitize-recover=all -fno-omit-frame-pointer"
    FG_LDFLAGS="$FG_LDFLAGS -fsanitize=$enable_sanitize"
    # The unrolled kernels: address and undefined together take minutes to compile; what cannot be unrolled any
    # more is no fault.
    AS_CASE([$KERNEL_CFLAGS:$enable_sanitize],
      [:*undefined*], [KERNEL_CFLAGS="-fno-sanitize=undefined -Wno-pass-failed"],
      [:*], [KERNEL_CFLAGS=-Wno-pass-failed])
    AC_DEFINE_UNQUOTED([FG_SANITIZE], ["$enable_sanitize"], [sanitizers this build has])
  ])
  AC_SUBST([FG_CFLAGS])
  AC_SUBST([FG_LDFLAGS])
  AC_SUBST([FUZZ_MAIN])
  AC_SUBST([KERNEL_CFLAGS])
])
