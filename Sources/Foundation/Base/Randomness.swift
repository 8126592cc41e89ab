/// A small generator whose every stream is named by a seed and keys, so that a choice depends on what it is for
/// (seed, record, epoch) and never on which worker made it, or when.
///
/// Source: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators".
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Seed and keys are hashed, never added: (1, 2) and (2, 1) give unrelated streams.
    public init(seed: UInt64, _ keys: UInt64...) {
        state = keys.reduce(SplitMix64.finalize(seed), SplitMix64.combine)
    }

    static func finalize(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    static func combine(_ hash: UInt64, _ key: UInt64) -> UInt64 {
        finalize((hash &+ 0x9E37_79B9_7F4A_7C15) ^ finalize(key &+ 0xD1B5_4A32_D192_ED03))
    }

    /// One 64-bit value that is a function of the seed and the keys in their order.
    public static func mix(_ seed: UInt64, _ keys: UInt64...) -> UInt64 {
        keys.reduce(finalize(seed), combine)
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return SplitMix64.finalize(state)
    }

    /// Uniform in `0..<bound`, without the bias of a remainder.
    ///
    /// Source: Lemire 2019, "Fast random integer generation in an interval".
    public mutating func next(below bound: UInt64) -> UInt64 {
        precondition(bound > 0)
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let threshold = (0 &- bound) % bound
            while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
        }
        return product.high
    }

    /// Uniform in `[0, 1)`, 53 bits.
    public mutating func nextUnit() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// A permutation of `0..<count` that is computed, not stored: the same memory for ten records and for 10^10.
///
/// A balanced Feistel network over the smallest even number of bits that holds `count`, walked until the value falls
/// inside (four steps at worst on average). Source: Black and Rogaway 2002, "Ciphers with arbitrary finite domains".
public struct Permutation: Sendable {
    public let count: UInt64
    private let halfBits: UInt64
    private let keys: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

    /// - Precondition: `count` is at most 2^62.
    public init(count: UInt64, seed: UInt64, _ keys: UInt64...) {
        precondition(count <= 1 << 62)
        self.count = count
        let bits = count <= 1 ? 1 : UInt64(64 - (count - 1).leadingZeroBitCount)
        halfBits = (bits + 1) / 2
        var generator = SplitMix64(seed: keys.reduce(seed) { SplitMix64.mix($0, $1) })
        self.keys = (
            generator.next(), generator.next(), generator.next(), generator.next(), generator.next(), generator.next()
        )
    }

    /// Where the permutation sends `index`.
    ///
    /// - Precondition: `index < count`.
    public subscript(_ index: UInt64) -> UInt64 {
        precondition(index < count)
        var value = index
        repeat { value = encipher(value) } while value >= count
        return value
    }

    /// The index that the permutation sends to `value`.
    ///
    /// - Precondition: `value < count`.
    public func index(of value: UInt64) -> UInt64 {
        precondition(value < count)
        var index = value
        repeat { index = decipher(index) } while index >= count
        return index
    }

    private func decipher(_ value: UInt64) -> UInt64 {
        let mask = (1 << halfBits) - 1 as UInt64
        var left = value >> halfBits
        var right = value & mask
        func round(_ key: UInt64) {
            (left, right) = (right ^ (SplitMix64.finalize(left &+ key) & mask), left)
        }
        round(keys.5)
        round(keys.4)
        round(keys.3)
        round(keys.2)
        round(keys.1)
        round(keys.0)
        return left << halfBits | right
    }

    private func encipher(_ value: UInt64) -> UInt64 {
        let mask = (1 << halfBits) - 1 as UInt64
        var left = value >> halfBits
        var right = value & mask
        func round(_ key: UInt64) {
            (left, right) = (right, left ^ (SplitMix64.finalize(right &+ key) & mask))
        }
        round(keys.0)
        round(keys.1)
        round(keys.2)
        round(keys.3)
        round(keys.4)
        round(keys.5)
        return left << halfBits | right
    }
}
