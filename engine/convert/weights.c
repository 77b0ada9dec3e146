/* The weights of a model folder, one file or shards; see weights.h. */
#include "engine/convert/weights.h"
#include "engine/convert/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_INDEX_BYTES = 100 * 1000 * 1000, MAX_SHARDS = 4096 };

struct place {
    const char *tensor, *shard; /* of the index's tree */
};

struct aglm_weights {
    struct aglm_safetensors **shards;
    size_t n_shards;
    const struct aglm_safetensor **tensors; /* sorted by name */
    size_t n;
};

static int path_of(char *path, size_t size, const char *folder, const char *name,
                   struct aglm_err *err)
{
    int n = snprintf(path, size, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= size)
        return aglm_err_set(err, -ENAMETOOLONG, "%.200s…: the path is too long", folder);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct aglm_safetensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int by_shard(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = strcmp(x->shard, y->shard);
    return order ? order : strcmp(x->tensor, y->tensor);
}

static int add_shard(struct aglm_weights *w, const char *path, struct aglm_err *err)
{
    struct aglm_safetensors **shards = realloc(w->shards, (w->n_shards + 1) * sizeof(*w->shards));
    if (!shards)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
    w->shards = shards;
    shards[w->n_shards] = NULL;
    int rc = aglm_safetensors_open(&shards[w->n_shards], path, err);
    if (!rc)
        w->n_shards++;
    return rc;
}

/* Places of all tensors, sorted by shard; allocated. */
static int read_places(struct place **out, size_t *out_n, const cJSON *index, const char *path,
                       struct aglm_err *err)
{
    const cJSON *map = aglm_json_get(index, "weight_map"), *item;
    size_t n = 0;
    if (!cJSON_IsObject(map) || !map->child)
        return aglm_err_set(err, -EINVAL, "%s: key \"weight_map\" is missing or no object", path);
    cJSON_ArrayForEach(item, map) n++;
    struct place *places = malloc(n * sizeof(*places));
    if (!places)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
    n = 0;
    cJSON_ArrayForEach(item, map)
    {
        if (!cJSON_IsString(item) || !item->valuestring[0] || item->valuestring[0] == '.' ||
            strchr(item->valuestring, '/')) {
            free(places);
            return aglm_err_set(err, -EINVAL,
                                "%s: tensor '%.100s' must be in a file of the same folder, named "
                                "without a path",
                                path, item->string);
        }
        places[n++] = (struct place){item->string, item->valuestring};
    }
    qsort(places, n, sizeof(*places), by_shard);
    *out = places;
    *out_n = n;
    return 0;
}

/* Opens the shard of places[0, n) and compares: both have every tensor of the other. */
static int open_shard(struct aglm_weights *w, const char *folder, const struct place *places,
                      size_t n, struct aglm_err *err)
{
    char path[4096];
    int rc = path_of(path, sizeof(path), folder, places[0].shard, err);
    if (!rc && w->n_shards == MAX_SHARDS)
        rc = aglm_err_set(err, -EINVAL, "%s: more than %d shards", path, MAX_SHARDS);
    if (!rc)
        rc = add_shard(w, path, err);
    if (rc)
        return rc;
    const struct aglm_safetensors *shard = w->shards[w->n_shards - 1];
    for (size_t i = 0; i < n; i++)
        if (!aglm_safetensors_find(shard, places[i].tensor))
            return aglm_err_set(err, -EINVAL,
                                "%s: tensor '%.100s' is missing, though the index says that it is "
                                "here",
                                path, places[i].tensor);
    if (aglm_safetensors_count(shard) != n)
        return aglm_err_set(err, -EINVAL,
                            "%s: holds %zu tensors, the index names %zu of them; files of two "
                            "models may be mixed",
                            path, aglm_safetensors_count(shard), n);
    return 0;
}

static int open_shards(struct aglm_weights *w, const char *folder, const char *index_path,
                       struct aglm_err *err)
{
    cJSON *index = NULL;
    struct place *places = NULL;
    size_t n = 0, end;
    int rc = aglm_json_open(&index, index_path, MAX_INDEX_BYTES, err);
    if (!rc)
        rc = read_places(&places, &n, index, index_path, err);
    for (size_t i = 0; i < n && !rc; i = end) {
        for (end = i + 1; end < n && strcmp(places[i].shard, places[end].shard) == 0;)
            end++;
        rc = open_shard(w, folder, places + i, end - i, err);
    }
    free(places);
    cJSON_Delete(index);
    return rc;
}

static int collect(struct aglm_weights *w, const char *folder, struct aglm_err *err)
{
    size_t n = 0;
    for (size_t s = 0; s < w->n_shards; s++)
        n += aglm_safetensors_count(w->shards[s]);
    w->tensors = malloc((n + 1) * sizeof(*w->tensors));
    if (!w->tensors)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", folder);
    for (size_t s = 0; s < w->n_shards; s++)
        for (size_t i = 0; i < aglm_safetensors_count(w->shards[s]); i++)
            w->tensors[w->n++] = aglm_safetensors_at(w->shards[s], i);
    qsort(w->tensors, w->n, sizeof(*w->tensors), by_name);
    for (size_t i = 1; i < w->n; i++)
        if (by_name(&w->tensors[i - 1], &w->tensors[i]) == 0)
            return aglm_err_set(err, -EINVAL, "%s: tensor '%.100s' is also in %s",
                                w->tensors[i]->path, w->tensors[i]->name, w->tensors[i - 1]->path);
    return 0;
}

int aglm_weights_open(struct aglm_weights **out, const char *folder, struct aglm_err *err)
{
    char single[4096], index[4096];
    int rc = path_of(single, sizeof(single), folder, "model.safetensors", err);
    if (!rc)
        rc = path_of(index, sizeof(index), folder, "model.safetensors.index.json", err);
    struct aglm_weights *w = rc ? NULL : calloc(1, sizeof(*w));
    if (!rc && !w)
        rc = aglm_err_set(err, -ENOMEM, "%s: out of memory", folder);
    if (rc)
        return rc;
    if (access(single, F_OK) == 0)
        rc = add_shard(w, single, err);
    else if (access(index, F_OK) == 0)
        rc = open_shards(w, folder, index, err);
    else
        rc = aglm_err_set(err, -ENOENT,
                          "%s: there is neither model.safetensors nor "
                          "model.safetensors.index.json; give a Hugging Face folder with "
                          "safetensors weights",
                          folder);
    if (!rc)
        rc = collect(w, folder, err);
    if (rc)
        aglm_weights_close(&w);
    else
        *out = w;
    return rc;
}

void aglm_weights_close(struct aglm_weights **weights)
{
    struct aglm_weights *w = *weights;
    if (!w)
        return;
    for (size_t i = 0; i < w->n_shards; i++)
        aglm_safetensors_close(&w->shards[i]);
    free(w->shards);
    free(w->tensors);
    free(w);
    *weights = NULL;
}

size_t aglm_weights_count(const struct aglm_weights *weights)
{
    return weights->n;
}

const struct aglm_safetensor *aglm_weights_at(const struct aglm_weights *weights, size_t i)
{
    return weights->tensors[i];
}

long aglm_weights_find(const struct aglm_weights *weights, const char *name)
{
    const struct aglm_safetensor key = {.name = name}, *p = &key;
    const struct aglm_safetensor **found =
        bsearch(&p, weights->tensors, weights->n, sizeof(p), by_name);
    return found ? (long)(found - weights->tensors) : -1;
}
