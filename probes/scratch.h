/* A throw-away folder for a child that runs foreign code, so that whatever it writes is gone with
 * it.
 *
 * Drivers write caches into the user's folders as soon as they are asked what they are. While such
 * a folder exists, signals that would end this program wait, so that Ctrl-C leaves nothing behind.
 */
#ifndef AGLM_PROBES_SCRATCH_H
#define AGLM_PROBES_SCRATCH_H

#include <signal.h>

struct aglm_scratch {
    char path[256]; /* absolute; "" if there is none */
    sigset_t before;
};

/* Makes an empty folder that only this user can enter, in TMPDIR or where temporary files usually
 * lie; the signals wait from here on. 0, or a negative errno: nowhere can one be made. */
int aglm_scratch_make(struct aglm_scratch *out);
/* In a child only: signals as they were; home, temporary files and the caches of the drivers known
 * lie in the scratch folder, and a crash leaves no core. The user's settings and drivers are still
 * found where they were. */
void aglm_scratch_enter(const struct aglm_scratch *scratch);
/* Removes the folder with all that is in it, following no link, and lets signals through again.
 * Call it when the child has ended. 0, or a negative errno: something of it is left. */
int aglm_scratch_remove(struct aglm_scratch *scratch);

#endif
