/* The run command's options: defaults, names, values, and one clear line for each mistake. */
#include "bench/options.h"
#include "tests/unit/bench/suites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARGS 32

/* Splits line at blanks ("_" stands for an empty argument) and parses it. */
static int parse(struct aglm_options *out, const char *line, struct aglm_err *err)
{
    static char copy[512], name[] = "run", empty[] = "";
    char *argv[MAX_ARGS] = {name};
    int argc = 1;
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *p = strtok(copy, " "); p != NULL; p = strtok(NULL, " ")) {
        ck_assert_int_lt(argc, MAX_ARGS);
        argv[argc++] = strcmp(p, "_") == 0 ? empty : p;
    }
    return aglm_options_parse(out, argc, argv, 3, err);
}

static struct aglm_options parsed(const char *line)
{
    struct aglm_options o = {0};
    struct aglm_err err = {0};
    ck_assert_msg(parse(&o, line, &err) == 0, "%s: %s", line, err.msg);
    return o;
}

START_TEST(defaults_are_llama_benchs)
{
    struct aglm_options o = parsed("");
    ck_assert_uint_eq(o.models.n, 1);
    ck_assert_str_eq(o.models.values[0], "preset:glm-edge-1.5b:q4_0");
    ck_assert_uint_eq(o.n_prompt.values[0], 512);
    ck_assert_uint_eq(o.n_gen.values[0], 128);
    ck_assert_uint_eq(o.n_batch.values[0], 2048);
    ck_assert_uint_eq(o.n_ubatch.values[0], 512);
    ck_assert_uint_eq(o.n_threads.values[0], 3);
    ck_assert_uint_eq(o.n_depth.values[0], 0);
    ck_assert_uint_eq(o.repetitions, 5);
    ck_assert_uint_eq(o.seed, 1);
    ck_assert_uint_eq(o.n_pg, 0);
    ck_assert_int_eq(o.output, AGLM_FORMAT_MD);
    ck_assert_int_eq(o.output_err, AGLM_FORMAT_NONE);
    ck_assert_str_eq(o.cpu_masks.values[0], "0x0");
    ck_assert_str_eq(o.quantize.values[0], "none");
    ck_assert_str_eq(o.backends.values[0], "cpu");
    ck_assert_str_eq(o.isas.values[0], "auto");
    ck_assert(o.roof);
    ck_assert(!o.no_warmup && !o.quiet && !o.progress && !o.no_db && !o.help && o.db == NULL);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(lists_repeats_and_long_names)
{
    struct aglm_options o =
        parsed("-m a.gguf,b.gguf --model c.gguf -p 1-3 --n_prompt 9 -pg 8,4 -pg 0,2 "
               "--threads=1-8*2 -C 0x3,f --cpu-strict 0,1 -q none,q8_0");
    ck_assert_uint_eq(o.models.n, 3);
    ck_assert_str_eq(o.models.values[2], "c.gguf");
    ck_assert_uint_eq(o.n_prompt.n, 4);
    ck_assert_uint_eq(o.n_pg, 2);
    ck_assert_uint_eq(o.pg[0].n_gen, 4);
    ck_assert_uint_eq(o.n_threads.n, 4);
    ck_assert_uint_eq(o.cpu_masks.n, 2);
    ck_assert_uint_eq(o.cpu_strict.n, 2);
    ck_assert_uint_eq(o.quantize.n, 2);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(scalars_and_flags)
{
    struct aglm_options o =
        parsed("-r 7 --delay 2 --seed 0 --max-time 60 -o sql -oe jsonl --db x.db "
               "--label night --roof off --quiet --progress --no-warmup");
    ck_assert_uint_eq(o.repetitions, 7);
    ck_assert_uint_eq(o.delay_s, 2);
    ck_assert_uint_eq(o.seed, 0);
    ck_assert_uint_eq(o.max_time_s, 60);
    ck_assert_int_eq(o.output, AGLM_FORMAT_SQL);
    ck_assert_int_eq(o.output_err, AGLM_FORMAT_JSONL);
    ck_assert_str_eq(o.db, "x.db");
    ck_assert_str_eq(o.label, "night");
    ck_assert(o.quiet && o.progress && o.no_warmup && !o.roof);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(foreign_values_that_hold_here)
{
    struct aglm_options o = parsed("-ngl 0 -fa 0,off -mmp 1 --poll 50 --prio 0 "
                                   "-dev none -sm layer -v");
    ck_assert_uint_eq(o.models.n, 1);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(cache_types_and_context)
{
    struct aglm_options o = parsed("-ctk f16,q8_0 -ctv q4_0 -ctv f16 --override-ctx 8192");
    ck_assert_uint_eq(o.types_k.n, 2);
    ck_assert_str_eq(o.types_k.values[1], "q8_0");
    ck_assert_str_eq(o.types_v.values[0], "q4_0");
    ck_assert_str_eq(o.types_v.values[1], "f16");
    ck_assert_uint_eq(o.override_ctx, 8192);
    aglm_options_finish(&o);
    o = parsed("");
    ck_assert_uint_eq(o.types_k.n, 1);
    ck_assert_str_eq(o.types_v.values[0], "f16");
    ck_assert_uint_eq(o.override_ctx, 0);
    aglm_options_finish(&o);
}
END_TEST

/* A combination is measured once, however often its values are named. */
START_TEST(values_given_twice)
{
    struct aglm_options o = parsed(
        "-m a,b,a -p 512,64,512 -p 64 -n 8,8 -pg 4,4 -pg 4,4 -pg 4,5 -t 1-3,2 --load mmap,mmap "
        "--isa avx2,c,avx2 -ctk f16,f16 -C 0x3,0x1,0x3 -d 0,0");
    ck_assert_uint_eq(o.models.n, 2);
    ck_assert_str_eq(o.models.values[1], "b");
    ck_assert_uint_eq(o.n_prompt.n, 2);
    ck_assert_uint_eq(o.n_prompt.values[0], 512);
    ck_assert_uint_eq(o.n_prompt.values[1], 64);
    ck_assert_uint_eq(o.n_gen.n, 1);
    ck_assert_uint_eq(o.n_pg, 2);
    ck_assert_uint_eq(o.pg[1].n_gen, 5);
    ck_assert_uint_eq(o.n_threads.n, 3);
    ck_assert_uint_eq(o.loads.n, 1);
    ck_assert_uint_eq(o.isas.n, 2);
    ck_assert_uint_eq(o.types_k.n, 1);
    ck_assert_uint_eq(o.cpu_masks.n, 2);
    ck_assert_uint_eq(o.n_depth.n, 1);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(fused_operators)
{
    static const char *const each[] = {"all",      "all-norm",    "all-qkv", "all-gateup",
                                       "all-rope", "all-softmax", "none"};
    struct aglm_options o = parsed("--fuse each,norm+qkv,qkv+norm,norm+qkv+gateup+rope+softmax "
                                   "--fuse none,all-norm-qkv-rope --profile-ops");
    ck_assert_uint_eq(o.fuse.n, 9);
    for (size_t i = 0; i < 7; i++) {
        ck_assert_str_eq(o.fuse.values[i], each[i]);
    }
    ck_assert_str_eq(o.fuse.values[7], "norm+qkv");
    ck_assert_str_eq(o.fuse.values[8], "gateup+softmax");
    ck_assert(o.profile_ops);
    aglm_options_finish(&o);
    o = parsed("");
    ck_assert_uint_eq(o.fuse.n, 1);
    ck_assert_str_eq(o.fuse.values[0], "all");
    ck_assert(!o.profile_ops);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(help_ends_parsing)
{
    struct aglm_options o = parsed("-h --no-such-thing");
    ck_assert(o.help);
    aglm_options_finish(&o);
}
END_TEST

/* {arguments, what the message must hold} */
static const char *const wrong[][2] = {
    {"--no-such-thing", "unknown option '--no-such-thing'"},
    {"-z", "unknown option '-z'"},
    {"model.gguf", "unexpected argument 'model.gguf'"},
    {"_", "unexpected argument ''"},
    {"-t", "-t needs a value"},
    {"-t 0", "-t: '0' is out of bounds: allowed is 1 to 512"},
    {"-t -1", "-t: '-1'"},
    {"-t 513", "1 to 512"},
    {"-t 4294967297", "-t: "},
    {"-t _", "-t: "},
    {"-t 4x", "-t: '4x'"},
    {"-p 512-", "-p: '512-'"},
    {"-p 1,,2", "-p: ''"},
    {"-p 1048577", "-p: '1048577'"},
    {"-b 0", "-b: '0'"},
    {"-ub 0", "-ub: '0'"},
    {"-r 0", "-r: '0'"},
    {"-r 1,2", "-r: '1,2'"},
    {"-r 1001", "1 to 1000"},
    {"--delay -1", "--delay: '-1'"},
    {"--seed 9223372036854775808", "--seed: "},
    {"--max-time 0", "--max-time: '0'"},
    {"-pg 512", "-pg: '512' is no pair"},
    {"-pg 0,0", "-pg: '0,0' is no pair"},
    {"-pg 1,2,3", "-pg: '1,2,3' is no pair"},
    {"-pg a,b", "-pg: 'a,b' is no pair"},
    {"-m _", "-m: '' has an empty item"},
    {"-m a,,b", "-m: 'a,,b' has an empty item"},
    {"-o xml", "-o: 'xml' is no format: give md, csv, json, jsonl, sql or none"},
    {"-q q5_9", "-q: 'q5_9' is no type of weights"},
    {"-q none,", "-q: 'none,' has an empty item"},
    {"--backend gpu", "--backend: 'gpu' is no backend: give cpu or null"},
    {"--isa vfp",
     "--isa: 'vfp' is no instruction set: give auto, c, avx2, avxvnni, avx512, neon, dotprod "
     "or i8mm"},
    {"-C 0xg", "-C: '0xg' is no CPU mask"},
    {"-C 0x", "-C: '0x' is no CPU mask"},
    {"--cpu-strict 2", "--cpu-strict: '2'"},
    {"--label _", "--label: give 1 to 63 bytes"},
    {"--db _", "--db: give 1 to"},
    {"--roof maybe", "--roof: 'maybe': give on or off"},
    {"--fuse norms", "--fuse: 'norms' names no fused operators: give all, none, each, or norm"},
    {"--load pack,mmap -q none,q8_0",
     "--load mmap with -q q8_0: mmap leaves the weights as they are in the file"},
    {"--fuse nor", "--fuse: 'nor'"},
    {"--fuse norm+", "--fuse: 'norm+'"},
    {"--fuse all+norm", "--fuse: 'all+norm'"},
    {"--fuse all-", "--fuse: 'all-'"},
    {"--fuse all,,none", "--fuse: 'all,,none' has an empty item"},
    {"--profile-ops --backend cpu,null", "--profile-ops: the null backend has no operators"},
    {"--quiet=1", "--quiet takes no value"},
    {"-ngl 99", "-ngl: '99': offload to a GPU is not supported yet: allowed is 0"},
    {"-ctk q6_K", "-ctk: 'q6_K' is no type of the KV cache"},
    {"-ctv f16,", "-ctv"},
    {"--override-ctx 0", "--override-ctx"},
    {"-fa 1", "-fa: '1': flash attention is not supported"},
    {"-fa 0,1", "-fa: '1'"},
    {"-mmp 0", "-mmp: '0'"},
    {"-rpc host:1", "-rpc: remote backends is not supported"},
    {"--list-devices", "--list-devices: "},
    {"-ngl", "-ngl needs a value"},
};

START_TEST(one_line_for_a_mistake)
{
    struct aglm_options o = {0};
    struct aglm_err err = {0};
    ck_assert_msg(parse(&o, wrong[_i][0], &err) == -EINVAL, "'%s' was taken", wrong[_i][0]);
    ck_assert_msg(strstr(err.msg, wrong[_i][1]) != NULL, "'%s' gives: %s", wrong[_i][0], err.msg);
    ck_assert_ptr_null(strchr(err.msg, '\n'));
}
END_TEST

START_TEST(long_label_is_refused)
{
    char line[100] = "--label ";
    struct aglm_options o = {0};
    struct aglm_err err = {0};
    memset(line + 8, 'x', 64);
    ck_assert_int_eq(parse(&o, line, &err), -EINVAL);
    line[8 + 63] = '\0';
    ck_assert_int_eq(parse(&o, line, &err), 0);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(help_names_every_option)
{
    static const char *const names[] = {
        "-m,",           "-q,",        "-p,",         "-n,",     "-pg ",         "-d,",
        "-b,",           "-ub,",       "-t,",         "-C,",     "--cpu-strict", "--backend",
        "--isa",         "-r,",        "--no-warmup", "--delay", "--max-time",   "--seed",
        "-o,",           "-oe,",       "--db",        "--no-db", "--label",      "--fuse",
        "--profile-ops", "--progress", "--quiet",     "-h,",     "AGLM_DB"};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    aglm_options_help(out, 3);
    fclose(out);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_msg(strstr(text, names[i]) != NULL, "%s is not in the help", names[i]);
    }
    free(text);
}
END_TEST

Suite *aglm_suite_options(void)
{
    Suite *suite = suite_create("options");
    TCase *tc = tcase_create("options");
    tcase_add_test(tc, defaults_are_llama_benchs);
    tcase_add_test(tc, lists_repeats_and_long_names);
    tcase_add_test(tc, scalars_and_flags);
    tcase_add_test(tc, foreign_values_that_hold_here);
    tcase_add_test(tc, cache_types_and_context);
    tcase_add_test(tc, values_given_twice);
    tcase_add_test(tc, fused_operators);
    tcase_add_test(tc, help_ends_parsing);
    tcase_add_loop_test(tc, one_line_for_a_mistake, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tc, long_label_is_refused);
    tcase_add_test(tc, help_names_every_option);
    suite_add_tcase(suite, tc);
    return suite;
}
