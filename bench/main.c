/* aglm-bench: the first argument chooses the command; without one, or with an option there, it is
 * `run`. */
#include "bench/build_info.h"
#include "bench/commands.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"run", aglm_cmd_run, "measure models on this device (the default command)"},
    {"profile", aglm_cmd_profile, "what this device is: facts, and what cannot be known"},
    {"model", aglm_cmd_model, "make synthetic models, show what is in a model file"},
    {"eval", aglm_cmd_eval, "likelihood of a text, divergence from a reference; logits"},
    {"accuracy", aglm_cmd_accuracy, "how many answers stay right, by quantization"},
    {"tokenize", aglm_cmd_tokenize, "text to token ids and back"},
    {"generate", aglm_cmd_generate, "text in, text out, and how fast it came"},
    {"calibrate", aglm_cmd_calibrate, "INT8: what each choice of scales costs and gains"},
    {"report", aglm_cmd_report, "one HTML page of what is in a database"},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
    puts("Usage: aglm-bench [command] [options]\n"
         "Measures how well GLM-class language models run on this device.\n");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    puts("\n  aglm-bench --device-profile is aglm-bench profile\n"
         "  aglm-bench --version\n"
         "\n'aglm-bench COMMAND --help' explains a command. Without a command, options are those "
         "of run.\n"
         "Exit codes: 0 done, 1 error, 2 wrong usage.");
}

static int unknown(const char *name)
{
    fputs("aglm-bench: unknown command '", stderr);
    for (const char *p = name; *p != '\0' && p < name + 40; p++) {
        fputc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p, stderr);
    }
    fputs("': give one of", stderr);
    for (size_t i = 0; i < N_COMMANDS; i++) {
        fprintf(stderr, "%s %s", i > 0 ? "," : "", commands[i].name);
    }
    fputs("; see 'aglm-bench --help'\n", stderr);
    return 2;
}

static int choose(int argc, char **argv)
{
    if (argc < 2) {
        return aglm_cmd_run(argc, argv);
    }
    const char *first = argv[1];
    if (strcmp(first, "--version") == 0) {
        printf("aglm-bench %s (%s, %s, %s)\n", aglm_build_version(), aglm_build_commit(),
               aglm_build_compiler(), aglm_build_flags());
        return 0;
    }
    if (strcmp(first, "-h") == 0 || strcmp(first, "--help") == 0 || strcmp(first, "help") == 0) {
        print_help();
        return 0;
    }
    if (strcmp(first, "--device-profile") == 0) {
        static char profile[] = "profile";
        argv[1] = profile;
        return aglm_cmd_profile(argc - 1, argv + 1);
    }
    if (first[0] == '-') {
        return aglm_cmd_run(argc, argv);
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(first, commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    return unknown(first);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, ""); /* numbers keep their dots */
    int code = choose(argc, argv);
    if (code == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
        fprintf(stderr, "aglm-bench: standard output: cannot be written: %s\n", strerror(errno));
        code = 1;
    }
    return code;
}
