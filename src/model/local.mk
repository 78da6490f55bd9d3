libforage_a_SOURCES += \
	%D%/init.c %D%/layer.h %D%/layer_activation.c %D%/layer_conv2d.c %D%/layer_dense.c %D%/layer_dropout.c \
	%D%/layer_embedding.c %D%/layer_flatten.c %D%/layer_lstm.c %D%/layer_maxpool.c %D%/layers.c %D%/layers.h \
	%D%/model.c %D%/model.h %D%/net.c %D%/net.h %D%/parse.c %D%/program.c %D%/program.h %D%/shape.c
