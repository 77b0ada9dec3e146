/* aglm-bench tokenize: text to token ids and back, with the tokenizer of a GGUF file.
 *
 * Input: text from the command line, a file or standard input; or a file of JSON strings; with
 * --decode, ids. Output: ids separated by spaces, one line for each text; with --decode, the bytes.
 * Refuses files without a vocabulary, lines that are no JSON string and ids outside of it.
 */
#include "bench/cmd_complain.h"
#include "bench/commands.h"
#include "bench/json_string.h"
#include "engine/gguf.h"
#include "engine/text/tokenizer.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tokenize {
    const char *model, *text, *text_file, *jsonl;
    bool decode, pieces, special;
    unsigned flags;
    struct aglm_tokenizer *tokenizer;
    struct aglm_tokens tokens;
};

struct bytes {
    char *data;
    size_t n;
};

static const char HELP[] =
    "Usage: aglm-bench tokenize -m FILE --text T | --text-file F | --jsonl F  [options]\n"
    "\n"
    "Prints the token ids of the text on one line, separated by spaces. Special tokens written\n"
    "out in the text (<|user|>) become their ids; none are added.\n"
    "\n"
    "  -m FILE             GGUF file with a vocabulary\n"
    "      --text T        the text itself\n"
    "      --text-file F   a file with the text; - is standard input\n"
    "      --jsonl F       one JSON string a line, one line of ids for each; - is standard input.\n"
    "                      Half a surrogate pair counts as U+FFFD\n"
    "      --decode        the other way: the input is ids, the output is the text, byte for\n"
    "                      byte; with --jsonl a line of ids gives a line with a JSON string\n"
    "      --pieces        a line for each token: its id and, as a JSON string, its text\n"
    "      --no-special    control tokens written out in the text are plain text; with\n"
    "                      --decode they are left out\n"
    "      --marks         add BOS and EOS where the file asks for them\n"
    "      --raw-bytes     bytes that are no UTF-8 stay themselves, so that --decode gives them\n"
    "                      back; without it byte-level BPE takes each for U+FFFD\n"
    "  -h, --help          this text\n";

static int usage(const char *message, const char *value)
{
    return aglm_usage("tokenize", message, value);
}

static int check(const struct tokenize *t)
{
    int inputs = !!t->text + !!t->text_file + !!t->jsonl;
    if (!t->model)
        return usage("-m FILE is missing", NULL);
    if (inputs == 0)
        return usage("nothing to tokenize: give --text, --text-file or --jsonl", NULL);
    if (inputs > 1)
        return usage("give only one of --text, --text-file and --jsonl", NULL);
    if (t->pieces && (t->decode || t->jsonl))
        return usage("--pieces: not with --decode or --jsonl", NULL);
    if (t->decode && t->flags & (AGLM_TOKENIZE_MARKS | AGLM_TOKENIZE_RAW))
        return usage("--decode: not with --marks or --raw-bytes", NULL);
    return 0;
}

