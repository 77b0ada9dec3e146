/* Writes the model files of the matrix, for another engine to compute its logits.
 *
 * usage: matrix_models DIR. Writes DIR/N.gguf for each case, and on standard output one line per
 * case: N, its name, digest, cache types of K and V, the positions whose logits are kept, tokens;
 * separated by tabs. Not a test and not installed; make_matrix.py calls it.
 */
#include "tests/golden/matrix.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_line(const struct matrix_case *c, size_t i, uint64_t digest)
{
    printf("%zu\t%s\t%016" PRIx64 "\t%s\t%s\t", i, c->name, digest,
           aglm_dtype_get((uint32_t)c->type_k)->name, aglm_dtype_get((uint32_t)c->type_v)->name);
    for (size_t r = 0; r < MATRIX_ROWS; r++)
        printf("%s%zu", r ? "," : "", matrix_position(r));
    for (size_t t = 0; t < MATRIX_TOKENS; t++)
        printf("%c%d", t ? ',' : '\t', c->tokens[t]);
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: matrix_models DIR\n");
        return 2;
    }
    for (size_t i = 0; i < matrix_count(); i++) {
        struct matrix_case c;
        char path[4096];
        size_t size;
        matrix_describe(&c, i);
        uint8_t *bytes = matrix_model(&c, &size);
        snprintf(path, sizeof(path), "%s/%zu.gguf", argv[1], i);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0) {
            perror(path);
            return 1;
        }
        print_line(&c, i, matrix_digest(bytes, size));
        free(bytes);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
