libforage_a_SOURCES += \
	%D%/budgets.c %D%/budgets.h %D%/buying.c %D%/buying.h %D%/copies.c %D%/copies.h %D%/holdings.c %D%/holdings.h %D%/move.c %D%/move.h \
	%D%/bound.c %D%/bound.h %D%/error.c %D%/error.h %D%/threshold.c %D%/threshold.h %D%/slots.c %D%/slots.h %D%/slots_bound.c %D%/slots_rounds.c %D%/slots_rounds_bound.c %D%/slots_ship.c %D%/slots_ship_bound.c %D%/slots_ship_even.c %D%/slots_ship_impl.h %D%/slots_impl.h \
	%D%/levels.c %D%/levels.h %D%/levels_bound.c %D%/levels_impl.h \
	%D%/steps.c %D%/steps.h %D%/steps_dp.c %D%/steps_impl.h \
	%D%/worth.c %D%/worth.h %D%/worth_impl.h %D%/worth_scene.c %D%/worth_twin.c