/* 0: go on; 1: help was printed; 2: wrong usage. */
static int parse(struct tokenize *t, int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'},
                                            {"model", required_argument, NULL, 'm'},
                                            {"text", required_argument, NULL, 'T'},
                                            {"text-file", required_argument, NULL, 'F'},
                                            {"jsonl", required_argument, NULL, 'J'},
                                            {"decode", no_argument, NULL, 'D'},
                                            {"pieces", no_argument, NULL, 'P'},
                                            {"no-special", no_argument, NULL, 'S'},
                                            {"marks", no_argument, NULL, 'M'},
                                            {"raw-bytes", no_argument, NULL, 'R'},
                                            {0}};
    optind = 1;
    opterr = 0;
    t->special = true;
    for (int c; (c = getopt_long(argc, argv, ":hm:", OPTIONS, NULL)) != -1;) {
        switch (c) {
        case 'h':
            fputs(HELP, stdout);
            return 1;
        case 'm':
            t->model = optarg;
            break;
        case 'T':
            t->text = optarg;
            break;
        case 'F':
            t->text_file = optarg;
            break;
        case 'J':
            t->jsonl = optarg;
            break;
        case 'D':
            t->decode = true;
            break;
        case 'P':
            t->pieces = true;
            break;
        case 'S':
            t->special = false;
            break;
        case 'M':
            t->flags |= AGLM_TOKENIZE_MARKS;
            break;
        case 'R':
            t->flags |= AGLM_TOKENIZE_RAW;
            break;
        case ':':
            return usage("option needs a value", argv[optind - 1]);
        default:
            return usage("unknown option", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return usage("unexpected argument", argv[optind]);
    t->flags |= t->special ? AGLM_TOKENIZE_SPECIAL : 0;
    return check(t);
}

static const char *input_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* All of a file, or of standard input. */
static int read_input(struct bytes *out, const char *path, struct aglm_err *err)
{
    const bool standard = strcmp(path, "-") == 0;
    const char *name = input_name(path);
    FILE *f = standard ? stdin : fopen(path, "rb");
    struct bytes b = {0};
    size_t capacity = 1 << 16;
    int rc = 0;
    if (!f)
        return aglm_err_set(err, -errno, "%s: cannot be read: %s", name, strerror(errno));
    for (;;) {
        char *grown = realloc(b.data, capacity);
        if (!grown) {
            rc = aglm_err_set(err, -ENOMEM, "%s: no memory for it", name);
            break;
        }
        b.data = grown;
        errno = 0;
        size_t n = fread(b.data + b.n, 1, capacity - b.n, f);
        b.n += n;
        if (ferror(f)) {
            rc = aglm_err_set(err, errno ? -errno : -EIO, "%s: reading failed: %s", name,
                              strerror(errno ? errno : EIO));
            break;
        }
        if (b.n < capacity)
            break;
        capacity *= 2;
    }
    if (!standard)
        fclose(f);
    if (rc)
        free(b.data);
    else
        *out = b;
    return rc;
}

static void print_ids(const struct aglm_tokens *tokens)
{
    for (size_t i = 0; i < tokens->n; i++)
        printf("%s%d", i ? " " : "", tokens->ids[i]);
    putchar('\n');
}

static void print_pieces(const struct tokenize *t)
{
    for (size_t i = 0; i < t->tokens.n; i++) {
        size_t size;
        const char *piece = aglm_tokenizer_piece(t->tokenizer, t->tokens.ids[i], &size);
        printf("%d ", t->tokens.ids[i]);
        aglm_json_string_write(stdout, piece, size);
        putchar('\n');
    }
}

/* Ids separated by white space or commas, into t->tokens. */
static int parse_ids(struct tokenize *t, const char *text, size_t n, struct aglm_err *err)
{
    size_t ids = 0;
    t->tokens.n = 0;
    if (n / 2 + 1 > t->tokens.capacity) {
        int32_t *grown = realloc(t->tokens.ids, (n / 2 + 1) * sizeof(*grown));
        if (!grown)
            return aglm_err_set(err, -ENOMEM, "no memory for the ids");
        t->tokens.ids = grown;
        t->tokens.capacity = n / 2 + 1;
    }
    for (size_t at = 0; at < n;) {
        int64_t id = 0;
        size_t begin = at;
        if (text[at] && strchr(" \t\r\n,", text[at])) {
            at++;
            continue;
        }
        for (; at < n && text[at] >= '0' && text[at] <= '9' && id <= INT32_MAX; at++)
            id = id * 10 + (text[at] - '0');
        if (at == begin || id > INT32_MAX ||
            (at < n && (!text[at] || !strchr(" \t\r\n,", text[at]))))
            return aglm_err_set(err, -EINVAL, "must be ids 0, 1, 2, … separated by spaces");
        t->tokens.ids[ids++] = (int32_t)id;
    }
    t->tokens.n = ids;
    return 0;
}

/* One input, as it is: a text, or with --decode its ids. */
static int convert(struct tokenize *t, const char *text, size_t n, struct aglm_err *err)
{
    char *decoded;
    size_t size;
    t->tokens.n = 0;
    if (!t->decode) {
        int rc = aglm_tokenizer_encode(t->tokenizer, text, n, t->flags, &t->tokens, err);
        if (!rc && t->pieces)
            print_pieces(t);
        else if (!rc)
            print_ids(&t->tokens);
        return rc;
    }
    int rc = parse_ids(t, text, n, err);
    if (!rc)
        rc = aglm_tokenizer_decode(t->tokenizer, t->tokens.ids, t->tokens.n, t->special, &decoded,
                                   &size, err);
    if (rc)
        return rc;
    if (t->jsonl) {
        aglm_json_string_write(stdout, decoded, size);
        putchar('\n');
    } else {
        fwrite(decoded, 1, size, stdout);
    }
    free(decoded);
    return 0;
}

/* Each line by itself; the error names it. */
static int convert_lines(struct tokenize *t, const struct bytes *all, struct aglm_err *err)
{
    char *text = malloc(all->n + 1);
    int rc = text ? 0 : aglm_err_set(err, -ENOMEM, "no memory for %zu bytes", all->n);
    unsigned long line = 1;
    for (size_t at = 0; at < all->n && !rc; line++) {
        const char *begin = all->data + at, *end = memchr(begin, '\n', all->n - at);
        size_t n = end ? (size_t)(end - begin) : all->n - at, size = 0;
        at += n + 1;
        const char *why = t->decode ? NULL : aglm_json_string_read(begin, n, text, &size);
        if (why)
            rc = aglm_err_set(err, -EINVAL, "%s", why);
        else
            rc = convert(t, t->decode ? begin : text, t->decode ? n : size, err);
        if (rc)
            aglm_err_prefix(err, "%s: line %lu", input_name(t->jsonl), line);
    }
    free(text);
    return rc;
}

static int open_tokenizer(struct tokenize *t, struct aglm_err *err)
{
    struct aglm_gguf *file = NULL;
    int rc = aglm_gguf_open(&file, t->model, err);
    if (!rc)
        rc = aglm_tokenizer_open(&t->tokenizer, file, err);
    aglm_gguf_close(&file);
    return rc;
}

static int run(struct tokenize *t, struct aglm_err *err)
{
    const char *path = t->jsonl ? t->jsonl : t->text_file;
    struct bytes input = {0};
    int rc = open_tokenizer(t, err);
    if (!rc && path)
        rc = read_input(&input, path, err);
    if (rc)
        return rc;
    if (t->jsonl) {
        rc = convert_lines(t, &input, err);
    } else {
        rc = convert(t, path ? input.data : t->text, path ? input.n : strlen(t->text), err);
        if (rc)
            aglm_err_prefix(err, "%s", path ? input_name(path) : "--text");
    }
    free(input.data);
    return rc;
}

int aglm_cmd_tokenize(int argc, char **argv)
{
    struct tokenize t = {0};
    struct aglm_err err = {0};
    int rc = parse(&t, argc, argv);
    if (rc)
        return rc == 1 ? 0 : 2;
    rc = run(&t, &err);
    if (rc)
        fprintf(stderr, "aglm-bench tokenize: %s\n", err.msg);
    aglm_tokens_finish(&t.tokens);
    aglm_tokenizer_close(&t.tokenizer);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "aglm-bench tokenize: standard output: %s\n", strerror(errno));
        rc = 1;
    }
    return rc ? 1 : 0;
}
