libforage_a_SOURCES += \
	%D%/carbon.c %D%/carbon.h %D%/fleet.c %D%/fleet.h %D%/fleet_draw.c \
	%D%/forecast.c %D%/forecast.h %D%/forecast_binomial.c %D%/forecast_climatology.c %D%/forecast_ensemble.c \
	%D%/forecast_carbon.c %D%/forecast_carbon.h \
	%D%/forecast_carbon_ensemble.c %D%/forecast_carbon_impl.h %D%/forecast_carbon_last.c \
	%D%/forecast_carbon_oracle.c %D%/forecast_carbon_profile.c %D%/forecast_carbon_regression.c %D%/forecast_carbon_rolling.c %D%/forecast_carbon_rolling.h \
	%D%/forecast_conformal.c %D%/forecast_conformal.h %D%/forecast_mix.c %D%/forecast_mix.h \
	%D%/forecast_impl.h %D%/forecast_logistic.c %D%/forecast_markov.c %D%/forecast_oracle.c %D%/forecast_outlook.c \
	%D%/forecast_outlook.h \
	%D%/forecast_persistence.c %D%/forecast_profile.c %D%/forecast_score.c %D%/forecast_score.h \
	%D%/forecast_survival.c %D%/forecast_uptime.c %D%/forecast_uptime.h %D%/forecast_rolling.c %D%/forecast_rolling.h %D%/forecast_trace.c \
	%D%/fit.c %D%/fit.h %D%/fit_duration.c %D%/fleet_impl.h %D%/fleet_time.c %D%/trace_import.c %D%/trace_import.h %D%/trace_import_fta.c \
	%D%/trace_import_impl.h %D%/trace_import_phone.c %D%/trace_import_spot_counts.c %D%/trace_import_spot_events.c %D%/trace_import_states.c \
	%D%/trace_import_uptime.c %D%/ledger.c %D%/ledger.h %D%/ledger_io.c %D%/lines.c %D%/lines.h \
	%D%/stat.c %D%/stat.h %D%/synth.c %D%/synth.h %D%/trace_build.c %D%/trace_build.h %D%/textfile.c %D%/textfile.h %D%/trace.c %D%/trace.h %D%/trace_read.c \
	%D%/tz.c %D%/tz.h %D%/tz_rule.c %D%/tz_rule.h %D%/world.c %D%/world.h
