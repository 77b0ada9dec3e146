/* Answers at the end of a run; see run_accuracy.h. Inputs: records, files. Outputs: the records'
 * accuracy, records of the answers. */
#include "bench/run_accuracy.h"

#include "bench/accuracy.h"
#include "bench/verdict.h"
#include "engine/quant/mix.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct pass {
    const struct aglm_run_accuracy *setup;
    struct aglm_items items;
    struct aglm_answers reference;
    struct aglm_record reference_record;
    size_t index, n; /* of passes */
    uint64_t left_ns;
};

static bool computes(const struct aglm_record *r)
{
    return strcmp(r->backend, "null") != 0;
}

bool aglm_run_accuracy_applies(const struct aglm_record *records, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (computes(&records[i]))
            return true;
    return false;
}

/* Do answers in the one hold for the other? */
static bool alike(const struct aglm_record *a, const struct aglm_record *b)
{
    return computes(a) && computes(b) && strcmp(a->quantization, b->quantization) == 0 &&
           strcmp(a->backend, b->backend) == 0 && strcmp(a->isa, b->isa) == 0 &&
           strcmp(a->type_k, b->type_k) == 0 && strcmp(a->type_v, b->type_v) == 0;
}

static bool is_first(const struct aglm_run_accuracy *s, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (alike(&s->records[k], &s->records[i]))
            return false;
    return computes(&s->records[i]);
}

/* The value of -q that gives this quantization, or NULL. */
static const char *mode_of(const struct aglm_record *r)
{
    const struct aglm_quantize_mode *mode = aglm_quantize_mode_find(r->quantization);
    return mode ? mode->name : strcasecmp(r->quantization, "int8") == 0 ? "int8" : NULL;
}

static bool on_cancelled(void *ctx)
{
    struct pass *p = ctx;
    return p->setup->cancelled(p->setup->ctx);
}

static void on_progress(void *ctx, size_t done, size_t n)
{
    struct pass *p = ctx;
    p->setup->progress(p->setup->ctx, p->index, p->n, done, n);
}

/* One pass over the items in an even share of the time that is left, which what it leaves over is
 * given back to; then its record. */
static int ask(struct pass *p, struct aglm_answers *answers, struct aglm_accuracy_options *o,
               bool is_reference, struct aglm_record *out, struct aglm_err *err)
{
    const struct aglm_run_accuracy *s = p->setup;
    o->path = s->model;
    o->n_threads = s->n_threads;
    o->limit_ns = p->left_ns / (p->n - p->index) + 1;
    o->cancelled = on_cancelled;
    o->progress = on_progress;
    o->ctx = p;
    on_progress(p, 0, p->items.n);
    int rc = aglm_accuracy_run(answers, &p->items, o, err);
    p->index++;
    if (rc)
        return rc;
    p->left_ns -= answers->wall_ns < p->left_ns ? answers->wall_ns : p->left_ns;
    rc = aglm_accuracy_record(out, s->common, &p->items, o, answers,
                              is_reference ? answers : &p->reference, "F32", err);
    if (rc)
        return rc;
    aglm_verdict_accuracy(out, s->limit_percent);
    s->record(s->ctx, out);
    return 0;
}

static int ask_reference(struct pass *p, struct aglm_err *err)
{
    struct aglm_accuracy_options o = {.backend = "cpu", .isa = "auto", .quantize = "f32"};
    return ask(p, &p->reference, &o, true, &p->reference_record, err);
}

/* Gives the answers to all records that they hold for. */
static int share_out(const struct aglm_run_accuracy *s, size_t first,
                     const struct aglm_record *answered, struct aglm_err *err)
{
    for (size_t i = first; i < s->n; i++) {
        struct aglm_record *r = &s->records[i];
        if (i != first && !alike(&s->records[first], r))
            continue;
        aglm_accuracy_finish(&r->accuracy);
        if (aglm_accuracy_copy(&r->accuracy, &answered->accuracy) < 0)
            return aglm_err_set(err, -ENOMEM, "out of memory for answers");
        aglm_verdict_accuracy(r, s->limit_percent);
        s->record(s->ctx, r);
    }
    return 0;
}

static enum aglm_dtype cache_type(const char *name)
{
    const struct aglm_dtype_info *info = aglm_dtype_by_name(name);
    return info ? info->type : AGLM_F16;
}

static int ask_as(struct pass *p, size_t i, struct aglm_err *err)
{
    const struct aglm_record *r = &p->setup->records[i];
    struct aglm_accuracy_options o = {.backend = r->backend,
                                      .isa = r->isa,
                                      .quantize = mode_of(r),
                                      .type_k = cache_type(r->type_k),
                                      .type_v = cache_type(r->type_v)};
    struct aglm_answers answers = {0};
    struct aglm_record record = {0};
    if (alike(r, &p->reference_record)) { /* asked already */
        p->index++;
        return share_out(p->setup, i, &p->reference_record, err);
    }
    int rc = o.quantize ? ask(p, &answers, &o, false, &record, err)
                        : aglm_err_set(err, -ENOTSUP, "no weights can be made %s on load",
                                       r->quantization);
    if (!rc)
        rc = share_out(p->setup, i, &record, err);
    aglm_answers_finish(&answers);
    aglm_record_finish(&record);
    return rc;
}

int aglm_run_accuracy(const struct aglm_run_accuracy *s, struct aglm_err *err)
{
    struct pass p = {.setup = s, .n = 1, .left_ns = s->limit_ns};
    for (size_t i = 0; i < s->n; i++)
        p.n += is_first(s, i);
    if (p.n == 1)
        return 0;
    int rc = aglm_items_read(&p.items, s->items, err);
    if (rc)
        return rc;
    aglm_items_keep_counted(&p.items);
    rc = ask_reference(&p, err);
    for (size_t i = 0; i < s->n && !rc; i++) {
        struct aglm_err why = {0};
        if (!is_first(s, i))
            continue;
        rc = ask_as(&p, i, &why);
        if (rc == -ECANCELED || rc == -ENOMEM) {
            *err = why;
        } else if (rc) { /* the others may do */
            aglm_err_prefix(&why, "no accuracy for %s", s->records[i].quantization);
            s->failed(s->ctx, &why);
            rc = 0;
        }
    }
    aglm_answers_finish(&p.reference);
    aglm_record_finish(&p.reference_record);
    aglm_items_finish(&p.items);
    return rc;
}
