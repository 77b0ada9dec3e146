/* Progress on standard error: one line that is redrawn on a terminal, plain lines elsewhere when
 * asked for.
 *
 * The line is drawn between repetitions only, never inside a timed window: it stands still while a
 * long prompt runs.
 */
#ifndef AGLM_BENCH_PROGRESS_H
#define AGLM_BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct aglm_progress {
    FILE *out;
    bool bar;   /* redraw one line */
    bool lines; /* write lines */
    bool colour;
    bool drawn; /* a line is on the terminal now */
    bool utf8;
    unsigned columns; /* 0: ask the terminal each time */
};

/* Bar if out is a terminal, else lines if asked for; neither when quiet. NO_COLOR and TERM=dumb are
 * respected. */
void aglm_progress_init(struct aglm_progress *progress, FILE *out, bool lines, bool quiet);

/* What is going on, without a fraction: "reading this device". */
void aglm_progress_say(struct aglm_progress *progress, const char *what);
/* done of total units, what is measured now, seconds left (NaN: unknown). Draws a bar only. */
void aglm_progress_draw(struct aglm_progress *progress, double fraction, const char *what,
                        double left_s);
/* A plain line, when lines are asked for; nothing on a bar. */
void aglm_progress_line(struct aglm_progress *progress, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Removes the line from the terminal, so that something else can be printed. */
void aglm_progress_clear(struct aglm_progress *progress);

/* The bar's text, cut to columns: pure, for aglm_progress_draw and its test. utf8: blocks instead
 * of '#'. */
void aglm_progress_text(char *buf, size_t size, unsigned columns, bool utf8, double fraction,
                        const char *what, double left_s);

#endif
