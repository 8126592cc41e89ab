import Base

/// How a file is damaged, as a function of a seed.
enum Mutation: CaseIterable {
    case none, flips, flipsAtStart, flipsAtEnd, truncation, insertion, removal, numbers, splice, repetition, names

    /// What formats write for a length that is meant to be believed.
    private static let lengths: [UInt64] = [
        0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFE, 0x7FFF_FFFF_FFFF_FFFF,
        0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF,
    ]

    /// - Parameter other: another file of the kind, for splices.
    func apply(to bytes: [UInt8], other: [UInt8], using random: inout SplitMix64) -> [UInt8] {
        guard !bytes.isEmpty else { return other }
        var bytes = bytes
        func position(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
        func flip(in range: Range<Int>) {
            for _ in 0..<Int.random(in: 1...16, using: &random) {
                bytes[Int.random(in: range, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            }
        }
        switch self {
        case .none: break
        case .flips: flip(in: 0..<bytes.count)
        case .flipsAtStart: flip(in: 0..<min(300, bytes.count))
        case .flipsAtEnd: flip(in: max(0, bytes.count - 300)..<bytes.count)
        case .truncation: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
        case .insertion:
            let count = Int.random(in: 1...64, using: &random)
            let piece = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            bytes.insert(contentsOf: piece, at: position(0..<bytes.count))
        case .removal:
            let start = position(0..<bytes.count)
            bytes.removeSubrange(start..<min(bytes.count, start + Int.random(in: 1...64, using: &random)))
        case .numbers:
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let count = [1, 2, 4, 8].randomElement(using: &random)!
                let length = Self.lengths.randomElement(using: &random)!
                let isBigEndian = Bool.random(using: &random)
                let start = position(0..<bytes.count)
                for index in 0..<min(count, bytes.count - start) {
                    let shift = UInt64(8 * (isBigEndian ? count - 1 - index : index))
                    bytes[start + index] = UInt8(truncatingIfNeeded: length >> shift)
                }
            }
        case .splice:
            bytes = Array(bytes[..<position(0..<bytes.count)])
            if !other.isEmpty { bytes += other[position(0..<other.count)...] }
        case .repetition:
            let start = position(0..<bytes.count)
            let piece = bytes[start..<min(bytes.count, start + Int.random(in: 1...512, using: &random))]
            for _ in 0..<Int.random(in: 1...50, using: &random) { bytes.insert(contentsOf: piece, at: start) }
        case .names:
            let name = Array(
                ["../../escape", "/escape", "a/../../b", "..\\..\\b", "\0\0\0\0"].randomElement(using: &random)!.utf8)
            let start = position(0..<bytes.count)
            bytes.replaceSubrange(start..<min(bytes.count, start + name.count), with: name)
        }
        return bytes
    }
}
