/* The table of llama-bench's options that mean nothing here yet. Inputs: a name and its value.
 * Refuses every value that asks for something this program would not do.
 */
#include "bench/options_foreign.h"

#include <errno.h>
#include <string.h>

static const struct aglm_foreign_option foreign[] = {
    {{"-ngl", "--n-gpu-layers"}, true, "0", "offload to a GPU"},
    {{"-ncmoe", "--n-cpu-moe"}, true, "0", "mixture-of-experts placement"},
    {{"-fa", "--flash-attn"}, true, "0|off|auto", "flash attention"},
    {{"-mmp", "--mmap"}, true, "1", "loading without mmap"},
    {{"--poll", NULL}, true, "50", "another polling level than 50"},
    {{"--prio", NULL}, true, "0", "another process priority"},
    {{"--numa", NULL}, true, "disabled", "NUMA placement"},
    {{"-dev", "--device"}, true, "none|auto", "choosing devices"},
    {{"-sm", "--split-mode"}, true, "none|layer", "splitting a model over GPUs"},
    {{"-mg", "--main-gpu"}, true, "0", "choosing a GPU"},
    {{"-ts", "--tensor-split"}, true, "0", "splitting a model over GPUs"},
    {{"-ot", "--override-tensor"}, true, "none", "placing single tensors"},
    {{"-nkvo", "--no-kv-offload"}, true, "0|1", "KV offload"},
    {{"-nopo", "--no-op-offload"}, true, "0|1", "operation offload"},
    {{"-embd", "--embeddings"}, true, "0", "embeddings"},
    {{"--no-host", NULL}, true, "0", "host buffer placement"},
    {{"-rpc", "--rpc"}, true, NULL, "remote backends"},
    {{"-hf", "--hf-repo"}, true, NULL, "downloading models"},
    {{"--list-devices", NULL}, false, NULL, "listing devices (see 'aglm-bench profile')"},
    {{"-v", "--verbose"}, false, "", ""},
};

const struct aglm_foreign_option *aglm_foreign_find(const char *name)
{
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        for (size_t j = 0; j < 2 && foreign[i].names[j] != NULL; j++) {
            if (strcmp(name, foreign[i].names[j]) == 0) {
                return &foreign[i];
            }
        }
    }
    return NULL;
}

/* Whether item[0..length) is one of the "|"-separated words. */
static bool is_accepted(const char *accepted, const char *item, size_t length)
{
    for (const char *p = accepted; p != NULL; p = strchr(p, '|'), p = p != NULL ? p + 1 : NULL) {
        if (strcspn(p, "|") == length && strncmp(p, item, length) == 0) {
            return true;
        }
    }
    return false;
}

int aglm_foreign_check(const struct aglm_foreign_option *option, const char *name,
                       const char *value, struct aglm_err *err)
{
    if (option->accepted == NULL) {
        return aglm_err_set(err, -EINVAL, "%s: %s is not supported", name, option->what);
    }
    for (const char *p = value; p != NULL; p = strchr(p, ','), p = p != NULL ? p + 1 : NULL) {
        size_t length = strcspn(p, ",");
        if (!is_accepted(option->accepted, p, length)) {
            return aglm_err_set(err, -EINVAL, "%s: '%.*s': %s is not supported yet: allowed is %s",
                                name, (int)(length < 40 ? length : 40), p, option->what,
                                option->accepted);
        }
    }
    return 0;
}
