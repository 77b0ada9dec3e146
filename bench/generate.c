/* Generation. Inputs: a session, prompt ids, a sampler. Outputs: text through a callback, times.
 *
 * Timed for each further token: decode, choosing, and handing its text to the caller, who writes it
 * out: that is the pace a reader sees. Refuses prompts longer
 * than the context before anything runs.
 */
#include "bench/generate.h"

#include "bench/stats.h"
#include "probes/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 4096 };

struct state {
    const struct aglm_generate *g;
    struct aglm_generated *out;
    size_t capacity, shown; /* of out->text */
    double *further_ms;     /* [n_max - 1] */
};

size_t aglm_utf8_complete(const char *text, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t back = 1; back <= 3 && back <= size; back++) {
        unsigned char c = s[size - back];
        if ((c & 0xc0) == 0x80) {
            continue; /* inside a character */
        }
        size_t length = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : 4;
        return c >= 0xc2 && c < 0xf5 && length > back ? size - back : size;
    }
    return size;
}

/* Makes the text's room at least capacity bytes. */
static int reserve(struct state *s, size_t capacity, struct aglm_err *err)
{
    char *grown = capacity > s->capacity ? realloc(s->out->text, capacity) : s->out->text;
    if (grown == NULL) {
        return aglm_err_set(err, -ENOMEM, "no memory for the generated text");
    }
    s->capacity = capacity > s->capacity ? capacity : s->capacity;
    s->out->text = grown;
    return 0;
}

/* Adds a token's text; the room doubles when it is used up. */
static int keep(struct state *s, const char *piece, size_t size, struct aglm_err *err)
{
    struct aglm_generated *out = s->out;
    int rc = out->size + size + 1 > s->capacity ? reserve(s, (out->size + size + 1) * 2, err) : 0;
    if (rc < 0) {
        return rc;
    }
    if (size > 0) {
        memcpy(out->text + out->size, piece, size);
        out->size += size;
    }
    out->text[out->size] = '\0';
    return 0;
}

/* Hands over what is complete, at the end everything. */
static int show(struct state *s, bool all, struct aglm_err *err)
{
    size_t upto = all ? s->out->size : aglm_utf8_complete(s->out->text, s->out->size);
    int rc = 0;
    if (upto > s->shown) {
        rc = s->g->text(s->g->ctx, s->out->text + s->shown, upto - s->shown, err);
        s->shown = upto;
    }
    return rc;
}

/* Chooses a token. 1: go on with *id; 0: the generation ends and out->stop says why. */
static int choose(struct state *s, int32_t *id, struct aglm_err *err)
{
    const struct aglm_generate *g = s->g;
    int32_t next = aglm_sampler_next(g->sampler, aglm_session_logits(g->session));
    if (next < 0) {
        return aglm_err_set(err, -EDOM, "a logit is NaN: the weights are damaged");
    }
    if (aglm_tokenizer_is_end(g->tokenizer, next)) {
        s->out->stop = AGLM_STOP_END;
        return 0;
    }
    aglm_sampler_accept(g->sampler, next);
    s->out->n++;
    *id = next;
    if (aglm_tokenizer_is_control(g->tokenizer, next)) {
        return 1; /* not part of the text */
    }
    size_t size = 0;
    const char *piece = aglm_tokenizer_piece(g->tokenizer, next, &size);
    int rc = keep(s, piece, size, err);
    rc = rc == 0 ? show(s, false, err) : rc;
    return rc < 0 ? rc : 1;
}

/* Whether there may be a further token; if not, out->stop says why. */
static bool may_go_on(struct state *s)
{
    const struct aglm_generate *g = s->g;
    if (g->cancelled(g->ctx)) {
        s->out->stop = AGLM_STOP_INTERRUPTED;
    } else if (s->out->n >= g->n_max) {
        s->out->stop = AGLM_STOP_LENGTH;
    } else if (aglm_session_length(g->session) >= g->n_ctx) {
        s->out->stop = AGLM_STOP_CONTEXT;
    } else {
        return true;
    }
    return false;
}

