/* Magnitude pruning of a row of weights: those nearest to 0 become 0.
 *
 * Unstructured and by row, as Han et al. (NeurIPS 2015) without retraining: what is lost shows in
 * the answers; nothing is gained in speed, because the kernels multiply with zeros as with any
 * other weight.
 */
#ifndef AGLM_ENGINE_QUANT_PRUNE_H
#define AGLM_ENGINE_QUANT_PRUNE_H

#include <stddef.h>

/* Makes floor(share * n) of row: [n] 0, those of least magnitude; of equals those that come first.
 * 0 <= share <= 1; the weights are finite. */
void aglm_prune_row(float *row, size_t n, double share);

#endif
