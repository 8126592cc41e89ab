/// libtorch behind plain C: opaque tensors; every call that can fail returns 0, or another status and fills a caller-owned
/// error.
///
/// Ownership: each `CTorchTensor **out` receives a new handle that the caller frees with `ctorch_free`; arguments are
/// borrowed. Arrays of sizes and dimensions are 64-bit. Dimensions may be negative (counted from the last).
/// Gradients are recorded when the calling thread's gradient mode is on and an argument requires them.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CTorchTensor CTorchTensor;
typedef int32_t CTorchStatus;
enum {
    CTORCH_OK = 0,
    CTORCH_FAILED = 1,
    /// The library that computes cannot be loaded.
    CTORCH_NOT_LOADED = 2,
};
typedef struct CTorchError {
    char message[1024];
} CTorchError;

typedef enum CTorchType : int32_t {
    CTORCH_F32, CTORCH_F16, CTORCH_BF16, CTORCH_F64, CTORCH_I32, CTORCH_I64, CTORCH_U8, CTORCH_BOOL
} CTorchType;

/// A device: `kind` 0 is the CPU, 1 is CUDA with `index`.
typedef struct CTorchDevice {
    int32_t kind;
    int32_t index;
} CTorchDevice;

// Process-wide settings (Runtime.cpp)

/// Loads libtorch_cuda if needed and checks that device `index` exists.
CTorchStatus ctorch_load_cuda(int32_t index, CTorchError *error);
/// How many CUDA devices this process sees, once libtorch_cuda is loaded.
CTorchStatus ctorch_cuda_count(int32_t *out, CTorchError *error);
/// Bytes of a device's memory: those of tensors now and at most so far, and free and in all by the driver's account.
typedef struct {
    int64_t used, mostUsed, free, total;
} CTorchMemory;
CTorchStatus ctorch_device_memory(int32_t index, CTorchMemory *out, CTorchError *error);
void ctorch_set_thread_count(int32_t count);
/// Calls `body` at once, with operations on the calling thread alone; `body` must not throw.
void ctorch_on_one_thread(void (*body)(void *context), void *context);
int32_t ctorch_thread_count(void);
/// Sets whether the calling thread records gradients; returns what it was.
bool ctorch_set_gradient_mode(bool enabled);
/// Gives the free pages of the process's heap, and of the tensors', back to the system.
void ctorch_trim_heap(void);

// Memory of tensors on the CPU (Memory.cpp)

/// From now on tensors of the CPU lie in a heap of their own, which keeps what they have freed for the next ones.
void ctorch_use_tensor_heap(void);
/// What the calling thread's tensors have taken since then, less what it has freed; malloc's small ones are counted too.
int64_t ctorch_thread_tensor_bytes(void);
/// The most that this came to since it was reset.
int64_t ctorch_thread_tensor_peak(bool resets);

// Lifetime and facts (Runtime.cpp)

void ctorch_free(CTorchTensor *tensor);
/// Frees the memory of a dense CPU tensor that shares it with its views alone, or (`isThere`) gets some again, whose numbers
/// may be any. Views and recorded graphs stay as they are, and must not be touched in between.
CTorchStatus ctorch_set_memory(CTorchTensor *tensor, bool isThere, CTorchError *error);
int64_t ctorch_live_count(void);
/// Handles made less handles freed by the calling thread.
int64_t ctorch_thread_live_count(void);
int32_t ctorch_dimension_count(const CTorchTensor *tensor);
int64_t ctorch_size(const CTorchTensor *tensor, int32_t dimension);
int64_t ctorch_element_count(const CTorchTensor *tensor);
CTorchType ctorch_type(const CTorchTensor *tensor);
CTorchDevice ctorch_device(const CTorchTensor *tensor);
bool ctorch_is_contiguous(const CTorchTensor *tensor);
bool ctorch_requires_gradient(const CTorchTensor *tensor);
/// The first element of a dense CPU tensor, NULL for any other.
void *ctorch_data(const CTorchTensor *tensor);

// Making and copying (Runtime.cpp, Dropout.cpp)

