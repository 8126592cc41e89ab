/// SentencePiece's table of replacements (`precompiled_charsmap`), as the reference library applies it: a grapheme cluster
/// of fewer than six bytes is replaced as a whole by what the shortest entry that it starts with stands for; otherwise each
/// scalar is looked up by itself.
///
/// Source: `tokenizers/src/normalizers/precompiled.rs` of huggingface/tokenizers 0.23.3 and spm_precompiled 0.1.4. The
/// table is a double array of darts-clone, 32 bits a unit.
struct PrecompiledMap: Sendable {
    private static let longestCluster = 5

    private let units: [UInt32]
    /// Replacements, each ended by a NUL.
    private let replacements: [UInt8]

    /// - Parameter bytes: the table itself, decoded from base64.
    /// - Returns: nil if it is cut off or its units are no whole number.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 4 else { return nil }
        let size = bytes.withUnsafeBytes { Int(UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self))) }
        guard size % 4 == 0, size > 0, 4 + size <= bytes.count else { return nil }
        units = bytes.withUnsafeBytes { bytes in
            stride(from: 4, to: 4 + size, by: 4).map {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self))
            }
        }
        replacements = Array(bytes[(4 + size)...])
    }

    func apply(_ text: UnsafeBufferPointer<UInt8>, to output: inout TextBuffer) {
        guard let bytes = text.baseAddress else { return }
        var position = 0
        while position < text.count {
            var end = position
            let scalar = nextScalar(bytes, &end)
            var next = end
            if Self.standsAlone(scalar) && (end == text.count || Self.standsAlone(nextScalar(bytes, &next))) {
                replaceScalar(UnsafeBufferPointer(rebasing: text[position..<end]), to: &output)
                position = end
                continue
            }
            // Clusters of a stretch up to the next scalar that surely begins one and ends it.
            var isAlone = false
            while end < text.count {
                next = end
                let following = Self.standsAlone(nextScalar(bytes, &next))
                if isAlone && following { break }
                isAlone = following
                end = next
            }
            let stretch = String(decoding: text[position..<end], as: UTF8.self)
            var start = position
            for character in stretch {
                let cluster = start..<(start + character.utf8.count)
                replaceCluster(UnsafeBufferPointer(rebasing: text[cluster]), to: &output)
                start = cluster.upperBound
            }
            position = end
        }
    }

    /// Whether a scalar is a grapheme cluster of its own between two scalars of which this is true as well: letters of
    /// alphabets, ideographs and ASCII. Others may be, too.
    private static func standsAlone(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x20...0x7E, 0xC0...0x24F, 0x370...0x373, 0x386...0x3FF, 0x400...0x482, 0x48A...0x52F, 0x5D0...0x5EA,
            0x620...0x64A, 0x3041...0x3096, 0x30A1...0x30FA, 0x3400...0x4DBF, 0x4E00...0x9FFF:
            true
        default: false
        }
    }

    private func replaceCluster(_ cluster: UnsafeBufferPointer<UInt8>, to output: inout TextBuffer) {
        if cluster.count <= Self.longestCluster, let replacement = find(cluster) {
            return output.append(replacements, replacement)
        }
        var position = 0
        while position < cluster.count {
            let start = position
            _ = nextScalar(cluster.baseAddress!, &position)
            replaceScalar(UnsafeBufferPointer(rebasing: cluster[start..<position]), to: &output)
        }
    }

    private func replaceScalar(_ scalar: UnsafeBufferPointer<UInt8>, to output: inout TextBuffer) {
        if let replacement = find(scalar) {
            output.append(replacements, replacement)
        } else {
            output.append(scalar)
        }
    }

    /// Where the replacement of the shortest entry that `key` starts with lies; nil without such an entry.
    private func find(_ key: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        var place = Self.offset(units[0])
        for byte in key {
            guard byte != 0 else { return nil }
            place ^= Int(byte)
            guard place < units.count else { return nil }
            let unit = units[place]
            guard unit & 0x8000_00FF == UInt32(byte) else { return nil }
            place ^= Self.offset(unit)
            guard place < units.count else { return nil }
            if unit >> 8 & 1 == 1 {
                let start = Int(units[place] & 0x7FFF_FFFF)
                guard start <= replacements.count else { return nil }
                let end = replacements[start...].firstIndex(of: 0) ?? replacements.count
                return start..<end
            }
        }
        return nil
    }

    private static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & 0x200) >> 6)) }
}

extension TextBuffer {
    fileprivate mutating func append(_ bytes: [UInt8], _ range: Range<Int>) {
        bytes.withUnsafeBufferPointer { append(UnsafeBufferPointer(rebasing: $0[range])) }
    }
}
