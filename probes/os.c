/* The operating system and the device's name.
 *
 * Input: <root>/etc/os-release or Android's build.prop files, what getprop and uname printed when a
 * tree was captured (commands/), /proc/sys/kernel, the device tree, DMI. The host's own name is
 * left out on purpose: it tells about people, not about speed. */
#include "probes/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define UNAME "/commands/uname_-m"

enum { PROPS_MAX = 256 * 1024, PROPS_FILES = 4 };

/* The first holds lines "[key]: [value]", the others "key=value". */
static const char *const props_files[PROPS_FILES] = {"/commands/getprop", "/system/build.prop",
                                                     "/vendor/build.prop", "/product/build.prop"};

/* Android's property files; text is NULL for one that cannot be read. */
struct props {
    char *text[PROPS_FILES];
    int codes[PROPS_FILES]; /* why text is NULL */
    int code; /* of the first file that says something: 0, denied, …; -ENOENT: not an Android */
};

/* Turns lines "[key]: [value]" into "key=value", in place; other lines stay. */
static void unwrap(char *text)
{
    char *out = text;
    for (char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        bool more = line[len] == '\n';
        char *middle = memmem(line, len, "]: [", 4);
        if (line[0] == '[' && middle && line[len - 1] == ']') {
            size_t key = (size_t)(middle - line) - 1, value = len - key - 6;
            memmove(out, line + 1, key);
            out[key] = '=';
            memmove(out + key + 1, middle + 4, value);
            out += key + 1 + value;
        } else {
            memmove(out, line, len);
            out += len;
        }
        line += len + more;
        if (more)
            *out++ = '\n';
    }
    *out = '\0';
}

/* Copies the value of a line "key=value", quotes around it taken off. */
static int value_of(const char *text, const char *key, char *buf, size_t cap)
{
    size_t n = strlen(key);
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
        if (strncmp(text, key, n) != 0 || text[n] != '=')
            continue;
        const char *value = text + n + 1;
        size_t len = strcspn(value, "\r\n");
        if (len >= 2 && (*value == '"' || *value == '\'') && value[len - 1] == *value) {
            value++;
            len -= 2;
        }
        if (len == 0 || len >= cap)
            return -EILSEQ;
        memcpy(buf, value, len);
        buf[len] = '\0';
        return aglm_fsroot_printable(buf, "") ? 0 : -EILSEQ;
    }
    return -ENOENT;
}

static void props_read(struct props *props, const struct aglm_fsroot *fs)
{
    *props = (struct props){.code = -ENOENT};
    for (size_t i = fs->live ? 1 : 0; i < PROPS_FILES; i++) {
        int rc = aglm_fsroot_slurp(fs, props_files[i], PROPS_MAX, &props->text[i]);
        props->codes[i] = rc;
        if (rc == 0 && i == 0)
            unwrap(props->text[i]);
        if (props->code == -ENOENT || rc == 0)
            props->code = rc == -ENOENT ? props->code : rc;
    }
}

static int prop(const struct props *props, const char *key, char *buf, size_t cap)
{
    int code = -ENOENT; /* a file that was refused might have it */
    for (size_t i = 0; i < PROPS_FILES; i++) {
        int rc = props->text[i] ? value_of(props->text[i], key, buf, cap) : props->codes[i];
        if (rc == 0 && props->text[i])
            return 0;
        if (rc && code == -ENOENT)
            code = rc;
    }
    return code;
}

static void add_prop(struct aglm_facts *facts, const struct props *props, const char *name,
                     const char *key, const char *label)
{
    char text[256];
    int rc = prop(props, name, text, sizeof(text));
    if (rc)
        aglm_facts_unknown(facts, key, label, name, "%s", aglm_fsroot_reason(rc));
    else
        aglm_facts_text(facts, key, label, name, "%s", text);
    aglm_facts_identity(facts);
}

static void add_name(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                     const struct props *props)
{
    char text[16384], name[256];
    if (prop(props, "ro.build.version.release", name, sizeof(name)) == 0) {
        aglm_facts_text(facts, "os.name", "Operating system", "ro.build.version.release",
                        "Android %s", name);
        aglm_facts_identity(facts); /* an update of the system makes another device */
        return;
    }
    const char *path = "/etc/os-release";
    int rc = aglm_fsroot_read(fs, path, text, sizeof(text));
    if (rc == 0)
        rc = value_of(text, "PRETTY_NAME", name, sizeof(name));
    if (rc == -ENOENT && props->code != -ENOENT)
        aglm_facts_text(facts, "os.name", "Operating system", props_files[1], "Android");
    else if (rc)
        aglm_facts_unknown(facts, "os.name", "Operating system", path, "%s",
                           aglm_fsroot_reason(rc));
    else
        aglm_facts_text(facts, "os.name", "Operating system", path, "%s", name);
    aglm_facts_identity(facts);
}

