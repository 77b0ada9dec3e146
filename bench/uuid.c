/* UUID version 7: 48 bits of ms, version, 74 random bits from getrandom(2), variant 10.
 * Layout: RFC 9562, section 5.7.
 */
#include "bench/uuid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int aglm_uuid_v7(char out[37], int64_t wall_ms, struct aglm_err *err)
{
    uint8_t b[16];
    uint64_t ms = wall_ms < 0 ? 0 : (uint64_t)wall_ms;
    ssize_t n;
    do {
        n = getrandom(b, sizeof(b), 0);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(b)) {
        return aglm_err_set(err, -EIO, "getrandom: no random bytes for a run's UUID: %s",
                            n < 0 ? strerror(errno) : "too few");
    }
    for (int i = 0; i < 6; i++) {
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    b[6] = (uint8_t)(0x70 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    char *p = out;
    for (int i = 0; i < 16; i++) {
        static const char hex[] = "0123456789abcdef";
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = hex[b[i] >> 4];
        *p++ = hex[b[i] & 15];
    }
    *p = '\0';
    return 0;
}
