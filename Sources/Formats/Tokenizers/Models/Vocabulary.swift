internal import Glibc

/// Finds the id of a token by its bytes: an open-addressing table in one block of memory.
///
/// Tokens of up to eight bytes lie in the slot itself; longer ones have their hash there and their bytes in a pool.
/// `@unchecked Sendable`: the memory is written in `init` only.
final class Vocabulary: @unchecked Sendable {
    private struct Slot {
        /// The token's bytes (up to 8, the first lowest) or its hash.
        var key: UInt64
        /// -1 in an empty slot.
        var id: Int32
        /// Length of a short token, or `isLong` and the offset in the pool of `UInt32` length and bytes.
        var place: UInt32
    }

    private static let isLong: UInt32 = 1 << 31

    /// Bytes past a key's end that ``find(_:_:)`` may read.
    static let padding = 8

    private let slots: UnsafeMutablePointer<Slot>
    private let mask: Int
    private let pool: UnsafeMutablePointer<UInt8>
    /// Number of different tokens.
    let count: Int
    /// Bytes of the longest token.
    let longestToken: Int
    /// 0 without tokens.
    let highestID: Int32

    /// - Parameter tokens: of equal ones the last counts.
    init(_ tokens: TokenList) {
        var slotCount = 16
        while slotCount < 2 * tokens.count { slotCount *= 2 }
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: slotCount)
        slots.initialize(repeating: Slot(key: 0, id: -1, place: 0), count: slotCount)
        let mask = slotCount - 1
        let poolSize = tokens.column.bytes.count + 4 * tokens.count + Self.padding
        precondition(poolSize < Int(Self.isLong), "a vocabulary of 2 GiB")
        let pool = UnsafeMutablePointer<UInt8>.allocate(capacity: poolSize)
        var poolEnd = 0
        var count = 0
        let longest = tokens.longest
        // Tokens followed by the bytes that may be read past them.
        let padded = UnsafeMutablePointer<UInt8>.allocate(capacity: longest + Self.padding)
        defer { padded.deallocate() }
        padded.initialize(repeating: 0, count: longest + Self.padding)
        tokens.forEach { bytes, id in
            if let start = bytes.baseAddress { memcpy(padded, start, bytes.count) }
            let (key, home) = Self.keyAndHome(padded, bytes.count)
            var slot = home & mask
            while slots[slot].id >= 0 && !Self.isToken(slots[slot], key, padded, bytes.count, pool) {
                slot = (slot + 1) & mask
            }
            guard slots[slot].id < 0 else { return slots[slot].id = id }
            var place = UInt32(bytes.count)
            if bytes.count > 8 {
                place = Self.isLong | UInt32(poolEnd)
                UnsafeMutableRawPointer(pool + poolEnd).storeBytes(of: UInt32(bytes.count), as: UInt32.self)
                memcpy(pool + poolEnd + 4, padded, bytes.count)
                poolEnd += 4 + bytes.count
            }
            slots[slot] = Slot(key: key, id: id, place: place)
            count += 1
        }
        self.slots = slots
        self.mask = mask
        self.pool = pool
        self.count = count
        longestToken = longest
        highestID = tokens.ids.max() ?? 0
    }

    deinit {
        slots.deallocate()
        pool.deallocate()
    }

    /// The id of the token with these bytes, or -1. Reads up to ``padding`` bytes past the end, whatever they are.
    @inline(__always)
    func find(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
        let (key, home) = Self.keyAndHome(bytes, count)
        var slot = home & mask
        while true {
            let candidate = slots[slot]
            if candidate.id < 0 { return -1 }
            if Self.isToken(candidate, key, bytes, count, pool) { return candidate.id }
            slot = (slot + 1) & mask
        }
    }

    func find(_ bytes: [UInt8]) -> Int32 {
        let padded = bytes + [UInt8](repeating: 0, count: Self.padding)
        return padded.withUnsafeBufferPointer { find($0.baseAddress!, bytes.count) }
    }

    /// Whether a slot that is in use holds the token with these bytes, and this key.
    @inline(__always)
    private static func isToken(
        _ slot: Slot, _ key: UInt64, _ bytes: UnsafePointer<UInt8>, _ count: Int, _ pool: UnsafePointer<UInt8>
    ) -> Bool {
        guard slot.key == key else { return false }
        if slot.place == UInt32(truncatingIfNeeded: count) { return true }
        guard slot.place & isLong != 0 else { return false }
        let entry = UnsafeRawPointer(pool + Int(slot.place & ~isLong))
        return entry.loadUnaligned(as: UInt32.self) == UInt32(truncatingIfNeeded: count)
            && memcmp(entry + 4, bytes, count) == 0
    }

    @inline(__always)
    private static func keyAndHome(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> (key: UInt64, home: Int) {
        let raw = UnsafeRawPointer(bytes)
        var key = raw.loadUnaligned(as: UInt64.self)
        if count < 8 {
            key &= (1 << (UInt64(count) * 8)) &- 1
        } else if count > 8 {
            var offset = 8
            while offset + 8 < count {
                key = mix(key, raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                offset += 8
            }
            key = mix(key, raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self))
        }
        let hash = mix(key, UInt64(truncatingIfNeeded: count))
        return (key, Int(truncatingIfNeeded: hash & 0x7FFF_FFFF))
    }

    @inline(__always)
    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = (left ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: right ^ 0xD6E8_FEB8_6659_FD93)
        return product.high ^ product.low
    }
}
