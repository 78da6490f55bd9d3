libforage_a_SOURCES += %D%/driver.c %D%/driver.h %D%/queue.c %D%/queue.h
