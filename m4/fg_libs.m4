# FG_LIBS: HDF5, zstd, zlib, libdeflate, libinih, xxHash, jansson, libcrypto; cmocka for the tests.
AC_DEFUN([FG_LIBS], [
  PKG_PROG_PKG_CONFIG
  m4_foreach_w([lib], [libzstd zlib libdeflate inih libxxhash jansson libcrypto], [
    PKG_CHECK_MODULES([FG_]m4_toupper(lib), lib,
      [FG_CPPFLAGS="$FG_CPPFLAGS $FG_[]m4_toupper(lib)[]_CFLAGS"; FG_DEP_LIBS="$FG_DEP_LIBS $FG_[]m4_toupper(lib)[]_LIBS"],
      [AC_MSG_ERROR([lib not found; on Debian: apt-get install libzstd-dev zlib1g-dev libdeflate-dev libinih-dev libxxhash-dev libjansson-dev libssl-dev])])
  ])
  PKG_CHECK_MODULES([HDF5], [hdf5-serial], [], [PKG_CHECK_MODULES([HDF5], [hdf5], [],
    [AC_MSG_ERROR([HDF5 (serial) not found; on Debian: apt-get install libhdf5-dev])])])
  # -isystem: the warnings of other people's headers are not ours
  HDF5_CFLAGS=`AS_ECHO(["$HDF5_CFLAGS"]) | sed 's/-I/-isystem /g'`
  fg_v=`$PKG_CONFIG --modversion hdf5-serial 2>/dev/null || $PKG_CONFIG --modversion hdf5`
  AC_DEFINE_UNQUOTED([FG_HDF5_VERSION], ["$fg_v"], [HDF5 at build time])
  fg_v=`$PKG_CONFIG --modversion libzstd`
  AC_DEFINE_UNQUOTED([FG_ZSTD_VERSION], ["$fg_v"], [zstd at build time])
  PKG_CHECK_MODULES([CMOCKA], [cmocka], [have_cmocka=yes], [have_cmocka=no])
  AM_CONDITIONAL([HAVE_CMOCKA], [test "$have_cmocka" = yes])
  AC_SEARCH_LIBS([dlopen], [dl])
  AC_SUBST([FG_CPPFLAGS])
  AC_SUBST([FG_DEP_LIBS])
])
