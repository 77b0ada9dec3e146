/* What happens when it gets hot: the trip points of a thermal zone and the cooling devices, from
 * <root>/sys/class/thermal. A trip point that is switched off stands at an impossible temperature
 * and is left out. */
#include "probes/probe.h"
#include "probes/thermal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THERMAL "/sys/class/thermal"

enum {
    TRIPS_MAX = 16,
    KINDS_MAX = 32,
    MILLIDEG_MIN = 1000,
    MILLIDEG_MAX = 200000,
    STATES_MAX = 1 << 20,
    TEXT_MAX = 480
};

struct trip {
    int64_t millideg;
    char type[24];
};

static int by_temperature(const void *a, const void *b)
{
    const struct trip *x = a, *y = b;
    return (x->millideg > y->millideg) - (x->millideg < y->millideg);
}

/* Appends to text[n], which has TEXT_MAX bytes; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void add(char *text, size_t *n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int more = vsnprintf(text + *n, TEXT_MAX - *n, fmt, ap);
    va_end(ap);
    *n += more > 0 ? (size_t)more : 0;
    *n = *n < TEXT_MAX ? *n : TEXT_MAX - 1;
}

static size_t read_trips(struct trip trips[TRIPS_MAX], const struct aglm_fsroot *fs,
                         const char *zone)
{
    struct aglm_fsroot_names names = {0};
    char path[128];
    size_t n = 0;
    snprintf(path, sizeof(path), THERMAL "/%.32s", zone);
    if (aglm_fsroot_list(fs, path, "trip_point_", &names))
        return 0;
    for (size_t i = 0; i < names.count && n < TRIPS_MAX; i++) {
        const char *number = names.names[i] + strlen("trip_point_");
        int digits = (int)strspn(number, "0123456789");
        struct trip *t = &trips[n];
        if (digits == 0 || digits > 3 || strcmp(number + digits, "_temp") != 0)
            continue;
        if (aglm_fsroot_integer(fs, MILLIDEG_MIN, MILLIDEG_MAX, &t->millideg, "%s/%s", path,
                                names.names[i]))
            continue;
        if (aglm_fsroot_text(fs, t->type, sizeof(t->type), "%s/trip_point_%.*s_type", path, digits,
                             number))
            snprintf(t->type, sizeof(t->type), "trip");
        n++;
    }
    aglm_fsroot_names_finish(&names);
    if (n > 1)
        qsort(trips, n, sizeof(*trips), by_temperature);
    return n;
}

void aglm_thermal_add_trips(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                            const char *zone, const char *key, const char *label,
                            const char *source)
{
    struct trip trips[TRIPS_MAX];
    char own_key[96], text[TEXT_MAX];
    size_t n = read_trips(trips, fs, zone), at = 0;
    for (size_t i = 0; i < n; i++) {
        bool again = i > 0 && trips[i].millideg == trips[i - 1].millideg &&
                     strcmp(trips[i].type, trips[i - 1].type) == 0;
        if (!again)
            add(text, &at, "%s%s at %.1f °C", at ? ", " : "", trips[i].type,
                (double)trips[i].millideg / 1000);
    }
    if (n == 0)
        return;
    snprintf(own_key, sizeof(own_key), "%s.trips", key);
    aglm_facts_text(facts, own_key, label, source, "%s", text);
}

struct kind {
    char type[64];
    size_t count;
};

static void count_kind(struct kind kinds[KINDS_MAX], size_t *n, const char *type)
{
    size_t i = 0;
    while (i < *n && strcmp(kinds[i].type, type) != 0)
        i++;
    if (i == KINDS_MAX)
        return;
    if (i == *n)
        snprintf(kinds[(*n)++].type, sizeof(kinds[i].type), "%s", type);
    kinds[i].count++;
}

void aglm_thermal_add_cooling(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    const char *key = "thermal.cooling", *label = "Cooling devices";
    struct aglm_fsroot_names names = {0};
    struct kind kinds[KINDS_MAX] = {0};
    char active[TEXT_MAX] = "", all[TEXT_MAX] = "";
    size_t n_active = 0, at_active = 0, at_all = 0, n_kinds = 0;
    int rc = aglm_fsroot_list(fs, THERMAL, "cooling_device", &names);
    for (size_t i = 0; i < names.count; i++) {
        char type[64];
        int64_t now, most;
        if (aglm_fsroot_text(fs, type, sizeof(type), THERMAL "/%s/type", names.names[i]))
            snprintf(type, sizeof(type), "%.60s", names.names[i]);
        count_kind(kinds, &n_kinds, type);
        if (aglm_fsroot_integer(fs, 1, STATES_MAX, &now, THERMAL "/%s/cur_state", names.names[i]) ||
            aglm_fsroot_integer(fs, 1, STATES_MAX, &most, THERMAL "/%s/max_state", names.names[i]))
            continue;
        add(active, &at_active, "%s%s %d of %d", n_active++ ? ", " : "", type, (int)now, (int)most);
    }
    for (size_t i = 0; i < n_kinds; i++) {
        add(all, &at_all, "%s%s", i ? ", " : "", kinds[i].type);
        if (kinds[i].count > 1)
            add(all, &at_all, " (%zu)", kinds[i].count);
    }
    if (rc)
        aglm_facts_unknown(facts, key, label, THERMAL, "%s", aglm_fsroot_reason(rc));
    else if (names.count == 0)
        aglm_facts_unknown(facts, key, label, THERMAL, "no cooling devices");
    else
        aglm_facts_text(facts, key, label, THERMAL, "%s; at work: %s", all,
                        n_active ? active : "none");
    aglm_fsroot_names_finish(&names);
}
