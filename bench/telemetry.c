/* The watching thread; see telemetry.h.
 *
 * Its pace: after each reading it sleeps for the period or PAUSE times the processor time that the
 * reading took, whichever is longer, so that drivers which are slow to answer are asked less often.
 * Between windows it sleeps without waking up. A lock covers the sensors and the window; the
 * threads of a test take it only in begin and end. */
#include "bench/telemetry.h"

#include "bench/telemetry_android.h"
#include "bench/telemetry_window.h"
#include "probes/clock.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* 1/250 is 0.4% of one core; what waking up costs besides fits in the rest up to 0.5%. */
enum { PERIOD_MS = 100, PAUSE = 250, NICE = 10, STACK_BYTES = 256 << 10 };

struct aglm_telemetry {
    struct aglm_sensors *sensors;
    struct aglm_telemetry_android android;
    struct aglm_window window;
    uint64_t period_ns;
    cpu_set_t allowed; /* where the thread may run at all */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pid_t tid;       /* under the lock, like all below; 0: the thread has not begun */
    bool open, quit; /* a window is open; the thread is to end */
    uint64_t own_ns; /* processor time that the thread has used */
    uint64_t opened_own_ns, opened_ns;
};

static uint64_t own_time(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t)
               ? 0
               : (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void take_reading(struct aglm_telemetry *t)
{
    struct aglm_reading reading;
    aglm_sensors_read(t->sensors, &reading);
    aglm_window_add(&t->window, aglm_clock_ns(), &reading);
}

/* Sleeps, lock released, until the time has come, the window was closed or the thread is to end. */
static void sleep_until(struct aglm_telemetry *t, uint64_t at_ns)
{
    const struct timespec at = {.tv_sec = (time_t)(at_ns / 1000000000u),
                                .tv_nsec = (long)(at_ns % 1000000000u)};
    while (t->open && !t->quit && aglm_clock_ns() < at_ns)
        pthread_cond_timedwait(&t->wake, &t->lock, &at);
}

static void *watch(void *arg)
{
    struct aglm_telemetry *t = arg;
    const pid_t tid = (pid_t)syscall(SYS_gettid);
    uint64_t pause_ns = t->period_ns, before;
    (void)setpriority(PRIO_PROCESS, (id_t)tid, NICE); /* of this thread alone, on Linux */
    pthread_mutex_lock(&t->lock);
    t->tid = tid;
    t->own_ns = own_time();
    pthread_cond_broadcast(&t->wake);
    while (!t->quit) {
        if (!t->open) {
            pthread_cond_wait(&t->wake, &t->lock);
            continue;
        }
        sleep_until(t, aglm_clock_ns() + pause_ns);
        if (t->open && !t->quit) {
            before = own_time();
            take_reading(t);
            t->own_ns = own_time();
            pause_ns = PAUSE * (t->own_ns - before);
            pause_ns = pause_ns > t->period_ns ? pause_ns : t->period_ns;
        }
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* ---- life ---- */

static int start_thread(struct aglm_telemetry *t)
{
    pthread_attr_t attr;
    pthread_condattr_t clock;
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&t->wake, &clock);
    pthread_condattr_destroy(&clock);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int rc = pthread_create(&t->thread, &attr, watch, t);
    pthread_attr_destroy(&attr);
    if (rc) {
        pthread_cond_destroy(&t->wake);
        pthread_mutex_destroy(&t->lock);
        return -EAGAIN;
    }
    pthread_mutex_lock(&t->lock);
    while (t->tid == 0)
        pthread_cond_wait(&t->wake, &t->lock);
    pthread_mutex_unlock(&t->lock);
    return 0;
}

int aglm_telemetry_create(struct aglm_telemetry **out, const struct aglm_telemetry_options *options,
                          struct aglm_err *err)
{
    struct aglm_telemetry *t = calloc(1, sizeof(*t));
    if (!t)
        return aglm_err_set(err, -ENOMEM, "telemetry: out of memory");
    t->period_ns = (uint64_t)(options->period_ms ? options->period_ms : PERIOD_MS) * 1000000u;
    CPU_ZERO(&t->allowed);
    (void)sched_getaffinity(0, sizeof(t->allowed), &t->allowed);
    aglm_window_init(&t->window);
    int rc = aglm_sensors_open(&t->sensors, options->root, err);
    if (rc == 0)
        rc = aglm_telemetry_android_open(&t->android, options->root, err);
    t->android.no_battery = rc == 0 && aglm_sensors_battery(t->sensors)->present;
    if (rc == 0) {
        rc = start_thread(t);
        if (rc)
            aglm_err_set(err, rc, "telemetry: no thread could be started");
    }
    if (rc) {
        aglm_telemetry_android_close(&t->android);
        aglm_sensors_close(&t->sensors);
        free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void aglm_telemetry_destroy(struct aglm_telemetry **telemetry)
{
    struct aglm_telemetry *t = telemetry ? *telemetry : NULL;
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->quit = true;
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    aglm_telemetry_android_close(&t->android);
    aglm_sensors_close(&t->sensors);
    free(t);
    *telemetry = NULL;
}

/* ---- windows ---- */

/* All CPUs of lists separated by " | "; empty if one of them cannot be read. */
static void parse_affinity(struct aglm_cpulist *out, const char *affinity)
{
    char text[1024], *rest = NULL;
    *out = (struct aglm_cpulist){0};
    snprintf(text, sizeof(text), "%s", affinity);
    for (char *part = strtok_r(text, " |", &rest); part; part = strtok_r(NULL, " |", &rest)) {
        struct aglm_cpulist list;
        if (aglm_cpulist_parse(&list, part)) {
            *out = (struct aglm_cpulist){0};
            return;
        }
        for (size_t i = 0; i < AGLM_CPUS_MAX / 64; i++)
            out->bits[i] |= list.bits[i];
    }
}

void aglm_telemetry_cpus(struct aglm_telemetry *t, const char *affinity)
{
    struct aglm_cpulist used;
    cpu_set_t others;
    if (!t)
        return;
    parse_affinity(&used, affinity);
    CPU_ZERO(&others);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &t->allowed) && !aglm_cpulist_has(&used, (size_t)cpu))
            CPU_SET(cpu, &others);
    pthread_mutex_lock(&t->lock);
    if (aglm_cpulist_count(&used) > 0)
        aglm_sensors_watch(t->sensors, &used);
    (void)sched_setaffinity(t->tid, sizeof(others), CPU_COUNT(&others) ? &others : &t->allowed);
    pthread_mutex_unlock(&t->lock);
}

void aglm_telemetry_begin(struct aglm_telemetry *t)
{
    if (!t)
        return;
    aglm_telemetry_android_open_window(&t->android);
    pthread_mutex_lock(&t->lock);
    aglm_window_open(&t->window);
    t->opened_ns = aglm_clock_ns();
    t->opened_own_ns = t->own_ns;
    take_reading(t);
    t->window.during.started_ms = aglm_clock_wall_ms();
    t->open = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

void aglm_telemetry_end(struct aglm_telemetry *t, struct aglm_during *out)
{
    aglm_during_init(out);
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->open = false;
    take_reading(t);
    double ns = (double)(aglm_clock_ns() - t->opened_ns);
    double own_ns = (double)(t->own_ns - t->opened_own_ns);
    aglm_window_finish(&t->window, out);
    pthread_mutex_unlock(&t->lock);
    out->own_cpu_percent = 100 * own_ns / fmax(ns, 1);
    aglm_telemetry_android_close_window(&t->android, out);
}

size_t aglm_telemetry_readings(struct aglm_telemetry *t)
{
    if (!t)
        return 0;
    pthread_mutex_lock(&t->lock);
    size_t n = t->window.during.readings;
    pthread_mutex_unlock(&t->lock);
    return n;
}
