/* Open MPI, loaded when a process first needs it: a process that talks to nobody starts without it (loading
 * takes longer than all else that a short command does), and one whose library is missing says so only where
 * it needs it.
 *
 * The program is not linked with libmpi. Functions are called as fg_mpi.MPI_Test(...); MPI's own names for
 * predefined objects (MPI_COMM_WORLD, MPI_BYTE) work as ever. A function or object that is not listed here
 * does not compile or does not link. Include only where FG_HAVE_MPI is defined.
 *
 * Thread safety: fg_mpi_load() from the main thread before any other use.
 */
#ifndef FG_NET_MPI_LIBRARY_H
#define FG_NET_MPI_LIBRARY_H

#include <mpi.h>

#include <mpi-ext.h> /* needs mpi.h before it */

#include "src/base/status.h"

#define FG_MPI_FUNCTIONS(X)      \
    X(MPI_Comm_get_parent)       \
    X(MPI_Comm_group)            \
    X(MPI_Comm_rank)             \
    X(MPI_Comm_set_errhandler)   \
    X(MPI_Comm_size)             \
    X(MPI_Comm_spawn)            \
    X(MPI_Error_class)           \
    X(MPI_Error_string)          \
    X(MPI_Finalize)              \
    X(MPI_Get_count)             \
    X(MPI_Group_free)            \
    X(MPI_Group_size)            \
    X(MPI_Group_translate_ranks) \
    X(MPI_Improbe)               \
    X(MPI_Imrecv)                \
    X(MPI_Info_create)           \
    X(MPI_Info_free)             \
    X(MPI_Info_set)              \
    X(MPI_Init_thread)           \
    X(MPI_Irecv)                 \
    X(MPI_Isend)                 \
    X(MPI_Send)                  \
    X(MPI_Test)                  \
    X(MPIX_Comm_ack_failed)      \
    X(MPIX_Comm_get_failed)

/* What MPI_COMM_WORLD and the like are the addresses of. */
#define FG_MPI_OBJECTS(X)     \
    X(ompi_mpi_byte)          \
    X(ompi_mpi_comm_null)     \
    X(ompi_mpi_comm_self)     \
    X(ompi_mpi_comm_world)    \
    X(ompi_mpi_errors_return) \
    X(ompi_mpi_info_null)     \
    X(ompi_mpi_int)           \
    X(ompi_request_null)

struct fg_mpi {
#define FG_MPI_FUNCTION(name) __typeof__(name) *name;
#define FG_MPI_OBJECT(name) void *name;
    FG_MPI_FUNCTIONS(FG_MPI_FUNCTION)
    FG_MPI_OBJECTS(FG_MPI_OBJECT)
#undef FG_MPI_FUNCTION
#undef FG_MPI_OBJECT
};

extern struct fg_mpi fg_mpi; /* all NULL before fg_mpi_load() */

#undef OMPI_PREDEFINED_GLOBAL
#define OMPI_PREDEFINED_GLOBAL(type, object) ((type)fg_mpi.object)

/* Load the library and fill fg_mpi; once it is there, nothing. Errors: FG_E_UNSUPPORTED with the dynamic
 * linker's own text: the library is not there or lacks a function. */
enum fg_status fg_mpi_load(struct fg_err *err) FG_NODISCARD;

#endif
