/* The standard suite. Inputs: built-in texts, a model's tokenizer and template. Outputs: token ids
 * of exactly the length an entry asks for, digests.
 *
 * A text is sections, each behind a line "--- NAME" (system, user, filler, ask); "--- NAME @ID"
 * takes that section of another entry's text.
 */
#include "bench/suite.h"

#include "bench/prng.h"
#include "bench/prompts.h"
#include "engine/text/template.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { MAX_REPEATS = 4096, N_SECTIONS = 4 };

static const struct aglm_suite_entry entries[] = {
    {"voice-zh", "spoken command to a JSON action", 0, 128, 0, 32, aglm_prompt_voice_zh},
    {"voice-en", "spoken command to a JSON action", 0, 128, 0, 32, aglm_prompt_voice_en},
    {"chat-zh", "short chat", 0, 64, 0, 128, aglm_prompt_chat_zh},
    {"chat-en", "short chat", 0, 64, 0, 128, aglm_prompt_chat_en},
    {"ref-512", "reference length", 0, 512, 0, 128, aglm_prompt_ref},
    {"ref-1024", "reference length", 0, 1024, 0, 128, aglm_prompt_ref},
    {"summary-zh", "summary of a document", 0, 2048, 0, 256, aglm_prompt_summary_zh},
    {"summary-en", "summary of a document", 0, 2048, 0, 256, aglm_prompt_summary_en},
    {"agent-zh", "phone agent's step, text only", 0, 1856, 0, 142, aglm_prompt_agent_zh},
    {"agent-en", "phone agent's step, text only", 0, 640, 0, 64, aglm_prompt_agent_en},
    {"agent-image-zh", "phone agent's step with a screenshot", 0, 4960, 3108, 142,
     aglm_prompt_agent_image_zh},
    {"agent-next-zh", "its next step: prefix in the cache", 2048, 3300, 3108, 64,
     aglm_prompt_agent_next_zh},
    {"tools-en", "function call, 8 tools", 0, 1024, 0, 64, aglm_prompt_tools_en},
    {"long-zh", "long context", 0, 8192, 0, 128, aglm_prompt_long_zh},
};

#define N_ENTRIES (sizeof(entries) / sizeof(entries[0]))

const struct aglm_suite_entry *aglm_suite_entries(size_t *n)
{
    *n = N_ENTRIES;
    return entries;
}

static const struct aglm_suite_entry *find(const char *id, size_t length)
{
    for (size_t i = 0; i < N_ENTRIES; i++) {
        if (strncmp(entries[i].id, id, length) == 0 && entries[i].id[length] == '\0') {
            return &entries[i];
        }
    }
    return NULL;
}

const struct aglm_suite_entry *aglm_suite_find(const char *id)
{
    return find(id, strlen(id));
}

/* ---- sections ---- */

struct span {
    const char *at;
    size_t size; /* 0: there is no such section */
};

struct parts {
    struct span system, user, filler, ask;
};

/* The section of that name, without the newline at its end. */
static struct span section(const char *text, const char *name)
{
    char marker[16];
    int length = snprintf(marker, sizeof(marker), "--- %s", name);
    for (const char *line = text; line != NULL;) {
        const char *end = strchr(line, '\n');
        bool found = strncmp(line, marker, (size_t)length) == 0;
        if (found && line[length] == ' ') { /* " @ID" */
            const struct aglm_suite_entry *other =
                end != NULL ? find(line + length + 2, (size_t)(end - line) - (size_t)length - 2)
                            : NULL;
            return other != NULL ? section(other->text, name) : (struct span){"", 0};
        }
        if (found && end != NULL) {
            const char *next = strstr(end, "\n--- ");
            size_t size = next == end    ? 0
                          : next != NULL ? (size_t)(next - end) - 1
                                         : strlen(end) - 1;
            size -= next == NULL && size > 0 && end[size] == '\n';
            return (struct span){end + 1, size};
        }
        line = end != NULL && end[1] != '\0' ? end + 1 : NULL;
    }
    return (struct span){"", 0};
}

static struct parts parts_of(const struct aglm_suite_entry *entry)
{
    return (struct parts){section(entry->text, "system"), section(entry->text, "user"),
                          section(entry->text, "filler"), section(entry->text, "ask")};
}

/* ---- digests ---- */

