libforage_a_SOURCES += \
	%D%/codec.c %D%/codec.h %D%/codec_none.c %D%/codec_zstd.c %D%/frame.c %D%/frame.h \
	%D%/message.c %D%/message.h %D%/message_text.c %D%/pack.h
