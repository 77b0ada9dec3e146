/* As much of Check as the kernels' tests use, for cross builds: Debian's cross compilers come
 * without the library. A failed assertion ends its test; the rest go on. Prints "N checks, M
 * failed", where a check is one run of a test. No time limits and no processes: qemu is slow enough
 * and reports a crash itself.
 */
#ifndef AGLM_TESTS_KERNELS_ARM_CHECK_H
#define AGLM_TESTS_KERNELS_ARM_CHECK_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jmp_buf check_leave;
static const char *check_name;
static int check_index, check_runs, check_failures;

__attribute__((format(printf, 3, 4), noreturn)) static void check_fail(const char *file, int line,
                                                                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%s:%d: %s[%d]: ", file, line, check_name, check_index);
    vprintf(format, args);
    printf("\n");
    va_end(args);
    longjmp(check_leave, 1);
}

static void check_run(void (*test)(int), const char *name, int from, int to)
{
    check_name = name;
    for (check_index = from; check_index < to; check_index++, check_runs++)
        if (setjmp(check_leave) == 0)
            test(check_index);
        else
            check_failures++;
}

#define START_TEST(name) static void name(int _i __attribute__((unused)))
#define END_TEST

#define ck_assert_msg(condition, ...)                    \
    do {                                                 \
        if (!(condition))                                \
            check_fail(__FILE__, __LINE__, __VA_ARGS__); \
    } while (0)
#define ck_assert(condition) ck_assert_msg(condition, "%s", #condition)
#define ck_assert_int_eq(a, b) \
    ck_assert_msg((a) == (b), "%s == %s: %lld, %lld", #a, #b, (long long)(a), (long long)(b))
#define ck_assert_uint_eq(a, b) ck_assert_int_eq(a, b)
#define ck_assert_int_lt(a, b) ck_assert((a) < (b))
#define ck_assert_ptr_nonnull(p) ck_assert((p) != NULL)
#define ck_assert_str_eq(a, b) ck_assert(strcmp(a, b) == 0)
#define ck_assert_mem_eq(a, b, n) ck_assert(memcmp(a, b, n) == 0)
#define ck_assert_double_eq_tol(a, b, tolerance) ck_assert(fabs((a) - (b)) < (tolerance))

/* Tests run as they are added. */
typedef char Suite, TCase, SRunner;
enum { CK_ENV, CK_NORMAL };

static char check_anything;

#define suite_create(name) (&check_anything)
#define tcase_create(name) (&check_anything)
#define tcase_set_timeout(tc, seconds) ((void)(tc))
#define tcase_add_test(tc, test) check_run(test, #test, 0, 1)
#define tcase_add_loop_test(tc, test, from, to) check_run(test, #test, from, to)
#define suite_add_tcase(suite, tc) ((void)(suite))
#define srunner_create(suite) (suite)
#define srunner_run_all(runner, mode) printf("%d checks, %d failed\n", check_runs, check_failures)
#define srunner_ntests_failed(runner) (check_failures)
#define srunner_free(runner) ((void)(runner))

#endif
