// Attention: whole, within windows, and over packed sequences.
#include "Handle.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>

using ctorch::make;

namespace {

std::optional<double> chosen(double scale) { return scale > 0 ? std::optional(scale) : std::nullopt; }

void checkHeads(const at::Tensor &query, const at::Tensor &key, const at::Tensor &value) {
    TORCH_CHECK(
        query.dim() == 4 && key.dim() == 4 && value.dim() == 4, "attention takes [B, H, L, D], not ", query.sizes(),
        key.sizes(), value.sizes());
    TORCH_CHECK(
        key.size(1) > 0 && key.size(1) == value.size(1) && query.size(1) % key.size(1) == 0, query.size(1),
        " heads of queries cannot share ", key.size(1), " of keys and ", value.size(1), " of values");
}

/// `[B, G, …]` with each head repeated H / G times in a row.
at::Tensor repeated(const at::Tensor &tensor, int64_t headCount) {
    const int64_t times = headCount / tensor.size(1);
    if (times == 1) return tensor;
    return tensor.unsqueeze(2)
        .expand({tensor.size(0), tensor.size(1), times, tensor.size(2), tensor.size(3)})
        .reshape({tensor.size(0), headCount, tensor.size(2), tensor.size(3)});
}

/// `[rowCount, columnCount]`, 0 where `first ≤ column − row ≤ last` and −∞ elsewhere.
at::Tensor band(int64_t rowCount, int64_t columnCount, int64_t first, int64_t last, const at::TensorOptions &options) {
    const at::Tensor rows = at::arange(rowCount, options.dtype(at::kLong)).unsqueeze(1);
    const at::Tensor distances = at::arange(columnCount, options.dtype(at::kLong)).sub(rows);
    return at::zeros({rowCount, columnCount}, options)
        .masked_fill(
            distances.lt(first).logical_or(distances.gt(last)), -std::numeric_limits<double>::infinity());
}

/// By products and softmax, through which gradients flow into the mask as well. Softmax in float32.
at::Tensor composed(
    const at::Tensor &query, const at::Tensor &key, const at::Tensor &value, const at::Tensor &mask,
    std::optional<double> scale) {
    const int64_t batch = query.size(0), headCount = query.size(1), length = query.size(2), size = query.size(3);
    const int64_t groupCount = key.size(1), keyCount = key.size(2);
    // The queries that share keys are rows of one product.
    const at::Tensor rows = query.reshape({batch, groupCount, headCount / groupCount * length, size});
    const double factor = scale.value_or(1 / std::sqrt(static_cast<double>(size)));
    const at::ScalarType wide = query.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor scores = at::matmul(rows, key.transpose(-1, -2)).reshape({batch, headCount, length, keyCount});
    const at::Tensor weights = scores.to(wide).mul(factor).add(mask.to(wide)).softmax(-1).to(query.scalar_type());
    return at::matmul(weights.reshape({batch, groupCount, headCount / groupCount * length, keyCount}), value)
        .reshape({batch, headCount, length, value.size(3)});
}

at::Tensor attention(
    const at::Tensor &query, const at::Tensor &key, const at::Tensor &value, const at::Tensor &given, bool causal,
    std::optional<double> scale) {
    // The fused kernels do not expect tensors without elements.
    if (query.numel() == 0) return query.clone();
    if (!given.defined() && query.size(1) == key.size(1))
        return at::scaled_dot_product_attention(query, key, value, std::nullopt, 0.0, causal, scale);

    at::Tensor mask = given;
    if (mask.defined()) {
        TORCH_CHECK(mask.is_floating_point(), "a mask is added, so it cannot be ", mask.scalar_type());
        if (causal)
            mask = mask.add(band(query.size(2), key.size(2), -query.size(2), 0, mask.options().requires_grad(false)));
        if (c10::GradMode::is_enabled() && mask.requires_grad()) return composed(query, key, value, mask, scale);
        mask = mask.to(query.scalar_type());
        // The fused kernels take two dimensions or four.
        while (mask.dim() < 2 || mask.dim() == 3) mask = mask.unsqueeze(0);
        causal = false;
    }
    // On the CPU the fused kernel reads shared heads where they are; on CUDA only that for 16 bits without a mask does.
    const bool reads = query.is_cpu() || (query.element_size() == 2 && !mask.defined());
    return at::scaled_dot_product_attention(
        query, reads ? key : repeated(key, query.size(1)), reads ? value : repeated(value, query.size(1)),
        mask.defined() ? std::optional(mask) : std::nullopt, 0.0, causal, scale,
        /*enable_gqa=*/reads && query.size(1) != key.size(1));
}

/// Pieces of a dimension for overlapping ranges: as views, or, when gradients are recorded, joined from views that do
/// not overlap, so that the gradient of each range does not become a tensor of the whole's size.
class Ranges {
public:
    Ranges(const at::Tensor &tensor, const std::vector<int64_t> &boundaries) : tensor(tensor), boundaries(boundaries) {
        if (!c10::GradMode::is_enabled() || !tensor.requires_grad()) return;
        std::vector<int64_t> lengths;
        for (size_t i = 0; i + 1 < boundaries.size(); ++i) lengths.push_back(boundaries[i + 1] - boundaries[i]);
        pieces = tensor.split_with_sizes(lengths, 2);
    }

