# FG_PYTHON: a Python with NumPy and h5py, for the tests that read what we write with other people's code.
AC_DEFUN([FG_PYTHON], [
  AC_ARG_VAR([PYTHON], [Python 3 with numpy and h5py (tests only)])
  AC_MSG_CHECKING([for a Python with numpy and h5py])
  fg_python=
  for fg_p in $PYTHON /usr/bin/python3 python3; do
    AS_IF(["$fg_p" -c 'import numpy, h5py' >/dev/null 2>&1], [fg_python=$fg_p; break])
  done
  PYTHON=$fg_python
  AC_MSG_RESULT([${PYTHON:-none: the tests that need it skip}])
])