/* The third word of "Linux version 6.1.0 (…", for trees without /proc/sys. */
static int version_word(const struct aglm_fsroot *fs, char *buf, size_t cap)
{
    char text[1024];
    int rc = aglm_fsroot_text(fs, text, sizeof(text), "/proc/version");
    if (rc)
        return rc;
    const char *prefix = "Linux version ";
    size_t n = strlen(prefix);
    if (strncmp(text, prefix, n) != 0)
        return -EILSEQ;
    size_t len = strcspn(text + n, " ");
    if (len == 0 || len >= cap)
        return -EILSEQ;
    memcpy(buf, text + n, len);
    buf[len] = '\0';
    return 0;
}

static void add_kernel(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    char text[256];
    const char *source = "/proc/sys/kernel/osrelease";
    int rc = aglm_fsroot_text(fs, text, sizeof(text), "%s", source);
    if (rc) {
        int second = version_word(fs, text, sizeof(text));
        source = second == 0 || rc == -ENOENT ? "/proc/version" : source;
        rc = second == 0 || rc == -ENOENT ? second : rc;
    }
    if (rc)
        aglm_facts_unknown(facts, "os.kernel", "Kernel", source, "%s", aglm_fsroot_reason(rc));
    else
        aglm_facts_text(facts, "os.kernel", "Kernel", source, "%s%s",
                        strncmp(text, "Linux", 5) == 0 ? "" : "Linux ", text);
    aglm_facts_identity(facts);

    struct utsname name;
    source = "/proc/sys/kernel/arch";
    if (fs->live && uname(&name) == 0)
        aglm_facts_text(facts, "os.arch", "Architecture", "uname", "%s", name.machine);
    else if ((rc = aglm_fsroot_text(fs, text, sizeof(text), "%s", source)) == 0)
        aglm_facts_text(facts, "os.arch", "Architecture", source, "%s", text);
    else if (!fs->live && aglm_fsroot_text(fs, text, sizeof(text), UNAME) == 0)
        aglm_facts_text(facts, "os.arch", "Architecture", "uname", "%s", text);
    else
        aglm_facts_unknown(facts, "os.arch", "Architecture", source, "%s", aglm_fsroot_reason(rc));
    aglm_facts_identity(facts);
}

static void add_model(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                      const struct props *props)
{
    static const char *const files[] = {"/proc/device-tree/model",
                                        "/sys/class/dmi/id/product_name"};
    const char *key = "device.model", *label = "Model";
    char text[256], vendor[256];
    int rc = prop(props, "ro.product.model", text, sizeof(text));
    if (rc == 0) {
        aglm_facts_text(facts, key, label, "ro.product.model", "%s", text);
        aglm_facts_identity(facts);
        return;
    }
    int code = props->code == -ENOENT ? -ENOENT : rc;
    for (size_t i = 0; i < 2; i++) {
        rc = aglm_fsroot_text(fs, text, sizeof(text), "%s", files[i]);
        if (rc == 0) {
            bool dmi = i == 1 && aglm_fsroot_text(fs, vendor, sizeof(vendor),
                                                  "/sys/class/dmi/id/sys_vendor") == 0;
            aglm_facts_text(facts, key, label, files[i], "%s%s%s", dmi ? vendor : "",
                            dmi ? " " : "", text);
            aglm_facts_identity(facts);
            return;
        }
        if (code == -ENOENT)
            code = rc;
    }
    aglm_facts_unknown(facts, key, label, files[1], "%s", aglm_fsroot_reason(code));
    aglm_facts_identity(facts);
}

void aglm_probe_os(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    struct props props;
    props_read(&props, fs);
    add_model(facts, fs, &props);
    if (props.code != -ENOENT) {
        add_prop(facts, &props, "ro.board.platform", "device.platform", "Platform");
        add_prop(facts, &props, "ro.product.cpu.abilist", "device.abis", "Binary interfaces");
    }
    add_name(facts, fs, &props);
    add_kernel(facts, fs);
    for (size_t i = 0; i < PROPS_FILES; i++)
        free(props.text[i]);
}
