/* The seconds of `profile --sustained` as they come, and Ctrl-C, which ends them.
 *
 * Input: what was done in each second. Output: a line on standard error, written over itself on a
 * terminal, else one for each tenth of the time. Refuses nothing.
 */
#include "bench/cmd_profile.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t stop_requested;

static void on_signal(int number)
{
    (void)number;
    stop_requested = 1;
}

/* The first signal ends the seconds, the next one, and any before or after them, the program. */
static void set_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal,
                                     .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
    stop_requested = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void put_second(const struct aglm_profile_sustained *s, unsigned second, double ops_per_s)
{
    const bool terminal = isatty(STDERR_FILENO);
    const unsigned tenth = s->asked / 10;
    if (!terminal && second % (tenth > 0 ? tenth : 1) != 0)
        return;
    fprintf(stderr, "%ssecond %u of %u: %.1f Gop/s, %.0f%% of the first%s", terminal ? "\r" : "",
            second, s->asked, ops_per_s / 1e9, ops_per_s / s->first * 100,
            terminal ? "    " : "\n");
}

bool aglm_profile_second(void *ctx, unsigned second, double ops_per_s)
{
    struct aglm_profile_sustained *s = ctx;
    if (second == 0) {
        set_signals();
        fprintf(stderr, "keeping all cores busy for %u s; Ctrl-C ends that\n", s->asked);
        return true;
    }
    if (second == 1)
        s->first = ops_per_s;
    put_second(s, second, ops_per_s);
    const bool stop = stop_requested != 0, end = stop || second == s->asked;
    if (end && isatty(STDERR_FILENO))
        fputc('\n', stderr);
    if (stop)
        fprintf(stderr, "stopped after %u of %u s; what was measured follows\n", second, s->asked);
    if (end) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
    }
    return !stop;
}
