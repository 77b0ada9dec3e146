/* Chat templates. Inputs: messages, a family (named, or found from a file's template). Outputs: the
 * text that surrounds them in that family, or its token ids.
 *
 * A rendered text is kept with the places of its control tokens, so that encoding takes their ids
 * from the vocabulary and tokenizes everything between them as plain text. Sources of the forms:
 * the models' own Jinja templates (tokenizer_config.json). Refuses roles that a family was not
 * trained with, and templates of no known family.
 */
#include "engine/text/template.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 1 << 30, MAX_CONTROL = 63 };

/* Markup below: control tokens stand between \1 and \2, {r} is the role, {c} the content. */
#define C(token) "\1" token "\2"

struct family {
    const char *name;
    const char *start;     /* before the first message */
    const char *message;   /* around each */
    const char *answer;    /* the opening of the answer */
    const char *assistant; /* what the assistant's role is called */
    bool observation;      /* has that role */
    bool bos;              /* begins with the vocabulary's BOS, if the file asks for one */
    bool trims;            /* content is stripped of white space at both ends */
    bool alternates;       /* user and assistant in turn; system goes into the first user's */
};

static const struct family families[] = {
    [AGLM_CHAT_GLM4] = {"glm4", C("[gMASK]") C("<sop>"), C("<|{r}|>") "\n{c}", C("<|assistant|>"),
                        "assistant", .observation = true},
    [AGLM_CHAT_GLM_EDGE] = {"glm-edge", "", C("<|{r}|>") "\n{c}", C("<|assistant|>"), "assistant"},
    [AGLM_CHAT_CHATGLM3] = {"chatglm3", C("[gMASK]") C("sop"), C("<|{r}|>") "\n {c}",
                            C("<|assistant|>"), "assistant", .observation = true},
    [AGLM_CHAT_LLAMA3] = {"llama3", "",
                          C("<|start_header_id|>") "{r}" C("<|end_header_id|>") "\n\n{c}" C(
                              "<|eot_id|>"),
                          C("<|start_header_id|>") "assistant" C("<|end_header_id|>") "\n\n",
                          "assistant", .bos = true, .trims = true},
    [AGLM_CHAT_CHATML] = {"chatml", "", C("<|im_start|>") "{r}\n{c}" C("<|im_end|>") "\n",
                          C("<|im_start|>") "assistant\n", "assistant"},
    [AGLM_CHAT_GEMMA] = {"gemma", "", C("<start_of_turn>") "{r}\n{c}" C("<end_of_turn>") "\n",
                         C("<start_of_turn>") "model\n", "model", .bos = true, .trims = true,
                         .alternates = true},
};

#define N_FAMILIES (sizeof(families) / sizeof(families[0]))

const char *aglm_chat_family_name(enum aglm_chat_family family)
{
    return families[family].name;
}

int aglm_chat_family_by_name(enum aglm_chat_family *out, const char *name, struct aglm_err *err)
{
    for (size_t i = 0; i < N_FAMILIES; i++) {
        if (strcmp(name, families[i].name) == 0) {
            *out = (enum aglm_chat_family)i;
            return 0;
        }
    }
    return aglm_err_set(err, -EINVAL, "--template: '%.40s' is no family of templates: give %s",
                        name, AGLM_CHAT_FAMILIES);
}

/* ---- which family ---- */

/* Words of the Jinja text that tell a family: all of has, none of lacks. The first match counts. */
static const struct mark {
    enum aglm_chat_family family;
    const char *has[3], *lacks[5];
} marks[] = {
    {AGLM_CHAT_CHATML, {"<|im_start|>", "<|im_end|>"}, {"<|im_sep|>", "<end_of_utterance>"}},
    {AGLM_CHAT_GLM4, {"[gMASK]<sop>"}, {NULL}},
    {AGLM_CHAT_CHATGLM3, {"[gMASK]sop"}, {NULL}},
    {AGLM_CHAT_LLAMA3, {"<|start_header_id|>", "<|end_header_id|>"}, {NULL}},
    {AGLM_CHAT_GEMMA, {"<start_of_turn>"}, {NULL}},
    {AGLM_CHAT_GLM_EDGE,
     {"<|user|>", "<|assistant|>"},
     {"</s>", "<|end|>", "<|endoftext|>", "eos_token", "[INST]"}},
    {AGLM_CHAT_GLM_EDGE, {"<|{{ item['role'] }}|>", "<|begin_of_image|>"}, {NULL}},
};

