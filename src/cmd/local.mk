libforage_a_SOURCES += \
	%D%/args.c %D%/cmd.h %D%/commands.c %D%/config.c %D%/options.c %D%/table.h
libforage_a_SOURCES += \
	%D%/doctor.c %D%/doctor.h %D%/doctor_checks.c %D%/doctor_hosts.c %D%/doctor_mpi.c
libforage_a_SOURCES += %D%/dataset.c
libforage_a_SOURCES += %D%/trace.c %D%/trace_stat.c %D%/trace_stat.h
libforage_a_SOURCES += \
	%D%/report.c %D%/report.h %D%/simulate.c %D%/study.c %D%/study.h %D%/study_ledger.c %D%/study_ledger.h
