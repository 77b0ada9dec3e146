/* Network: how long a TCP connection to a given host takes to open, which is one round trip.
 *
 * Nothing here runs unless somebody names the host.
 */
#ifndef AGLM_PROBES_NETWORK_H
#define AGLM_PROBES_NETWORK_H

#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { AGLM_NETWORK_TRIES = 5, AGLM_NETWORK_DEFAULT_PORT = 443 };

struct aglm_network {
    char address[64]; /* numeric, of the one that was connected to */
    double resolve_ms;
    unsigned tried, answered;
    bool refused; /* it answers, but nothing listens there: the round trip is the same */
    double median_ms, min_ms, max_ms; /* of those answered; NaN if none was */
};

/* "host", "host:port", "1.2.3.4:80", "[::1]:80", "::1": host is a copy in buf. -EINVAL: err says
 * what is wrong. */
int aglm_network_target(const char *text, char *buf, size_t cap, unsigned *port,
                        struct aglm_err *err);

/* Connects AGLM_NETWORK_TRIES times, closing at once. timeout_ms: of the name's look-up, and of
 * each try (0: 1000); after two tries in a row without an answer it gives up. -ENOENT: no such
 * host, -ETIMEDOUT: no answer to the look-up, -EINVAL. */
int aglm_network_measure(struct aglm_network *out, const char *target, unsigned timeout_ms,
                         struct aglm_err *err);

#endif
