/* Record fields to bound values and columns to record fields; see store_row.h. */
#include "reports/store_row.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS (1 << 24) /* further tokens of one repetition */

void aglm_row_put_text(struct aglm_row_binder *b, const char *text)
{
    if (b->rc == SQLITE_OK)
        b->rc = sqlite3_bind_text(b->stmt, b->next++, text, -1, SQLITE_STATIC);
}

void aglm_row_put_int(struct aglm_row_binder *b, uint64_t value)
{
    if (b->rc == SQLITE_OK)
        b->rc = sqlite3_bind_int64(b->stmt, b->next++, (sqlite3_int64)value);
}

static void put_real(struct aglm_row_binder *b, double value)
{
    if (b->rc == SQLITE_OK) /* NaN becomes NULL: unknown */
        b->rc = sqlite3_bind_double(b->stmt, b->next++, value);
}

static void put_roof(struct aglm_row_binder *b, const struct aglm_record *rec)
{
    const struct aglm_roof_range *const ranges[] = {&rec->roof_read, &rec->roof_int8,
                                                    &rec->roof_f32};
    put_real(b, rec->kv_bytes_per_token);
    put_real(b, rec->prefill_ops);
    aglm_row_put_text(b, rec->prefill_kind);
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        put_real(b, ranges[i]->best);
        put_real(b, ranges[i]->median);
        put_real(b, ranges[i]->low);
    }
    aglm_row_put_text(b, rec->roof_when);
}

/* In the order of AGLM_ROW_TEST_COLUMNS. */
void aglm_row_put_test(struct aglm_row_binder *b, const struct aglm_record *rec)
{
    aglm_row_put_text(b, rec->suite);
    aglm_row_put_text(b, rec->test);
    aglm_row_put_text(b, rec->label);
    aglm_row_put_int(b, (uint64_t)rec->started_ms);
    const char *const texts[] = {rec->version,    rec->commit,       rec->compiler,
                                 rec->flags,      rec->cpu_info,     rec->gpu_info,
                                 rec->model_path, rec->model_name,   rec->model_type,
                                 rec->arch,       rec->quantization, rec->model_digest};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        aglm_row_put_text(b, texts[i]);
    aglm_row_put_int(b, rec->model_size);
    aglm_row_put_int(b, rec->model_n_params);
    aglm_row_put_int(b, rec->bytes_per_token);
    aglm_row_put_int(b, rec->load_ns);
    aglm_row_put_text(b, rec->backend);
    aglm_row_put_text(b, rec->isa);
    aglm_row_put_text(b, rec->cpu_mask);
    aglm_row_put_text(b, rec->affinity);
    aglm_row_put_text(b, rec->requantize);
    aglm_row_put_text(b, rec->type_k);
    aglm_row_put_text(b, rec->type_v);
    aglm_row_put_text(b, rec->fuse);
    aglm_row_put_text(b, rec->prompt_digest);
    aglm_row_put_text(b, rec->text_digest);
    const uint64_t numbers[] = {rec->n_threads,  rec->n_batch, rec->n_ubatch,    rec->n_prompt,
                                rec->n_gen,      rec->n_depth, rec->repetitions, rec->seed,
                                rec->cpu_strict, rec->warmup,  rec->delay_s};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        aglm_row_put_int(b, numbers[i]);
    aglm_row_put_text(b, rec->order);
    aglm_row_put_int(b, rec->valid);
    aglm_row_put_text(b, rec->reasons);
    put_roof(b, rec);
    aglm_row_put_text(b, rec->load);
    put_real(b, rec->pack_ns);
    put_real(b, rec->packed_bytes);
}

void aglm_row_put_conditions(struct aglm_row_binder *b, const struct aglm_conditions *c)
{
    const double values[] = {c->load_1min,
                             c->others_cpu_percent,
                             c->memory_available_bytes,
                             c->temperature_max_degc,
                             c->frequency_mean_khz,
                             c->major_faults,
                             c->cpu_total_ticks,
                             c->cpu_idle_ticks,
                             c->cpu_steal_ticks,
                             c->cpu_self_ticks};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        put_real(b, values[i]);
}

