/* What a command says on standard error, and the options that several of them read alike. */
#ifndef AGLM_BENCH_CMD_COMPLAIN_H
#define AGLM_BENCH_CMD_COMPLAIN_H

/* "aglm-bench COMMAND: MSG", on one line, whatever bytes a file name or an argument brought into
 * MSG. */
void aglm_complain(const char *command, const char *msg);
/* The same with "MSG: VALUE" (value NULL: without it) and where the help is; returns 2, the exit
 * code of wrong usage. */
int aglm_usage(const char *command, const char *msg, const char *value);
/* text as a whole number from min to max into *out: 0, or 2 after a complaint about option. */
int aglm_usage_number(const char *command, const char *option, const char *text, unsigned min,
                      unsigned max, unsigned *out);

#endif
