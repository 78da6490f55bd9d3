libforage_a_SOURCES += %D%/form.h %D%/limits.c %D%/limits.h %D%/live.h %D%/outcome.h %D%/plan.h %D%/record.h
