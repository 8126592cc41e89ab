internal import Base

/// The parts that texts are compared by.
package enum ShingleUnit: Sendable {
    /// Five tokens in a row: for documents.
    case tokens
    /// Five characters in a row: for queries, which are short.
    case characters
}

/// The set of a text's 5-grams as sorted hashes, each once; a text shorter than five units is one shingle.
package struct Shingles {
    static let length = 5

    /// Appends the hashes in the order of the text, repeats included.
    package static func append(_ text: NormalizedText, unit: ShingleUnit, to hashes: inout [UInt64]) {
        guard !text.isEmpty else { return }
        text.bytes.withUnsafeBytes { bytes in
            func hash(_ start: Int, _ end: Int) {
                hashes.append(XXH3.hash64(UnsafeRawBufferPointer(rebasing: bytes[start..<end])))
            }
            switch unit {
            case .tokens:
                let tokens = text.tokens
                guard tokens.count > length else { return hash(0, bytes.count) }
                for last in length - 1..<tokens.count {
                    hash(tokens[last - length + 1].lowerBound, tokens[last].upperBound)
                }
            case .characters:
                // Starts of the last characters seen, the oldest first.
                var starts: [Int] = []
                for position in 0...bytes.count {
                    guard position == bytes.count || bytes[position] & 0xC0 != 0x80 else { continue }
                    if starts.count == length {
                        hash(starts[0], position)
                        starts.removeFirst()
                    }
                    starts.append(position)
                }
                // Four characters and the end: never five.
                if bytes.count > 0, starts.count <= length, starts[0] == 0 { hash(0, bytes.count) }
            }
        }
    }

    /// Sorts and drops repeats.
    package static func makeSet(_ hashes: inout [UInt64]) {
        hashes.sort()
        var kept = 0
        for position in hashes.indices where position == 0 || hashes[position] != hashes[kept - 1] {
            hashes[kept] = hashes[position]
            kept += 1
        }
        hashes.removeLast(hashes.count - kept)
    }

    /// `|A ∩ B| / |A ∪ B|` of two sets as ``makeSet(_:)`` leaves them; 0 for two empty ones.
    package static func jaccard(_ left: [UInt64], _ right: [UInt64]) -> Double {
        var i = 0
        var j = 0
        var common = 0
        while i < left.count, j < right.count {
            if left[i] == right[j] {
                common += 1
                i += 1
                j += 1
            } else if left[i] < right[j] {
                i += 1
            } else {
                j += 1
            }
        }
        let union = left.count + right.count - common
        return union == 0 ? 0 : Double(common) / Double(union)
    }
}

/// Signatures whose equal positions estimate the Jaccard similarity of two sets, cut into bands.
///
/// Two sets of similarity s share a band with probability 1 − (1 − s^8)^14: 0.92 at 0.8, 0.9996 at 0.9.
/// Source: Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman and Ullman, "Mining of
/// Massive Datasets", section 3.4.
package struct MinHash: Sendable {
    package static let bandCount = 14
    static let rowsPerBand = 8
    package static let hashCount = bandCount * rowsPerBand

    private let factors: [UInt64]
    private let terms: [UInt64]

    package init(seed: UInt64) {
        var generator = SplitMix64(seed: seed, 0x4D69_6E48_6173_68)
        factors = (0..<Self.hashCount).map { _ in generator.next() | 1 }
        terms = (0..<Self.hashCount).map { _ in generator.next() }
    }

    /// For each hash function `(a·x + b) mod 2^64` the upper half of the least value over the set.
    ///
    /// - Parameter hashes: at least one; repeats do not matter.
    package func signature(of hashes: [UInt64], into signature: inout [UInt32]) {
        signature.removeAll(keepingCapacity: true)
        hashes.withUnsafeBufferPointer { hashes in
            for function in 0..<Self.hashCount {
                let factor = factors[function]
                let term = terms[function]
                var least = UInt64.max
                for hash in hashes { least = min(least, hash &* factor &+ term) }
                signature.append(UInt32(truncatingIfNeeded: least >> 32))
            }
        }
    }

    /// One key a band: equal when all its rows are equal.
    static func appendBandKeys(of signature: [UInt32], to keys: inout [UInt64]) {
        signature.withUnsafeBytes { bytes in
            let bandBytes = rowsPerBand * 4
            for band in 0..<bandCount {
                let rows = UnsafeRawBufferPointer(rebasing: bytes[band * bandBytes..<(band + 1) * bandBytes])
                keys.append(XXH3.hash64(rows, seed: UInt64(band)))
            }
        }
    }
}
