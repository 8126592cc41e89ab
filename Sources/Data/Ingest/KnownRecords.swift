package import Base

/// Every record that was accepted so far, by the hash of its id: ordinal, hash of its content, place of its line.
///
/// Open addressing over 32-bit ordinals; the entries lie in segments, so that growing copies none of them. A record
/// costs 40 bytes for its entry and 5 to 11 for its slots (16 for a moment while the slots are rebuilt): less than 64.
/// Two different ids with one 128-bit hash would be taken for one; with 10^9 ids the odds are about 10^-21.
/// Not Sendable: one thread owns it.
package final class KnownRecords {
    private struct Entry {
        var id: ContentHash
        var content: ContentHash
        /// Number of the input in the high 16 bits, line below.
        var place: UInt64
    }

    package enum Outcome: Equatable {
        case added(Int)
        case same(Int)
        case different(Int)
    }

    private static let segmentShift = 16
    private static let segmentSize = 1 << segmentShift
    private static let noRecord = UInt32.max

    private var segments: [UnsafeMutablePointer<Entry>] = []
    private var slots: UnsafeMutablePointer<UInt32>
    private var slotMask: Int
    package private(set) var count = 0

    package init() {
        slotMask = (1 << 12) - 1
        slots = Self.emptySlots(slotMask + 1)
    }

    deinit {
        for segment in segments { segment.deallocate() }
        slots.deallocate()
    }

    private static func emptySlots(_ count: Int) -> UnsafeMutablePointer<UInt32> {
        let slots = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
        slots.initialize(repeating: noRecord, count: count)
        return slots
    }

    @inline(__always)
    private func entry(_ ordinal: Int) -> UnsafeMutablePointer<Entry> {
        segments[ordinal >> Self.segmentShift] + (ordinal & (Self.segmentSize - 1))
    }

    /// The slot that holds the id, or the empty one where it belongs.
    @inline(__always)
    private func slot(of id: ContentHash) -> Int {
        var slot = Int(truncatingIfNeeded: id.low) & slotMask
        while slots[slot] != Self.noRecord, entry(Int(slots[slot])).pointee.id != id { slot = (slot + 1) & slotMask }
        return slot
    }

    package func ordinal(of id: ContentHash) -> Int? {
        let ordinal = slots[slot(of: id)]
        return ordinal == Self.noRecord ? nil : Int(ordinal)
    }

    /// Finds the id or gives it the next ordinal.
    package func add(_ id: ContentHash, content: ContentHash, input: Int, line: Int) -> Outcome {
        let found = slot(of: id)
        let ordinal = slots[found]
        if ordinal != Self.noRecord {
            return entry(Int(ordinal)).pointee.content == content ? .same(Int(ordinal)) : .different(Int(ordinal))
        }
        if count & (Self.segmentSize - 1) == 0, count >> Self.segmentShift == segments.count {
            segments.append(.allocate(capacity: Self.segmentSize))
        }
        slots[found] = UInt32(count)
        entry(count).initialize(
            to: Entry(id: id, content: content, place: UInt64(input) << 48 | UInt64(line) & 0xFFFF_FFFF_FFFF))
        count += 1
        if count * 4 > (slotMask + 1) * 3 { growSlots() }
        return .added(count - 1)
    }

    /// Takes the last added record back.
    package func removeLast() {
        count -= 1
        // Nothing that was added later is left, so no probe passes over this slot.
        slots[slot(of: entry(count).pointee.id)] = Self.noRecord
    }

    /// Hash of a record's content.
    package func content(of ordinal: Int) -> ContentHash { entry(ordinal).pointee.content }

    /// Input number and line of a record.
    package func place(of ordinal: Int) -> (input: Int, line: Int) {
        let place = entry(ordinal).pointee.place
        return (Int(place >> 48), Int(place & 0xFFFF_FFFF_FFFF))
    }

    private func growSlots() {
        slots.deallocate()
        slotMask = slotMask * 2 + 1
        slots = Self.emptySlots(slotMask + 1)
        for ordinal in 0..<count {
            var slot = Int(truncatingIfNeeded: entry(ordinal).pointee.id.low) & slotMask
            while slots[slot] != Self.noRecord { slot = (slot + 1) & slotMask }
            slots[slot] = UInt32(ordinal)
        }
    }
}
