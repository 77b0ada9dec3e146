/* The suites of the probes' tests, one per file. */
#ifndef AGLM_TESTS_PROBES_SUITES_H
#define AGLM_TESTS_PROBES_SUITES_H

#include <check.h>

Suite *fsroot_suite(void);
Suite *cpus_suite(void);
Suite *kinds_suite(void);
Suite *cgroup_suite(void);
Suite *devices_suite(void);
Suite *profile_suite(void);
Suite *conditions_suite(void);
Suite *measured_suite(void);
Suite *placement_suite(void);
Suite *child_suite(void);
Suite *android_suite(void);
Suite *power_suite(void);
Suite *gpu_suite(void);
Suite *sustained_suite(void);

#endif
