/* The profile of every device in tests/fixtures/devices, against the text beside it.
 *
 * A device is a folder: its files, README.md (where they come from) and profile.txt. A new folder
 * is found by itself; AGLM_FIXTURES_WRITE=1 writes the texts anew, for eyes and git diff to check.
 */
#include "tests/unit/probes/suites.h"

#include "probes/profile.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 65536 };

static struct dirent **devices;
static int n_devices;

static int is_folder(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && entry->d_type == DT_DIR;
}

/* The device's file, "" if it has none; the caller frees it. */
static char *read_file(const char *device, const char *name)
{
    char path[512];
    char *text = calloc(1, TEXT_MAX);
    ck_assert_ptr_nonnull(text);
    snprintf(path, sizeof(path), AGLM_FIXTURES "/%s/%s", device, name);
    FILE *file = fopen(path, "rb");
    if (file) {
        ck_assert_uint_lt(fread(text, 1, TEXT_MAX, file), TEXT_MAX);
        fclose(file);
    }
    return text;
}

static char *profile_of(const char *device)
{
    char path[512], *text = NULL;
    size_t size = 0;
    struct aglm_profile *profile = NULL;
    struct aglm_err err = {0};
    snprintf(path, sizeof(path), AGLM_FIXTURES "/%s", device);
    const struct aglm_profile_options options = {.root = path};
    ck_assert_msg(aglm_profile_create(&profile, &options, &err) == 0, "%s", err.msg);
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    aglm_profile_print(profile, out);
    ck_assert_int_eq(fclose(out), 0);
    aglm_profile_destroy(&profile);
    return text;
}

/* The first line in which the texts differ, for the message. */
static const char *difference(const char *got, const char *want, size_t *n)
{
    const char *line = got;
    for (; *got && *got == *want; got++, want++)
        if (*got == '\n')
            line = got + 1;
    *n = strcspn(line, "\n");
    return line;
}

/* For a phone's terminal: no line has more than 80 columns. */
static void check_width(const char *name, const char *text)
{
    size_t columns = 0;
    for (; *text; text++) {
        columns = *text == '\n' ? 0 : columns + ((*text & 0xc0) != 0x80);
        ck_assert_msg(columns <= 80, "%s: a line of more than 80 columns", name);
    }
}

START_TEST(device)
{
    const char *name = devices[_i]->d_name;
    char *got = profile_of(name), *want = read_file(name, "profile.txt");
    char *readme = read_file(name, "README.md");
    check_width(name, got);
    if (getenv("AGLM_FIXTURES_WRITE")) {
        char path[512];
        snprintf(path, sizeof(path), AGLM_FIXTURES "/%s/profile.txt", name);
        FILE *file = fopen(path, "wb");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(got, file), 0);
        ck_assert_int_eq(fclose(file), 0);
    } else {
        size_t n = 0;
        const char *line = difference(got, want, &n);
        ck_assert_msg(want[0], "%s: no profile.txt", name);
        ck_assert_msg(strcmp(got, want) == 0, "%s: other than in profile.txt: \"%.*s\"", name,
                      (int)n, line);
    }
    ck_assert_msg(strncmp(readme, "# ", 2) == 0, "%s: no README.md that says whence", name);
    free(readme);
    free(want);
    free(got);
}
END_TEST

START_TEST(enough)
{
    ck_assert_int_ge(n_devices, 13);
}
END_TEST

Suite *devices_suite(void)
{
    Suite *suite = suite_create("devices");
    TCase *tc = tcase_create("devices");
    n_devices = scandir(AGLM_FIXTURES, &devices, is_folder, alphasort);
    tcase_add_loop_test(tc, device, 0, n_devices > 0 ? n_devices : 0);
    tcase_add_test(tc, enough);
    suite_add_tcase(suite, tc);
    return suite;
}
