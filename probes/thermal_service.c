/* What Android's thermal service tells, as facts; see thermal.h and android_thermal.h. */
#include "probes/android_thermal.h"
#include "probes/command.h"
#include "probes/thermal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char SOURCE[] = "dumpsys thermalservice";

int aglm_thermal_ask_service(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                             struct aglm_android_thermal *out)
{
    static const char *const argv[] = {"dumpsys", "thermalservice", NULL};
    const char *key = "thermal.status", *label = "Throttling, by Android";
    struct aglm_command command;
    char reason[64];
    *out = (struct aglm_android_thermal){.status = AGLM_ANDROID_NO_STATUS};
    int rc = aglm_command_run(&command, fs, argv, AGLM_COMMAND_TIMEOUT_MS, AGLM_COMMAND_BYTES_MAX);
    if (rc == 0)
        command.code = rc = aglm_android_thermal_parse(out, command.text);
    const char *word = aglm_android_status_word(out->status);
    if (rc && rc != -ENOENT)
        aglm_facts_unknown(facts, key, label, SOURCE, "%s",
                           aglm_command_reason(&command, reason, sizeof(reason)));
    else if (rc == 0 && out->overridden)
        aglm_facts_unknown(facts, key, label, SOURCE,
                           "set by hand (cmd thermalservice reset undoes it)");
    else if (rc == 0 && !word)
        aglm_facts_unknown(facts, key, label, SOURCE, "the service does not tell");
    else if (rc == 0)
        aglm_facts_text(facts, key, label, SOURCE, "%s", word);
    if (out->overridden)
        out->n = 0; /* a fake status makes the rest doubtful too */
    aglm_command_finish(&command);
    return rc;
}

/* "severe at 45.0 °C, shutdown at 55.0 °C"; "" without thresholds. */
static void thresholds_text(const struct aglm_android_sensor *s, char *buf, size_t cap)
{
    size_t at = 0;
    buf[0] = '\0';
    for (int i = 0; i < AGLM_ANDROID_SEVERITIES; i++)
        if (!isnan(s->hot[i]) && at < cap)
            at += (size_t)snprintf(buf + at, cap - at, "%s%s at %.1f °C", at ? ", " : "",
                                   aglm_android_status_word(i), s->hot[i]);
}

void aglm_thermal_add_sensors(struct aglm_facts *facts, const struct aglm_android_thermal *service)
{
    for (size_t i = 0; i < service->n; i++) {
        const struct aglm_android_sensor *s = &service->v[i];
        char key[64], label[96], text[256];
        snprintf(key, sizeof(key), "thermal.sensor%zu", i);
        snprintf(label, sizeof(label), "%s (%s)", s->name, aglm_android_type_word(s->type));
        if (isnan(s->degc))
            aglm_facts_unknown(facts, key, label, SOURCE, "implausible value");
        else
            aglm_facts_number(facts, key, label, SOURCE, "degC", s->degc);
        thresholds_text(s, text, sizeof(text));
        snprintf(key, sizeof(key), "thermal.sensor%zu.trips", i);
        if (text[0])
            aglm_facts_text(facts, key, label, SOURCE, "%s", text);
    }
    if (service->cooling > 0)
        aglm_facts_text(facts, "thermal.cooling_android", "Cooling, by Android", SOURCE,
                        "%zu of %zu devices at work", service->cooling_active, service->cooling);
}
