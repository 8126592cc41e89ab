package import Base

/// The digests of all items so far, each once, by their place in the order of adding.
///
/// Open addressing over 32-bit numbers; the digests lie in segments, so that growing copies none of them. An item costs
/// 32 bytes and 5 to 11 for its slots (16 for a moment while they are rebuilt): less than 52. Not Sendable.
package final class DigestTable {
    private static let segmentShift = 14
    private static let segmentSize = 1 << segmentShift
    private static let none = UInt32.max

    private typealias Digest = SIMD4<UInt64>

    private var segments: [UnsafeMutablePointer<Digest>] = []
    private var slots = [UInt32](repeating: none, count: 1 << 10)
    package private(set) var count = 0

    package init() {}

    deinit { for segment in segments { segment.deallocate() } }

    private func digest(_ number: Int) -> UnsafeMutablePointer<Digest> {
        segments[number >> Self.segmentShift] + (number & (Self.segmentSize - 1))
    }

    private func words(_ digest: SHA256Digest) -> Digest {
        digest.bytes.withUnsafeBytes { $0.loadUnaligned(as: Digest.self) }
    }

    /// The slot that holds the digest, or the empty one where it belongs. A digest is its own hash.
    private func slot(of digest: Digest) -> Int {
        var slot = Int(truncatingIfNeeded: digest[0]) & (slots.count - 1)
        while slots[slot] != Self.none, self.digest(Int(slots[slot])).pointee != digest {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    /// Nil for a digest that is not there.
    package func number(of digest: SHA256Digest) -> Int? {
        let number = slots[slot(of: words(digest))]
        return number == Self.none ? nil : Int(number)
    }

    /// - Returns: whether the digest is new.
    package func insert(_ digest: SHA256Digest) -> Bool {
        let words = words(digest)
        let found = slot(of: words)
        guard slots[found] == Self.none else { return false }
        if count >> Self.segmentShift == segments.count {
            segments.append(.allocate(capacity: Self.segmentSize))
        }
        self.digest(count).initialize(to: words)
        slots[found] = UInt32(count)
        count += 1
        if count * 4 > slots.count * 3 { grow() }
        return true
    }

    private func grow() {
        slots = [UInt32](repeating: Self.none, count: 2 * slots.count)
        for number in 0..<count { slots[slot(of: digest(number).pointee)] = UInt32(number) }
    }
}
