# FG_CUDA: nvcc and the runtime. --with-cuda=auto|no|DIR.
AC_DEFUN([FG_CUDA], [
  AC_ARG_WITH([cuda], [AS_HELP_STRING([--with-cuda=auto|no|DIR], [CUDA Toolkit])], [], [with_cuda=auto])
  fg_cuda=no
  AM_CONDITIONAL([HAVE_CUDA], [test "$fg_cuda" = yes])
])
