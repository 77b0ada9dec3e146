/* Runs the suites of the reports room; the scratch folder is made first and removed last. */
#include "tests/unit/reports/suites.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

int main(void)
{
    const char *dir = scratch_dir();
    SRunner *runner = srunner_create(text_suite());
    srunner_add_suite(runner, thresholds_suite());
    srunner_add_suite(runner, store_suite());
    srunner_add_suite(runner, store_files_suite());
    srunner_add_suite(runner, page_suite());
    srunner_add_suite(runner, farm_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (getenv("AGLM_KEEP"))
        fprintf(stderr, "kept %s\n", dir);
    else
        nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
