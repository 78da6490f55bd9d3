libforage_a_SOURCES += \
	%D%/calendar.c %D%/calendar.h %D%/carbon.c %D%/carbon.h %D%/fleet.c %D%/fleet.h %D%/fleet_draw.c \
	%D%/fleet_impl.h %D%/fleet_time.c %D%/ledger.c %D%/ledger.h %D%/ledger_io.c %D%/lines.c %D%/lines.h \
	%D%/stat.c %D%/stat.h %D%/textfile.c %D%/textfile.h %D%/trace.c %D%/trace.h %D%/trace_read.c \
	%D%/tz.c %D%/tz.h %D%/tz_rule.c %D%/tz_rule.h %D%/world.c %D%/world.h