void aglm_row_put_during(struct aglm_row_binder *b, const struct aglm_during *d)
{
    const double values[] = {d->own_cpu_percent,
                             d->temperature_min_degc,
                             d->temperature_median_degc,
                             d->temperature_max_degc,
                             d->frequency_low_khz,
                             d->limit_low_percent,
                             d->limit_top_percent,
                             d->cooling_max_percent,
                             d->cooling_floor_percent,
                             d->throttles,
                             d->android_status,
                             d->battery_max_degc,
                             d->joules};
    aglm_row_put_int(b, (uint64_t)d->started_ms);
    aglm_row_put_int(b, d->readings);
    aglm_row_put_text(b, d->energy);
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        put_real(b, values[i]);
}

void aglm_row_put_sample(struct aglm_row_binder *b, const struct aglm_sample *s)
{
    const uint64_t numbers[] = {s->prefill_ns, s->first_token_ns, s->total_ns, s->peak_rss_bytes};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        aglm_row_put_int(b, numbers[i]);
    uint8_t *blob = s->n_token_ns <= MAX_TOKENS ? malloc(s->n_token_ns * 8 + 1) : NULL;
    if (!blob) {
        if (b->rc == SQLITE_OK)
            b->rc = s->n_token_ns <= MAX_TOKENS ? SQLITE_NOMEM : SQLITE_TOOBIG;
        return;
    }
    for (size_t i = 0; i < s->n_token_ns; i++)
        for (unsigned k = 0; k < 8; k++)
            blob[i * 8 + k] = (uint8_t)(s->token_ns[i] >> (8 * k));
    if (b->rc == SQLITE_OK) /* SQLite frees the blob from here on */
        b->rc = sqlite3_bind_blob(b->stmt, b->next++, blob, (int)(s->n_token_ns * 8), free);
    else
        free(blob);
}

void aglm_row_put_operator(struct aglm_row_binder *b, const struct aglm_operator *o)
{
    const uint64_t whole[] = {o->calls, o->ns, o->wait_ns};
    const double real[] = {o->weight_bytes, o->kv_bytes, o->act_bytes, o->int8_ops, o->float_ops};
    aglm_row_put_text(b, o->phase);
    aglm_row_put_text(b, o->name);
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
        aglm_row_put_int(b, whole[i]);
    for (size_t i = 0; i < sizeof(real) / sizeof(*real); i++)
        put_real(b, real[i]);
}

void aglm_row_put_accuracy(struct aglm_row_binder *b, const struct aglm_accuracy *a)
{
    const char *const texts[] = {a->model, a->model_digest, a->items_digest, a->reference};
    const uint64_t whole[] = {a->n_file, a->n_items, a->n_threads};
    const double real[] = {a->prune, a->prefill_ts, a->decode_ts, a->wall_ns,
                           a->others_cpu_percent};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        aglm_row_put_text(b, texts[i]);
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
        aglm_row_put_int(b, whole[i]);
    for (size_t i = 0; i < sizeof(real) / sizeof(*real); i++)
        put_real(b, real[i]);
}

void aglm_row_put_part(struct aglm_row_binder *b, const struct aglm_accuracy_part *p)
{
    const uint64_t whole[] = {p->n, p->right, p->n_paired, p->reference_right, p->lost, p->gained};
    aglm_row_put_text(b, p->part);
    aglm_row_put_text(b, p->lang);
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
        aglm_row_put_int(b, whole[i]);
}

struct taker {
    sqlite3_stmt *stmt;
    int next;
};

static void take_text(struct taker *t, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(t->stmt, t->next++);
    snprintf(out, size, "%s", text ? (const char *)text : "");
}

static uint64_t take_int(struct taker *t)
{
    return (uint64_t)sqlite3_column_int64(t->stmt, t->next++);
}

static double take_real(struct taker *t)
{
    int i = t->next++;
    return sqlite3_column_type(t->stmt, i) == SQLITE_NULL ? NAN : sqlite3_column_double(t->stmt, i);
}

#define TAKE(t, field) take_text(t, field, sizeof(field))

