/* A growing text; see text.h. */
#include "reports/text.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void aglm_text_finish(struct aglm_text *t)
{
    if (!t)
        return;
    free(t->data);
    *t = (struct aglm_text){0};
}

void aglm_text_rawn(struct aglm_text *t, const char *s, size_t n)
{
    if (t->failed)
        return;
    if (n > AGLM_TEXT_MAX - t->len) {
        t->failed = true;
        return;
    }
    if (t->len + n + 1 > t->cap) {
        size_t cap = (t->len + n + 1) * 2;
        char *data = realloc(t->data, cap);
        if (!data) {
            t->failed = true;
            return;
        }
        t->data = data;
        t->cap = cap;
    }
    memcpy(t->data + t->len, s, n);
    t->len += n;
    t->data[t->len] = '\0';
}

void aglm_text_raw(struct aglm_text *t, const char *s)
{
    aglm_text_rawn(t, s, strlen(s));
}

/* Length of the valid UTF-8 sequence at s (1–4), or 0. Refuses overlong forms, surrogates and
 * values past U+10FFFF. */
static size_t utf8_length(const unsigned char *s)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80             ? 1
               : (s[0] & 0xe0) == 0xc0 ? 2
               : (s[0] & 0xf0) == 0xe0 ? 3
               : (s[0] & 0xf8) == 0xf0 ? 4
                                       : 0;
    if (n < 2)
        return n;
    uint32_t code = s[0] & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3f);
    }
    bool ok = code >= smallest[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) &&
              code >= 0xa0 && (code & 0xfffe) != 0xfffe;
    return ok ? n : 0;
}

void aglm_text_escape(struct aglm_text *t, const char *s)
{
    while (s && *s) {
        size_t n = utf8_length((const unsigned char *)s);
        unsigned char c = (unsigned char)*s;
        if (c == '&')
            aglm_text_raw(t, "&amp;");
        else if (c == '<')
            aglm_text_raw(t, "&lt;");
        else if (c == '>')
            aglm_text_raw(t, "&gt;");
        else if (c == '"')
            aglm_text_raw(t, "&quot;");
        else if (c == '\'')
            aglm_text_raw(t, "&#39;");
        else if (n == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            aglm_text_raw(t, "\xef\xbf\xbd");
        else
            aglm_text_rawn(t, s, n);
        s += n ? n : 1;
    }
}

/* One conversion other than %s; the specification in `spec` is the caller's own, cut out of a
 * format that the compiler has checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void format_number(struct aglm_text *t, const char *spec, va_list *ap)
{
    char buf[400];
    size_t n = strlen(spec);
    int len = 0;
    char conv = spec[n - 1];
    if (strchr("fg", conv))
        len = snprintf(buf, sizeof(buf), spec, va_arg(*ap, double));
    else if (n >= 3 && spec[n - 2] == 'l')
        len = snprintf(buf, sizeof(buf), spec, va_arg(*ap, long long));
    else if (spec[n - 2] == 'z')
        len = snprintf(buf, sizeof(buf), spec, va_arg(*ap, size_t));
    else
        len = snprintf(buf, sizeof(buf), spec, va_arg(*ap, int));
    if (len > 0 && (size_t)len < sizeof(buf))
        aglm_text_rawn(t, buf, (size_t)len);
}
#pragma GCC diagnostic pop

void aglm_text_fmt(struct aglm_text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    while (*fmt) {
        size_t literal = strcspn(fmt, "%");
        aglm_text_rawn(t, fmt, literal);
        fmt += literal;
        if (!*fmt)
            break;
        size_t n = 1 + strcspn(fmt + 1, "sducfg%"); /* up to the conversion letter */
        char spec[16];
        assert(fmt[n] && n + 2 <= sizeof(spec));
        memcpy(spec, fmt, n + 1);
        spec[n + 1] = '\0';
        assert(!strchr(spec, '*'));
        if (fmt[n] == 's')
            aglm_text_escape(t, va_arg(ap, const char *));
        else if (fmt[n] == '%')
            aglm_text_raw(t, "%");
        else
            format_number(t, spec, &ap);
        fmt += n + 1;
    }
    va_end(ap);
}

