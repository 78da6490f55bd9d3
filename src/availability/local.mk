libforage_a_SOURCES += \
	%D%/bars.c %D%/bars.h %D%/price.c %D%/price.h \
	%D%/carbon.c %D%/carbon.h %D%/carbon_import.c %D%/carbon_import.h %D%/fit.c %D%/fit.h %D%/fit_duration.c %D%/fleet.c %D%/fleet_alike.c %D%/fleet.h \
	%D%/fleet_draw.c %D%/fleet_impl.h %D%/fleet_time.c %D%/footprint.c %D%/footprint.h %D%/foresee.c %D%/foresee.h %D%/ledger.c %D%/ledger.h %D%/ledger_io.c \
	%D%/lines.c %D%/lines.h %D%/stat.c %D%/stat.h %D%/synth.c %D%/synth.h %D%/textfile.c %D%/textfile.h \
	%D%/trace.c %D%/trace.h %D%/trace_build.c %D%/trace_build.h %D%/trace_import.c %D%/trace_import.h \
	%D%/trace_import_fta.c %D%/trace_import_impl.h %D%/trace_import_intervals.c %D%/trace_import_phone.c \
	%D%/trace_import_spot_counts.c %D%/trace_import_spot_events.c %D%/trace_import_states.c \
	%D%/trace_import_uptime.c %D%/trace_read.c %D%/tz.c %D%/tz.h %D%/tz_rule.c %D%/tz_rule.h %D%/world.c \
	%D%/world.h
