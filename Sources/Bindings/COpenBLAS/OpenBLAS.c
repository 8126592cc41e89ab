#define _GNU_SOURCE
#include "COpenBLAS.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

/// `cblas_sgemm`, whose integers are `int` in this build of the library.
typedef void Product(
    int order, int leftTurn, int rightTurn, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
    int ldb, float beta, float *c, int ldc);
enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 };

static Product *product;
static char failure[512];

static void load(void) {
    // libtorch has functions of the same names, and calls its own through the symbol table: neither may find the other's.
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (!library) {
        const char *reason = dlerror();
        snprintf(failure, sizeof failure, "%s", reason ? reason : "no reason given");
        return;
    }
    void (*setThreads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
    product = (Product *)dlsym(library, "cblas_sgemm");
    if (!product || !setThreads) {
        snprintf(failure, sizeof failure, "libopenblas.so.0 has no cblas_sgemm");
        return;
    }
    // Whoever multiplies does so on workers of their own; the library's threads would only compete with them.
    setThreads(1);
}

const char *copenblas_load(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return failure[0] ? failure : NULL;
}

void copenblas_rows_times_rows(
    const float *left, int32_t rows, const float *right, int32_t otherRows, int32_t columns, float *target) {
    product(
        ROW_MAJOR, AS_IT_IS, TRANSPOSED, rows, otherRows, columns, 1, left, columns, right, columns, 0, target,
        otherRows);
}
