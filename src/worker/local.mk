libforage_a_SOURCES += \
	%D%/executor.h %D%/executor_local.c %D%/executor_local.h %D%/kept.c %D%/kept.h %D%/trainer.c %D%/trainer.h %D%/trainer_cpu.c \
	%D%/trainer_local.c %D%/trainer_local.h %D%/trainer_state.c
libforage_a_SOURCES += %D%/session.c %D%/session.h %D%/session_internal.h %D%/session_shards.c %D%/session_store.c
libforage_a_SOURCES += %D%/trainer_resident.c %D%/trainer_resident.h %D%/trainer_rounding.c %D%/trainer_rounding.h %D%/trainer_device.c %D%/trainer_device.h %D%/trainer_device_job.c \
	%D%/trainer_device_internal.h %D%/trainer_device_need.c %D%/trainer_stay.c %D%/trainer_stay.h %D%/trainer_wave.c %D%/trainer_wave.h
libforage_a_SOURCES += %D%/through.c %D%/through.h %D%/versions.c %D%/versions.h
