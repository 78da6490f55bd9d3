libforage_a_SOURCES += \
	%D%/agent.c %D%/agent.h %D%/executor_remote.c %D%/executor_remote.h %D%/hosts.c %D%/hosts.h \
	%D%/meter.c %D%/meter.h %D%/mpi_links.c %D%/mpi_links.h %D%/mpi_library.c %D%/mpi_library.h %D%/net.c %D%/net.h %D%/notice.c %D%/notice.h %D%/probe.c %D%/probe.h \
	%D%/relay.c %D%/relay.h %D%/remote_beside.c %D%/remote_check.c %D%/remote_dispatch.c %D%/remote_distrust.c %D%/remote_far.c %D%/remote_internal.h %D%/remote_live.c \
	%D%/remote_resend.c %D%/remote_score.c %D%/remote_spawn.c %D%/remote_status.c \
	%D%/remote_tasks.c %D%/remote_workers.c %D%/respawn.c %D%/respawn.h %D%/route.c %D%/route.h \
	%D%/transport.h %D%/transport_mpi.c \
	%D%/watchdog.c %D%/worker_shell.c %D%/worker_shell.h
