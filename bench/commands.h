/* The commands of aglm-bench. Each takes its own arguments (argv[0] is the command's name), prints
 * results on stdout and notes on stderr, and returns the exit code: 0 done, 1 error, 2 wrong usage.
 */
#ifndef AGLM_BENCH_COMMANDS_H
#define AGLM_BENCH_COMMANDS_H

int aglm_cmd_run(int argc, char **argv);
int aglm_cmd_profile(int argc, char **argv);
int aglm_cmd_model(int argc, char **argv);
int aglm_cmd_convert(int argc, char **argv); /* of model */
int aglm_cmd_eval(int argc, char **argv);
int aglm_cmd_generate(int argc, char **argv);
int aglm_cmd_accuracy(int argc, char **argv);
int aglm_cmd_tokenize(int argc, char **argv);
int aglm_cmd_calibrate(int argc, char **argv);
int aglm_cmd_report(int argc, char **argv);

#endif
