// The float32 product of matrices by OpenBLAS, which is loaded when it is first asked for.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Loads the library, once, and tells it to work on the calling thread alone.
///
/// - Returns: NULL, or why it cannot be loaded; valid as long as the process lives.
const char *copenblas_load(void);

/// `target[i, j] = left[i, :] · right[j, :]`, all row-major without gaps; by any number of threads at once.
///
/// `copenblas_load` must have succeeded.
void copenblas_rows_times_rows(
    const float *left, int32_t rows, const float *right, int32_t otherRows, int32_t columns, float *target);

#ifdef __cplusplus
}
#endif
