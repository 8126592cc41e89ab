/// Cleans text, sets ideographs apart, strips accents and lowercases, in this order, as BERT's basic tokeniser does.
///
/// Source: `tokenizers/src/normalizers/bert.rs` of huggingface/tokenizers 0.23.3; classes and mappings are those of
/// that library (see `scripts/unicode-tables.py`), not of the newest Unicode version.
struct BertNormalizer: Sendable, Equatable {
    /// The most bytes that one byte of input can become; `scripts/unicode-tables.py` checks it for every scalar.
    static let growthLimit = 3

    var cleansText = true
    var separatesIdeographs = true
    var stripsAccents = true
    var lowercases = true

    /// This, and lowercasing before or behind it, which is the same: compared for every scalar with the library's answers.
    var lowercasing: BertNormalizer {
        var copy = self
        copy.lowercases = true
        return copy
    }

    /// Writes the normal form of `text` (valid UTF-8) to `output`, which has room for ``growthLimit`` bytes for each of
    /// `text` and 8 more; returns its length.
    func apply(_ text: UnsafeBufferPointer<UInt8>, to output: UnsafeMutablePointer<UInt8>) -> Int {
        guard let input = text.baseAddress else { return 0 }
        let classes = ScalarClasses.shared
        var writer = Writer(output: output, classes: classes, lowercases: lowercases)
        var position = 0
        while position < text.count {
            if position + 8 <= text.count {
                let word = UnsafeRawPointer(input + position).loadUnaligned(as: UInt64.self)
                if ASCIIWord.isPrintable(word) {
                    if stripsAccents { writer.flush() }
                    let result = lowercases ? ASCIIWord.lowercased(word) : word
                    UnsafeMutableRawPointer(output + writer.length).storeBytes(of: result, as: UInt64.self)
                    writer.length += 8
                    position += 8
                    continue
                }
            }
            var scalar = nextScalar(input, &position)
            var kind = classes[scalar]
            if cleansText {
                if kind.contains(.removed) { continue }
                if kind.contains(.space) {
                    scalar = 0x20
                    kind = classes[scalar]
                }
            }
            let isSetApart = separatesIdeographs && kind.contains(.ideograph)
            if isSetApart { writer.put(0x20, classes[0x20], stripsAccents) }
            if stripsAccents && kind.contains(.decomposes) {
                if Hangul.first <= scalar && scalar <= Hangul.last {
                    Hangul.decompose(scalar) { writer.put($0, classes[$0], true) }
                } else {
                    classes.decompositions.forEach(scalar) { writer.put($0, classes[$0], true) }
                }
            } else {
                writer.put(scalar, kind, stripsAccents)
            }
            if isSetApart { writer.put(0x20, classes[0x20], stripsAccents) }
        }
        writer.flush()
        return writer.length
    }

    /// Takes decomposed scalars in text order and writes those that stay, in canonical order, in lower case.
    private struct Writer {
        let output: UnsafeMutablePointer<UInt8>
        let classes: ScalarClasses
        let lowercases: Bool
        var length = 0
        /// Combining scalars that stay, since the last starter. Nearly always empty: most are stripped.
        private var pending: [(scalar: UInt32, kind: ScalarClass)] = []

        init(output: UnsafeMutablePointer<UInt8>, classes: ScalarClasses, lowercases: Bool) {
            self.output = output
            self.classes = classes
            self.lowercases = lowercases
        }

        @inline(__always)
        mutating func put(_ scalar: UInt32, _ kind: ScalarClass, _ stripsAccents: Bool) {
            guard stripsAccents else { return emit(scalar, kind) }
            if kind.combiningClass != 0 {
                // Stripped marks can be dropped at once: a stable sort moves the others past them all the same.
                if !kind.contains(.nonspacing) { pending.append((scalar, kind)) }
            } else {
                flush()
                if !kind.contains(.nonspacing) { emit(scalar, kind) }
            }
        }

        @inline(__always)
        mutating func flush() {
            if !pending.isEmpty { writePending() }
        }

        private mutating func writePending() {
            // Stable by position, since `sort` does not promise it.
            let ordered = pending.enumerated().sorted {
                ($0.element.kind.combiningClass, $0.offset) < ($1.element.kind.combiningClass, $1.offset)
            }
            pending.removeAll(keepingCapacity: true)
            for (_, item) in ordered { emit(item.scalar, item.kind) }
        }

        @inline(__always)
        private mutating func emit(_ scalar: UInt32, _ kind: ScalarClass) {
            if lowercases && kind.contains(.lowercases) {
                if scalar < 0x80 {
                    output[length] = UInt8(truncatingIfNeeded: scalar | 0x20)
                    length += 1
                } else {
                    classes.lowercase.forEach(scalar) { writeScalar($0, output, &length) }
                }
            } else {
                writeScalar(scalar, output, &length)
            }
        }
    }
}

/// Eight bytes at a time.
private enum ASCIIWord {
    private static let high: UInt64 = 0x8080_8080_8080_8080
    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Whether all eight bytes lie in U+0020…U+007E. May say no to some that do: borrows cross bytes.
    @inline(__always)
    static func isPrintable(_ word: UInt64) -> Bool {
        (word | (word &- 0x20 &* ones) | (word &+ ones)) & high == 0
    }

    /// Bytes A…Z to a…z; every byte must be ASCII.
    @inline(__always)
    static func lowercased(_ word: UInt64) -> UInt64 {
        let isAtLeastA = word &+ (0x80 - 0x41) &* ones
        let isAboveZ = word &+ (0x7F - 0x5A) &* ones
        return word | ((isAtLeastA & ~isAboveZ & high) >> 2)
    }
}
