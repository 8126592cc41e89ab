// Memory of large tensors: one range of addresses, best fit, neighbours that are free joined.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace ctorch {

/// malloc was found to need half as much again as its tensors take: an aligned block that it has freed is too small for
/// the next one of the same size, and small blocks that stay keep large ones from being joined. Here sizes are
/// multiples of one unit, which is the alignment as well, and nothing small is among them.
class TensorHeap {
public:
    /// Alignment, and what sizes are rounded up to.
    static constexpr size_t unit = 4096;

    static constexpr size_t rounded(size_t byteCount) { return (byteCount + unit - 1) / unit * unit; }

    /// - Returns: null where there is no room among the addresses.
    void *take(size_t byteCount) {
        if (byteCount == 0 || byteCount > reservedByteCount) return nullptr;
        const size_t size = rounded(byteCount);
        const std::lock_guard<std::mutex> guard(mutex);
        if (!base && !reserve()) return nullptr;
        size_t offset;
        const auto fit = freeBySize.lower_bound({size, 0});
        if (fit != freeBySize.end()) {
            offset = fit->second;
            const size_t rest = fit->first - size;
            forget(offset, fit->first);
            if (rest > 0) remember(offset + size, rest);
        } else {
            offset = top;
            if (size > reservedByteCount - top || !grow(top + size)) return nullptr;
            top += size;
        }
        taken.emplace(offset, size);
        return base + offset;
    }

    /// - Returns: the bytes that were taken; 0 for memory of somebody else.
    size_t release(void *address) {
        const std::lock_guard<std::mutex> guard(mutex);
        auto *place = static_cast<std::byte *>(address);
        if (!base || place < base || place >= base + reservedByteCount) return 0;
        const auto entry = taken.find(static_cast<size_t>(place - base));
        size_t offset = entry->first, size = entry->second;
        const size_t released = size;
        taken.erase(entry);
        const auto next = freeByOffset.find(offset + size);
        if (next != freeByOffset.end()) {
            const size_t added = next->second;
            forget(next->first, added);
            size += added;
        }
        auto previous = freeByOffset.lower_bound(offset);
        if (previous != freeByOffset.begin() && (--previous)->first + previous->second == offset) {
            const auto [start, added] = *previous;
            forget(start, added);
            offset = start;
            size += added;
        }
        if (offset + size == top) {
            top = offset;
        } else {
            remember(offset, size);
        }
        return released;
    }

    /// Gives the pages that are free back to the system.
    void trim() {
        const std::lock_guard<std::mutex> guard(mutex);
        if (!base) return;
        for (const auto &[offset, size] : freeByOffset) madvise(base + offset, size, MADV_DONTNEED);
        if (touched > top) madvise(base + top, touched - top, MADV_DONTNEED);
        touched = top;
    }

private:
    static constexpr size_t reservedByteCount = size_t(1) << 42;
    /// Addresses that are made usable at once.
    static constexpr size_t step = 64 << 20;

    std::mutex mutex;
    std::byte *base = nullptr;
    /// Behind it nothing is taken.
    size_t top = 0;
    /// Behind it nothing can be used yet.
    size_t usable = 0;
    /// Behind it no page has been touched.
    size_t touched = 0;
    std::map<size_t, size_t> taken, freeByOffset;
    std::set<std::pair<size_t, size_t>> freeBySize;

    bool reserve() {
        void *address = mmap(nullptr, reservedByteCount, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (address == MAP_FAILED) return false;
        base = static_cast<std::byte *>(address);
        return true;
    }

    bool grow(size_t end) {
        if (end > usable) {
            const size_t wanted = std::min(reservedByteCount, (end + step - 1) / step * step);
            if (mprotect(base + usable, wanted - usable, PROT_READ | PROT_WRITE) != 0) return false;
            usable = wanted;
        }
        touched = std::max(touched, end);
        return true;
    }

    void remember(size_t offset, size_t size) {
        freeByOffset.emplace(offset, size);
        freeBySize.emplace(size, offset);
    }

    void forget(size_t offset, size_t size) {
        freeByOffset.erase(offset);
        freeBySize.erase({size, offset});
    }
};

}  // namespace ctorch
