libforage_a_SOURCES +=
