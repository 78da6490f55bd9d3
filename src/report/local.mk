libforage_a_SOURCES += \
	%D%/chart.c %D%/chart.h %D%/page.h %D%/page_curves.c %D%/page_forecast.c %D%/page_moves.c %D%/page_run.c \
	%D%/page_style.c %D%/page_tables.c %D%/page_timeline.c %D%/page_words.c %D%/plot.c %D%/plot.h %D%/plot_draw.c %D%/plot_ink.c \
	%D%/plot_svg.c %D%/run_view.c %D%/run_view.h
