/* Runs the suites of the probes' tests. AGLM_FIXTURES is tests/fixtures/devices. */
#include "tests/unit/probes/suites.h"

#include <stdlib.h>

int main(void)
{
    SRunner *runner = srunner_create(fsroot_suite());
    srunner_add_suite(runner, cpus_suite());
    srunner_add_suite(runner, kinds_suite());
    srunner_add_suite(runner, cgroup_suite());
    srunner_add_suite(runner, profile_suite());
    srunner_add_suite(runner, devices_suite());
    srunner_add_suite(runner, conditions_suite());
    srunner_add_suite(runner, measured_suite());
    srunner_add_suite(runner, placement_suite());
    srunner_add_suite(runner, child_suite());
    srunner_add_suite(runner, android_suite());
    srunner_add_suite(runner, power_suite());
    srunner_add_suite(runner, gpu_suite());
    srunner_add_suite(runner, sustained_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
