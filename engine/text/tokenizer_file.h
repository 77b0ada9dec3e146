/* What a tokenizer is made of, shared by its reader (tokenizer_file.c) and its use (tokenizer.c).
 * Not for those outside of engine/text.
 */
#ifndef AGLM_ENGINE_TEXT_TOKENIZER_FILE_H
#define AGLM_ENGINE_TEXT_TOKENIZER_FILE_H

#include "engine/text/bpe.h"
#include "engine/text/special.h"
#include "engine/text/spm.h"
#include "engine/text/tokenizer.h"

enum { AGLM_MAX_ENDS = 64 };

struct aglm_tokenizer {
    struct aglm_tokenizer_info info;
    char *model, *pre;
    struct aglm_vocab vocab;
    struct aglm_special special;
    bool is_spm, space_prefix;
    struct aglm_bpe bpe; /* one of the two */
    struct aglm_spm spm;
    int32_t ends[AGLM_MAX_ENDS]; /* tokens that generation stops on */
    size_t n_ends;
};

#endif
