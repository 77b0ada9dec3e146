/* Softmax of a row of scores that was kept in memory, with AVX2 and FMA. */
#include "engine/kernels/x86/avx2.h"

void aglm_softmax_avx2(float *x, size_t n)
{
    float max = x[0], sum = 0;
    __m256 most = _mm256_set1_ps(max), all = _mm256_setzero_ps();
    float lanes[8];
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        most = _mm256_max_ps(_mm256_loadu_ps(x + i), most);
    _mm256_storeu_ps(lanes, most);
    for (unsigned k = 0; k < 8; k++)
        max = lanes[k] > max ? lanes[k] : max;
    for (; i < n; i++)
        max = x[i] > max ? x[i] : max;
    for (i = 0; i + 8 <= n; i += 8) {
        __m256 e = exp8(_mm256_sub_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(max)));
        _mm256_storeu_ps(x + i, e);
        all = _mm256_add_ps(all, e);
    }
    for (; i < n; i++) {
        x[i] = aglm_expf(x[i] - max);
        sum += x[i];
    }
    const float inverse = 1.0f / (sum + sum8(all));
    for (i = 0; i + 8 <= n; i += 8)
        _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(inverse)));
    for (; i < n; i++)
        x[i] *= inverse;
}
