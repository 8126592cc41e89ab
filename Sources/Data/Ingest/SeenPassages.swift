internal import Base
internal import Glibc
internal import Synchronization

/// Ordinals of documents by the hash of the bytes of a passage that stands for them: noted by the thread that accepts
/// records, asked by the workers that scan.
///
/// A cache of a fixed size: a later passage takes an earlier one's place, and an absence says nothing. So what a worker
/// finds depends on the moment, and what comes of it does not. No locks: a slot's two hash words are mixed with its
/// ordinal, so that a slot which is being replaced does not match anything (Hyatt & Mann 2002, "A lockless
/// transposition-table implementation").
///
/// `@unchecked Sendable`: the slots are read and written as atomics only.
final class SeenPassages: @unchecked Sendable {
    private struct Slot: ~Copyable {
        let low = Atomic<UInt64>(0)
        let high = Atomic<UInt64>(0)
        /// The ordinal + 1; 0 where there is none.
        let ordinal = Atomic<UInt64>(0)
    }

    private static let slotCount = 1 << 20
    private static let byteCount = slotCount * MemoryLayout<Slot>.stride
    /// 24 MiB, zeroed by the system as they are used.
    private let slots: UnsafeMutablePointer<Slot>

    /// - Throws: `SystemError` where there is no memory.
    init() throws {
        let memory = mmap(nil, Self.byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else { throw SystemError.last("allocate memory", "seen passages") }
        // Look-ups hit slots at random: with small pages most of them miss the processor's table of pages as well.
        madvise(memory, Self.byteCount, MADV_HUGEPAGE)
        slots = memory.bindMemory(to: Slot.self, capacity: Self.slotCount)
    }

    deinit { munmap(slots, Self.byteCount) }

    @inline(__always)
    private func index(_ hash: ContentHash) -> Int { Int(truncatingIfNeeded: hash.low) & (Self.slotCount - 1) }

    @inline(__always)
    private static func mix(_ stored: UInt64) -> UInt64 { stored &* 0x9E37_79B9_7F4A_7C15 }

    func ordinal(of hash: ContentHash) -> UInt32? {
        let index = index(hash)
        let stored = slots[index].ordinal.load(ordering: .relaxed)
        let mixed = Self.mix(stored)
        guard stored != 0, slots[index].low.load(ordering: .relaxed) == hash.low ^ mixed,
            slots[index].high.load(ordering: .relaxed) == hash.high ^ mixed
        else { return nil }
        return UInt32(truncatingIfNeeded: stored - 1)
    }

    /// - Parameter ordinal: of a document whose id and content are those of the passage.
    func note(_ hash: ContentHash, ordinal: UInt32) {
        let index = index(hash)
        let stored = UInt64(ordinal) + 1
        let mixed = Self.mix(stored)
        slots[index].ordinal.store(stored, ordering: .relaxed)
        slots[index].low.store(hash.low ^ mixed, ordering: .relaxed)
        slots[index].high.store(hash.high ^ mixed, ordering: .relaxed)
    }
}
