libforage_a_SOURCES += \
	%D%/board.c %D%/board.h %D%/checkpoint.c %D%/checkpoint.h %D%/columns.c %D%/columns.h %D%/export.c %D%/export.h \
	%D%/journal.c %D%/journal.h %D%/lock.c %D%/lock.h %D%/memory.c %D%/memory.h %D%/run_board.c %D%/run_files.c %D%/run_files.h %D%/run_h5.c \
	%D%/run_h5.h %D%/run_h5_impl.h %D%/run_pack.c %D%/run_params.c %D%/rundir.c %D%/rundir.h %D%/shard_cache.c %D%/shard_cache.h %D%/summary.c %D%/summary.h
