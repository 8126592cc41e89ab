// Spectra of the pieces of a signal.
#include "Handle.hpp"
#include "Parallel.hpp"
#include "Rows.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/fft_rfft.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>

#include <cmath>

using ctorch::make;

namespace {

/// Pieces that are transformed at once: enough for what MKL prepares for each call, and few enough that what lies between
/// the steps stays in the cache.
constexpr int64_t piecesAtOnce = 256;

/// Magnitudes of complex numbers whose parts alternate.
CTORCH_BODY void sizes(const double *parts, float *out, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
        const double real = parts[2 * i], imaginary = parts[2 * i + 1];
        out[i] = static_cast<float>(std::sqrt(real * real + imaginary * imaginary));
    }
}

void sizesPortable(const double *parts, float *out, int64_t count) { sizes(parts, out, count); }

#if CTORCH_HAS_AVX2
CTORCH_AVX2 void sizesAVX2(const double *parts, float *out, int64_t count) { sizes(parts, out, count); }
#endif

using Sizes = void (*)(const double *parts, float *out, int64_t count);

Sizes chooseSizes() {
#if CTORCH_HAS_AVX2
    if (ctorch::kernels() != ctorch::Kernels::portable) return sizesAVX2;
#endif
    return sizesPortable;
}

}  // namespace

CTorchStatus ctorch_spectra(const float *signal, int64_t count, const CTorchTensor *window, int64_t hop, int64_t length, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        const at::Tensor &weights = window->value;
        TORCH_CHECK(
            weights.dim() == 1 && weights.is_cpu() && weights.scalar_type() == at::kFloat && weights.size(0) > 0,
            "a window is a float32 vector on the CPU, not ", weights.toString(), " ", weights.sizes());
        const int64_t width = weights.size(0), bins = length / 2 + 1;
        TORCH_CHECK(hop > 0 && length >= width, "hop ", hop, ", transforms of ", length, ", window of ", width);
        const int64_t pieceCount = count < width ? 0 : (count - width) / hop + 1;
        const auto options = at::TensorOptions().dtype(at::kFloat).requires_grad(false);
        at::Tensor spectra = at::empty({pieceCount, bins}, options);
        if (pieceCount == 0) return spectra;
        const Sizes sizes = chooseSizes();
        // Read only; at::from_blob takes no const.
        const at::Tensor samples = at::from_blob(const_cast<float *>(signal), {count}, options);
        // Behind the window's end it stays zero.
        at::Tensor windowed = at::zeros({std::min(piecesAtOnce, pieceCount), length}, options.dtype(at::kDouble));
        float *row = static_cast<float *>(spectra.data_ptr());
        for (int64_t first = 0; first < pieceCount; first += piecesAtOnce) {
            const int64_t taken = std::min(piecesAtOnce, pieceCount - first);
            at::Tensor filled = windowed.narrow(0, 0, taken).narrow(1, 0, width);
            at::mul_out(filled, samples.as_strided({taken, width}, {hop, 1}, first * hop), weights);
            const at::Tensor parts =
                at::view_as_real(at::fft_rfft(windowed.narrow(0, 0, taken), std::nullopt, 1)).contiguous();
            const double *source = static_cast<const double *>(parts.const_data_ptr());
            ctorch::parallelFor(0, taken, ctorch::rowGrain(bins), [&](int64_t begin, int64_t end) {
                sizes(source + 2 * begin * bins, row + begin * bins, (end - begin) * bins);
            });
            row += taken * bins;
        }
        return spectra;
    });
}
