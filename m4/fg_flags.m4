# FG_FLAGS: our compiler flags, kept apart from the user's CFLAGS.
AC_DEFUN([FG_FLAGS], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors (CI)])])
  AC_ARG_ENABLE([sanitize],
    [AS_HELP_STRING([--enable-sanitize=LIST], [sanitizers, e.g. address,undefined or thread])])
  # Results must not depend on the compiler's licence to fuse or reorder floats.
  FG_CFLAGS="-std=c11 -D_GNU_SOURCE -ffp-contract=off -fno-fast-math -pthread"
  FG_WARN="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla -Wformat=2"
  AS_VAR_IF([enable_werror], [yes], [FG_WARN="$FG_WARN -Werror"])
  FG_CFLAGS="$FG_CFLAGS $FG_WARN"
  AS_CASE([$enable_sanitize], [yes], [enable_sanitize=address,undefined])
  AS_IF([test "x$enable_sanitize" != x && test "x$enable_sanitize" != xno], [
    FG_CFLAGS="$FG_CFLAGS -fsanitize=$enable_sanitize -fno-sanitize-recover=all -fno-omit-frame-pointer -g"
    FG_LDFLAGS="-fsanitize=$enable_sanitize"
    AC_DEFINE_UNQUOTED([FG_SANITIZE], ["$enable_sanitize"], [sanitizers this build has])
  ])
  AC_SUBST([FG_CFLAGS])
  AC_SUBST([FG_LDFLAGS])
])
