#include "src/base/log.h"

#include <stdarg.h>
#include <time.h>

static FILE *stream, *log_file;
static int stream_level;

void fg_log_to(FILE *to, int level)
{
    stream = to;
    stream_level = level;
}

void fg_log_to_file(FILE *file)
{
    log_file = file;
}

/* Whether a message of this level goes anywhere. */
static int wanted(enum fg_log_level level)
{
    return (stream != NULL && (int)level <= stream_level) || (log_file != NULL && level <= FG_LOG_DEBUG);
}

static const char *const prefix[] = {"error: ", "warning: ", "", "debug: ", "trace: "};

static void to_file(enum fg_log_level level, const char *text)
{
    if (log_file == NULL || level > FG_LOG_DEBUG) {
        return;
    }
    char when[32];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(log_file, "%s.%03ldZ %s%s\n", when, now.tv_nsec / 1000000, prefix[level], text);
    fflush(log_file);
}

void fg_log_write(enum fg_log_level level, const char *fmt, ...)
{
    if (!wanted(level)) {
        return;
    }
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (stream != NULL && (int)level <= stream_level) {
        fprintf(stream, "forage: %s%s\n", prefix[level], text);
    }
    to_file(level, text);
}

void fg_log_file_write(enum fg_log_level level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    to_file(level, text);
}
