/* SVG by allowance; see svg.h. A small pull parser: tags, attributes and texts of the well-formed
 * XML that gnuplot writes; no entities of its own, no CDATA. What does not parse is refused as a
 * whole.
 */
#include "reports/svg.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32
#define NAME_MAX_LEN 32

struct element {
    char name[NAME_MAX_LEN];
    bool shown;
    size_t start, inside; /* where its tag starts and ends in the output */
};

struct svg {
    struct aglm_text *out;
    const struct aglm_svg_options *options;
    struct element stack[MAX_DEPTH];
    size_t depth;
    bool complete;
};

static bool among(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

static bool element_allowed(const char *name)
{
    static const char *const list[] = {"svg",     "g",     "path",    "rect", "circle",
                                       "polygon", "line",  "defs",    "use",  "polyline",
                                       "text",    "tspan", "ellipse", NULL};
    return among(name, list);
}

static bool attribute_allowed(const char *name)
{
    static const char *const list[] = {"x",
                                       "y",
                                       "x1",
                                       "y1",
                                       "x2",
                                       "y2",
                                       "width",
                                       "height",
                                       "cx",
                                       "cy",
                                       "r",
                                       "rx",
                                       "ry",
                                       "d",
                                       "dx",
                                       "dy",
                                       "points",
                                       "transform",
                                       "viewBox",
                                       "stroke-width",
                                       "stroke-dasharray",
                                       "fill-opacity",
                                       "stroke-opacity",
                                       "text-anchor",
                                       "font-size",
                                       "font-weight",
                                       "shape-rendering",
                                       NULL};
    return among(name, list);
}

/* Numbers, path commands, transforms: nothing that could end the attribute or load something. */
static bool value_harmless(const char *value)
{
    if (strstr(value, "url") || strchr(value, ':'))
        return false;
    for (; *value; value++)
        if (!isalnum((unsigned char)*value) && !strchr(" \t\n.,+-()%", *value))
            return false;
    return true;
}

static bool id_harmless(const char *value)
{
    size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n > 0 && n < 64 && !value[n];
}

/* The CSS variable of a marker colour written as rgb(r,g,b), into buf; NULL for other colours. */
static const char *marker(const char *value, char *buf, size_t size)
{
    static const char *const names[] = {"axis", "grid", "muted", "ref", "good", "alert"};
    int r, g, b;
    if (sscanf(value, "rgb( %d , %d , %d )", &r, &g, &b) != 3 || g != 0 || b < 1 || b > 6)
        return NULL;
    if (r == 1)
        snprintf(buf, size, "var(--%s)", names[b - 1]);
    else if (r == 2)
        snprintf(buf, size, "var(--s%d)", b);
    else
        return NULL;
    return buf;
}

static void put_colour(struct svg *s, const char *name, const char *value, struct aglm_text *style)
{
    char buf[32];
    if (marker(value, buf, sizeof(buf)))
        aglm_text_fmt(style, "%s:%s;", name, buf);
    else if (strcmp(name, "color") == 0) {
        /* gnuplot clears the ground under a symbol in white; other blacks and whites inherit the
         * page's colour */
        bool ground =
            strcmp(s->stack[s->depth - 1].name, "use") == 0 && strcmp(value, "black") != 0;
        aglm_text_raw(style, ground ? "color:var(--card);" : "");
    } else if (strcmp(value, "none") == 0)
        aglm_text_fmt(s->out, " %s=\"none\"", name);
    else
        aglm_text_fmt(s->out, " %s=\"currentColor\"", name);
}

static void put_attribute(struct svg *s, const char *name, const char *value,
                          struct aglm_text *style)
{
    bool root = s->depth == 1;
    if (!strcmp(name, "fill") || !strcmp(name, "stroke") || !strcmp(name, "color"))
        put_colour(s, name, value, style);
    else if (!strcmp(name, "id") && id_harmless(value) && !root)
        aglm_text_fmt(s->out, " id=\"%s-%s\"", s->options->prefix, value);
    else if ((!strcmp(name, "href") || !strcmp(name, "xlink:href")) && value[0] == '#' &&
             id_harmless(value + 1))
        aglm_text_fmt(s->out, " href=\"#%s-%s\"", s->options->prefix, value + 1);
    else if (root && (!strcmp(name, "width") || !strcmp(name, "height")))
        return; /* the page decides */
    else if (attribute_allowed(name) && value_harmless(value))
        aglm_text_fmt(s->out, " %s=\"%s\"", name, value);
}

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* Reads a name of XML's ASCII letters into buf; NULL if there is none or it is too long. */
static const char *read_name(const char *p, char *buf)
{
    size_t n = 0;
    while (isalnum((unsigned char)p[n]) || (p[n] && strchr("_:.-", p[n])))
        n++;
    if (n == 0 || n >= NAME_MAX_LEN)
        return NULL;
    memcpy(buf, p, n);
    buf[n] = '\0';
    return p + n;
}

/* Attributes up to '>' or '/>'; those of elements that are not shown are only read over. NULL:
 * broken. */
static const char *read_attributes(struct svg *s, const char *p, bool shown)
{
    struct aglm_text style = {0};
    for (p = skip_space(p); *p && *p != '>' && *p != '/'; p = skip_space(p)) {
        char name[NAME_MAX_LEN];
        p = read_name(p, name);
        p = p ? skip_space(p) : NULL;
        if (!p || *p != '=')
            goto broken;
        p = skip_space(p + 1);
        char quote = *p;
        const char *end = quote == '"' || quote == '\'' ? strchr(p + 1, quote) : NULL;
        char *value = end ? strndup(p + 1, (size_t)(end - p - 1)) : NULL;
        if (!value)
            goto broken;
        if (shown)
            put_attribute(s, name, value, &style);
        free(value);
        p = end + 1;
    }
    if (style.len)
        aglm_text_fmt(s->out, " style=\"%s\"", style.data);
    aglm_text_finish(&style);
    return *p ? p : NULL;
broken:
    aglm_text_finish(&style);
    return NULL;
}

static const char *open_tag(struct svg *s, const char *p)
{
    if (s->depth == MAX_DEPTH || s->complete)
        return NULL;
    struct element *e = &s->stack[s->depth];
    p = read_name(p + 1, e->name);
    if (!p || (s->depth == 0) != (strcmp(e->name, "svg") == 0))
        return NULL;
    bool parent_shown = s->depth == 0 || s->stack[s->depth - 1].shown;
    e->shown = parent_shown && element_allowed(e->name);
    e->start = s->out->len;
    s->depth++;
    if (e->shown)
        aglm_text_fmt(s->out, "<%s", e->name);
    if (e->shown && s->depth == 1)
        aglm_text_fmt(s->out, " class=\"plot\" role=\"img\" aria-label=\"%s\"",
                      s->options->description);
    p = read_attributes(s, p, e->shown);
    if (!p)
        return NULL;
    bool closed = *p == '/';
    if (closed && p[1] != '>')
        return NULL;
    if (e->shown)
        aglm_text_raw(s->out, closed ? "/>" : ">");
    e->inside = s->out->len;
    if (closed)
        s->depth--;
    return p + (closed ? 2 : 1);
}

static const char *close_tag(struct svg *s, const char *p)
{
    char name[NAME_MAX_LEN];
    p = read_name(p + 2, name);
    p = p ? skip_space(p) : NULL;
    if (!p || *p != '>' || s->depth == 0)
        return NULL;
    struct element *e = &s->stack[--s->depth];
    if (strcmp(name, e->name) != 0)
        return NULL;
    if (e->shown && s->out->len == e->inside && strcmp(name, "g") == 0 && !s->out->failed) {
        s->out->len = e->start; /* an empty group draws nothing */
        s->out->data[s->out->len] = '\0';
    } else if (e->shown) {
        aglm_text_fmt(s->out, "</%s>", name);
    }
    s->complete = s->depth == 0;
    return p + 1;
}

/* Text between tags: kept inside <text> and <tspan>, with placeholders filled in. '&' passes only
 * as one of XML's own entities. */
static const char *read_text(struct svg *s, const char *p)
{
    size_t n = strcspn(p, "<");
    const struct element *e = s->depth ? &s->stack[s->depth - 1] : NULL;
    if (!e || !e->shown || (strcmp(e->name, "text") != 0 && strcmp(e->name, "tspan") != 0))
        return p + n;
    const char *end = p + n;
    while (p < end) {
        char *after;
        size_t i = *p == '@' && isdigit((unsigned char)p[1]) ? strtoul(p + 1, &after, 10) : 0;
        if (*p == '@' && isdigit((unsigned char)p[1]) && *after == '@' &&
            i < s->options->n_labels) {
            aglm_text_escape(s->out, s->options->labels[i]);
            p = after + 1;
            continue;
        }
        bool entity = !strncmp(p, "&amp;", 5) || !strncmp(p, "&lt;", 4) || !strncmp(p, "&gt;", 4);
        if (*p == '&' && !entity)
            aglm_text_raw(s->out, "&amp;");
        else
            aglm_text_rawn(s->out, p, 1);
        p++;
    }
    return end;
}

static const char *skip_past(const char *p, const char *mark)
{
    p = strstr(p, mark);
    return p ? p + strlen(mark) : NULL;
}

int aglm_svg_inline(struct aglm_text *out, const char *raw, const struct aglm_svg_options *options,
                    struct aglm_err *err)
{
    size_t before = out->len;
    struct svg s = {.out = out, .options = options};
    const char *p = raw;
    while (p && *p) {
        if (*p != '<')
            p = read_text(&s, p);
        else if (!strncmp(p, "<!--", 4))
            p = skip_past(p, "-->");
        else if (p[1] == '?' || p[1] == '!')
            p = skip_past(p, ">");
        else if (p[1] == '/')
            p = close_tag(&s, p);
        else
            p = open_tag(&s, p);
    }
    if (p && s.complete && !out->failed)
        return 0;
    if (out->data && !out->failed) {
        out->len = before;
        out->data[before] = '\0';
    }
    return aglm_err_set(err, -EPROTO, "gnuplot's picture is no complete SVG");
}
