/* What a record says of the model that was loaded; see record_model.h. */
#include "bench/record_model.h"

#include "bench/requantize.h"

#include <stdio.h>

void aglm_record_model(struct aglm_record *rec, const char *path,
                       const struct aglm_model_info *info, const char *quantize)
{
    snprintf(rec->model_path, sizeof(rec->model_path), "%s", path);
    snprintf(rec->model_name, sizeof(rec->model_name), "%s", info->name);
    snprintf(rec->model_type, sizeof(rec->model_type), "%s", info->description);
    snprintf(rec->arch, sizeof(rec->arch), "%s", info->arch);
    snprintf(rec->quantization, sizeof(rec->quantization), "%s", info->quantization);
    snprintf(rec->model_digest, sizeof(rec->model_digest), "%s", info->digest);
    rec->model_size = info->size_bytes;
    rec->model_n_params = info->n_params;
    rec->bytes_per_token = info->bytes_per_token;
    rec->load_ns = info->load_ns;
    rec->pack_ns = (double)info->pack_ns;
    rec->packed_bytes = (double)info->packed_bytes;
    snprintf(rec->load, sizeof(rec->load), "%s", info->load);
    snprintf(rec->isa, sizeof(rec->isa), "%s", info->isa);
    aglm_requantize_label(rec->requantize, quantize);
}
