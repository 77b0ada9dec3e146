/* A readable vocabulary; see chat_build.h. */
#include "tests/unit/engine/chat_build.h"

/* The character that stands for a byte in GPT-2's alphabet, as UTF-8. */
static void byte_character(unsigned byte, char *out)
{
    unsigned code = byte, hidden = 0;
    for (unsigned b = 0; b <= byte; b++) {
        bool shown = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        if (b == byte && !shown)
            code = 256 + hidden;
        hidden += !shown;
    }
    size_t n = 0;
    if (code < 128) {
        out[n++] = (char)code;
    } else {
        out[n++] = (char)(0xc0 | code >> 6);
        out[n++] = (char)(0x80 | (code & 63));
    }
    out[n] = '\0';
}

static void put_array(struct build *build, const char *key, uint32_t type, uint64_t n)
{
    put_string(build, key);
    put_u32(build, AGLM_GGUF_ARRAY);
    put_u32(build, type);
    put_u64(build, n);
}

void build_chat(struct build *build, const char *jinja, const char *const *controls, size_t n,
                bool bos)
{
    build->n = 0;
    put_header(build, 3, 0, 6 + (jinja != NULL) + (bos ? 2 : 0));
    put_kv_string(build, "general.architecture", "llama");
    put_kv_string(build, "tokenizer.ggml.model", "gpt2");
    put_kv_string(build, "tokenizer.ggml.pre", "qwen2");
    put_array(build, "tokenizer.ggml.tokens", AGLM_GGUF_STRING, 257 + n);
    for (unsigned b = 0; b < 256; b++) {
        char text[4];
        byte_character(b, text);
        put_string(build, text);
    }
    put_string(build, "ab");
    for (size_t i = 0; i < n; i++)
        put_string(build, controls[i]);
    put_array(build, "tokenizer.ggml.token_type", AGLM_GGUF_I32, 257 + n);
    for (size_t i = 0; i < 257 + n; i++)
        put_u32(build, i < 257 ? 1 : 3);
    put_array(build, "tokenizer.ggml.merges", AGLM_GGUF_STRING, 1);
    put_string(build, "a b");
    if (jinja != NULL)
        put_kv_string(build, "tokenizer.chat_template", jinja);
    if (bos) {
        put_kv_u32(build, "tokenizer.ggml.bos_token_id", 257);
        put_string(build, "tokenizer.ggml.add_bos_token");
        put_u32(build, AGLM_GGUF_BOOL);
        put_u8(build, 1);
    }
}
