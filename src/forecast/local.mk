libforage_a_SOURCES += \
	%D%/binomial.c %D%/carbon.c %D%/carbon.h %D%/carbon_ensemble.c %D%/carbon_impl.h %D%/carbon_last.c \
	%D%/carbon_oracle.c %D%/carbon_profile.c %D%/carbon_regression.c %D%/carbon_rolling.c \
	%D%/carbon_rolling.h %D%/carbon_track.c %D%/carbon_track.h %D%/climatology.c %D%/conformal.c %D%/conformal.h %D%/contest.c %D%/contest.h %D%/ensemble.c %D%/forecast.c \
	%D%/forecast.h %D%/forecast_impl.h %D%/logistic.c %D%/markov.c %D%/mix.c %D%/mix.h %D%/oracle.c \
	%D%/outlook.c %D%/outlook.h %D%/outlook_ask.c %D%/outlook_impl.h %D%/outlook_names.c %D%/persistence.c %D%/profile.c %D%/rolling.c %D%/rolling.h %D%/score.c \
	%D%/score.h %D%/survival.c %D%/trace.c %D%/uptime.c %D%/uptime.h
