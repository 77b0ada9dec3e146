/* "preset:NAME[:TYPE]" as a model file: where it lies in the user's cache, and making it when it is
 * not there.
 *
 * In: a -m argument. Out: the path of a file that opens as GGUF and has the right size. Two
 * processes at once: the second waits for the first and takes its file. A damaged or cut-off cached
 * file is made again.
 */
#include "engine/gguf.h"
#include "engine/synth.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Part of the cached file's name: to be raised whenever the bytes of a preset change. */
enum { SYNTH_FORMAT = 1 };

static const char prefix[] = "preset:";

static int list_presets(struct aglm_err *err, const char *name)
{
    char names[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < aglm_preset_count() && used < sizeof(names); i++) {
        int n = snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
                         aglm_preset_at(i)->name);
        used += n > 0 ? (size_t)n : 0;
    }
    return aglm_err_set(err, -EINVAL, "no preset named \"%.40s\"; there are %s", name, names);
}

/* "NAME[:TYPE]" */
static int parse(const char *text, const struct aglm_preset **preset,
                 const struct aglm_quantize_mode **mode, struct aglm_err *err)
{
    char name[64];
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    snprintf(name, sizeof(name), "%.*s", n < sizeof(name) ? (int)n : (int)sizeof(name) - 1, text);
    *preset = aglm_preset_find(name);
    if (!*preset)
        return list_presets(err, name);
    const struct aglm_quantize_mode *found = aglm_quantize_mode_find(colon ? colon + 1 : "q4_0");
    if (!found)
        return aglm_err_set(err, -EINVAL, "preset %s: no type \"%.40s\"; there are %s", name,
                            colon + 1, aglm_quantize_mode_names());
    *mode = found;
    return 0;
}

/* mkdir -p, folders 0755. */
static int make_folders(char *path, struct aglm_err *err)
{
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char kept = *p;
        *p = '\0';
        int rc = mkdir(path, 0755) == 0 || errno == EEXIST || errno == EISDIR ? 0 : -errno;
        if (rc)
            rc = aglm_err_set(err, rc, "%s: cannot make the cache folder: %s", path, strerror(-rc));
        *p = kept;
        if (rc || !kept)
            return rc;
    }
}

/* Relative values of XDG_CACHE_HOME are to be ignored, says its specification. */
static int cache_folder(char *out, size_t size, struct aglm_err *err)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n;
    if (xdg && xdg[0] == '/')
        n = snprintf(out, size, "%s/aglm-bench", xdg);
    else if (home && home[0] == '/')
        n = snprintf(out, size, "%s/.cache/aglm-bench", home);
    else
        return aglm_err_set(err, -ENOENT,
                            "no cache folder: neither HOME nor XDG_CACHE_HOME names one; set one, "
                            "or make a file with \"aglm-bench model synth\" and give its path");
    if (n < 0 || (size_t)n >= size)
        return aglm_err_set(err, -ENAMETOOLONG, "the cache folder's path is too long");
    return make_folders(out, err);
}

static bool is_good(const char *path, uint64_t size)
{
    struct aglm_gguf *file = NULL;
    if (aglm_gguf_open(&file, path, NULL))
        return false;
    bool good = aglm_gguf_file_size(file) == size;
    aglm_gguf_close(&file);
    return good;
}

/* Another process writes the file: sleep a little, let the caller stop the wait. */
static int wait_a_little(const struct aglm_synth_options *options, const char *path, uint64_t total,
                         struct aglm_err *err)
{
    const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
    if (options->progress && !options->progress(options->progress_ctx, 0, total))
        return aglm_err_set(err, -ECANCELED, "%s: stopped waiting for another process", path);
    nanosleep(&pause, NULL);
    return 0;
}

static int make(const struct aglm_preset *preset, const struct aglm_synth_options *options,
                const char *path, struct aglm_err *err)
{
    const uint64_t size = aglm_synth_size_of(preset, options->mode);
    while (!is_good(path, size)) {
        int rc = aglm_synth_write(preset, options, path, err);
        if (rc == -EBUSY)
            rc = wait_a_little(options, path, size, err);
        else if (rc == 0)
            return 0;
        if (rc)
            return rc;
    }
    return 0;
}

int aglm_synth_resolve(const char *model, const struct aglm_synth_options *options, char *path,
                       size_t path_size, struct aglm_err *err)
{
    const struct aglm_preset *preset = NULL;
    struct aglm_synth_options cached = *options;
    char folder[4096], file[4096 + 128];
    int n;
    if (strncmp(model, prefix, sizeof(prefix) - 1) != 0) {
        n = snprintf(file, sizeof(file), "%s", model);
    } else {
        int rc = parse(model + sizeof(prefix) - 1, &preset, &cached.mode, err);
        if (!rc)
            rc = cache_folder(folder, sizeof(folder), err);
        if (rc)
            return rc;
        n = snprintf(file, sizeof(file), "%s/%s-%s-v%d.gguf", folder, preset->name,
                     cached.mode->name, SYNTH_FORMAT);
    }
    if (n < 0 || (size_t)n >= sizeof(file) || (size_t)n >= path_size)
        return aglm_err_set(err, -ENAMETOOLONG, "%.200s: the path is too long", model);
    if (preset) {
        cached.seed = 1;
        int rc = make(preset, &cached, file, err);
        if (rc)
            return rc;
    }
    memcpy(path, file, (size_t)n + 1);
    return 0;
}
