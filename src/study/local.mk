libforage_a_SOURCES += \
	%D%/compare.c %D%/compare.h %D%/console.c %D%/console.h %D%/inputs.c %D%/inputs.h %D%/study.c %D%/study.h %D%/study_board.c \
	%D%/study_counterfactual.c %D%/study_internal.h %D%/study_journal.c %D%/study_journal.h %D%/study_meter.c \
	%D%/study_results.c %D%/study_results.h %D%/study_start.c %D%/study_timeline.c
