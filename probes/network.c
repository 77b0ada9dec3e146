/* Times TCP connections; see network.h.
 *
 * The look-up of a name has no timeout of its own and can take half a minute, so it runs in a
 * thread that is left behind when it is too late.
 */
#include "probes/network.h"

#include "probes/clock.h"
#include "probes/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HOST_CAP = 256, DEFAULT_TIMEOUT_MS = 1000 };

int aglm_network_target(const char *text, char *buf, size_t cap, unsigned *port,
                        struct aglm_err *err)
{
    const bool bracket = text[0] == '[';
    const char *host = text + bracket, *colon = strrchr(text, ':');
    const char *close = bracket ? strchr(text, ']') : NULL;
    size_t n = strlen(host);
    if (bracket) {
        colon = close && close[1] == ':' ? close + 1 : NULL;
        n = close ? (size_t)(close - host) : 0;
    } else if (colon && strchr(text, ':') != colon) {
        colon = NULL; /* a bare IPv6 address */
    } else if (colon) {
        n = (size_t)(colon - host);
    }
    if (n == 0 || n >= cap || (close && close[1] != '\0' && close[1] != ':'))
        return aglm_err_set(err, -EINVAL, "%.80s: give HOST or HOST:PORT", text);
    unsigned long number = AGLM_NETWORK_DEFAULT_PORT;
    if (colon) {
        char *end;
        number = strtoul(colon + 1, &end, 10);
        if (colon[1] < '0' || colon[1] > '9' || *end || number < 1 || number > 65535)
            return aglm_err_set(err, -EINVAL, "%.80s: a port is 1 to 65535", text);
    }
    memcpy(buf, host, n);
    buf[n] = '\0';
    *port = (unsigned)number;
    return 0;
}

/* ---- the name ---- */

struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t done_cond;
    char host[HOST_CAP], port[8];
    struct addrinfo *found;
    int code;
    bool done, abandoned;
};

static void lookup_free(struct lookup *l)
{
    if (l->found)
        freeaddrinfo(l->found);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->done_cond);
    free(l);
}

static void *look_up(void *ctx)
{
    struct lookup *l = ctx;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(l->host, l->port, &hints, &found);
    pthread_mutex_lock(&l->lock);
    l->found = code ? NULL : found;
    l->code = code;
    l->done = true;
    const bool abandoned = l->abandoned;
    pthread_cond_signal(&l->done_cond);
    pthread_mutex_unlock(&l->lock);
    if (abandoned)
        lookup_free(l);
    return NULL;
}

/* Takes l over. *out has one address to connect to. */
static int wait_for(struct lookup *l, unsigned timeout_ms, struct sockaddr_storage *out,
                    socklen_t *size)
{
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&l->lock);
    while (!l->done && rc == 0)
        rc = pthread_cond_timedwait(&l->done_cond, &l->lock, &until);
    const bool done = l->done;
    l->abandoned = !done;
    pthread_mutex_unlock(&l->lock);
    if (!done)
        return -ETIMEDOUT;
    rc = l->code || !l->found ? -ENOENT : 0;
    if (rc == 0) {
        *size = l->found->ai_addrlen;
        memcpy(out, l->found->ai_addr, *size);
    }
    lookup_free(l);
    return rc;
}

static int resolve(const char *host, unsigned port, unsigned timeout_ms,
                   struct sockaddr_storage *out, socklen_t *size)
{
    pthread_t thread;
    struct lookup *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->done_cond, NULL);
    snprintf(l->host, sizeof(l->host), "%s", host);
    snprintf(l->port, sizeof(l->port), "%u", port);
    if (pthread_create(&thread, NULL, look_up, l)) {
        lookup_free(l);
        return -EAGAIN;
    }
    pthread_detach(thread);
    return wait_for(l, timeout_ms, out, size);
}

/* ---- connections ---- */

/* 0: connected; -ECONNREFUSED also took a round trip; other codes did not. */
static int try_once(const struct sockaddr_storage *to, socklen_t size, unsigned timeout_ms,
                    double *ms)
{
    int fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    const uint64_t start = aglm_clock_ns();
    int code = connect(fd, (const struct sockaddr *)to, size) ? errno : 0;
    if (code == EINPROGRESS) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        socklen_t n = sizeof(code);
        if (poll(&wait, 1, (int)timeout_ms) <= 0)
            code = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n))
            code = errno;
    }
    *ms = (double)(aglm_clock_ns() - start) / 1e6;
    close(fd);
    return -code;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int aglm_network_measure(struct aglm_network *out, const char *target, unsigned timeout_ms,
                         struct aglm_err *err)
{
    struct aglm_network net = {.median_ms = NAN, .min_ms = NAN, .max_ms = NAN};
    struct sockaddr_storage to;
    socklen_t size = 0;
    char host[HOST_CAP];
    unsigned port, missed = 0;
    double ms[AGLM_NETWORK_TRIES];
    int rc = aglm_network_target(target, host, sizeof(host), &port, err);
    if (rc)
        return rc;
    timeout_ms = timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS;
    const uint64_t start = aglm_clock_ns();
    rc = resolve(host, port, timeout_ms, &to, &size);
    net.resolve_ms = (double)(aglm_clock_ns() - start) / 1e6;
    if (rc)
        return aglm_err_set(err, rc, "%s: %s", host,
                            rc == -ETIMEDOUT ? "the look-up of its name took too long"
                                             : "no such host, or no name service here");
    (void)getnameinfo((struct sockaddr *)&to, size, net.address, sizeof(net.address), NULL, 0,
                      NI_NUMERICHOST);
    while (net.tried < AGLM_NETWORK_TRIES && missed < 2) {
        rc = try_once(&to, size, timeout_ms, &ms[net.answered]);
        net.tried++;
        net.refused |= rc == -ECONNREFUSED;
        const bool answer = rc == 0 || rc == -ECONNREFUSED;
        net.answered += answer;
        missed = answer ? 0 : missed + 1;
    }
    if (net.answered > 0) {
        qsort(ms, net.answered, sizeof(*ms), by_value);
        net.min_ms = ms[0];
        net.max_ms = ms[net.answered - 1];
        net.median_ms = (ms[(net.answered - 1) / 2] + ms[net.answered / 2]) / 2;
    }
    *out = net;
    return 0;
}

void aglm_probe_network(struct aglm_facts *facts, const char *target)
{
    static const char source[] = "measured: TCP connect";
    struct aglm_network net;
    struct aglm_err err = {0};
    aglm_facts_text(facts, "network.target", "Host", "--net", "%s", target);
    if (aglm_network_measure(&net, target, 0, &err)) {
        aglm_facts_unknown(facts, "network.connect", "Round trip", source, "%s", err.msg);
        return;
    }
    aglm_facts_text(facts, "network.address", "Address", "getaddrinfo", "%s", net.address);
    aglm_facts_number(facts, "network.resolve", "Look-up of its name", "getaddrinfo", "ms",
                      net.resolve_ms);
    if (net.answered == 0) {
        aglm_facts_unknown(facts, "network.connect", "Round trip", source, "no answer to %u tries",
                           net.tried);
        return;
    }
    aglm_facts_number(facts, "network.connect", "Round trip, median", source, "ms", net.median_ms);
    aglm_facts_number(facts, "network.connect_min", "Shortest", source, "ms", net.min_ms);
    aglm_facts_number(facts, "network.connect_max", "Longest", source, "ms", net.max_ms);
    aglm_facts_text(facts, "network.answers", "Answers", source, "%u of %u%s", net.answered,
                    net.tried,
                    net.refused ? ", all or some refused: no program listens there" : "");
}
