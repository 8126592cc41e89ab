// The functions of CTorch.h, each of which hands on to the one of its name in CTorchPlugin.
#include "CTorch.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *_Atomic library;
static pthread_once_t once = PTHREAD_ONCE_INIT;
/// Why a function is not there: said by the first call that can fail.
static char *_Atomic failure;
// Settings that come before the library does: a tool reads its options, and refuses them, without it.
static _Atomic int32_t threadCount = 1;
static atomic_bool saysThreadCount;
static atomic_bool usesTensorHeap;

static void *symbol(void *library, const char *name) {
    void *function = dlsym(library, name);
    if (!function) failure = "libCTorchPlugin.so is of another build";
    return function;
}

static void load(void) {
    // It lies beside the executable, where the run path of every tool leads.
    void *loaded = dlopen("libCTorchPlugin.so", RTLD_NOW | RTLD_LOCAL);
    if (!loaded) {
        const char *reason = dlerror();
        failure = reason ? strdup(reason) : "no reason given";
        return;
    }
    __typeof__(ctorch_use_tensor_heap) *useTensorHeap = symbol(loaded, "ctorch_use_tensor_heap");
    __typeof__(ctorch_set_thread_count) *setThreadCount = symbol(loaded, "ctorch_set_thread_count");
    if (!useTensorHeap || !setThreadCount) return;
    if (usesTensorHeap) useTensorHeap();
    if (saysThreadCount) setThreadCount(threadCount);
    library = loaded;
}

/// The plugin's function of this name; NULL where there is none.
static void *find(const char *name) {
    pthread_once(&once, load);
    return library ? symbol(library, name) : NULL;
}

static CTorchStatus fail(CTorchError *error) {
    snprintf(error->message, sizeof error->message, "%s", failure);
    return CTORCH_NOT_LOADED;
}