CTorchStatus ctorch_full(const int64_t *sizes, int32_t count, double value, CTorchType type, CTorchDevice device, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_arange(int64_t start, int64_t end, CTorchType type, CTorchDevice device, CTorchTensor **out, CTorchError *error);
/// On the CPU; whoever asked for it writes all elements through `ctorch_data` before anything reads them.
CTorchStatus ctorch_empty(const int64_t *sizes, int32_t count, CTorchType type, CTorchTensor **out, CTorchError *error);
/// Copies `byteCount` bytes of host memory; they must be exactly as many as the shape needs.
CTorchStatus ctorch_from_bytes(const void *bytes, size_t byteCount, const int64_t *sizes, int32_t count, CTorchType type, CTorchTensor **out, CTorchError *error);
/// Borrows host memory without copying; `release(context)` is called when the last tensor over it is gone.
CTorchStatus ctorch_from_memory(void *bytes, const int64_t *sizes, int32_t count, CTorchType type, void (*release)(void *context), void *context, CTorchTensor **out, CTorchError *error);
/// Copies a tensor's elements, in row-major order and its own type, into host memory of exactly their size.
CTorchStatus ctorch_copy_to_host(const CTorchTensor *tensor, void *bytes, size_t byteCount, CTorchError *error);
CTorchStatus ctorch_item(const CTorchTensor *tensor, double *out, CTorchError *error);
/// Converts type and device; the same storage when neither changes.
CTorchStatus ctorch_to(const CTorchTensor *tensor, CTorchType type, CTorchDevice device, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_clone(const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_copy_(CTorchTensor *destination, const CTorchTensor *source, CTorchError *error);
/// Likewise, without a word to graphs that have recorded the destination: for numbers that they had seen there before.
CTorchStatus ctorch_restore_(CTorchTensor *destination, const CTorchTensor *source, CTorchError *error);
/// Normal values from a generator of its own, seeded by `seed`.
CTorchStatus ctorch_normal(const int64_t *sizes, int32_t count, double mean, double deviation, uint64_t seed, CTorchTensor **out, CTorchError *error);
/// `tensor` times the mask below, of its type; on CUDA in one pass, forward and backward.
CTorchStatus ctorch_dropout(const CTorchTensor *tensor, double p, uint64_t seed, CTorchTensor **out, CTorchError *error);
/// 1 / (1 − p) with probability 1 − p, else 0, float32: a function of (seed, position) alone, on every device. One pass
/// over the CPU's memory, or `byOperations` of libtorch on any device.
CTorchStatus ctorch_dropout_mask(const int64_t *sizes, int32_t count, double p, uint64_t seed, CTorchDevice device, bool byOperations, CTorchTensor **out, CTorchError *error);

// Views, joining, indexing (Shapes.cpp)

CTorchStatus ctorch_reshape(const CTorchTensor *tensor, const int64_t *sizes, int32_t count, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_view(const CTorchTensor *tensor, const int64_t *sizes, int32_t count, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_expand(const CTorchTensor *tensor, const int64_t *sizes, int32_t count, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_transpose(const CTorchTensor *tensor, int64_t a, int64_t b, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_narrow(const CTorchTensor *tensor, int64_t dimension, int64_t start, int64_t length, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_slice(const CTorchTensor *tensor, int64_t dimension, int64_t start, int64_t end, int64_t step, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_select(const CTorchTensor *tensor, int64_t dimension, int64_t index, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_unsqueeze(const CTorchTensor *tensor, int64_t dimension, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_squeeze(const CTorchTensor *tensor, int64_t dimension, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_contiguous(const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_cat(const CTorchTensor *const *tensors, int32_t count, int64_t dimension, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_stack(const CTorchTensor *const *tensors, int32_t count, int64_t dimension, CTorchTensor **out, CTorchError *error);
/// Fills `out[0..<count]` with views of the given lengths along `dimension`.
CTorchStatus ctorch_split(const CTorchTensor *tensor, const int64_t *lengths, int32_t count, int64_t dimension, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_index_select(const CTorchTensor *tensor, int64_t dimension, const CTorchTensor *index, CTorchTensor **out, CTorchError *error);
/// Rows of `weight`; that of number `padding` gets no gradient, if it is not negative.
CTorchStatus ctorch_embedding(const CTorchTensor *weight, const CTorchTensor *index, int64_t padding, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_scatter(const CTorchTensor *tensor, int64_t dimension, const CTorchTensor *index, const CTorchTensor *source, CTorchTensor **out, CTorchError *error);
/// A copy of `tensor` in which the given indices of a dimension are those of `source`.
CTorchStatus ctorch_index_copy(const CTorchTensor *tensor, int64_t dimension, const CTorchTensor *index, const CTorchTensor *source, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_masked_fill(const CTorchTensor *tensor, const CTorchTensor *mask, double value, CTorchTensor **out, CTorchError *error);

// Arithmetic (Arithmetic.cpp)

typedef enum CTorchUnary : int32_t {
    CTORCH_NEG, CTORCH_LOG, CTORCH_RSQRT, CTORCH_ABS, CTORCH_TANH, CTORCH_SIGMOID, CTORCH_RELU, CTORCH_SILU,
    CTORCH_GELU_ERF, CTORCH_GELU_TANH
} CTorchUnary;
/// Maximum and minimum are with a number alone, the logical one with a tensor alone.
typedef enum CTorchBinary : int32_t {
    CTORCH_ADD, CTORCH_SUBTRACT, CTORCH_MULTIPLY, CTORCH_DIVIDE, CTORCH_MAXIMUM, CTORCH_MINIMUM, CTORCH_EQUAL,
    CTORCH_NOT_EQUAL, CTORCH_GREATER, CTORCH_LOGICAL_OR
} CTorchBinary;
typedef enum CTorchReduction : int32_t {
    CTORCH_SUM, CTORCH_MEAN, CTORCH_MAX, CTORCH_LOGSUMEXP, CTORCH_NORM
} CTorchReduction;

CTorchStatus ctorch_unary(const CTorchTensor *tensor, CTorchUnary operation, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_binary(const CTorchTensor *a, const CTorchTensor *b, CTorchBinary operation, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_binary_scalar(const CTorchTensor *a, double b, CTorchBinary operation, CTorchTensor **out, CTorchError *error);
/// a ← a ∘ b for add, subtract, multiply, divide.
CTorchStatus ctorch_binary_(CTorchTensor *a, const CTorchTensor *b, CTorchBinary operation, CTorchError *error);
CTorchStatus ctorch_binary_scalar_(CTorchTensor *a, double b, CTorchBinary operation, CTorchError *error);
CTorchStatus ctorch_reduce(const CTorchTensor *tensor, int64_t dimension, bool keep, CTorchReduction operation, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_reduce_all(const CTorchTensor *tensor, CTorchReduction operation, CTorchTensor **out, CTorchError *error);
CTorchStatus ctorch_softmax(const CTorchTensor *tensor, int64_t dimension, CTorchTensor **out, CTorchError *error);
/// `tensor / max(‖tensor‖₂, epsilon)` along `dimension`.
CTorchStatus ctorch_normalize(const CTorchTensor *tensor, int64_t dimension, double epsilon, CTorchTensor **out, CTorchError *error);
/// Eigenvectors of a symmetric matrix, as columns, by rising eigenvalues.
CTorchStatus ctorch_eigenvectors(const CTorchTensor *symmetric, CTorchTensor **out, CTorchError *error);
/// Mean over rows of −log softmax(logits)[target]; targets are int64 class indices.
CTorchStatus ctorch_cross_entropy(const CTorchTensor *logits, const CTorchTensor *targets, CTorchTensor **out, CTorchError *error);

// Layers (Layers.cpp)

CTorchStatus ctorch_matmul(const CTorchTensor *a, const CTorchTensor *b, CTorchTensor **out, CTorchError *error);
/// `input · weightᵀ + bias`; `bias` may be NULL.
CTorchStatus ctorch_linear(const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, CTorchTensor **out, CTorchError *error);
/// `bias` may be NULL.
CTorchStatus ctorch_layer_norm(const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, double epsilon, CTorchTensor **out, CTorchError *error);
/// `[N, I, L]` with a weight `[O, I, K]` and a bias `[O]` (may be NULL): `[N, O, (L + 2 · padding − K) / stride + 1]`; zeros
/// stand before and behind each of the N.
CTorchStatus ctorch_convolution_1d(const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, int64_t stride, int64_t padding, CTorchTensor **out, CTorchError *error);
/// A weight `[out, in]` in the layout that `ctorch_prepacked_linear` wants for about `rowCount` rows (oneDNN, CPU).
CTorchStatus ctorch_prepack(const CTorchTensor *weight, int64_t rowCount, CTorchTensor **out, CTorchError *error);
/// `input · weightᵀ + bias`, then GELU (erf) when asked, in one pass; without gradients.
CTorchStatus ctorch_prepacked_linear(const CTorchTensor *input, const CTorchTensor *weight, const CTorchTensor *bias, bool gelu, CTorchTensor **out, CTorchError *error);

// Attention (Attention.cpp). Queries have H heads, keys and values G; G divides H, and head h reads keys and values
// h / (H / G). `scale` ≤ 0 means 1/√D.

/// `softmax(query · keyᵀ · scale + mask) · value` of `[B, H, L, D]` and `[B, G, L, D]`; `mask` may be NULL, else is of
/// a floating-point type and broadcasts to `[B, H, L, L]`.
CTorchStatus ctorch_attention(const CTorchTensor *query, const CTorchTensor *key, const CTorchTensor *value, const CTorchTensor *mask, bool causal, double scale, CTorchTensor **out, CTorchError *error);
/// The same where query i sees keys i − before … i + after only; time and memory grow with their number, not with L.
/// `blockLength` queries are taken together, 0 leaves the choice to the callee.
CTorchStatus ctorch_windowed_attention(const CTorchTensor *query, const CTorchTensor *key, const CTorchTensor *value, int64_t before, int64_t after, double scale, int64_t blockLength, CTorchTensor **out, CTorchError *error);
/// FlashAttention over packed `[T, H, D]` and `[T, G, D]`; CUDA, 16-bit types. `cumulative` is int32 `[S + 1]` on the
/// device. `before` and `after` limit the keys as above, −1 does not.
CTorchStatus ctorch_packed_attention(const CTorchTensor *query, const CTorchTensor *key, const CTorchTensor *value, const CTorchTensor *cumulative, int64_t longest, bool causal, int64_t before, int64_t after, double scale, CTorchTensor **out, CTorchError *error);

// Layers of one pass over the CPU's memory (Fused.cpp)

typedef enum CTorchActivation : int32_t {
    CTORCH_ACTIVATION_NONE, CTORCH_ACTIVATION_SILU, CTORCH_ACTIVATION_GELU_ERF, CTORCH_ACTIVATION_GELU_TANH,
    CTORCH_ACTIVATION_RELU
} CTorchActivation;

/// x / √(mean x² + epsilon) over the last dimension in float32, rounded to x's type and multiplied by `weight` in it;
/// with `addsOne` multiplied by 1 + `weight` in float32 and rounded once.
CTorchStatus ctorch_rms_norm(const CTorchTensor *input, const CTorchTensor *weight, double epsilon, bool addsOne, CTorchTensor **out, CTorchError *error);
/// `[a, b]` → `[a·cos − b·sin, b·cos + a·sin]` for the halves of the last dimension of `[T, H, E]`; tables are float32
/// `[T, E / 2]` and take no gradients. Computed in float32, rounded once.
CTorchStatus ctorch_rotary(const CTorchTensor *input, const CTorchTensor *cosines, const CTorchTensor *sines, CTorchTensor **out, CTorchError *error);
/// `activation(gate) · up`, the activation rounded to their type.
CTorchStatus ctorch_gated(const CTorchTensor *gate, const CTorchTensor *up, CTorchActivation activation, CTorchTensor **out, CTorchError *error);
/// The same over `gate`'s memory; an error while gradients of either are recorded.
CTorchStatus ctorch_gated_(CTorchTensor *gate, const CTorchTensor *up, CTorchActivation activation, CTorchError *error);

// Spectra, CPU (Spectra.cpp)

/// Of the pieces `i · hop ..< i · hop + W` of a signal that lie within it, times the window `[W]`, filled up with zeros to
/// `length`: the magnitudes of their Fourier transforms, `[pieces, length / 2 + 1]`. All is float32, without gradients; the
/// transforms alone are computed in float64.
CTorchStatus ctorch_spectra(const float *signal, int64_t count, const CTorchTensor *window, int64_t hop, int64_t length, CTorchTensor **out, CTorchError *error);

// Weights of 8 bits, CPU (Quantized.cpp)

typedef struct CTorchQuantizedWeight CTorchQuantizedWeight;

/// Rounds a finite weight `[O, I]` to 8 bits, with a scale for each output. The caller frees it.
CTorchStatus ctorch_quantize(const CTorchTensor *weight, CTorchQuantizedWeight **out, CTorchError *error);
void ctorch_free_quantized(CTorchQuantizedWeight *weight);
int64_t ctorch_quantized_byte_count(const CTorchQuantizedWeight *weight);
/// `activation(input · weightᵀ + bias)` of float32 `[…, I]`, whose rows are rounded to 8 bits each by its own range;
/// `bias` may be NULL. Without gradients.
CTorchStatus ctorch_quantized_linear(const CTorchTensor *input, const CTorchQuantizedWeight *weight, const CTorchTensor *bias, CTorchActivation activation, CTorchTensor **out, CTorchError *error);

// Gradients and optimiser steps (Gradients.cpp)

CTorchStatus ctorch_set_requires_gradient(CTorchTensor *tensor, bool value, CTorchError *error);
/// The same storage outside any graph.
CTorchStatus ctorch_detach(const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error);
/// Gradients of Σ outputs·outputGradients with respect to the inputs. A NULL output gradient stands for 1 (scalars);
/// `out[i]` is NULL for an input that was not used, which is an error unless `allowUnused`.
CTorchStatus ctorch_gradients(const CTorchTensor *const *outputs, const CTorchTensor *const *outputGradients, int32_t outputCount, const CTorchTensor *const *inputs, int32_t inputCount, bool keepGraph, bool allowUnused, CTorchTensor **out, CTorchError *error);
/// One AdamW step in place; `step` counts from 1.
CTorchStatus ctorch_adamw_(CTorchTensor *const *parameters, const CTorchTensor *const *gradients, CTorchTensor *const *firstMoments, CTorchTensor *const *secondMoments, int32_t count, int64_t step, double learningRate, double beta1, double beta2, double weightDecay, double epsilon, CTorchError *error);
/// The Euclidean norm of all elements of all tensors together.
CTorchStatus ctorch_global_norm(const CTorchTensor *const *tensors, int32_t count, double *out, CTorchError *error);

// AdamW over moments of fewer bits (Moments.cpp)

/// Settings of one step, whose number counts from 1.
typedef struct CTorchAdamW {
    int64_t step;
    double learningRate, beta1, beta2, weightDecay, epsilon;
} CTorchAdamW;

/// One AdamW step in place over a float32 parameter, or a part of one from element `start` on, which is even; moments are
/// bfloat16. They are rounded stochastically, by bits that are a function of (seed, element). One pass over the CPU's memory,
/// or `byOperations` of libtorch on any device.
CTorchStatus ctorch_adamw_bf16_(CTorchTensor *parameter, const CTorchTensor *gradient, CTorchTensor *firstMoment, CTorchTensor *secondMoment, CTorchAdamW options, uint64_t seed, int64_t start, bool byOperations, CTorchError *error);
/// Likewise of moments in 8 bits, with a float32 scale for each 256 numbers.
CTorchStatus ctorch_adamw_8bit_(CTorchTensor *parameter, const CTorchTensor *gradient, CTorchTensor *firstMoment, CTorchTensor *firstScales, CTorchTensor *secondMoment, CTorchTensor *secondScales, CTorchAdamW options, bool byOperations, CTorchError *error);

// Copies while a GPU computes (Transfers.cpp)

/// A tensor that is on its way to a GPU.
typedef struct CTorchTransfer CTorchTransfer;

/// Starts to copy a tensor of the CPU: one of memory that nobody changes, or what `ctorch_send_to_host` gave. May wait for the
/// GPU, where it is far behind.
CTorchStatus ctorch_transfer_start(const CTorchTensor *tensor, CTorchDevice to, CTorchTransfer **out, CTorchError *error);
/// The tensor on the GPU: operations that are started from now on come behind the copy.
CTorchStatus ctorch_transfer_take(CTorchTransfer *transfer, CTorchTensor **out, CTorchError *error);
/// Comes when nothing more is to be started with the tensor.
void ctorch_transfer_free(CTorchTransfer *transfer);
/// A copy in pinned memory of the CPU, which is not there yet: only `ctorch_transfer_start` may be given it.
CTorchStatus ctorch_send_to_host(const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error);

// Processes that exchange tensors (Group.cpp, NCCL.cpp)

typedef struct CTorchGroup CTorchGroup;

/// Told once, on a thread of its own, where joining takes longer than `seconds`: which processes have come to where all meet;
/// `here` is NULL where this one has not come there itself.
typedef struct CTorchJoinNotice {
    double seconds;
    void (*tell)(const bool *here, void *context);
    void *context;
} CTorchJoinNotice;

/// Joins `size` processes that all know one host and port; returns when all are there.
///
/// `hostsStore`: whether this process opens the port, as one of them must, unless somebody else does. `prefix` tells groups
/// apart that meet at one store. `interface` is a network interface, NULL for that of the machine's name, or loopback where
/// the host is this machine. `joinTimeout` and `timeout`: seconds for joining and for each exchange. `notice` may be NULL.
CTorchStatus ctorch_group_join(const char *host, uint16_t port, bool hostsStore, int32_t rank, int32_t size, const char *prefix, const char *interface, double joinTimeout, double timeout, const CTorchJoinNotice *notice, CTorchGroup **out, CTorchError *error);
void ctorch_group_leave(CTorchGroup *group);
/// Fails where this process has no NCCL, or is not to use it.
CTorchStatus ctorch_group_find_nccl(CTorchError *error);
/// From here on tensors of a GPU go over NCCL in what `ctorch_group_start_…` starts. All processes call it, once; it fails
/// where NCCL refuses, or where another process ended.
CTorchStatus ctorch_group_join_nccl(CTorchGroup *group, CTorchDevice device, CTorchError *error);
/// Undoes it.
void ctorch_group_leave_nccl(CTorchGroup *group);
/// Replaces a dense CPU tensor by the sum of all processes' tensors of this type and shape: the same bits in each.
CTorchStatus ctorch_group_sum(CTorchGroup *group, const CTorchTensor *tensor, CTorchError *error);
/// `[size · n, …]`: the tensors `[n, …]` of all processes in the order of ranks.
CTorchStatus ctorch_group_gather(CTorchGroup *group, const CTorchTensor *tensor, CTorchTensor **out, CTorchError *error);
/// An exchange that goes on in the background; all processes start the same ones in the same order.
typedef struct CTorchExchange CTorchExchange;

/// Starts what `ctorch_group_sum` does.
CTorchStatus ctorch_group_start_sum(CTorchGroup *group, const CTorchTensor *tensor, CTorchExchange **out, CTorchError *error);
/// Starts to fill `part` `[n]` with this process's part of the sum of all processes' `whole` `[size · n]`, which may change.
CTorchStatus ctorch_group_start_scatter(CTorchGroup *group, const CTorchTensor *whole, const CTorchTensor *part, CTorchExchange **out, CTorchError *error);
/// Starts to fill `whole` `[size · n]` with all processes' `part` `[n]` in the order of ranks.
CTorchStatus ctorch_group_start_gather(CTorchGroup *group, const CTorchTensor *part, const CTorchTensor *whole, CTorchExchange **out, CTorchError *error);
/// Returns once the exchange has ended; fails where it failed.
CTorchStatus ctorch_exchange_wait(CTorchExchange *exchange, CTorchError *error);
/// May come before the exchange has ended.
void ctorch_exchange_free(CTorchExchange *exchange);
/// Fills `silent[rank]` with whether a process gave no sign of life for `seconds`; fails where the store is gone. It is for
/// after an exchange that failed: what GPUs exchange is given up.
CTorchStatus ctorch_group_silent(CTorchGroup *group, double seconds, bool *silent, CTorchError *error);

#ifdef __cplusplus
}
#endif
