libforage_a_SOURCES += \
	%D%/config.c %D%/config.h %D%/option.c %D%/option.h %D%/options.def %D%/parse.c %D%/save.c %D%/value.c
