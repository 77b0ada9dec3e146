/* tokenizer.model: a SentencePiece model, which is a protobuf message.
 *
 * Fields used (sentencepiece_model.proto): 1 pieces {1 piece, 2 score, 3 type}, 2 trainer {3 model
 * type}, 3 normalizer {3 add_dummy_prefix}. Everything else is skipped. Refused: fields that reach
 * past their message, groups, pieces without text, models that are not BPE.
 */
#include "engine/convert/vocab.h"

#include <errno.h>
#include <string.h>

struct message {
    const uint8_t *at, *end;
};

struct field {
    uint32_t number;
    unsigned wire;          /* 0 varint, 1 eight bytes, 2 bytes, 5 four bytes */
    uint64_t value;         /* of a varint and of four bytes */
    struct message content; /* of bytes */
};

static int read_varint(struct message *m, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && m->at < m->end; shift += 7) {
        uint8_t byte = *m->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return 0;
        }
    }
    return -EINVAL;
}

static int read_field(struct message *m, struct field *f)
{
    uint64_t key, n = 0;
    if (read_varint(m, &key) != 0 || key >> 3 == 0 || key >> 3 > UINT32_MAX)
        return -EINVAL;
    *f = (struct field){.number = (uint32_t)(key >> 3), .wire = (unsigned)(key & 7)};
    switch (f->wire) {
    case 0:
        return read_varint(m, &f->value);
    case 1:
        n = 8;
        break;
    case 2:
        if (read_varint(m, &n) != 0)
            return -EINVAL;
        break;
    case 5:
        n = 4;
        break;
    default:
        return -EINVAL;
    }
    if (n > (uint64_t)(m->end - m->at))
        return -EINVAL;
    f->content = (struct message){m->at, m->at + n};
    for (unsigned i = 0; f->wire == 5 && i < 4; i++)
        f->value |= (uint64_t)m->at[i] << (8 * i);
    m->at += n;
    return 0;
}

/* SentencePiece's types are GGUF's, except that 0 is none. */
static int read_piece(struct aglm_hf_vocab *v, uint64_t id, struct message m, struct aglm_err *err,
                      const char *file)
{
    struct message text = {0};
    float score = 0.0f;
    uint64_t type = AGLM_HF_TOKEN_NORMAL;
    int rc = 0;
    while (!rc && m.at < m.end) {
        struct field f;
        rc = read_field(&m, &f);
        if (!rc && f.number == 1 && f.wire == 2) {
            text = f.content;
        } else if (!rc && f.number == 2 && f.wire == 5) {
            uint32_t bits = (uint32_t)f.value;
            memcpy(&score, &bits, sizeof(score));
        } else if (!rc && f.number == 3 && f.wire == 0) {
            type = f.value;
        }
    }
    const size_t size = (size_t)(text.end - text.at);
    if (rc || size == 0 || memchr(text.at, 0, size) || type < 1 || type > AGLM_HF_TOKEN_BYTE ||
        !(score > -1e30f && score < 1e30f))
        return aglm_err_set(err, -EINVAL, "%s: piece %llu is damaged", file,
                            (unsigned long long)id);
    rc = aglm_hf_vocab_set(v, id, (const char *)text.at, size, (int)type, score);
    if (rc == -ERANGE)
        return aglm_err_set(err, -EINVAL, "%s: has more pieces than the model's %zu tokens", file,
                            v->n);
    return rc ? aglm_err_set(err, rc, "%s: out of memory", file) : 0;
}

/* A varint in a message, *out untouched where it has none. */
static int find_varint(struct message m, uint32_t number, uint64_t *out)
{
    while (m.at < m.end) {
        struct field f;
        if (read_field(&m, &f) != 0)
            return -EINVAL;
        if (f.number == number && f.wire == 0)
            *out = f.value;
    }
    return 0;
}

int aglm_sentencepiece_read(struct aglm_hf_vocab *v, const void *bytes, size_t size,
                            const char *file, struct aglm_err *err)
{
    struct message m = {bytes, (const uint8_t *)bytes + size};
    uint64_t n = 0, model = 1, prefix = 1; /* the message's defaults: unigram, true */
    int rc = 0;
    v->model = "llama";
    while (!rc && m.at < m.end) {
        struct field f;
        rc = read_field(&m, &f);
        if (rc || f.wire != 2 || f.number > 3) {
            if (rc)
                break;
            continue;
        }
        if (f.number == 1 && (rc = read_piece(v, n++, f.content, err, file)) != 0)
            return rc;
        if (f.number == 2)
            rc = find_varint(f.content, 3, &model);
        if (f.number == 3)
            rc = find_varint(f.content, 3, &prefix);
    }
    if (rc || n == 0)
        return aglm_err_set(err, -EINVAL, "%s: no SentencePiece model, or damaged", file);
    if (model != 2)
        return aglm_err_set(err, -ENOTSUP,
                            "%s: a SentencePiece model that is not BPE cannot be converted", file);
    v->add_space_prefix = prefix ? AGLM_YES : AGLM_NO;
    return 0;
}
