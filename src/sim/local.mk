libforage_a_SOURCES += \
	%D%/driver.c %D%/driver.h %D%/queue.c %D%/queue.h \
	%D%/timeline.h %D%/timeline_base.c %D%/timeline_base.h %D%/met.c %D%/met.h %D%/plan.c %D%/plan.h %D%/plan_many.c %D%/plan_many.h %D%/plan_play.c %D%/plan_play.h %D%/timeline_met.c %D%/timeline_real.c %D%/timeline_replay.c %D%/timeline_virtual.c \
	%D%/setup.c %D%/setup.h %D%/setup_bound.c %D%/setup_cost.c %D%/setup_device.c %D%/setup_device.h %D%/setup_evaluate.c %D%/setup_fleet.c %D%/setup_impl.h %D%/setup_move.c %D%/setup_names.c %D%/setup_partition.c %D%/setup_price.c %D%/setup_trainer.c
