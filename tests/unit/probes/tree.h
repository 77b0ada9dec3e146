/* A throw-away folder that stands for "/" in a test. Every function ends the program if it cannot
 * do its work. */
#ifndef AGLM_TESTS_PROBES_TREE_H
#define AGLM_TESTS_PROBES_TREE_H

#include <stddef.h>

struct tree {
    char root[64];
};

void tree_make(struct tree *tree);
void tree_remove(struct tree *tree);

/* Writes n bytes, or a text, to root/path, with the folders above it. */
void tree_bytes(const struct tree *tree, const char *path, const void *data, size_t n);
void tree_text(const struct tree *tree, const char *path, const char *text);
/* A symbolic link at root/path, a FIFO, a folder. */
void tree_link(const struct tree *tree, const char *path, const char *target);
void tree_fifo(const struct tree *tree, const char *path);
void tree_folder(const struct tree *tree, const char *path);
/* Permissions of root/path. */
void tree_mode(const struct tree *tree, const char *path, unsigned mode);
/* Deletes root/path, a file. */
void tree_delete(const struct tree *tree, const char *path);
/* Copies a whole folder into the root. */
void tree_copy(const struct tree *tree, const char *from);

#endif