static bool matches(const struct mark *mark, const char *text)
{
    for (size_t i = 0; i < 3 && mark->has[i] != NULL; i++) {
        if (strstr(text, mark->has[i]) == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < 5 && mark->lacks[i] != NULL; i++) {
        if (strstr(text, mark->lacks[i]) != NULL) {
            return false;
        }
    }
    return true;
}

static bool has_token(const struct aglm_tokenizer *tokenizer, const char *piece)
{
    int32_t id = tokenizer != NULL ? aglm_tokenizer_find(tokenizer, piece) : -1;
    return id >= 0 && aglm_tokenizer_is_control(tokenizer, id);
}

/* Without a template: tokens that only one family has. GLM-4's are all in GLM-Edge's vocabulary
 * too, so those two cannot be told apart. */
static bool by_tokens(enum aglm_chat_family *out, const struct aglm_tokenizer *tokenizer)
{
    static const struct {
        enum aglm_chat_family family;
        const char *a, *b;
    } telling[] = {
        {AGLM_CHAT_CHATML, "<|im_start|>", "<|im_end|>"},
        {AGLM_CHAT_LLAMA3, "<|start_header_id|>", "<|end_header_id|>"},
        {AGLM_CHAT_GEMMA, "<start_of_turn>", "<end_of_turn>"},
        {AGLM_CHAT_CHATGLM3, "[gMASK]", "sop"},
    };
    for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++) {
        if (has_token(tokenizer, telling[i].a) && has_token(tokenizer, telling[i].b)) {
            *out = telling[i].family;
            return true;
        }
    }
    return false;
}

int aglm_chat_detect(enum aglm_chat_family *out, const struct aglm_gguf *file,
                     const struct aglm_tokenizer *tokenizer, struct aglm_err *err)
{
    const char *text = NULL;
    int rc = aglm_gguf_get_string(file, "tokenizer.chat_template", &text, err);
    if (rc == -ENOENT) {
        return by_tokens(out, tokenizer)
                   ? 0
                   : aglm_err_set(err, -ENOENT,
                                  "%s: has no chat template; name the family with --template (%s), "
                                  "or use --no-template to give the text as it is",
                                  aglm_gguf_path(file), AGLM_CHAT_FAMILIES);
    }
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (matches(&marks[i], text)) {
            *out = marks[i].family;
            return 0;
        }
    }
    return aglm_err_set(err, -ENOTSUP,
                        "%s: its chat template is of no family known here; name the nearest with "
                        "--template (%s), or use --no-template to give the text as it is",
                        aglm_gguf_path(file), AGLM_CHAT_FAMILIES);
}

/* ---- rendering ---- */

/* Text being built: [size] of capacity, and where its control tokens lie. */
struct piece {
    size_t at, size;
};

struct render {
    char *text;
    size_t size, capacity;
    struct piece *controls; /* [n_controls] */
    size_t n_controls;
};

static void finish(struct render *r)
{
    free(r->text);
    free(r->controls);
    *r = (struct render){0};
}

static int append(struct render *r, const char *text, size_t size)
{
    if (size > MAX_TEXT - r->size) {
        return -E2BIG;
    }
    if (r->size + size + 1 > r->capacity) {
        size_t capacity = (r->size + size + 1) * 2;
        char *grown = realloc(r->text, capacity);
        if (grown == NULL) {
            return -ENOMEM;
        }
        r->text = grown;
        r->capacity = capacity;
    }
    memcpy(r->text + r->size, text, size);
    r->size += size;
    r->text[r->size] = '\0';
    return 0;
}