static void hex(XXH128_hash_t hash, char digest[AGLM_SUITE_DIGEST_SIZE])
{
    snprintf(digest, AGLM_SUITE_DIGEST_SIZE, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
}

int aglm_suite_text_digest(const struct aglm_suite_entry *entry,
                           char digest[AGLM_SUITE_DIGEST_SIZE], struct aglm_err *err)
{
    const struct parts p = parts_of(entry);
    const struct span spans[N_SECTIONS] = {p.system, p.user, p.filler, p.ask};
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL) {
        return aglm_err_set(err, -ENOMEM, "no memory for a digest");
    }
    XXH3_128bits_reset(state);
    for (size_t i = 0; i < N_SECTIONS; i++) {
        XXH3_128bits_update(state, spans[i].at, spans[i].size);
        XXH3_128bits_update(state, "", 1);
    }
    hex(XXH3_128bits_digest(state), digest);
    XXH3_freeState(state);
    return 0;
}

static void digest_ids(const int32_t *ids, size_t n, char digest[AGLM_SUITE_DIGEST_SIZE])
{
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ids are hashed as they lie in memory: little-endian only"
#endif
    hex(XXH3_128bits(ids, n * sizeof(*ids)), digest);
}

/* ---- text to ids ---- */

struct language {
    const struct aglm_tokenizer *tokenizer;
    enum aglm_chat_family family;
    bool plain; /* the file has no template: the text as it is */
};

static int encode(const struct language *l, const char *system, const char *user,
                  struct aglm_tokens *out, struct aglm_err *err)
{
    const struct aglm_chat_message messages[] = {{"system", system}, {"user", user}};
    size_t skip = system[0] == '\0';
    out->n = 0;
    if (!l->plain) {
        return aglm_chat_encode(l->family, l->tokenizer, messages + skip, 2 - skip, out, err);
    }
    int rc =
        aglm_tokenizer_encode(l->tokenizer, system, strlen(system), AGLM_TOKENIZE_MARKS, out, err);
    return rc == 0 ? aglm_tokenizer_encode(l->tokenizer, user, strlen(user), 0, out, err) : rc;
}

/* "USER\nFILLER\n\n[2]\nFILLER … \nASK"; the caller frees it. NULL for lack of memory. */
static char *user_message(const struct parts *p, size_t repeats)
{
    size_t room = p->user.size + p->ask.size + repeats * (p->filler.size + 16) + 8;
    char *text = malloc(room), *at = text;
    if (text == NULL) {
        return NULL;
    }
    text[0] = '\0';
    at += p->user.size > 0 ? sprintf(at, "%.*s\n", (int)p->user.size, p->user.at) : 0;
    for (size_t i = 1; i <= repeats; i++) {
        at += i > 1 ? sprintf(at, "\n\n[%zu]\n", i) : 0;
        at += sprintf(at, "%.*s", (int)p->filler.size, p->filler.at);
    }
    sprintf(at, "\n%.*s", (int)p->ask.size, p->ask.at);
    return text;
}

/* Ids of the whole prompt, its filler repeated until there are at least n. */
static int encode_whole(const struct language *l, const struct parts *p, const char *system,
                        size_t n, struct aglm_tokens *out, struct aglm_err *err)
{
    int rc = 0;
    for (size_t repeats = 1; rc == 0 && out->n < n; repeats += repeats * n / (out->n + 1)) {
        char *user = repeats <= MAX_REPEATS ? user_message(p, repeats) : NULL;
        rc = user != NULL ? encode(l, system, user, out, err)
                          : aglm_err_set(err, -ENOMEM, "no memory for a prompt of %zu tokens", n);
        free(user);
    }
    return rc;
}

/* How many ids at the end of whole are the question and the template's end: those that a prompt of
 * the question alone ends in too, and the one before, which holds the newline in front. */
static int count_tail(const struct language *l, const struct parts *p,
                      const struct aglm_tokens *whole, size_t *tail, struct aglm_err *err)
{
    const struct parts only = {.user = {"", 0}, .filler = {"", 0}, .ask = p->ask};
    struct aglm_tokens ids = {0};
    char *user = user_message(&only, 0);
    int rc = user != NULL ? encode(l, "", user, &ids, err)
                          : aglm_err_set(err, -ENOMEM, "no memory for a prompt");
    size_t n = 0;
    while (rc == 0 && n < ids.n && n < whole->n &&
           ids.ids[ids.n - 1 - n] == whole->ids[whole->n - 1 - n]) {
        n++;
    }
    *tail = n < whole->n ? n + 1 : n;
    aglm_tokens_finish(&ids);
    free(user);
    return rc;
}

/* The id that stands for a piece of an image: the vocabulary's own, else one under the seed. */
static int32_t placeholder(const struct aglm_tokenizer *tokenizer, uint32_t n_vocab, uint64_t seed)
{
    static const char *const names[] = {"<|image|>", "<|image_pad|>", "<image_soft_token>"};
    struct aglm_prng prng;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int32_t id = aglm_tokenizer_find(tokenizer, names[i]);
        if (id >= 0 && (uint32_t)id < n_vocab) {
            return id;
        }
    }
    aglm_prng_init(&prng, seed, 0);
    return (int32_t)aglm_prng_below(&prng, n_vocab);
}

