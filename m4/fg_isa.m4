# FG_ISA: which instruction sets the compiler can make kernels for; the choice among them is made at run time.
AC_DEFUN([FG_ISA], [
  AC_MSG_CHECKING([for x86-64])
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#ifndef __x86_64__
#error no
#endif
]])], [fg_x86=yes], [fg_x86=no])
  AC_MSG_RESULT([$fg_x86])
  AS_IF([test $fg_x86 = yes], [AC_DEFINE([FG_X86], [1], [AVX2 and AVX-512 kernels are built])])
  AM_CONDITIONAL([X86], [test $fg_x86 = yes])
])