static int add_control(struct render *r, size_t at)
{
    struct piece *grown = realloc(r->controls, (r->n_controls + 1) * sizeof(*grown));
    if (grown == NULL) {
        return -ENOMEM;
    }
    r->controls = grown;
    grown[r->n_controls++] = (struct piece){at, r->size - at};
    return 0;
}

struct span {
    const char *at;
    size_t size;
};

/* Writes markup with {r} and {c} filled in: before and content are the content's two parts. */
static int put(struct render *r, const char *markup, const char *role, struct span before,
               struct span content)
{
    size_t control = 0;
    int rc = 0;
    for (const char *p = markup; *p != '\0' && rc == 0; p++) {
        if (*p == '\1') {
            control = r->size;
        } else if (*p == '\2') {
            rc = add_control(r, control);
        } else if (strncmp(p, "{r}", 3) == 0) {
            rc = append(r, role, strlen(role));
            p += 2;
        } else if (strncmp(p, "{c}", 3) == 0) {
            rc = append(r, before.at, before.size);
            rc = rc == 0 ? append(r, content.at, content.size) : rc;
            p += 2;
        } else {
            rc = append(r, p, 1);
        }
    }
    return rc;
}

/* Length of the white-space character at the start of [size] bytes, 0 if there is none: what
 * Python's strip(), which Jinja's trim is, takes off. */
static size_t space_at(const char *text, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    if (size > 0 && ((s[0] >= 9 && s[0] <= 13) || (s[0] >= 28 && s[0] <= 32))) {
        return 1;
    }
    if (size > 1 && s[0] == 0xc2 && (s[1] == 0x85 || s[1] == 0xa0)) {
        return 2;
    }
    if (size < 3 || s[0] < 0xe1 || s[0] > 0xe3) {
        return 0;
    }
    unsigned code = (s[0] & 0xfu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
    bool space = code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
                 code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
    return space ? 3 : 0;
}

static struct span trim(struct span s)
{
    for (size_t n; (n = space_at(s.at, s.size)) > 0;) {
        s.at += n;
        s.size -= n;
    }
    for (bool again = true; again;) {
        again = false;
        for (size_t n = 1; n <= 3 && n <= s.size && !again; n++) {
            again = space_at(s.at + s.size - n, n) == n;
            s.size -= again ? n : 0;
        }
    }
    return s;
}

static int refuse_role(const struct family *f, const char *role, struct aglm_err *err)
{
    return aglm_err_set(err, -EINVAL, "template %s: no message of role '%.40s'%s", f->name, role,
                        f->alternates ? " there: after one system message it has user and "
                                        "assistant in turn, beginning with user"
                                      : "; it has system, user and assistant");
}

/* Whether message i may come there. */
static bool role_fits(const struct family *f, const struct aglm_chat_message *messages, size_t i)
{
    const char *role = messages[i].role;
    bool user = strcmp(role, "user") == 0, assistant = strcmp(role, "assistant") == 0;
    if (!f->alternates) {
        return user || assistant || strcmp(role, "system") == 0 ||
               (f->observation && strcmp(role, "observation") == 0);
    }
    if (strcmp(role, "system") == 0) {
        return i == 0;
    }
    size_t turn = i - (strcmp(messages[0].role, "system") == 0);
    return turn % 2 == 0 ? user : assistant;
}

static int render(struct render *r, const struct family *f,
                  const struct aglm_chat_message *messages, size_t n, struct aglm_err *err)
{
    const struct span nothing = {"", 0};
    int rc = put(r, f->start, "", nothing, nothing);
    struct render system = {0}; /* what goes before the first user's content */
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct aglm_chat_message *m = &messages[i];
        struct span content = {m->content, strlen(m->content)};
        if (!role_fits(f, messages, i)) {
            rc = refuse_role(f, m->role, err);
        } else if (f->alternates && strcmp(m->role, "system") == 0) {
            rc = append(&system, m->content, content.size);
            rc = rc == 0 ? append(&system, "\n\n", 2) : rc;
        } else {
            struct span before = {system.text != NULL ? system.text : "", system.size};
            rc = put(r, f->message, strcmp(m->role, "assistant") == 0 ? f->assistant : m->role,
                     before, f->trims ? trim(content) : content);
            system.size = 0;
        }
    }
    finish(&system);
    rc = rc == 0 ? put(r, f->answer, "", nothing, nothing) : rc;
    return rc == -ENOMEM || rc == -E2BIG
               ? aglm_err_set(err, rc, "no room for a prompt of this length")
               : rc;
}

