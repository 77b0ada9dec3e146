/* Which tensor becomes which; see plan.h. */
#include "engine/convert/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct planner {
    struct aglm_hf_plan *plan;
    const struct aglm_hf_config *config;
    const struct aglm_weights *weights;
    enum aglm_dtype type;
    const char *folder, *prefix;
    bool *used; /* [count of weights] */
    struct aglm_err *err;
};

/* '@' becomes the prefix, '#' the layer. */
static void spell(char *out, size_t size, const char *pattern, const char *prefix, uint32_t layer)
{
    size_t n = 0;
    out[0] = '\0';
    for (; *pattern && n + 1 < size; pattern++) {
        int added = *pattern == '@'   ? snprintf(out + n, size - n, "%s", prefix)
                    : *pattern == '#' ? snprintf(out + n, size - n, "%u", layer)
                                      : snprintf(out + n, size - n, "%c", *pattern);
        n += added > 0 ? (size_t)added : 0;
    }
}

static struct aglm_hf_plan_item *add_item(struct planner *p)
{
    struct aglm_hf_plan *plan = p->plan;
    if (plan->n == plan->capacity) {
        size_t capacity = plan->capacity * 2 + 64;
        struct aglm_hf_plan_item *items = realloc(plan->items, capacity * sizeof(*items));
        if (!items)
            return NULL;
        plan->items = items;
        plan->capacity = capacity;
    }
    plan->items[plan->n] = (struct aglm_hf_plan_item){.rows = 1};
    return &plan->items[plan->n++];
}

static enum aglm_dtype type_for(enum aglm_dtype wanted, uint64_t columns)
{
    const struct aglm_dtype_info *info = aglm_dtype_get((uint32_t)wanted);
    return info && columns % info->block_elements == 0 ? wanted : AGLM_F16;
}

static int check_tensor(const struct planner *p, const struct aglm_safetensor *t, uint64_t rows,
                        uint64_t columns, bool vector)
{
    if (t->dtype == AGLM_ST_OTHER)
        return aglm_err_set(p->err, -ENOTSUP,
                            "%s: tensor '%s' has dtype %s; F32, F16 and BF16 can be converted",
                            t->path, t->name, t->dtype_name);
    if (vector ? t->n_dims == 1 && t->shape[0] == rows
               : t->n_dims == 2 && t->shape[0] == rows && t->shape[1] == columns)
        return 0;
    char shape[100] = "";
    size_t n = 0;
    for (unsigned i = 0; i < t->n_dims && n < sizeof(shape); i++) {
        int k = snprintf(shape + n, sizeof(shape) - n, "%s%" PRIu64, i ? " x " : "", t->shape[i]);
        n += k > 0 ? (size_t)k : 0;
    }
    char must[64];
    snprintf(must, sizeof(must), vector ? "%" PRIu64 : "%" PRIu64 " x %" PRIu64, rows, columns);
    return aglm_err_set(p->err, -EINVAL, "%s: tensor '%s' is %s, but config.json asks for %s",
                        t->path, t->name, n ? shape : "a single number", must);
}

static int add_tensor(struct planner *p, const struct aglm_hf_tensor *t, uint32_t layer)
{
    char from[256];
    spell(from, sizeof(from), t->from, p->prefix, layer);
    long found = aglm_weights_find(p->weights, from);
    if (found < 0 && t->optional)
        return 0;
    if (found < 0)
        return aglm_err_set(p->err, -EINVAL,
                            "%s: tensor '%s' is missing; the folder is incomplete or config.json "
                            "is another model's",
                            p->folder, from);
    const struct aglm_safetensor *tensor = aglm_weights_at(p->weights, (size_t)found);
    const bool vector = t->columns == AGLM_HF_ONE;
    const uint64_t rows = aglm_hf_size_of(p->config, t->rows),
                   columns = aglm_hf_size_of(p->config, t->columns);
    int rc = check_tensor(p, tensor, rows, columns, vector);
    if (rc)
        return rc;
    struct aglm_hf_plan_item *item = add_item(p);
    if (!item)
        return aglm_err_set(p->err, -ENOMEM, "%s: out of memory", p->folder);
    spell(item->name, sizeof(item->name), t->to, "", layer);
    item->from = tensor;
    item->change = t->change;
    if (t->change == AGLM_HF_TO_HALVES && p->config->sections[0] == 0)
        item->change = AGLM_HF_AS_IS;
    item->rows = vector ? 1 : rows;
    item->columns = vector ? rows : columns;
    item->type = vector ? AGLM_F32 : type_for(p->type, columns);
    p->used[found] = true;
    return 0;
}

