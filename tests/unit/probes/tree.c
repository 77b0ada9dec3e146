/* Throw-away folders for tests; see tree.h. */
#include "tests/unit/probes/tree.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "test tree: %s: %s\n", what, strerror(errno));
    abort();
}

void tree_make(struct tree *tree)
{
    snprintf(tree->root, sizeof(tree->root), "/tmp/aglm-probes-XXXXXX");
    must(mkdtemp(tree->root) != NULL, "mkdtemp");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

void tree_remove(struct tree *tree)
{
    must(nftw(tree->root, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, tree->root);
}

/* root/path, its parent folders made. */
static char *prepare(const struct tree *tree, const char *path)
{
    static char full[PATH_MAX];
    must(snprintf(full, sizeof(full), "%s%s", tree->root, path) < PATH_MAX, path);
    for (char *slash = full + strlen(tree->root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        must(mkdir(full, 0755) == 0 || errno == EEXIST, full);
        *slash = '/';
    }
    return full;
}

void tree_bytes(const struct tree *tree, const char *path, const void *data, size_t n)
{
    FILE *file = fopen(prepare(tree, path), "wb");
    must(file != NULL, path);
    must(fwrite(data, 1, n, file) == n, path);
    must(fclose(file) == 0, path);
}

void tree_text(const struct tree *tree, const char *path, const char *text)
{
    tree_bytes(tree, path, text, strlen(text));
}

void tree_link(const struct tree *tree, const char *path, const char *target)
{
    must(symlink(target, prepare(tree, path)) == 0, path);
}

void tree_fifo(const struct tree *tree, const char *path)
{
    must(mkfifo(prepare(tree, path), 0644) == 0, path);
}

void tree_folder(const struct tree *tree, const char *path)
{
    must(mkdir(prepare(tree, path), 0755) == 0, path);
}

void tree_mode(const struct tree *tree, const char *path, unsigned mode)
{
    must(chmod(prepare(tree, path), mode) == 0, path);
}

void tree_delete(const struct tree *tree, const char *path)
{
    must(unlink(prepare(tree, path)) == 0, path);
}

static const struct tree *copy_to;
static size_t copy_prefix;

static int copy_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    static char data[65536];
    if (type != FTW_F)
        return 0;
    FILE *file = fopen(path, "rb");
    must(file != NULL, path);
    size_t n = fread(data, 1, sizeof(data), file);
    must(n < sizeof(data) && fclose(file) == 0, path);
    tree_bytes(copy_to, path + copy_prefix, data, n);
    return 0;
}

void tree_copy(const struct tree *tree, const char *from)
{
    copy_to = tree;
    copy_prefix = strlen(from);
    must(nftw(from, copy_one, 16, FTW_PHYS) == 0, from);
}