static void take_roof(struct taker *t, struct aglm_record *rec)
{
    struct aglm_roof_range *const ranges[] = {&rec->roof_read, &rec->roof_int8, &rec->roof_f32};
    rec->kv_bytes_per_token = take_real(t);
    rec->prefill_ops = take_real(t);
    TAKE(t, rec->prefill_kind);
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        ranges[i]->best = take_real(t);
        ranges[i]->median = take_real(t);
        ranges[i]->low = take_real(t);
    }
    TAKE(t, rec->roof_when);
}

static void take_configuration(struct taker *t, struct aglm_record *rec)
{
    TAKE(t, rec->backend);
    TAKE(t, rec->isa);
    TAKE(t, rec->cpu_mask);
    TAKE(t, rec->affinity);
    TAKE(t, rec->requantize);
    TAKE(t, rec->type_k);
    TAKE(t, rec->type_v);
    TAKE(t, rec->fuse);
    TAKE(t, rec->prompt_digest);
    TAKE(t, rec->text_digest);
    uint32_t *const numbers[] = {&rec->n_threads, &rec->n_batch, &rec->n_ubatch,   &rec->n_prompt,
                                 &rec->n_gen,     &rec->n_depth, &rec->repetitions};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        *numbers[i] = (uint32_t)take_int(t);
    rec->seed = take_int(t);
    rec->cpu_strict = take_int(t) != 0;
    rec->warmup = take_int(t) != 0;
    rec->delay_s = take_int(t);
    TAKE(t, rec->order);
    rec->valid = take_int(t) != 0;
    TAKE(t, rec->reasons);
}

/* In the order of the query in aglm_store_each(): ids, then AGLM_ROW_TEST_COLUMNS. */
int aglm_row_take_test(sqlite3_stmt *stmt, struct aglm_record *rec)
{
    struct taker t = {.stmt = stmt, .next = 1};
    TAKE(&t, rec->test_uuid);
    TAKE(&t, rec->run_uuid);
    TAKE(&t, rec->fingerprint);
    const unsigned char *profile = sqlite3_column_text(stmt, t.next++);
    if (profile && !(rec->profile_json = strdup((const char *)profile)))
        return SQLITE_NOMEM;
    TAKE(&t, rec->suite);
    TAKE(&t, rec->test);
    TAKE(&t, rec->label);
    rec->started_ms = (int64_t)take_int(&t);
    TAKE(&t, rec->version);
    TAKE(&t, rec->commit);
    TAKE(&t, rec->compiler);
    TAKE(&t, rec->flags);
    TAKE(&t, rec->cpu_info);
    TAKE(&t, rec->gpu_info);
    TAKE(&t, rec->model_path);
    TAKE(&t, rec->model_name);
    TAKE(&t, rec->model_type);
    TAKE(&t, rec->arch);
    TAKE(&t, rec->quantization);
    TAKE(&t, rec->model_digest);
    rec->model_size = take_int(&t);
    rec->model_n_params = take_int(&t);
    rec->bytes_per_token = take_int(&t);
    rec->load_ns = take_int(&t);
    take_configuration(&t, rec);
    take_roof(&t, rec);
    TAKE(&t, rec->load);
    rec->pack_ns = take_real(&t);
    rec->packed_bytes = take_real(&t);
    return SQLITE_OK;
}

static void take_conditions(struct taker *t, struct aglm_conditions *c)
{
    double *const values[] = {&c->load_1min,
                              &c->others_cpu_percent,
                              &c->memory_available_bytes,
                              &c->temperature_max_degc,
                              &c->frequency_mean_khz,
                              &c->major_faults,
                              &c->cpu_total_ticks,
                              &c->cpu_idle_ticks,
                              &c->cpu_steal_ticks,
                              &c->cpu_self_ticks};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        *values[i] = take_real(t);
}

/* A sample that nobody watched has NULLs. */
static void take_during(struct taker *t, struct aglm_during *d)
{
    double *const values[] = {&d->own_cpu_percent,
                              &d->temperature_min_degc,
                              &d->temperature_median_degc,
                              &d->temperature_max_degc,
                              &d->frequency_low_khz,
                              &d->limit_low_percent,
                              &d->limit_top_percent,
                              &d->cooling_max_percent,
                              &d->cooling_floor_percent,
                              &d->throttles,
                              &d->android_status,
                              &d->battery_max_degc,
                              &d->joules};
    d->started_ms = (int64_t)take_int(t);
    d->readings = (uint32_t)take_int(t);
    TAKE(t, d->energy);
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        *values[i] = take_real(t);
}

