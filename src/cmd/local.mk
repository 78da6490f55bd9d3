libforage_a_SOURCES += \
	%D%/args.c %D%/cmd.h %D%/commands.c %D%/config.c %D%/options.c %D%/table.h
