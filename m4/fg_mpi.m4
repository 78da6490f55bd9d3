# FG_MPI: Open MPI >= 5 with fault tolerance. --with-mpi=DIR, =no, or found on PATH.
AC_DEFUN([FG_MPI], [
  AC_ARG_WITH([mpi], [AS_HELP_STRING([--with-mpi=auto|no|DIR], [Open MPI with ULFM: on PATH, or in DIR; no: simulator only])],
    [], [with_mpi=auto])
  fg_mpi=no
  AS_IF([test "x$with_mpi" != xno], [
    AS_IF([test "x$with_mpi" = xauto || test "x$with_mpi" = xyes],
      [AC_PATH_PROG([MPICC], [mpicc])],
      [AC_PATH_PROG([MPICC], [mpicc], [], [`cd "$with_mpi" 2>/dev/null && pwd`/bin])])
    AS_IF([test -n "$MPICC"], [
      fg_mpi_bin=`AS_DIRNAME(["$MPICC"])`
      AC_MSG_CHECKING([whether $fg_mpi_bin/ompi_info says FT MPI support])
      AS_IF(["$fg_mpi_bin/ompi_info" 2>/dev/null | grep 'FT MPI support: yes' >/dev/null],
        [AC_MSG_RESULT([yes])
         fg_mpi=yes
         # -isystem: the warnings of MPI's headers are not ours
         MPI_CPPFLAGS=`"$MPICC" --showme:incdirs | sed 's/\(@<:@^ @:>@@<:@^ @:>@*\)/-isystem \1/g'`
         # loaded when first needed (src/net/mpi_library.h), not linked; a file of that name in DIR, else where the dynamic linker looks
         fg_mpi_library=/libmpi.so.40
         for fg_dir in `"$MPICC" --showme:libdirs`; do
           for fg_file in "$fg_dir"/libmpi.so.*; do
             AS_IF([test -f "$fg_file"], [fg_mpi_library=$fg_file; break 2])
           done
         done
         MPI_VERSION=`"$fg_mpi_bin/ompi_info" --parsable 2>/dev/null | sed -n 's/^ompi:version:full://p'`],
        [AC_MSG_RESULT([no])])
    ])
    AS_IF([test "$fg_mpi" = no && test "x$with_mpi" != xauto],
      [AC_MSG_ERROR([--with-mpi=$with_mpi: no Open MPI with fault tolerance there (ompi_info must say 'FT MPI support: yes')])])
  ])
  AS_IF([test "$fg_mpi" = yes], [
    AC_DEFINE([FG_HAVE_MPI], [1], [Open MPI with ULFM])
    AC_DEFINE_UNQUOTED([FG_MPI_BIN], ["$fg_mpi_bin"], [where mpirun is])
    AC_DEFINE_UNQUOTED([FG_MPI_LIBRARY], ["$fg_mpi_library"], [the library itself])
    AC_DEFINE_UNQUOTED([FG_MPI_VERSION], ["$MPI_VERSION"], [as ompi_info says])
  ])
  AM_CONDITIONAL([HAVE_MPI], [test "$fg_mpi" = yes])
  AS_CASE([$with_mpi], [auto|yes|no], [MPI_CONFIGURE=$with_mpi], [MPI_CONFIGURE=`cd "$with_mpi" && pwd`])
  AC_SUBST([MPI_CONFIGURE])
  AC_SUBST([MPI_CPPFLAGS])
])
