/* Runs the suites of the bench room. */
#include "tests/unit/bench/suites.h"

#include <stdlib.h>

int main(void)
{
    SRunner *runner = srunner_create(aglm_suite_ranges());
    srunner_add_suite(runner, aglm_suite_options());
    srunner_add_suite(runner, aglm_suite_cpumask());
    srunner_add_suite(runner, aglm_suite_matrix());
    srunner_add_suite(runner, aglm_suite_stats());
    srunner_add_suite(runner, aglm_suite_results());
    srunner_add_suite(runner, aglm_suite_record());
    srunner_add_suite(runner, aglm_suite_verdict());
    srunner_add_suite(runner, aglm_suite_output());
    srunner_add_suite(runner, aglm_suite_table());
    srunner_add_suite(runner, aglm_suite_progress());
    srunner_add_suite(runner, aglm_suite_runner());
    srunner_add_suite(runner, aglm_suite_prompts());
    srunner_add_suite(runner, aglm_suite_generate());
    srunner_add_suite(runner, aglm_suite_advice());
    srunner_add_suite(runner, aglm_suite_accuracy());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
