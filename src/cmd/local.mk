libforage_a_SOURCES += \
	%D%/args.c %D%/bench.c %D%/cmd.h %D%/commands.c %D%/commands.h %D%/config.c %D%/dataset.c %D%/doctor.c %D%/evaluate.c \
	%D%/export.c %D%/forecast.c %D%/forecast_carbon.c %D%/forecast_carbon.h %D%/forecast_picture.c \
	%D%/forecast_picture.h %D%/forecast_worth.c %D%/forecast_worth.h %D%/launch.c %D%/options.c %D%/plan.c \
	%D%/plan_codecs.c %D%/plan_codecs.h %D%/plan_json.c %D%/plan_picture.c %D%/plan_picture.h \
	%D%/plan_text.c %D%/plan_told.h %D%/report.c %D%/show.c \
	%D%/simulate.c %D%/sweep.c %D%/table.h %D%/torture.c %D%/trace.c %D%/trace_fit.c %D%/trace_fit.h \
	%D%/trace_lint.c %D%/trace_lint.h %D%/trace_make.c %D%/trace_make.h %D%/trace_show.c %D%/trace_show.h \
	%D%/trace_stat.c %D%/trace_stat.h %D%/train.c

# The manual page comes from the same tables as --help and `forage options`.
man_MANS = doc/forage.1
CLEANFILES += doc/forage.1
doc/forage.1: forage$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) doc && ./forage$(EXEEXT) options --man >$@.tmp && mv $@.tmp $@
