/* A Markdown table; see table.h. Inputs: cells. Outputs: text on a stream. */
#include "bench/table.h"

#include "bench/escape.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void aglm_table_init(struct aglm_table *t, const struct aglm_table_column *columns, size_t n)
{
    *t = (struct aglm_table){.columns = columns, .n_columns = n};
}

void aglm_table_finish(struct aglm_table *t)
{
    for (size_t i = 0; i < t->n_cells; i++) {
        free(t->cells[i]);
    }
    free(t->cells);
    *t = (struct aglm_table){0};
}

void aglm_table_add(struct aglm_table *t, const char *text)
{
    if (t->n_cells == t->cap && !t->failed) {
        size_t cap = t->cap > 0 ? 2 * t->cap : 64;
        char **grown = realloc(t->cells, cap * sizeof(*grown));
        t->failed = grown == NULL;
        t->cells = grown != NULL ? grown : t->cells;
        t->cap = grown != NULL ? cap : t->cap;
    }
    char *copy = t->failed ? NULL : strdup(text);
    t->failed |= copy == NULL;
    if (copy != NULL) {
        t->cells[t->n_cells++] = copy;
    }
}

void aglm_table_fmt(struct aglm_table *t, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    aglm_table_add(t, text);
}

size_t aglm_table_width(FILE *out)
{
    struct winsize size;
    int fd = fileno(out);
    return fd >= 0 && isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* What becomes of each column. */
enum place { SHOWN, HIDDEN, LIFTED, LEFT_OUT };

struct layout {
    const struct aglm_table *t;
    size_t n_rows, *width;
    enum place *place; /* [n_columns], as width */
};

static const char *cell(const struct layout *l, size_t row, size_t column)
{
    return l->t->cells[row * l->t->n_columns + column];
}

static bool all_are(const struct layout *l, size_t column, const char *value)
{
    for (size_t i = 0; i < l->n_rows; i++) {
        if (strcmp(cell(l, i, column), value) != 0) {
            return false;
        }
    }
    return true;
}

static size_t total_width(const struct layout *l)
{
    size_t total = 1;
    for (size_t c = 0; c < l->t->n_columns; c++) {
        total += l->place[c] == SHOWN ? l->width[c] + 3 : 0;
    }
    return total;
}

/* The column to leave out next, or SIZE_MAX. */
static size_t least(const struct layout *l)
{
    size_t best = SIZE_MAX;
    for (size_t c = 0; c < l->t->n_columns; c++) {
        const unsigned rank = l->t->columns[c].rank;
        if (l->place[c] == SHOWN && rank > 0 &&
            (best == SIZE_MAX || rank < l->t->columns[best].rank)) {
            best = c;
        }
    }
    return best;
}

static void lay_out(struct layout *l, size_t width)
{
    for (size_t c = 0; c < l->t->n_columns; c++) {
        const struct aglm_table_column *column = &l->t->columns[c];
        l->width[c] = aglm_utf8_columns(column->name);
        for (size_t i = 0; i < l->n_rows; i++) {
            size_t n = aglm_utf8_columns(cell(l, i, c));
            l->width[c] = n > l->width[c] ? n : l->width[c];
        }
        if (column->hidden_when != NULL && all_are(l, c, column->hidden_when)) {
            l->place[c] = HIDDEN;
        }
    }
    if (width == 0 || total_width(l) <= width) {
        return;
    }
    for (size_t c = 0; c < l->t->n_columns; c++) {
        if (l->place[c] == SHOWN && l->t->columns[c].lift && all_are(l, c, cell(l, 0, c))) {
            l->place[c] = LIFTED;
        }
    }
    for (size_t c; total_width(l) > width && (c = least(l)) != SIZE_MAX;) {
        l->place[c] = LEFT_OUT;
    }
}

/* "model llama 1B, threads 2", broken where the terminal ends. */
static void print_lifted(FILE *out, const struct layout *l, size_t width)
{
    size_t at = 0;
    for (size_t c = 0; c < l->t->n_columns; c++) {
        const char *name = l->t->columns[c].name, *text = cell(l, 0, c);
        const size_t n = aglm_utf8_columns(name) + 1 + aglm_utf8_columns(text);
        if (l->place[c] == LIFTED) {
            const bool fits = at + 2 + n < width;
            fputs(at == 0 ? "" : fits ? ", " : ",\n", out);
            at = (at > 0 && fits ? at + 2 : 0) + n;
            fprintf(out, "%s %s", name, text);
        }
    }
    fputs(at > 0 ? "\n\n" : "", out);
}

static void print_left_out(FILE *out, const struct layout *l, size_t width)
{
    size_t n = 0;
    for (size_t c = 0; c < l->t->n_columns; c++) {
        if (l->place[c] == LEFT_OUT) {
            fprintf(out, n++ == 0 ? "\nnot on %zu columns: " : ", ", width);
            fputs(l->t->columns[c].name, out);
        }
    }
    fputs(n > 0 ? "\n" : "", out);
}

static void print_cell(FILE *out, const struct layout *l, size_t c, const char *text)
{
    const int pad = (int)(l->width[c] - aglm_utf8_columns(text));
    const bool right = l->t->columns[c].right;
    if (l->place[c] == SHOWN) {
        fprintf(out, " %*s%s%*s |", right ? pad : 0, "", text, right ? 0 : pad, "");
    }
}

static void print_rule(FILE *out, const struct layout *l)
{
    fputc('|', out);
    for (size_t c = 0; c < l->t->n_columns; c++) {
        if (l->place[c] == SHOWN) {
            fputc(' ', out);
            for (size_t i = 1; i < l->width[c]; i++) {
                fputc('-', out);
            }
            fputs(l->t->columns[c].right ? ": |" : "- |", out);
        }
    }
    fputc('\n', out);
}

static void print_rows(FILE *out, const struct layout *l)
{
    fputc('|', out);
    for (size_t c = 0; c < l->t->n_columns; c++) {
        print_cell(out, l, c, l->t->columns[c].name);
    }
    fputc('\n', out);
    print_rule(out, l);
    for (size_t i = 0; i < l->n_rows; i++) {
        fputc('|', out);
        for (size_t c = 0; c < l->t->n_columns; c++) {
            print_cell(out, l, c, cell(l, i, c));
        }
        fputc('\n', out);
    }
}

int aglm_table_print(FILE *out, const struct aglm_table *t, size_t width)
{
    struct layout l = {.t = t, .n_rows = t->n_cells / t->n_columns};
    if (t->failed) {
        return -ENOMEM;
    }
    assert(t->n_cells == l.n_rows * t->n_columns);
    if (l.n_rows == 0) {
        return 0;
    }
    l.width = calloc(t->n_columns, sizeof(*l.width));
    l.place = calloc(t->n_columns, sizeof(*l.place));
    if (l.width != NULL && l.place != NULL) {
        lay_out(&l, width);
        print_lifted(out, &l, width);
        print_rows(out, &l);
        print_left_out(out, &l, width);
    }
    const int rc = l.width != NULL && l.place != NULL ? 0 : -ENOMEM;
    free(l.width);
    free(l.place);
    return rc;
}
