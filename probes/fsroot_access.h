/* What the capturing user was refused: a captured tree's file "access".
 *
 * A folder of files cannot say "denied": whoever looks at it may read all of it. So a tree says it
 * in lines "denied PATH" and "unreadable PATH", PATH standing for itself and all below it; "#"
 * begins a comment. Project-internal to fsroot.
 */
#ifndef AGLM_PROBES_FSROOT_ACCESS_H
#define AGLM_PROBES_FSROOT_ACCESS_H

#include "probes/err.h"

#include <stddef.h>

struct aglm_fsroot_access;

/* The rules of text into *out, NULL for none, which the caller finishes. -EILSEQ names the line
 * that is no rule; -EFBIG above 4096 rules; -ENOMEM. name is for the message. */
int aglm_fsroot_access_parse(struct aglm_fsroot_access **out, const char *text, const char *name,
                             struct aglm_err *err);
/* 0, or the code with which path ("/sys/…", without links) is refused. Tolerates NULL. */
int aglm_fsroot_access_code(const struct aglm_fsroot_access *access, const char *path);
void aglm_fsroot_access_finish(struct aglm_fsroot_access **access);

#endif
