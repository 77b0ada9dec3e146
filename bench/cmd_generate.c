/* `aglm-bench generate`: text in, text out, and how fast it came.
 *
 * Inputs: a model with a tokenizer, a prompt (--prompt, --prompt-file, or lines of standard input
 * with -i). Outputs: the answer on standard output as it comes, figures on standard error. Refuses
 * models without a tokenizer, unknown chat templates and prompts longer than the context, before
 * anything is computed.
 */
#include "bench/cmd_generate.h"
#include "bench/cmd_complain.h"
#include "bench/commands.h"
#include "bench/generate.h"
#include "bench/requantize.h"
#include "engine/session.h"
#include "engine/text/template.h"
#include "probes/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PROMPT = 64 << 20, CHAT_CONTEXT = 4096, BATCH = 2048 };

static volatile sig_atomic_t stop_requested;

static void on_signal(int number)
{
    stop_requested = 1;
    signal(number, SIG_DFL); /* a second one quits at once */
}

static void set_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: a read ends too */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

static bool cancelled(void *ctx)
{
    return stop_requested != 0;
}

/* ---- the prompt ---- */

/* The whole file as text, without one newline at its end. */
static int read_prompt(char **out, const char *path, struct aglm_err *err)
{
    FILE *f = fopen(path, "rb");
    size_t size = 0, capacity = 1 << 16;
    char *text = f != NULL ? malloc(capacity) : NULL;
    int rc = f == NULL ? aglm_err_set(err, -errno, "%s: cannot be read: %s", path, strerror(errno))
             : text == NULL ? aglm_err_set(err, -ENOMEM, "%s: no memory for the prompt", path)
                            : 0;
    while (rc == 0 && !feof(f)) {
        size += fread(text + size, 1, capacity - size - 1, f);
        if (ferror(f)) {
            rc = aglm_err_set(err, -EIO, "%s: cannot be read: %s", path, strerror(errno));
        } else if (size > MAX_PROMPT) {
            rc = aglm_err_set(err, -E2BIG, "%s: a prompt of more than 64 MiB", path);
        } else if (size + 1 == capacity) {
            char *grown = realloc(text, capacity *= 2);
            text = grown != NULL ? grown : text;
            rc = grown == NULL ? aglm_err_set(err, -ENOMEM, "%s: no memory for the prompt", path)
                               : 0;
        }
    }
    if (rc == 0) {
        size -= size > 0 && text[size - 1] == '\n';
        text[size] = '\0';
        if (size == 0 || strlen(text) != size) {
            rc = aglm_err_set(err, -EINVAL, "%s: %s", path,
                              size == 0 ? "is empty" : "is no text: it holds NUL bytes");
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    if (rc == 0) {
        *out = text;
    } else {
        free(text);
    }
    return rc;
}

/* Messages of a conversation; content owned. */
struct talk {
    struct aglm_chat_message *messages; /* [n] */
    size_t n;
};

static int talk_add(struct talk *talk, const char *role, const char *content, struct aglm_err *err)
{
    struct aglm_chat_message *grown =
        realloc(talk->messages, (talk->n + 1) * sizeof(*talk->messages));
    char *copy = strdup(content);
    talk->messages = grown != NULL ? grown : talk->messages;
    if (grown == NULL || copy == NULL) {
        free(copy);
        return aglm_err_set(err, -ENOMEM, "no memory for the conversation");
    }
    grown[talk->n++] = (struct aglm_chat_message){role, copy};
    return 0;
}

static void talk_finish(struct talk *talk)
{
    for (size_t i = 0; i < talk->n; i++) {
        free((char *)(uintptr_t)talk->messages[i].content);
    }
    free(talk->messages);
    *talk = (struct talk){0};
}

static int encode(const struct aglm_generate_command *c, const struct talk *talk,
                  struct aglm_tokens *out, struct aglm_err *err)
{
    const char *text = talk->messages[talk->n - 1].content;
    return c->no_template
               ? aglm_tokenizer_encode(c->tokenizer, text, strlen(text),
                                       AGLM_TOKENIZE_MARKS | AGLM_TOKENIZE_SPECIAL, out, err)
               : aglm_chat_encode(c->family, c->tokenizer, talk->messages, talk->n, out, err);
}

/* ---- opening ---- */

static struct aglm_model_options model_options(const struct aglm_generate_command *c)
{
    return (struct aglm_model_options){.path = c->model,
                                       .backend = c->backend,
                                       .isa = c->isa,
                                       .n_load_threads = (unsigned)c->n_threads,
                                       .n_ctx_override = (uint32_t)c->n_ctx_override,
                                       .cancelled = cancelled};
}

/* A prompt goes through the model in few passes, which gain little from packed weights: the first
 * token need not wait for them. What is re-quantized is packed at once. */
static int open_model(struct aglm_generate_command *c, struct aglm_err *err)
{
    struct aglm_model_options options = model_options(c);
    const bool as_it_is = c->quantize == NULL || strcmp(c->quantize, "none") == 0;
    const bool mmap = strcmp(c->load, "mmap") == 0;
    options.load = as_it_is || mmap ? AGLM_LOAD_MMAP : AGLM_LOAD_PACK;
    c->packs_later = as_it_is && !mmap;
    static const char none[] = "has no tokenizer, so text can neither go in nor come out: give a "
                               "file that has one; for speed alone there is 'aglm-bench run', for "
                               "token ids 'aglm-bench eval --tokens'";
    if (strncmp(c->model, "preset:", 7) == 0) {
        return aglm_err_set(err, -ENOENT, "%s: a preset %s", c->model, none);
    }
    int rc = aglm_requantize_open(&c->loaded, &options, c->quantize, err);
    if (rc < 0) {
        return rc;
    }
    rc = aglm_model_tokenizer(c->loaded, &c->tokenizer, err);
    if (rc == -ENOENT) {
        return aglm_err_set(err, rc, "%s: %s", c->model, none);
    }
    if (rc == 0 && c->template != NULL) {
        rc = aglm_chat_family_by_name(&c->family, c->template, err);
    } else if (rc == 0 && !c->no_template) {
        rc = aglm_chat_detect(&c->family, aglm_model_file(c->loaded), c->tokenizer, err);
    }
    return rc == 0 ? aglm_sampler_create(&c->sampler, &c->sampling,
                                         aglm_model_info(c->loaded)->n_vocab, err)
                   : rc;
}

/* Opens the session when the first prompt's length is known; refuses what does not fit into it. */
static int open_session(struct aglm_generate_command *c, size_t n_prompt, struct aglm_err *err)
{
    uint32_t n_train = aglm_model_info(c->loaded)->n_ctx_train;
    uint64_t n_ctx = c->n_ctx;
    if (n_ctx > n_train) {
        return aglm_err_set(err, -EINVAL,
                            "-c: %" PRIu64 " positions, but %s was trained for %" PRIu32
                            ": give at most that many, or --override-ctx if the file is wrong",
                            n_ctx, c->model, n_train);
    }
    if (n_ctx == 0) {
        n_ctx = c->interactive ? CHAT_CONTEXT : n_prompt + c->n_max;
        n_ctx = n_ctx > n_train ? n_train : n_ctx;
    }
    if (n_prompt > (c->context > 0 ? c->context : n_ctx)) {
        return aglm_err_set(err, -ENOSPC,
                            "the prompt has %zu tokens and the context %" PRIu64
                            ": give a shorter prompt, or a larger -c (%s was trained for %" PRIu32
                            " positions)",
                            n_prompt, c->context > 0 ? c->context : n_ctx, c->model, n_train);
    }
    if (c->context > 0) {
        return 0;
    }
    uint32_t n_batch = n_ctx < BATCH ? (uint32_t)n_ctx : BATCH;
    const struct aglm_session_options options = {.n_ctx = (uint32_t)n_ctx,
                                                 .type_k = c->type_k,
                                                 .type_v = c->type_v,
                                                 .n_batch = n_batch,
                                                 .n_ubatch = n_batch < 512 ? n_batch : 512,
                                                 .n_threads = (unsigned)c->n_threads,
                                                 .cancelled = cancelled};
    int rc = aglm_session_open(&c->session, c->loaded, &options, err);
    c->context = rc == 0 ? (uint32_t)n_ctx : 0;
    return rc;
}

/* ---- one answer ---- */

static int pack(void *ctx, struct aglm_err *err)
{
    struct aglm_generate_command *c = ctx;
    const struct aglm_model_options options = model_options(c);
    c->packs_later = false;
    int rc = aglm_model_pack(c->loaded, &options, err);
    if (rc == -ENOMEM) { /* it runs without */
        char msg[sizeof(err->msg) + 40];
        snprintf(msg, sizeof(msg), "%s; going on as with --load mmap", err->msg);
        aglm_complain("generate", msg);
        rc = 0;
    }
    return rc;
}

static int on_text(void *ctx, const char *text, size_t size, struct aglm_err *err)
{
    struct aglm_generate_command *c = ctx;
    errno = 0;
    if (fwrite(text, 1, size, stdout) != size || fflush(stdout) != 0) {
        c->broken_output = true;
        return aglm_err_set(err, errno != 0 ? -errno : -EIO,
                            "standard output: cannot write the answer: %s",
                            strerror(errno != 0 ? errno : EIO));
    }
    c->ends_in_newline = text[size - 1] == '\n';
    return 0;
}

/* packed: the model, if its weights were packed during this answer. */
static void print_figures(const struct aglm_generated *made, uint64_t tokenize_ns,
                          const struct aglm_model_info *packed)
{
    double prefill_ms = (double)made->prefill_ns / 1e6, tokenize_ms = (double)tokenize_ns / 1e6;
    double first_ms = (double)made->first_ns / 1e6;
    size_t n_run = made->n_prompt - made->n_reused;
    fprintf(stderr, "\nprompt       %zu tokens", made->n_prompt);
    if (made->n_reused > 0) {
        fprintf(stderr, " (%zu of them in the cache)", made->n_reused);
    }
    fprintf(stderr, ", prefill %.2f tok/s\n", 1e3 * (double)n_run / prefill_ms);
    if (made->n > 0) {
        fprintf(stderr,
                "TTFT         %.2f ms: tokenizing %.2f, prefill %.2f, choosing and writing %.2f\n",
                tokenize_ms + prefill_ms + first_ms, tokenize_ms, prefill_ms, first_ms);
    }
    if (made->n > 1) {
        fprintf(stderr, "TPOT         %.2f ms mean, %.2f ms median: %.2f tok/s\n",
                made->tpot_mean_ms, made->tpot_median_ms, 1e3 / made->tpot_mean_ms);
    }
    if (packed != NULL) {
        fprintf(stderr, "packing      %.2f GB of weights in %.2f s, after the first token\n",
                (double)packed->packed_bytes / 1e9, (double)made->settle_ns / 1e9);
    }
    fprintf(stderr, "generated    %zu token%s in %.2f s; stopped: %s\n", made->n,
            made->n == 1 ? "" : "s", (double)(made->total_ns + tokenize_ns) / 1e9,
            aglm_stop_name(made->stop));
}

/* Runs what was said and prints the answer; *out is the caller's to finish on success. */
static int answer(struct aglm_generate_command *c, const struct talk *talk,
                  struct aglm_generated *out, struct aglm_err *err)
{
    struct aglm_tokens tokens = {0};
    uint64_t start = aglm_clock_ns();
    int rc = encode(c, talk, &tokens, err);
    uint64_t tokenize_ns = aglm_clock_ns() - start;
    rc = rc == 0 ? open_session(c, tokens.n, err) : rc;
    if (rc == 0) {
        const struct aglm_generate g = {.session = c->session,
                                        .tokenizer = c->tokenizer,
                                        .sampler = c->sampler,
                                        .n_max = (size_t)c->n_max,
                                        .n_ctx = c->context,
                                        .ctx = c,
                                        .text = on_text,
                                        .settle = c->packs_later ? pack : NULL,
                                        .cancelled = cancelled};
        c->ends_in_newline = false;
        rc = aglm_generate(out, &g, tokens.ids, tokens.n, err);
        if (rc == -EDOM)
            aglm_err_prefix(err, "%s", c->model);
    }
    aglm_tokens_finish(&tokens);
    if (rc == 0 && !c->ends_in_newline) {
        rc = on_text(c, "\n", 1, err);
        if (rc < 0) {
            aglm_generated_finish(out);
        }
    }
    if (rc == 0 && !c->quiet) {
        const struct aglm_model_info *info = aglm_model_info(c->loaded);
        print_figures(out, tokenize_ns, out->settle_ns > 0 && info->packed_bytes > 0 ? info : NULL);
    }
    return rc;
}

/* ---- the two ways to ask ---- */

static int ask_once(struct aglm_generate_command *c, struct aglm_err *err)
{
    struct talk talk = {0};
    struct aglm_generated made = {0};
    char *text = NULL;
    int rc = c->prompt_file != NULL ? read_prompt(&text, c->prompt_file, err) : 0;
    rc = rc == 0 ? open_model(c, err) : rc;
    if (rc == 0 && c->system != NULL) {
        rc = talk_add(&talk, "system", c->system, err);
    }
    rc = rc == 0 ? talk_add(&talk, "user", text != NULL ? text : c->prompt, err) : rc;
    rc = rc == 0 ? answer(c, &talk, &made, err) : rc;
    aglm_generated_finish(&made);
    talk_finish(&talk);
    free(text);
    return rc;
}

/* What later turns are told of an answer: without reasoning, which the models' own templates leave
 * out too, and without the newline that GLM's answers begin with and its template writes. */
static const char *said(const char *text)
{
    static const char end_of_thought[] = "</think>";
    const char *thought = strstr(text, end_of_thought);
    text = thought != NULL ? thought + strlen(end_of_thought) : text;
    while (*text == '\n') {
        text++;
    }
    return text;
}

static int take_turn(struct aglm_generate_command *c, struct talk *talk, const char *line,
                     struct aglm_err *err)
{
    struct aglm_generated made = {0};
    int rc = talk_add(talk, "user", line, err);
    rc = rc == 0 ? answer(c, talk, &made, err) : rc;
    rc = rc == 0 ? talk_add(talk, "assistant", made.text != NULL ? said(made.text) : "", err) : rc;
    aglm_generated_finish(&made);
    return rc;
}

static int chat(struct aglm_generate_command *c, struct aglm_err *err)
{
    struct talk talk = {0};
    char *line = NULL;
    size_t capacity = 0;
    bool terminal = isatty(STDIN_FILENO) == 1;
    int rc = open_model(c, err);
    if (rc == 0 && c->system != NULL) {
        rc = talk_add(&talk, "system", c->system, err);
    }
    while (rc == 0 && !stop_requested) {
        if (terminal) {
            fputs("> ", stderr);
        }
        ssize_t n = getline(&line, &capacity, stdin);
        if (n < 0) {
            break;
        }
        n -= n > 0 && line[n - 1] == '\n';
        line[n] = '\0';
        rc = n > 0 ? take_turn(c, &talk, line, err) : 0;
    }
    free(line);
    talk_finish(&talk);
    return rc;
}

int aglm_cmd_generate(int argc, char **argv)
{
    struct aglm_generate_command c = {0};
    struct aglm_err err = {0};
    int rc = aglm_generate_parse(&c, argc, argv);
    if (rc != 0) {
        return rc == 1 ? 0 : 2;
    }
    set_signals();
    rc = c.interactive ? chat(&c, &err) : ask_once(&c, &err);
    if (rc < 0) {
        aglm_complain("generate", rc == -ECANCELED ? "interrupted" : err.msg);
    }
    aglm_session_close(&c.session);
    aglm_sampler_destroy(&c.sampler);
    aglm_model_close(&c.loaded);
    return rc == 0 && !stop_requested ? 0 : 1;
}