/* Copies whole into ids: [n_cached + n_prompt], leaving out what is too much in front of the tail
 * and putting the image there. */
static void cut(int32_t *ids, const struct aglm_suite_entry *e, const struct aglm_tokens *whole,
                size_t tail, int32_t image)
{
    size_t n_text = (size_t)e->n_cached + e->n_prompt - e->n_image;
    tail = tail < n_text ? tail : n_text - 1;
    size_t head = n_text - tail;
    size_t at = head > e->n_cached ? head : e->n_cached; /* of the image; the prefix has none */
    for (size_t i = 0; i < n_text; i++) {
        int32_t id = whole->ids[i < head ? i : whole->n - n_text + i];
        ids[i < at ? i : i + e->n_image] = id;
    }
    for (size_t i = 0; i < e->n_image; i++) {
        ids[at + i] = image;
    }
}

static int from_text(int32_t *ids, const struct aglm_suite_entry *entry, const struct language *l,
                     uint32_t n_vocab, uint64_t seed, struct aglm_err *err)
{
    const struct parts p = parts_of(entry);
    struct aglm_tokens whole = {0};
    size_t tail = 0;
    char *system = strndup(p.system.at, p.system.size);
    int rc = system != NULL ? 0 : aglm_err_set(err, -ENOMEM, "no memory for a prompt");
    if (rc == 0) {
        rc = encode_whole(l, &p, system, (size_t)entry->n_cached + entry->n_prompt - entry->n_image,
                          &whole, err);
    }
    rc = rc == 0 ? count_tail(l, &p, &whole, &tail, err) : rc;
    if (rc == 0) {
        cut(ids, entry, &whole, tail, placeholder(l->tokenizer, n_vocab, seed));
    }
    aglm_tokens_finish(&whole);
    free(system);
    return rc;
}

static void fill_random(int32_t *ids, size_t n, uint32_t n_vocab, uint64_t seed)
{
    struct aglm_prng prng;
    aglm_prng_init(&prng, seed, 0);
    for (size_t i = 0; i < n; i++) {
        ids[i] = (int32_t)aglm_prng_below(&prng, n_vocab);
    }
}

/* Fills ids: [n_cached + n_prompt]. */
static int fill(int32_t *ids, const struct aglm_suite_entry *entry, struct aglm_model *model,
                uint64_t seed, bool *has_text, struct aglm_err *err)
{
    uint32_t n_vocab = aglm_model_info(model)->n_vocab;
    struct language l = {0};
    int rc = aglm_model_tokenizer(model, &l.tokenizer, err);
    *has_text = rc == 0;
    if (rc == -ENOENT) {
        fill_random(ids, (size_t)entry->n_cached + entry->n_prompt, n_vocab, seed);
        return 0;
    }
    if (rc == 0) {
        rc = aglm_chat_detect(&l.family, aglm_model_file(model), l.tokenizer, err);
        l.plain = rc == -ENOENT || rc == -ENOTSUP; /* lengths are the same, only the frame lacks */
        rc = l.plain ? 0 : rc;
    }
    rc = rc == 0 ? from_text(ids, entry, &l, n_vocab, seed, err) : rc;
    if (rc == -ENOTSUP && *has_text && !l.plain) { /* the vocabulary lacks the template's tokens */
        l.plain = true;
        rc = from_text(ids, entry, &l, n_vocab, seed, err);
    }
    return rc;
}

int aglm_suite_prompt_make(struct aglm_suite_prompt *out, const struct aglm_suite_entry *entry,
                           struct aglm_model *model, uint64_t seed, struct aglm_err *err)
{
    size_t n = (size_t)entry->n_cached + entry->n_prompt;
    struct aglm_suite_prompt made = {.ids = calloc(n + entry->n_gen, sizeof(*made.ids))};
    bool has_text = false;
    int rc = made.ids == NULL
                 ? aglm_err_set(err, -ENOMEM, "%s: no room for its token ids", entry->id)
                 : fill(made.ids, entry, model, seed, &has_text, err);
    if (rc == 0 && has_text) {
        rc = aglm_suite_text_digest(entry, made.text_digest, err);
    }
    if (rc < 0) {
        aglm_suite_prompt_finish(&made);
        return rc;
    }
    digest_ids(made.ids, n, made.ids_digest);
    *out = made;
    return 0;
}

void aglm_suite_prompt_finish(struct aglm_suite_prompt *prompt)
{
    free(prompt->ids);
    *prompt = (struct aglm_suite_prompt){0};
}