/// `otherwise` is what happens where the library cannot be loaded. Several threads may look for a function at once, and find the
/// same.
#define FORWARD(result, name, parameters, arguments, otherwise) \
    result name parameters { \
        static __typeof__(name) *found; \
        __typeof__(name) *function = __atomic_load_n(&found, __ATOMIC_ACQUIRE); \
        if (!function) { \
            function = (__typeof__(name) *)find(#name); \
            if (!function) { \
                otherwise; \
            } \
            __atomic_store_n(&found, function, __ATOMIC_RELEASE); \
        } \
        return function arguments; \
    }

#define FORWARD_STATUS(name, parameters, arguments) \
    FORWARD(CTorchStatus, name, parameters, arguments, return fail(error))

// Nobody has a tensor, nor what is made of some, where the library was not loaded: these abort.

FORWARD_STATUS(ctorch_load_cuda, (int32_t index, CTorchError *error), (index, error))
FORWARD_STATUS(ctorch_cuda_count, (int32_t *out, CTorchError *error), (out, error))
FORWARD_STATUS(ctorch_device_memory, (int32_t index, CTorchMemory *out, CTorchError *error), (index, out, error))

void ctorch_set_thread_count(int32_t count) {
    threadCount = count;
    saysThreadCount = true;
    if (library) ((__typeof__(ctorch_set_thread_count) *)find("ctorch_set_thread_count"))(count);
}

FORWARD(void, ctorch_on_one_thread, (void (*body)(void *context), void *context), (body, context), return body(context))
FORWARD(int32_t, ctorch_thread_count, (void), (), return threadCount)
FORWARD(bool, ctorch_set_gradient_mode, (bool enabled), (enabled), return !enabled)
FORWARD(void, ctorch_trim_heap, (void), (), return)

void ctorch_use_tensor_heap(void) {
    usesTensorHeap = true;
    if (library) ((__typeof__(ctorch_use_tensor_heap) *)find("ctorch_use_tensor_heap"))();
}

FORWARD(int64_t, ctorch_thread_tensor_bytes, (void), (), return 0)
FORWARD(int64_t, ctorch_thread_tensor_peak, (bool resets), (resets), return 0)
FORWARD(void, ctorch_free, (CTorchTensor *tensor), (tensor), abort())
FORWARD_STATUS(ctorch_set_memory, (CTorchTensor *tensor, bool isThere, CTorchError *error), (tensor, isThere, error))
FORWARD(int64_t, ctorch_live_count, (void), (), return 0)
FORWARD(int64_t, ctorch_thread_live_count, (void), (), return 0)
FORWARD(int32_t, ctorch_dimension_count, (const CTorchTensor *tensor), (tensor), abort())
FORWARD(int64_t, ctorch_size, (const CTorchTensor *tensor, int32_t dimension), (tensor, dimension), abort())
FORWARD(int64_t, ctorch_element_count, (const CTorchTensor *tensor), (tensor), abort())
FORWARD(CTorchType, ctorch_type, (const CTorchTensor *tensor), (tensor), abort())
FORWARD(CTorchDevice, ctorch_device, (const CTorchTensor *tensor), (tensor), abort())
FORWARD(bool, ctorch_is_contiguous, (const CTorchTensor *tensor), (tensor), abort())
FORWARD(bool, ctorch_requires_gradient, (const CTorchTensor *tensor), (tensor), abort())
FORWARD(void *, ctorch_data, (const CTorchTensor *tensor), (tensor), abort())
FORWARD_STATUS(ctorch_full, (const int64_t *sizes, int32_t count, double value, CTorchType type, CTorchDevice device, CTorchTensor **out, CTorchError *error), (sizes, count, value, type, device, out, error))
FORWARD_STATUS(ctorch_arange, (int64_t start, int64_t end, CTorchType type, CTorchDevice device, CTorchTensor **out, CTorchError *error), (start, end, type, device, out, error))
FORWARD_STATUS(ctorch_empty, (const int64_t *sizes, int32_t count, CTorchType type, CTorchTensor **out, CTorchError *error), (sizes, count, type, out, error))
FORWARD_STATUS(ctorch_from_bytes, (const void *bytes, size_t byteCount, const int64_t *sizes, int32_t count, CTorchType type, CTorchTensor **out, CTorchError *error), (bytes, byteCount, sizes, count, type, out, error))
FORWARD_STATUS(ctorch_from_memory, (void *bytes, const int64_t *sizes, int32_t count, CTorchType type, void (*release)(void *context), void *context, CTorchTensor **out, CTorchError *error), (bytes, sizes, count, type, release, context, out, error))
FORWARD_STATUS(ctorch_copy_to_host, (const CTorchTensor *tensor, void *bytes, size_t byteCount, CTorchError *error), (tensor, bytes, byteCount, error))
FORWARD_STATUS(ctorch_item, (const CTorchTensor *tensor, double *out, CTorchError *error), (tensor, out, error))
FORWARD_STATUS(ctorch_to, (const CTorchTensor *tensor, CTorchType type, CTorchDevice device, CTorchTensor **out, CTorchError *error), (tensor, type, device, out, error))
FORWARD_STATUS(ctorch_clone, (const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error), (tensor, out, error))
FORWARD_STATUS(ctorch_copy_, (CTorchTensor *destination, const CTorchTensor *source, CTorchError *error), (destination, source, error))
FORWARD_STATUS(ctorch_restore_, (CTorchTensor *destination, const CTorchTensor *source, CTorchError *error), (destination, source, error))
FORWARD_STATUS(ctorch_normal, (const int64_t *sizes, int32_t count, double mean, double deviation, uint64_t seed, CTorchTensor **out, CTorchError *error), (sizes, count, mean, deviation, seed, out, error))
FORWARD_STATUS(ctorch_dropout, (const CTorchTensor *tensor, double p, uint64_t seed, CTorchTensor **out, CTorchError *error), (tensor, p, seed, out, error))
FORWARD_STATUS(ctorch_dropout_mask, (const int64_t *sizes, int32_t count, double p, uint64_t seed, CTorchDevice device, bool byOperations, CTorchTensor **out, CTorchError *error), (sizes, count, p, seed, device, byOperations, out, error))
FORWARD_STATUS(ctorch_reshape, (const CTorchTensor *tensor, const int64_t *sizes, int32_t count, CTorchTensor **out, CTorchError *error), (tensor, sizes, count, out, error))
FORWARD_STATUS(ctorch_view, (const CTorchTensor *tensor, const int64_t *sizes, int32_t count, CTorchTensor **out, CTorchError *error), (tensor, sizes, count, out, error))
FORWARD_STATUS(ctorch_expand, (const CTorchTensor *tensor, const int64_t *sizes, int32_t count, CTorchTensor **out, CTorchError *error), (tensor, sizes, count, out, error))
FORWARD_STATUS(ctorch_transpose, (const CTorchTensor *tensor, int64_t a, int64_t b, CTorchTensor **out, CTorchError *error), (tensor, a, b, out, error))
FORWARD_STATUS(ctorch_narrow, (const CTorchTensor *tensor, int64_t dimension, int64_t start, int64_t length, CTorchTensor **out, CTorchError *error), (tensor, dimension, start, length, out, error))
FORWARD_STATUS(ctorch_slice, (const CTorchTensor *tensor, int64_t dimension, int64_t start, int64_t end, int64_t step, CTorchTensor **out, CTorchError *error), (tensor, dimension, start, end, step, out, error))
FORWARD_STATUS(ctorch_select, (const CTorchTensor *tensor, int64_t dimension, int64_t index, CTorchTensor **out, CTorchError *error), (tensor, dimension, index, out, error))
FORWARD_STATUS(ctorch_unsqueeze, (const CTorchTensor *tensor, int64_t dimension, CTorchTensor **out, CTorchError *error), (tensor, dimension, out, error))
FORWARD_STATUS(ctorch_squeeze, (const CTorchTensor *tensor, int64_t dimension, CTorchTensor **out, CTorchError *error), (tensor, dimension, out, error))
FORWARD_STATUS(ctorch_contiguous, (const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error), (tensor, out, error))
FORWARD_STATUS(ctorch_cat, (const CTorchTensor *const *tensors, int32_t count, int64_t dimension, CTorchTensor **out, CTorchError *error), (tensors, count, dimension, out, error))
FORWARD_STATUS(ctorch_stack, (const CTorchTensor *const *tensors, int32_t count, int64_t dimension, CTorchTensor **out, CTorchError *error), (tensors, count, dimension, out, error))
FORWARD_STATUS(ctorch_split, (const CTorchTensor *tensor, const int64_t *lengths, int32_t count, int64_t dimension, CTorchTensor **out, CTorchError *error), (tensor, lengths, count, dimension, out, error))
FORWARD_STATUS(ctorch_index_select, (const CTorchTensor *tensor, int64_t dimension, const CTorchTensor *index, CTorchTensor **out, CTorchError *error), (tensor, dimension, index, out, error))
FORWARD_STATUS(ctorch_embedding, (const CTorchTensor *weight, const CTorchTensor *index, int64_t padding, CTorchTensor **out, CTorchError *error), (weight, index, padding, out, error))
FORWARD_STATUS(ctorch_scatter, (const CTorchTensor *tensor, int64_t dimension, const CTorchTensor *index, const CTorchTensor *source, CTorchTensor **out, CTorchError *error), (tensor, dimension, index, source, out, error))
FORWARD_STATUS(ctorch_index_copy, (const CTorchTensor *tensor, int64_t dimension, const CTorchTensor *index, const CTorchTensor *source, CTorchTensor **out, CTorchError *error), (tensor, dimension, index, source, out, error))
FORWARD_STATUS(ctorch_masked_fill, (const CTorchTensor *tensor, const CTorchTensor *mask, double value, CTorchTensor **out, CTorchError *error), (tensor, mask, value, out, error))
FORWARD_STATUS(ctorch_unary, (const CTorchTensor *tensor, CTorchUnary operation, CTorchTensor **out, CTorchError *error), (tensor, operation, out, error))
FORWARD_STATUS(ctorch_binary, (const CTorchTensor *a, const CTorchTensor *b, CTorchBinary operation, CTorchTensor **out, CTorchError *error), (a, b, operation, out, error))
FORWARD_STATUS(ctorch_binary_scalar, (const CTorchTensor *a, double b, CTorchBinary operation, CTorchTensor **out, CTorchError *error), (a, b, operation, out, error))
FORWARD_STATUS(ctorch_binary_, (CTorchTensor *a, const CTorchTensor *b, CTorchBinary operation, CTorchError *error), (a, b, operation, error))
FORWARD_STATUS(ctorch_binary_scalar_, (CTorchTensor *a, double b, CTorchBinary operation, CTorchError *error), (a, b, operation, error))
FORWARD_STATUS(ctorch_reduce, (const CTorchTensor *tensor, int64_t dimension, bool keep, CTorchReduction operation, CTorchTensor **out, CTorchError *error), (tensor, dimension, keep, operation, out, error))
FORWARD_STATUS(ctorch_reduce_all, (const CTorchTensor *tensor, CTorchReduction operation, CTorchTensor **out, CTorchError *error), (tensor, operation, out, error))
FORWARD_STATUS(ctorch_softmax, (const CTorchTensor *tensor, int64_t dimension, CTorchTensor **out, CTorchError *error), (tensor, dimension, out, error))
FORWARD_STATUS(ctorch_normalize, (const CTorchTensor *tensor, int64_t dimension, double epsilon, CTorchTensor **out, CTorchError *error), (tensor, dimension, epsilon, out, error))
FORWARD_STATUS(ctorch_eigenvectors, (const CTorchTensor *symmetric, CTorchTensor **out, CTorchError *error), (symmetric, out, error))
FORWARD_STATUS(ctorch_cross_entropy, (const CTorchTensor *logits, const CTorchTensor *targets, CTorchTensor **out, CTorchError *error), (logits, targets, out, error))
FORWARD_STATUS(ctorch_matmul, (const CTorchTensor *a, const CTorchTensor *b, CTorchTensor **out, CTorchError *error), (a, b, out, error))
FORWARD_STATUS(ctorch_linear, (const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, CTorchTensor **out, CTorchError *error), (input, weight, bias, out, error))
FORWARD_STATUS(ctorch_layer_norm, (const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, double epsilon, CTorchTensor **out, CTorchError *error), (input, weight, bias, epsilon, out, error))
FORWARD_STATUS(ctorch_convolution_1d, (const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, int64_t stride, int64_t padding, CTorchTensor **out, CTorchError *error), (input, weight, bias, stride, padding, out, error))
FORWARD_STATUS(ctorch_prepack, (const CTorchTensor *weight, int64_t rowCount, CTorchTensor **out, CTorchError *error), (weight, rowCount, out, error))
FORWARD_STATUS(ctorch_prepacked_linear, (const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, bool gelu, CTorchTensor **out, CTorchError *error), (input, weight, bias, gelu, out, error))
FORWARD_STATUS(ctorch_attention, (const CTorchTensor *query, const CTorchTensor *key, const CTorchTensor *value, const CTorchTensor *mask, bool causal, double scale, CTorchTensor **out, CTorchError *error), (query, key, value, mask, causal, scale, out, error))
FORWARD_STATUS(ctorch_windowed_attention, (const CTorchTensor *query, const CTorchTensor *key, const CTorchTensor *value, int64_t before, int64_t after, double scale, int64_t blockLength, CTorchTensor **out, CTorchError *error), (query, key, value, before, after, scale, blockLength, out, error))
FORWARD_STATUS(ctorch_packed_attention, (const CTorchTensor *query, const CTorchTensor *key, const CTorchTensor *value, const CTorchTensor *cumulative, int64_t longest, bool causal, int64_t before, int64_t after, double scale, CTorchTensor **out, CTorchError *error), (query, key, value, cumulative, longest, causal, before, after, scale, out, error))
FORWARD_STATUS(ctorch_rms_norm, (const CTorchTensor *input, const CTorchTensor *weight, double epsilon, bool addsOne, CTorchTensor **out, CTorchError *error), (input, weight, epsilon, addsOne, out, error))
FORWARD_STATUS(ctorch_rotary, (const CTorchTensor *input, const CTorchTensor *cosines, const CTorchTensor *sines, CTorchTensor **out, CTorchError *error), (input, cosines, sines, out, error))
FORWARD_STATUS(ctorch_gated, (const CTorchTensor *gate, const CTorchTensor *up, CTorchActivation activation, CTorchTensor **out, CTorchError *error), (gate, up, activation, out, error))
FORWARD_STATUS(ctorch_gated_, (CTorchTensor *gate, const CTorchTensor *up, CTorchActivation activation, CTorchError *error), (gate, up, activation, error))
FORWARD_STATUS(ctorch_spectra, (const float *signal, int64_t count, const CTorchTensor *window, int64_t hop, int64_t length, CTorchTensor **out, CTorchError *error), (signal, count, window, hop, length, out, error))
FORWARD_STATUS(ctorch_quantize, (const CTorchTensor *weight, CTorchQuantizedWeight **out, CTorchError *error), (weight, out, error))
FORWARD(void, ctorch_free_quantized, (CTorchQuantizedWeight *weight), (weight), abort())
FORWARD(int64_t, ctorch_quantized_byte_count, (const CTorchQuantizedWeight *weight), (weight), abort())
FORWARD_STATUS(ctorch_quantized_linear, (const CTorchTensor *input, const CTorchQuantizedWeight *weight, const CTorchTensor *bias, CTorchActivation activation, CTorchTensor **out, CTorchError *error), (input, weight, bias, activation, out, error))
FORWARD_STATUS(ctorch_set_requires_gradient, (CTorchTensor *tensor, bool value, CTorchError *error), (tensor, value, error))
FORWARD_STATUS(ctorch_detach, (const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error), (tensor, out, error))
FORWARD_STATUS(ctorch_gradients, (const CTorchTensor *const *outputs, const CTorchTensor *const *outputGradients, int32_t outputCount, const CTorchTensor *const *inputs, int32_t inputCount, bool keepGraph, bool allowUnused, CTorchTensor **out, CTorchError *error), (outputs, outputGradients, outputCount, inputs, inputCount, keepGraph, allowUnused, out, error))
FORWARD_STATUS(ctorch_adamw_, (CTorchTensor *const *parameters, const CTorchTensor *const *gradients, CTorchTensor *const *firstMoments, CTorchTensor *const *secondMoments, int32_t count, int64_t step, double learningRate, double beta1, double beta2, double weightDecay, double epsilon, CTorchError *error), (parameters, gradients, firstMoments, secondMoments, count, step, learningRate, beta1, beta2, weightDecay, epsilon, error))
FORWARD_STATUS(ctorch_global_norm, (const CTorchTensor *const *tensors, int32_t count, double *out, CTorchError *error), (tensors, count, out, error))
FORWARD_STATUS(ctorch_adamw_bf16_, (CTorchTensor *parameter, const CTorchTensor *gradient, CTorchTensor *firstMoment, CTorchTensor *secondMoment, CTorchAdamW options, uint64_t seed, int64_t start, bool byOperations, CTorchError *error), (parameter, gradient, firstMoment, secondMoment, options, seed, start, byOperations, error))
FORWARD_STATUS(ctorch_adamw_8bit_, (CTorchTensor *parameter, const CTorchTensor *gradient, CTorchTensor *firstMoment, CTorchTensor *firstScales, CTorchTensor *secondMoment, CTorchTensor *secondScales, CTorchAdamW options, bool byOperations, CTorchError *error), (parameter, gradient, firstMoment, firstScales, secondMoment, secondScales, options, byOperations, error))
FORWARD_STATUS(ctorch_transfer_start, (const CTorchTensor *tensor, CTorchDevice to, CTorchTransfer **out, CTorchError *error), (tensor, to, out, error))
FORWARD_STATUS(ctorch_transfer_take, (CTorchTransfer *transfer, CTorchTensor **out, CTorchError *error), (transfer, out, error))
FORWARD(void, ctorch_transfer_free, (CTorchTransfer *transfer), (transfer), abort())
FORWARD_STATUS(ctorch_send_to_host, (const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error), (tensor, out, error))
FORWARD_STATUS(ctorch_group_join, (const char *host, uint16_t port, bool hostsStore, int32_t rank, int32_t size, const char *prefix, const char *interface, double joinTimeout, double timeout, const CTorchJoinNotice *notice, CTorchGroup **out, CTorchError *error), (host, port, hostsStore, rank, size, prefix, interface, joinTimeout, timeout, notice, out, error))
FORWARD(void, ctorch_group_leave, (CTorchGroup *group), (group), abort())
FORWARD_STATUS(ctorch_group_find_nccl, (CTorchError *error), (error))
FORWARD_STATUS(ctorch_group_join_nccl, (CTorchGroup *group, CTorchDevice device, CTorchError *error), (group, device, error))
FORWARD(void, ctorch_group_leave_nccl, (CTorchGroup *group), (group), abort())
FORWARD_STATUS(ctorch_group_sum, (CTorchGroup *group, const CTorchTensor *tensor, CTorchError *error), (group, tensor, error))
FORWARD_STATUS(ctorch_group_gather, (CTorchGroup *group, const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error), (group, tensor, out, error))
FORWARD_STATUS(ctorch_group_start_sum, (CTorchGroup *group, const CTorchTensor *tensor, CTorchExchange **out, CTorchError *error), (group, tensor, out, error))
FORWARD_STATUS(ctorch_group_start_scatter, (CTorchGroup *group, const CTorchTensor *whole, const CTorchTensor *part, CTorchExchange **out, CTorchError *error), (group, whole, part, out, error))
FORWARD_STATUS(ctorch_group_start_gather, (CTorchGroup *group, const CTorchTensor *part, const CTorchTensor *whole, CTorchExchange **out, CTorchError *error), (group, part, whole, out, error))
FORWARD_STATUS(ctorch_exchange_wait, (CTorchExchange *exchange, CTorchError *error), (exchange, error))
FORWARD(void, ctorch_exchange_free, (CTorchExchange *exchange), (exchange), abort())
FORWARD_STATUS(ctorch_group_silent, (CTorchGroup *group, double seconds, bool *silent, CTorchError *error), (group, seconds, silent, error))
