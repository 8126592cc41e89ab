/// MT19937 seeded and drawn as CPython's `random.Random` does, for the one policy that repeats the original's choice.
///
/// Source: Matsumoto and Nishimura 1998, `init_by_array`; CPython's `Lib/random.py` for `shuffle`.
struct MersenneTwister {
    private var state: [UInt32]
    private var next: Int

    /// `random.Random(seed)` for a non-negative integer of at most 64 bits.
    init(seed: UInt64) {
        let high = UInt32(truncatingIfNeeded: seed >> 32)
        let key = high == 0 ? [UInt32(truncatingIfNeeded: seed)] : [UInt32(truncatingIfNeeded: seed), high]
        state = [UInt32](repeating: 0, count: Self.size)
        next = Self.size
        state[0] = 19_650_218
        for i in 1..<Self.size {
            state[i] = 1_812_433_253 &* (state[i - 1] ^ (state[i - 1] >> 30)) &+ UInt32(i)
        }
        var i = 1
        var j = 0
        for _ in 0..<max(Self.size, key.count) {
            state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) &* 1_664_525)) &+ key[j] &+ UInt32(j)
            i += 1
            j += 1
            if i == Self.size {
                state[0] = state[Self.size - 1]
                i = 1
            }
            if j == key.count { j = 0 }
        }
        for _ in 0..<(Self.size - 1) {
            state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) &* 1_566_083_941)) &- UInt32(i)
            i += 1
            if i == Self.size {
                state[0] = state[Self.size - 1]
                i = 1
            }
        }
        state[0] = 0x8000_0000
    }

    /// `getrandbits(32)`.
    mutating func word() -> UInt32 {
        if next == Self.size { refill() }
        var y = state[next]
        next += 1
        y ^= y >> 11
        y ^= (y << 7) & 0x9d2c_5680
        y ^= (y << 15) & 0xefc6_0000
        y ^= y >> 18
        return y
    }

    /// `_randbelow(bound)`: rejection on the bits that `bound` needs; `bound` is below 2^32.
    mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0 && bound < 1 << 32)
        let bitCount = Int.bitWidth - bound.leadingZeroBitCount
        while true {
            let drawn = Int(word() >> UInt32(32 - bitCount))
            if drawn < bound { return drawn }
        }
    }

    /// `shuffle`: Fisher–Yates from the end.
    mutating func shuffle<Element>(_ elements: inout [Element]) {
        guard elements.count > 1 else { return }
        for i in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(i, below(i + 1))
        }
    }

    private mutating func refill() {
        for i in 0..<Self.size {
            let y = (state[i] & 0x8000_0000) | (state[(i + 1) % Self.size] & 0x7fff_ffff)
            state[i] = state[(i + 397) % Self.size] ^ (y >> 1) ^ (y & 1 == 0 ? 0 : 0x9908_b0df)
        }
        next = 0
    }

    private static let size = 624
}