static int run_prompt(struct state *s, const int32_t *prompt, size_t n, struct aglm_err *err)
{
    struct aglm_session *session = s->g->session;
    uint64_t start = aglm_clock_ns();
    s->out->n_prompt = n;
    s->out->n_reused = aglm_session_reuse(session, prompt, n);
    int rc = aglm_session_prefill(session, prompt + s->out->n_reused, n - s->out->n_reused, err);
    s->out->prefill_ns = aglm_clock_ns() - start;
    return rc;
}

/* The pause between the first token and the second. */
static int settle(struct state *s, struct aglm_err *err)
{
    uint64_t start = aglm_clock_ns();
    if (s->g->settle == NULL || !may_go_on(s)) {
        return 1;
    }
    int rc = s->g->settle(s->g->ctx, err);
    s->out->settle_ns = aglm_clock_ns() - start;
    return rc < 0 ? rc : 1;
}

static int run_tokens(struct state *s, struct aglm_err *err)
{
    int32_t id = 0;
    uint64_t last = aglm_clock_ns();
    int rc = choose(s, &id, err);
    uint64_t now = aglm_clock_ns();
    s->out->first_ns = now - last;
    rc = rc == 1 ? settle(s, err) : rc;
    now = aglm_clock_ns();
    while (rc == 1 && may_go_on(s)) {
        last = now;
        rc = aglm_session_decode(s->g->session, id, err);
        rc = rc == 0 ? choose(s, &id, err) : rc;
        now = aglm_clock_ns();
        if (rc == 1) {
            s->further_ms[s->out->n - 2] = (double)(now - last) / 1e6;
        }
    }
    return rc < 0 ? rc : show(s, true, err);
}

static void derive(struct state *s)
{
    size_t n = s->out->n > 1 ? s->out->n - 1 : 0;
    s->out->tpot_mean_ms = aglm_stats_mean(s->further_ms, n);
    aglm_stats_sort(s->further_ms, n);
    s->out->tpot_median_ms = aglm_stats_median(s->further_ms, n);
}

int aglm_generate(struct aglm_generated *out, const struct aglm_generate *g, const int32_t *prompt,
                  size_t n, struct aglm_err *err)
{
    struct aglm_generated made = {0};
    struct state s = {.g = g, .out = &made};
    size_t room = n <= g->n_ctx ? g->n_ctx - n + 1 : 0;
    if (n == 0 || n > g->n_ctx) {
        return n == 0 ? aglm_err_set(err, -EINVAL, "the prompt is empty")
                      : aglm_err_set(err, -ENOSPC, "the prompt has %zu tokens and the context %zu",
                                     n, g->n_ctx);
    }
    s.further_ms = calloc(g->n_max < room ? g->n_max : room, sizeof(*s.further_ms));
    int rc = s.further_ms == NULL ? aglm_err_set(err, -ENOMEM, "no memory for the times") : 0;
    rc = rc == 0 ? reserve(&s, FIRST_CAPACITY, err) : rc;
    if (rc == 0) {
        made.text[0] = '\0';
    }
    uint64_t start = aglm_clock_ns();
    rc = rc == 0 ? run_prompt(&s, prompt, n, err) : rc;
    rc = rc == 0 ? run_tokens(&s, err) : rc;
    if (rc == -ECANCELED) {
        made.stop = AGLM_STOP_INTERRUPTED;
        rc = made.text != NULL ? show(&s, true, err) : 0;
    }
    made.total_ns = aglm_clock_ns() - start;
    if (rc < 0) {
        aglm_generated_finish(&made);
    } else {
        derive(&s);
        *out = made;
    }
    free(s.further_ms);
    return rc;
}

void aglm_generated_finish(struct aglm_generated *generated)
{
    free(generated->text);
    *generated = (struct aglm_generated){0};
}

const char *aglm_stop_name(enum aglm_stop stop)
{
    static const char *const names[] = {"end of answer", "length", "context full", "interrupted"};
    return names[stop];
}