static int add_rope_freqs(struct planner *p)
{
    if (p->config->rope != AGLM_HF_ROPE_LLAMA3)
        return 0;
    struct aglm_hf_plan_item *item = add_item(p);
    if (!item)
        return aglm_err_set(p->err, -ENOMEM, "%s: out of memory", p->folder);
    snprintf(item->name, sizeof(item->name), "rope_freqs.weight");
    item->columns = p->config->n_rot / 2;
    item->type = AGLM_F32;
    return 0;
}

/* What is left is known as left out, or an error. */
static int check_unused(struct planner *p)
{
    for (size_t i = 0; i < aglm_weights_count(p->weights); i++) {
        const struct aglm_safetensor *t = aglm_weights_at(p->weights, i);
        const char *what = p->used[i] ? NULL : aglm_hf_left_out(t->name);
        const struct aglm_hf_tensor *output = &p->config->arch->tensors[2];
        if (p->used[i])
            continue;
        if (what && strcmp(what, "vision") == 0)
            p->plan->n_vision++;
        else if (what || (p->config->tied && strcmp(t->name, output->from) == 0))
            p->plan->n_other++;
        else
            return aglm_err_set(p->err, -ENOTSUP,
                                "%s: tensor '%.120s' has no place in %s as it can be converted; "
                                "without it the results would be wrong",
                                t->path, t->name, p->config->arch->names[0]);
    }
    return 0;
}

static const char *find_prefix(const struct planner *p)
{
    const struct aglm_hf_arch *arch = p->config->arch;
    char name[256];
    for (size_t i = 0; i < 2 && arch->prefixes[i]; i++) {
        spell(name, sizeof(name), arch->tensors[1].from, arch->prefixes[i], 0);
        if (aglm_weights_find(p->weights, name) >= 0)
            return arch->prefixes[i];
    }
    return arch->prefixes[0];
}

static int add_all(struct planner *p)
{
    const struct aglm_hf_arch *arch = p->config->arch;
    int rc = add_rope_freqs(p);
    for (size_t i = 0; i < 3 && !rc; i++)
        if (i != 2 || !p->config->tied)
            rc = add_tensor(p, &arch->tensors[i], 0);
    for (uint32_t layer = 0; layer < p->config->n_layers; layer++)
        for (size_t i = 3; i < arch->n_tensors && !rc; i++)
            rc = add_tensor(p, &arch->tensors[i], layer);
    return rc ? rc : check_unused(p);
}

int aglm_hf_plan_make(struct aglm_hf_plan *out, const struct aglm_hf_config *config,
                      const struct aglm_weights *weights, enum aglm_dtype type, const char *folder,
                      struct aglm_err *err)
{
    struct aglm_hf_plan plan = {0};
    struct planner p = {.plan = &plan,
                        .config = config,
                        .weights = weights,
                        .type = type,
                        .folder = folder,
                        .err = err};
    p.used = calloc(aglm_weights_count(weights) + 1, sizeof(*p.used));
    p.prefix = find_prefix(&p);
    int rc = p.used ? add_all(&p) : aglm_err_set(err, -ENOMEM, "%s: out of memory", folder);
    free(p.used);
    if (rc)
        aglm_hf_plan_finish(&plan);
    else
        *out = plan;
    return rc;
}

void aglm_hf_plan_finish(struct aglm_hf_plan *plan)
{
    free(plan->items);
    memset(plan, 0, sizeof(*plan));
}

uint64_t aglm_hf_plan_row(const struct aglm_hf_plan_item *item, const struct aglm_hf_config *c,
                          uint64_t i)
{
    const uint64_t in_head = i % c->head_dim, head = i - in_head;
    switch (item->change) {
    case AGLM_HF_TO_NEIGHBOURS: /* row 2k + b comes from half b */
        return head + in_head / 2 + (in_head % 2) * (c->head_dim / 2);
    case AGLM_HF_TO_HALVES: /* half b comes from rows 2k + b */
        if (in_head >= c->n_rot)
            return i;
        return head + 2 * (in_head % (c->n_rot / 2)) + in_head / (c->n_rot / 2);
    case AGLM_HF_AS_IS:
    case AGLM_HF_PLUS_ONE:
        break;
    }
    return i;
}
