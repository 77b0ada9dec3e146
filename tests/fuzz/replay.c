/* Runs a fuzz target over the files of a folder: the committed corpus as a test, without libFuzzer.
 *
 * In: the folder. Each file is read into a heap block of just its size. An empty or missing folder
 * is a failure.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder, const char *name)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f || fstat(fileno(f), &st) != 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        if (f)
            fclose(f);
        return -1;
    }
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1);
    int rc = data && fread(data, 1, size, f) == size ? 0 : -1;
    if (rc == 0)
        LLVMFuzzerTestOneInput(data, size);
    else
        fprintf(stderr, "%s: cannot be read whole\n", path);
    free(data);
    fclose(f);
    return rc;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    unsigned n = 0;
    int rc = 0;
    if (!dir) {
        fprintf(stderr, "usage: %s FOLDER (that exists)\n", argv[0]);
        return EXIT_FAILURE;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        n++;
        if (replay(argv[1], entry->d_name))
            rc = -1;
    }
    closedir(dir);
    printf("%s: %u inputs\n", argv[1], n);
    return rc == 0 && n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
