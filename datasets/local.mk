libforage_a_SOURCES += \
	%D%/build.c %D%/build.h %D%/rawfile.c %D%/rawfile.h %D%/cifar.c %D%/csv.c %D%/dataset.c %D%/dataset.h \
	%D%/deal.c %D%/deal.h %D%/deal_test.c %D%/generate.c %D%/generate.h %D%/h5.h \
	%D%/h5_layout.h %D%/h5_read.c %D%/h5_write.c %D%/idx.c %D%/import.c %D%/import.h %D%/load.c %D%/load.h \
	%D%/partition.c %D%/partition.h %D%/shard.c %D%/shard.h %D%/source.c %D%/table.c \
	%D%/table.h %D%/text.c
