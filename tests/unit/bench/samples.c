/* Records to test with. */
#include "tests/unit/bench/samples.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SET(field, text) snprintf(record->field, sizeof(record->field), "%s", text)

void aglm_samples_record(struct aglm_record *record)
{
    aglm_record_init(record);
    SET(run_uuid, "01900000-0000-7000-8000-000000000001");
    SET(test_uuid, "01900000-0000-7000-8000-000000000002");
    SET(suite, "bench");
    SET(test, "pp64+tg8");
    SET(label, "a \"label\", it's\nodd; \xc3\xa4 | \\");
    record->started_ms = 1700000000123;
    SET(version, "0.1.0");
    SET(commit, "0123456789abcdef0123456789abcdef01234567");
    SET(compiler, "gcc 12.2.0");
    SET(flags, "buildtype=release optimization=3");
    SET(fingerprint, "00112233445566778899aabbccddeeff");
    SET(cpu_info, "A CPU");
    record->profile_json = strdup("{\"schema\":1,\"facts\":[{\"key\":\"cpu.brand\"}]}");
    SET(model_path, "/tmp/a model.gguf");
    SET(model_name, "tiny");
    SET(model_type, "llama 1M Q4_0");
    SET(arch, "llama");
    SET(quantization, "Q4_0");
    SET(model_digest, "ffeeddccbbaa99887766554433221100");
    record->model_size = 1500 * 1024;
    record->model_n_params = 2500000;
    record->bytes_per_token = 1000000;
    record->load_ns = 18446744073709551615u;
    SET(load, "mmap");
    record->pack_ns = 0;
    record->packed_bytes = NAN;
    SET(backend, "cpu");
    SET(isa, "avx2");
    SET(cpu_mask, "0x0");
    SET(affinity, "0-1");
    SET(requantize, "none");
    SET(type_k, "f16");
    SET(type_v, "q8_0");
    SET(fuse, "all-norm");
    record->n_threads = 2;
    record->n_batch = 2048;
    record->n_ubatch = 512;
    record->n_prompt = 64;
    record->n_gen = 8;
    record->repetitions = 5;
    record->seed = 9007199254740993u;
    record->warmup = true;
    record->delay_s = 3;
    SET(order, "shuffled");
    record->kv_bytes_per_token = 250000;
    record->prefill_ops = 64e9;
    SET(prefill_kind, "int8");
    record->roof_read = (struct aglm_roof_range){125e6, 100e6, 62.5e6};
    record->roof_int8 = (struct aglm_roof_range){1280e9, 1270.5e9, NAN};
    SET(roof_when, "start, 2 rounds, end");
}

void aglm_samples_operators(struct aglm_record *record)
{
    const struct aglm_operator prefill = {.phase = "prefill",
                                          .name = "qkv",
                                          .calls = 4,
                                          .ns = 250000,
                                          .wait_ns = 150000,
                                          .weight_bytes = 1000,
                                          .act_bytes = 64,
                                          .int8_ops = 128e6,
                                          .float_ops = 0.5};
    struct aglm_operator decode = prefill;
    snprintf(decode.phase, sizeof(decode.phase), "decode");
    decode.weight_bytes = 20000;
    decode.kv_bytes = 5000;
    record->operators = calloc(2, sizeof(*record->operators));
    ck_assert_ptr_nonnull(record->operators);
    record->operators[0] = prefill;
    record->operators[1] = decode;
    record->n_operators = 2;
}

void aglm_samples_add(struct aglm_record *record, uint64_t prefill_ns, uint64_t first_token_ns,
                      uint64_t token_ns, size_t n_token_ns)
{
    const struct aglm_conditions quiet = {.load_1min = 0.25,
                                          .others_cpu_percent = NAN,
                                          .memory_available_bytes = 1e9,
                                          .temperature_max_degc = NAN,
                                          .frequency_mean_khz = 2400000.5,
                                          .major_faults = 3,
                                          .cpu_total_ticks = 1000,
                                          .cpu_idle_ticks = 500,
                                          .cpu_steal_ticks = 0,
                                          .cpu_self_ticks = 100};
    struct aglm_sample s = {.prefill_ns = prefill_ns,
                            .first_token_ns = first_token_ns,
                            .token_ns = calloc(n_token_ns + 1, sizeof(uint64_t)),
                            .n_token_ns = n_token_ns,
                            .total_ns = prefill_ns + first_token_ns + token_ns * n_token_ns,
                            .peak_rss_bytes = 123456789,
                            .before = quiet,
                            .after = quiet};
    for (size_t i = 0; i < n_token_ns; i++) {
        s.token_ns[i] = token_ns;
    }
    s.after.cpu_total_ticks += 1000;
    s.after.cpu_idle_ticks += 600;
    s.after.cpu_self_ticks += 400;
    s.after.others_cpu_percent = 0;
    aglm_during_init(&s.during);
    ck_assert_int_eq(aglm_record_add(record, &s), 0);
}

void aglm_samples_during(struct aglm_record *record)
{
    struct aglm_during *d = &record->samples[record->n_samples - 1].during;
    *d = (struct aglm_during){.started_ms = 1700000000456,
                              .readings = 17,
                              .own_cpu_percent = 0.125,
                              .temperature_min_degc = 41,
                              .temperature_median_degc = 48.5,
                              .temperature_max_degc = 52,
                              .frequency_low_khz = 1804800,
                              .limit_low_percent = 100,
                              .limit_top_percent = 100,
                              .cooling_max_percent = 0,
                              .cooling_floor_percent = 0,
                              .throttles = 0,
                              .android_status = 0,
                              .battery_max_degc = NAN,
                              .joules = 12.5};
    snprintf(d->energy, sizeof(d->energy), "processor's counters (RAPL)");
}
