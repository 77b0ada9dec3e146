/* Progress. Inputs: fractions and words. Outputs: a redrawn line (carriage return, erase) or lines.
 */
#include "bench/progress.h"

#include "bench/escape.h"

#include <langinfo.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_CELLS 24

void aglm_progress_init(struct aglm_progress *p, FILE *out, bool lines, bool quiet)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    bool terminal = isatty(fileno(out)) && term != NULL && strcmp(term, "dumb") != 0;
    *p = (struct aglm_progress){.out = out,
                                .bar = terminal && !quiet,
                                .lines = lines && !terminal && !quiet,
                                .colour = no_color == NULL || no_color[0] == '\0',
                                .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0};
}

static unsigned columns_of(const struct aglm_progress *p)
{
    struct winsize size;
    if (p->columns > 0) {
        return p->columns;
    }
    return ioctl(fileno(p->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* "12s left", "3m05s left", "2h10m left"; "" for unknown. */
static void left_text(char *buf, size_t size, double s)
{
    buf[0] = '\0';
    if (!(s >= 0 && s < 1e7)) {
        return;
    }
    unsigned n = (unsigned)ceil(s);
    if (n < 60) {
        snprintf(buf, size, "%us left", n);
    } else if (n < 3600) {
        snprintf(buf, size, "%um%02us left", n / 60, n % 60);
    } else {
        snprintf(buf, size, "%uh%02um left", n / 3600, n / 60 % 60);
    }
}

/* Cuts text to at most columns characters, whole ones. */
static void cut(char *text, unsigned columns)
{
    char *p = text;
    for (unsigned i = 0; i < columns && *p != '\0'; i++) {
        size_t n = aglm_utf8_length(p);
        p += n > 0 ? n : 1;
    }
    *p = '\0';
}

void aglm_progress_text(char *buf, size_t size, unsigned columns, bool utf8, double fraction,
                        const char *what, double left_s)
{
    char bar[BAR_CELLS * 3 + 1] = "", left[32];
    fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    unsigned filled = (unsigned)(fraction * BAR_CELLS + 0.5);
    for (unsigned i = 0; i < BAR_CELLS; i++) {
        strcat(bar, i < filled ? (utf8 ? "█" : "#") : (utf8 ? "░" : "-"));
    }
    left_text(left, sizeof(left), left_s);
    snprintf(buf, size, "%s %3d%%  %s%s%s", bar, (int)(fraction * 100), left,
             left[0] != '\0' ? "  " : "", what);
    cut(buf, columns);
}

static void put_line(struct aglm_progress *p, const char *text)
{
    fprintf(p->out, "\r%s%s%s\033[K", p->colour ? "\033[36m" : "", text,
            p->colour ? "\033[0m" : "");
    fflush(p->out);
    p->drawn = true;
}

void aglm_progress_say(struct aglm_progress *p, const char *what)
{
    char text[512];
    if (p->bar) {
        snprintf(text, sizeof(text), "%s", what);
        cut(text, columns_of(p) - 1);
        put_line(p, text);
    } else if (p->lines) {
        fprintf(p->out, "aglm-bench: %s\n", what);
        fflush(p->out);
    }
}

void aglm_progress_draw(struct aglm_progress *p, double fraction, const char *what, double left_s)
{
    char text[512];
    if (!p->bar) {
        return;
    }
    aglm_progress_text(text, sizeof(text), columns_of(p) - 1, p->utf8, fraction, what, left_s);
    put_line(p, text);
}

void aglm_progress_line(struct aglm_progress *p, const char *fmt, ...)
{
    va_list args;
    if (!p->lines) {
        return;
    }
    va_start(args, fmt);
    fputs("aglm-bench: ", p->out);
    vfprintf(p->out, fmt, args);
    fputc('\n', p->out);
    fflush(p->out);
    va_end(args);
}

void aglm_progress_clear(struct aglm_progress *p)
{
    if (p->drawn) {
        fputs("\r\033[K", p->out);
        fflush(p->out);
        p->drawn = false;
    }
}
