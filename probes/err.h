/* Errors with a message: what every function below the command line hands back instead of printing.
 *
 * A fallible function returns 0 or a negative errno and takes an optional struct aglm_err. The
 * message names the file, option or device, what is wrong with it and what to do; it has no
 * trailing newline.
 */
#ifndef AGLM_PROBES_ERR_H
#define AGLM_PROBES_ERR_H

struct aglm_err {
    int code; /* negative errno, 0 when no error was set */
    char msg[512];
};

/* Fills err (which may be NULL) with a printf-style message, cut to fit, control characters of it
 * replaced by '?', and returns code, which must be a negative errno: `return aglm_err_set(err,
 * -EINVAL, "%s: …", path);`. */
int aglm_err_set(struct aglm_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " in front of a message that is already set; for callers that know more context. */
void aglm_err_prefix(struct aglm_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
