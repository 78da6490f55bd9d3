# FG_SIMT: a C++ compiler that can tell of every read and write, for tests that run the CUDA kernels without a GPU (tests/simt).
AC_DEFUN([FG_SIMT], [
  AC_REQUIRE([AC_PROG_CXX])
  # C++ as nvcc compiles the kernels; nothing of the C++ library is linked.
  FG_SIMT_CXXFLAGS="-std=c++17 -D_GNU_SOURCE -ffp-contract=off -pthread -fno-exceptions -fno-rtti -fno-threadsafe-statics"
  FG_SIMT_CXXFLAGS="$FG_SIMT_CXXFLAGS -Wall -Wextra -Wno-unknown-pragmas"
  AS_VAR_IF([enable_werror], [yes], [FG_SIMT_CXXFLAGS="$FG_SIMT_CXXFLAGS -Werror"])
  FG_SIMT_KERNELS="-D__CUDACC__ -D__CUDA_ARCH__=900 -fsanitize=thread,alignment -fsanitize-undefined-trap-on-error -Wno-pass-failed"
  AC_MSG_CHECKING([whether CUDA kernels can be run by $CXX])
  AC_LANG_PUSH([C++])
  fg_save_CXXFLAGS=$CXXFLAGS
  CXXFLAGS="$CXXFLAGS $FG_SIMT_CXXFLAGS $FG_SIMT_KERNELS"
  AC_COMPILE_IFELSE([AC_LANG_SOURCE([[#include <tuple>
    static void *at[5];
    int f(int *p); int f(int *p) { return __builtin_setjmp(at) == 0 ? std::get<0>(std::make_tuple(*p)) : __builtin_LINE(); }]])],
    [fg_simt=yes], [fg_simt="no: it lacks C++17 or a sanitizer"])
  CXXFLAGS=$fg_save_CXXFLAGS
  AC_LANG_POP([C++])
  # Its checks have the hooks of this one.
  AS_CASE([$enable_sanitize], [*thread*], [fg_simt="no: --enable-sanitize=thread"])
  AC_MSG_RESULT([$fg_simt])
  AM_CONDITIONAL([SIMT], [test "$fg_simt" = yes])
  AC_SUBST([fg_simt])
  AC_SUBST([FG_SIMT_CXXFLAGS])
  AC_SUBST([FG_SIMT_KERNELS])
])
