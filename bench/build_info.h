/* What was built: facts that every record carries. */
#ifndef AGLM_BENCH_BUILD_INFO_H
#define AGLM_BENCH_BUILD_INFO_H

const char *aglm_build_version(void); /* "0.1.0" */
const char *aglm_build_commit(
    void); /* full hash, "-dirty" behind it for changed files; or "unknown" */
const char *aglm_build_compiler(void); /* "gcc 12.2.0" */
const char *aglm_build_flags(void);    /* "buildtype=release optimization=3" */

#endif
