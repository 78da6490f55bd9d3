libforage_a_SOURCES += \
	%D%/science.h %D%/science_internal.h %D%/science_open.c %D%/science_print.c %D%/science_rows.c \
	%D%/science_race.c %D%/science_run.c %D%/science_study.c %D%/science_table.c %D%/science_tune.c %D%/sweep.h %D%/sweep_curves.c %D%/sweep_jobs.c \
	%D%/sweep_picture.c %D%/sweep_read.c %D%/sweep_results.c %D%/sweep_show.c