/* Groups the integer digits of "12345.6" by thin spaces from five digits on. */
static void add_grouped(struct aglm_text *t, const char *digits)
{
    size_t sign = *digits == '-';
    size_t whole = strcspn(digits + sign, ".");
    aglm_text_raw(t, sign ? "\xe2\x88\x92" : "");
    for (size_t i = 0; i < whole; i++) {
        if (i && whole > 4 && (whole - i) % 3 == 0)
            aglm_text_raw(t, "\xe2\x80\x89");
        aglm_text_rawn(t, digits + sign + i, 1);
    }
    aglm_text_raw(t, digits + sign + whole);
}

void aglm_text_number(struct aglm_text *t, double value)
{
    char buf[64];
    if (!isfinite(value) || fabs(value) > 1e18) {
        aglm_text_raw(t, "<span class=\"na\" title=\"unknown\">&#8211;</span>");
        return;
    }
    double size = fabs(value);
    int decimals = size == 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
    snprintf(buf, sizeof(buf), "%.*f", decimals, value);
    add_grouped(t, buf);
}

void aglm_text_number_cell(struct aglm_text *t, double value)
{
    aglm_text_raw(t, "<td class=\"n\">");
    aglm_text_number(t, value);
    aglm_text_raw(t, "</td>");
}

void aglm_text_percent(struct aglm_text *t, double percent)
{
    if (isfinite(percent))
        aglm_text_fmt(t, "%.1f%%", percent);
    else
        aglm_text_number(t, percent);
}

void aglm_text_bytes(struct aglm_text *t, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t u = 0;
    if (!isfinite(bytes) || bytes <= 0) {
        aglm_text_number(t, NAN);
        return;
    }
    while (bytes >= 999.5 && u + 1 < sizeof(units) / sizeof(*units)) {
        bytes /= 1000;
        u++;
    }
    aglm_text_number(t, bytes);
    aglm_text_fmt(t, "\xc2\xa0%s", units[u]);
}

void aglm_text_time(struct aglm_text *t, long long ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char iso[40], people[40];
    if (ms <= 0 || !gmtime_r(&seconds, &tm) ||
        !strftime(iso, sizeof(iso), "%Y-%m-%dT%H:%M:%SZ", &tm) ||
        !strftime(people, sizeof(people), "%Y-%m-%d %H:%M", &tm)) {
        aglm_text_raw(t, "unknown time");
        return;
    }
    aglm_text_fmt(t, "<time datetime=\"%s\">%s</time>", iso, people);
}

void aglm_text_quantity(struct aglm_text *t, double value, const char *unit)
{
    static const struct {
        const char *unit, *shown;
        double size;
    } sizes[] = {
        {"kHz", "GHz", 1e6},         {"bytes/s", "GB/s", 1e9}, {"ops/s", "Gop/s", 1e9},
        {"flops/s", "GFLOP/s", 1e9}, {"degC", "&#176;C", 1},   {"percent", "%", 1},
        {"us", "&#181;s", 1},        {"1/s", "/s", 1},
    };
    if (!isfinite(value)) {
        aglm_text_number(t, value);
        return;
    }
    if (strcmp(unit, "bytes") == 0 && value != 0) {
        aglm_text_bytes(t, value);
        return;
    }
    if (strcmp(unit, "count") == 0 || !unit[0]) {
        aglm_text_fmt(t, "%.15g", value);
        return;
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        if (strcmp(unit, sizes[i].unit) == 0) {
            aglm_text_number(t, value / sizes[i].size);
            aglm_text_raw(t, "&#160;");
            aglm_text_raw(t, sizes[i].shown);
            return;
        }
    }
    aglm_text_number(t, value);
    aglm_text_fmt(t, "&#160;%s", unit);
}