int aglm_row_take_sample(sqlite3_stmt *stmt, struct aglm_record *rec)
{
    struct taker t = {.stmt = stmt};
    struct aglm_sample s = {.prefill_ns = take_int(&t)};
    s.first_token_ns = take_int(&t);
    s.total_ns = take_int(&t);
    s.peak_rss_bytes = take_int(&t);
    const uint8_t *blob = sqlite3_column_blob(stmt, t.next);
    s.n_token_ns = (size_t)sqlite3_column_bytes(stmt, t.next++) / 8;
    if (s.n_token_ns && blob) {
        s.token_ns = calloc(s.n_token_ns, sizeof(*s.token_ns));
        if (!s.token_ns)
            return SQLITE_NOMEM;
        for (size_t i = 0; i < s.n_token_ns * 8; i++)
            s.token_ns[i / 8] |= (uint64_t)blob[i] << (8 * (i % 8));
    }
    take_conditions(&t, &s.before);
    take_conditions(&t, &s.after);
    take_during(&t, &s.during);
    if (aglm_record_add(rec, &s) == 0)
        return SQLITE_OK;
    free(s.token_ns);
    return SQLITE_NOMEM;
}

int aglm_row_take_operator(sqlite3_stmt *stmt, struct aglm_record *rec)
{
    struct taker t = {.stmt = stmt};
    struct aglm_operator *grown =
        realloc(rec->operators, (rec->n_operators + 1) * sizeof(*rec->operators));
    if (!grown)
        return SQLITE_NOMEM;
    rec->operators = grown;
    struct aglm_operator *o = &grown[rec->n_operators++];
    *o = (struct aglm_operator){0};
    TAKE(&t, o->phase);
    TAKE(&t, o->name);
    o->calls = take_int(&t);
    o->ns = take_int(&t);
    o->wait_ns = take_int(&t);
    double *const real[] = {&o->weight_bytes, &o->kv_bytes, &o->act_bytes, &o->int8_ops,
                            &o->float_ops};
    for (size_t i = 0; i < sizeof(real) / sizeof(*real); i++)
        *real[i] = take_real(&t);
    return SQLITE_OK;
}

int aglm_row_take_accuracy(sqlite3_stmt *stmt, struct aglm_record *rec)
{
    struct taker t = {.stmt = stmt};
    struct aglm_accuracy *a = &rec->accuracy;
    TAKE(&t, a->model);
    TAKE(&t, a->model_digest);
    TAKE(&t, a->items_digest);
    TAKE(&t, a->reference);
    uint64_t *const whole[] = {&a->n_file, &a->n_items, &a->n_threads};
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
        *whole[i] = take_int(&t);
    double *const real[] = {&a->prune, &a->prefill_ts, &a->decode_ts, &a->wall_ns,
                            &a->others_cpu_percent};
    for (size_t i = 0; i < sizeof(real) / sizeof(*real); i++)
        *real[i] = take_real(&t);
    return SQLITE_OK;
}

int aglm_row_take_part(sqlite3_stmt *stmt, struct aglm_record *rec)
{
    struct taker t = {.stmt = stmt};
    struct aglm_accuracy *a = &rec->accuracy;
    struct aglm_accuracy_part *grown = realloc(a->parts, (a->n_parts + 1) * sizeof(*grown));
    if (!grown)
        return SQLITE_NOMEM;
    a->parts = grown;
    struct aglm_accuracy_part *p = &grown[a->n_parts++];
    *p = (struct aglm_accuracy_part){0};
    TAKE(&t, p->part);
    TAKE(&t, p->lang);
    uint64_t *const whole[] = {&p->n,    &p->right, &p->n_paired, &p->reference_right,
                               &p->lost, &p->gained};
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
        *whole[i] = take_int(&t);
    return SQLITE_OK;
}