int aglm_chat_format(enum aglm_chat_family family, const struct aglm_chat_message *messages,
                     size_t n, char **text, struct aglm_err *err)
{
    struct render r = {0};
    int rc = render(&r, &families[family], messages, n, err);
    if (rc == 0) {
        *text = r.text;
        r.text = NULL;
    }
    finish(&r);
    return rc;
}

/* ---- token ids ---- */

static int push_id(struct aglm_tokens *out, int32_t id, struct aglm_err *err)
{
    if (out->n == out->capacity) {
        size_t capacity = out->capacity * 2 + 16;
        int32_t *grown = realloc(out->ids, capacity * sizeof(*grown));
        if (grown == NULL) {
            return aglm_err_set(err, -ENOMEM, "no room for the prompt's token ids");
        }
        out->ids = grown;
        out->capacity = capacity;
    }
    out->ids[out->n++] = id;
    return 0;
}

static int push_control(const struct family *f, const struct aglm_tokenizer *tokenizer,
                        const char *at, size_t size, struct aglm_tokens *out, struct aglm_err *err)
{
    char name[MAX_CONTROL + 1] = "";
    memcpy(name, at, size < MAX_CONTROL ? size : MAX_CONTROL);
    int32_t id = aglm_tokenizer_find(tokenizer, name);
    if (id < 0) {
        return aglm_err_set(err, -ENOTSUP,
                            "template %s: this model's vocabulary has no token %s; choose another "
                            "--template, or --no-template",
                            f->name, name);
    }
    return push_id(out, id, err);
}

static int push_text(const struct aglm_tokenizer *tokenizer, const char *at, size_t size,
                     struct aglm_tokens *out, struct aglm_err *err)
{
    return size > 0 ? aglm_tokenizer_encode(tokenizer, at, size, 0, out, err) : 0;
}

int aglm_chat_encode(enum aglm_chat_family family, const struct aglm_tokenizer *tokenizer,
                     const struct aglm_chat_message *messages, size_t n, struct aglm_tokens *out,
                     struct aglm_err *err)
{
    const struct family *f = &families[family];
    const struct aglm_tokenizer_info *info = aglm_tokenizer_info(tokenizer);
    struct render r = {0};
    size_t before = out->n, at = 0;
    int rc = render(&r, f, messages, n, err);
    if (rc == 0 && f->bos && info->add_bos && info->bos >= 0) {
        rc = push_id(out, info->bos, err);
    }
    for (size_t i = 0; i < r.n_controls && rc == 0; i++) {
        const struct piece *control = &r.controls[i];
        rc = push_text(tokenizer, r.text + at, control->at - at, out, err);
        if (rc == 0) {
            rc = push_control(f, tokenizer, r.text + control->at, control->size, out, err);
        }
        at = control->at + control->size;
    }
    if (rc == 0 && r.text != NULL) {
        rc = push_text(tokenizer, r.text + at, r.size - at, out, err);
    }
    if (rc < 0) {
        out->n = before;
    }
    finish(&r);
    return rc;
}
