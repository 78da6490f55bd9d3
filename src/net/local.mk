libforage_a_SOURCES += \
	%D%/net.c %D%/net.h %D%/transport.h %D%/transport_loop.c %D%/transport_loop.h %D%/transport_mpi.c \
	%D%/watchdog.c
