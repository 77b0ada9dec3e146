/* Facts of the build, from the build system and the compiler. */
#include "bench/build_info.h"

#include "bench/build_commit.h" /* generated: AGLM_COMMIT */

const char *aglm_build_version(void)
{
    return AGLM_VERSION;
}

const char *aglm_build_commit(void)
{
    return AGLM_COMMIT;
}

const char *aglm_build_compiler(void)
{
#ifdef __clang__
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}

const char *aglm_build_flags(void)
{
    return AGLM_BUILD_FLAGS;
}
