libforage_a_SOURCES += \
	%D%/codec.c %D%/codec.h %D%/codec_none.c %D%/codec_zstd.c %D%/codec_half.c \
	%D%/codec_levels.c %D%/codec_levels_range.c %D%/codec_levels.h %D%/rans.c %D%/rans.h \
	%D%/codec_ternary.c %D%/codec_ternary_range.c %D%/ternary.c %D%/ternary.h %D%/range.h \
	%D%/codec_topk.c %D%/codec_stc.c %D%/codec_sign.c %D%/codec_powersgd.c %D%/largest.c %D%/largest.h \
	%D%/feedback.c %D%/feedback.h %D%/codec_drive.c %D%/codec_adaptive.c %D%/adaptive.h \
	%D%/gaps.c %D%/gaps.h %D%/noise.h %D%/bits.h \
	%D%/down.c %D%/down.h %D%/frame.c %D%/frame.h %D%/message.c %D%/message.h %D%/message_text.c %D%/pack.h
