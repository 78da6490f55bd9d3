libforage_a_SOURCES += \
	%D%/device_need.c %D%/device_need.h %D%/doctor.c %D%/doctor.h %D%/doctor_checks.c %D%/doctor_hosts.c %D%/doctor_mpi.c \
	%D%/drive.h %D%/drive_play.c %D%/drive_predict.c %D%/drive_rank.c %D%/launch.h %D%/launch_argv.c %D%/launch_folder.c \
	%D%/launch_folder.h %D%/launch_hosts.c %D%/launch_needs.c %D%/launch_run.c %D%/ranks.c %D%/ranks.h %D%/ranks_status.c %D%/ranks_status.h %D%/torture.h %D%/torture_run.c \
	%D%/worker_env.c %D%/worker_env.h %D%/worker_env_internal.h %D%/worker_jobs.c %D%/worker_sums.c %D%/worker_sums.h