    at::Tensor operator()(int64_t begin, int64_t end) const {
        if (pieces.empty()) return tensor.narrow(2, begin, end - begin);
        const size_t first = index(begin), last = index(end);
        if (last == first + 1) return pieces[first];
        return at::cat(at::TensorList(pieces.data() + first, last - first), 2);
    }

private:
    const at::Tensor &tensor;
    const std::vector<int64_t> &boundaries;
    std::vector<at::Tensor> pieces;

    size_t index(int64_t boundary) const {
        return static_cast<size_t>(
            std::lower_bound(boundaries.begin(), boundaries.end(), boundary) - boundaries.begin());
    }
};

at::Tensor windowed(
    const at::Tensor &query, const at::Tensor &key, const at::Tensor &value, int64_t before, int64_t after,
    std::optional<double> scale, int64_t blockLength) {
    const int64_t length = query.size(2);
    TORCH_CHECK(
        key.size(2) == length && value.size(2) == length, "windows need as many keys as queries, not ", key.size(2),
        " for ", length);
    TORCH_CHECK(before >= 0 && after >= 0, "a window reaches from ", -before, " to ", after);
    if (query.numel() == 0) return query.clone();
    before = std::min(before, length - 1);
    after = std::min(after, length - 1);
    if (before == length - 1 && (after == length - 1 || after == 0))
        return attention(query, key, value, {}, after == 0 && length > 1, scale);
    // Measured on the CPU for windows of 129 to 513 keys: 64 is fastest, as little is computed outside the window. Each
    // block is a few launches on a GPU, which wants larger ones.
    if (blockLength <= 0) blockLength = query.is_cpu() ? 64 : 512;
    blockLength = std::min(blockLength, length);
    const int64_t blockCount = (length + blockLength - 1) / blockLength;
    const auto keysOf = [&](int64_t block) {
        const int64_t begin = block * blockLength, end = std::min(length, begin + blockLength);
        return std::pair(std::max<int64_t>(0, begin - before), std::min(length, end + after));
    };
    std::vector<int64_t> blocks{0}, bounds{0, length};
    for (int64_t block = 0; block < blockCount; ++block) {
        blocks.push_back(std::min(length, (block + 1) * blockLength));
        bounds.push_back(keysOf(block).first);
        bounds.push_back(keysOf(block).second);
    }
    std::sort(bounds.begin(), bounds.end());
    bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
    const Ranges queries(query, blocks), keys(key, bounds), values(value, bounds);
    // One mask for a block in the middle; blocks at the ends, and the short last one, use a part of it.
    const at::Tensor mask = band(
        blockLength, blockLength + before + after, 0, before + after, query.options().requires_grad(false));

    std::vector<at::Tensor> outputs;
    at::Tensor joined;
    for (int64_t block = 0; block < blockCount; ++block) {
        const int64_t begin = blocks[static_cast<size_t>(block)], end = blocks[static_cast<size_t>(block) + 1];
        const auto [first, last] = keysOf(block);
        const at::Tensor visible =
            mask.narrow(0, 0, end - begin).narrow(1, first - (begin - before), last - first);
        at::Tensor output =
            attention(queries(begin, end), keys(first, last), values(first, last), visible, false, scale);
        if (blockCount == 1) return output;
        if (output.requires_grad()) {
            outputs.push_back(std::move(output));
            continue;
        }
        // Heads innermost but one, as the fused kernel leaves them: callers join the heads of a token.
        if (!joined.defined())
            joined = at::empty({query.size(0), length, query.size(1), value.size(3)}, query.options()).transpose(1, 2);
        joined.narrow(2, begin, end - begin).copy_(output);
    }
    return joined.defined() ? joined : at::cat(outputs, 2);
}

}  // namespace

CTorchStatus ctorch_attention(const CTorchTensor *query, const CTorchTensor *key, const CTorchTensor *value, const CTorchTensor *mask, bool causal, double scale, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        checkHeads(query->value, key->value, value->value);
        return attention(
            query->value, key->value, value->value, mask ? mask->value : at::Tensor(), causal, chosen(scale));
    });
}

CTorchStatus ctorch_windowed_attention(const CTorchTensor *query, const CTorchTensor *key, const CTorchTensor *value, int64_t before, int64_t after, double scale, int64_t blockLength, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        checkHeads(query->value, key->value, value->value);
        return windowed(query->value, key->value, value->value, before, after, chosen(scale), blockLength);
    });
}

CTorchStatus ctorch_packed_attention(const CTorchTensor *query, const CTorchTensor *key, const CTorchTensor *value, const CTorchTensor *cumulative, int64_t longest, bool causal, int64_t before, int64_t after, double scale, CTorchTensor **out, CTorchError *error) {
    return make(out, error, [&] {
        const auto limit = [](int64_t count) { return count < 0 ? std::nullopt : std::optional(count); };
        auto results = at::_flash_attention_forward(
            query->value, key->value, value->value, cumulative->value, cumulative->value, longest, longest,
            /*dropout_p=*/0.0, causal, /*return_debug_mask=*/false, chosen(scale), limit(before), limit(after));
        return std::get<0>(results);
    });
}
