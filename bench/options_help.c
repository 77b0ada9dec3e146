/* The text of `aglm-bench run --help`. */
#include "bench/options.h"

#include <inttypes.h>

static const char swept[] =
    "Swept options take lists (1,2,4), ranges (A-B, A-B+STEP, A-B*FACTOR) and may be repeated;\n"
    "every combination is measured once, 1000 tests at most:\n"
    "  -m, --model FILE|preset:NAME[:TYPE]  GGUF file, or a synthetic model with published "
    "shapes,\n"
    "                              made in the cache folder on first use\n"
    "                              (default: " AGLM_OPTIONS_DEFAULT_MODEL ")\n"
    "  -q, --quantize TYPE|none    re-quantize an F32, F16 or BF16 file on load (default: none): "
    "a\n"
    "                              type or mixture of `aglm-bench model quantize`, int8, or\n"
    "                              int8:FILE with the scales of `aglm-bench calibrate`\n"
    "  --load pack|mmap            pack: weights are repacked for the kernels, once, when loaded; "
    "mmap:\n"
    "                              they stay in the file's pages and are repacked as they are "
    "used:\n"
    "                              no second copy, the same logits, slower (default: pack)\n"
    "  -p, --n-prompt N            prompt tokens; 0: no prompt test (default: 512)\n"
    "  -n, --n-gen N               tokens to generate; 0: no such test (default: 128)\n"
    "  -pg PROMPT,GEN              prompt, then generation, in one test (default: none)\n"
    "  --suite standard[:ID,ID,…]  instead: prompts of the standard suite, each with its own "
    "lengths;\n"
    "                              the suite's entries: --suite list\n"
    "  -d, --n-depth N             tokens in the KV cache before the test, not timed (default: 0)\n"
    "  -b, --batch-size N          (default: 2048)\n"
    "  -ub, --ubatch-size N        (default: 512)\n"
    "  -ctk, --cache-type-k f16|q8_0|q4_0  of the keys in the KV cache (default: f16)\n"
    "  -ctv, --cache-type-v f16|q8_0|q4_0  of its values (default: f16)\n";

static const char machine[] =
    "  -C, --cpu-mask HEX          CPUs the threads may use; 0x0: the most\n"
    "                              capable ones where CPUs differ (default: 0x0)\n"
    "  --cpu-strict 0|1            one CPU of the mask for each thread (default: 0)\n"
    "  --backend cpu|null          null does no arithmetic: it measures this program (default: "
    "cpu)\n"
    "  --isa auto|c|avx2|avxvnni|avx512|neon|dotprod|i8mm\n"
    "                              instruction set of the kernels (default: auto)\n"
    "  --fuse all|none|each|LIST   operators that run fused: norm, qkv, gateup, rope, softmax; A+B "
    "is\n"
    "                              only these, all-A all but A; each: all, all but one of each, "
    "none,\n"
    "                              to see what each is worth (default: all)\n"
    "  --override-ctx N            context length to assume where the file states one that is too\n"
    "                              short (GLM-Edge); at most 8192 or the file's own\n"
    "\n"
    "How to measure:\n"
    "  -r, --repetitions N         of each test (default: 5)\n"
    "  --no-warmup                 leave out the warm-up, which is not counted, of each test\n"
    "  --delay SECONDS             pause between tests (default: 0)\n"
    "  --max-time SECONDS          stop between repetitions when the time is up; what was "
    "measured\n"
    "                              is kept and marked\n"
    "  --roof on|off               measure this device's limits at the beginning, between rounds "
    "and\n"
    "                              at the end, for the column 'of roof' (default: on)\n"
    "  --profile-ops               also the time, bytes, operations and share of the limit of "
    "every\n"
    "                              operator, in a second table (and in json, sql and the store)\n"
    "  --accuracy, --no-accuracy   ask the small model that ships with this program 1500 "
    "questions, "
    "in\n"
    "                              the quantizations and on the backends measured, and show how "
    "many\n"
    "                              answers stay right, within about 15 seconds (default: where "
    "the\n"
    "                              tests are the default ones or a suite's)\n"
    "  --seed N                    for the order of tests and the token ids (default: 1)\n"
    "\n"
    "Results:\n"
    "  -o, --output md|csv|json|jsonl|sql|none       on standard output (default: md)\n"
    "  -oe, --output-err md|csv|json|jsonl|sql|none  also on standard error (default: none)\n"
    "  --db FILE                   store samples and conditions in this SQLite database. Without "
    "it:\n"
    "                              the file named by AGLM_DB; else results/aglm.db if there is a\n"
    "                              folder ./results; else nothing is stored\n"
    "  --no-db                     store nothing\n"
    "  --label TEXT                a note kept with the results (at most 63 bytes)\n"
    "  --progress                  progress lines also when standard error is no terminal\n"
    "  --quiet                     errors only on standard error\n"
    "  -h, --help                  this text\n"
    "\n";

static const char notes[] =
    "Order: round by round; each round has one repetition of every test, shuffled under the seed.\n"
    "Timed: prefill (until the last logits), the first token, each further token. Not timed: "
    "loading,\n"
    "filling the cache to the depth, making token ids, warm-up. t/s is tokens over the whole "
    "timed\n"
    "window, as in llama-bench. TTFT is prefill plus first token (tests with a prompt).\n"
    "'of roof': a prompt's operations, or the bytes of weights and cache that a token reads, per\n"
    "second, as a share of what this device does at most with as many threads.\n"
    "A test is INVALID when its number should not be used: other processes took over 15% of the\n"
    "CPUs, threads did not run where they were told to, it ended early, or the answers that stay\n"
    "right in its quantization are too few (thresholds.ini). 'others unknown': under one second "
    "of\n"
    "all CPUs together does not tell what others used.\n"
    "llama-bench's options for what is not done here (-ngl, -fa, …) are accepted with the "
    "value\n"
    "that is true here (0, 0, …) and refused otherwise.\n"
    "\n"
    "Ctrl-C once: stop, keep and print what was measured; twice: quit at once.\n"
    "Exit codes: 0 done, 1 error or interrupted, 2 wrong usage.\n";

void aglm_options_help(FILE *out, uint32_t default_threads)
{
    fputs(
        "Usage: aglm-bench [run] [options]\n"
        "Measures how fast a model runs on this device, and says how far to trust the numbers.\n\n",
        out);
    fputs(swept, out);
    fprintf(out, "  -t, --threads N             (default: %" PRIu32 ", the strong cores)\n",
            default_threads);
    fputs(machine, out);
    fputs(notes, out);
}
