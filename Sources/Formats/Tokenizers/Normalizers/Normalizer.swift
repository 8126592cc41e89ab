internal import RegularExpressions

/// One step of what happens to text before it is split into words.
///
/// Source: `tokenizers/src/normalizers` of huggingface/tokenizers 0.23.3.
enum Normalizer: Sendable {
    case bert(BertNormalizer)
    case form(NormalizationForm)
    case lowercase
    case stripAccents
    case strip(left: Bool, right: Bool)
    case replace(Pattern, with: [UInt8])
    case prepend([UInt8])
    case nmt
    case precompiled(PrecompiledMap)
    /// Every byte becomes the printable character that stands for it, see ``ByteAlphabet``.
    case byteLevel

    /// Steps with the same result, fewer where BERT's step does what its neighbour does.
    static func joined(_ steps: [Normalizer]) -> [Normalizer] {
        steps.reduce(into: []) { joined, step in
            switch (joined.last, step) {
            case (.lowercase, .bert(let next)): joined[joined.count - 1] = .bert(next.lowercasing)
            case (.bert(let last), .lowercase): joined[joined.count - 1] = .bert(last.lowercasing)
            default: joined.append(step)
            }
        }
    }

    /// Whether text is lowercased by this step.
    var lowercases: Bool {
        switch self {
        case .lowercase: true
        case .bert(let normalizer): normalizer.lowercases
        default: false
        }
    }

    /// Appends the normal form of `text` (valid UTF-8) to `output`.
    ///
    /// - Returns: whether the first character of the result comes from the first character of the text.
    /// - Throws: if a search for an expression is given up.
    func apply(
        _ text: UnsafeBufferPointer<UInt8>, to output: inout TextBuffer
    ) throws(RegularExpressionError) -> Bool {
        guard let bytes = text.baseAddress, !text.isEmpty else { return true }
        switch self {
        case .bert(let normalizer):
            output.append(atMost: BertNormalizer.growthLimit * text.count + 8) { normalizer.apply(text, to: $0) }
            return !(normalizer.cleansText && Self.startsWith(text) { $0.contains(.removed) })
        case .form(let form):
            form.apply(text, to: &output)
            return true
        case .lowercase:
            Self.lowercase(text, to: &output)
            return true
        case .stripAccents:
            return Self.filter(text, to: &output) { !ExpressionClasses.shared[$0].contains(.mark) }
        case .strip(let left, let right):
            let kept = Self.stripped(text, left: left, right: right)
            output.append(UnsafeBufferPointer(rebasing: text[kept]))
            return kept.lowerBound == 0
        case .replace(let pattern, let content):
            return try Self.replace(text, pattern, content, to: &output)
        case .prepend(let prefix):
            output.append(prefix)
            output.append(text)
            return true
        case .nmt:
            return Self.filter(text, to: &output, mapping: Self.nmtSpace) { !Self.isRemovedByNMT($0) }
        case .precompiled(let map):
            map.apply(text, to: &output)
            return true
        case .byteLevel:
            for index in 0..<text.count { output.append(scalar: ByteAlphabet.scalar(bytes[index])) }
            return true
        }
    }

    private static func startsWith(_ text: UnsafeBufferPointer<UInt8>, _ test: (ScalarClass) -> Bool) -> Bool {
        var position = 0
        return test(ScalarClasses.shared[nextScalar(text.baseAddress!, &position)])
    }

    private static func lowercase(_ text: UnsafeBufferPointer<UInt8>, to output: inout TextBuffer) {
        let classes = ScalarClasses.shared
        var position = 0
        while position < text.count {
            let scalar = nextScalar(text.baseAddress!, &position)
            if scalar < 0x80 {
                output.append(UInt8(scalar) | (0x41...0x5A ~= scalar ? 0x20 : 0))
            } else if classes[scalar].contains(.lowercases) {
                classes.lowercase.forEach(scalar) { output.append(scalar: $0) }
            } else {
                output.append(scalar: scalar)
            }
        }
    }

    /// Returns whether the first scalar stays.
    private static func filter(
        _ text: UnsafeBufferPointer<UInt8>, to output: inout TextBuffer, mapping: (UInt32) -> UInt32 = { $0 },
        _ keeps: (UInt32) -> Bool
    ) -> Bool {
        var isFirstKept = false
        var position = 0
        while position < text.count {
            let start = position
            let scalar = nextScalar(text.baseAddress!, &position)
            guard keeps(scalar) else { continue }
            if start == 0 { isFirstKept = true }
            output.append(scalar: mapping(scalar))
        }
        return isFirstKept
    }

    private static func stripped(_ text: UnsafeBufferPointer<UInt8>, left: Bool, right: Bool) -> Range<Int> {
        let bytes = text.baseAddress!
        var start = 0
        var end = text.count
        while left && start < end {
            var next = start
            guard ScalarClasses.shared[nextScalar(bytes, &next)].contains(.whitespace) else { break }
            start = next
        }
        while right && end > start {
            let (scalar, before) = previousScalar(bytes, before: end)
            guard ScalarClasses.shared[scalar].contains(.whitespace) else { break }
            end = before
        }
        return start..<end
    }

    private static func replace(
        _ text: UnsafeBufferPointer<UInt8>, _ pattern: Pattern, _ content: [UInt8], to output: inout TextBuffer
    ) throws(RegularExpressionError) -> Bool {
        var done = 0
        var isFirstKept = true
        try pattern.forEachMatch(text) { start, end in
            output.append(UnsafeBufferPointer(rebasing: text[done..<start]))
            output.append(content)
            if start == 0 && end > 0 && content.isEmpty { isFirstKept = false }
            done = end
        }
        output.append(UnsafeBufferPointer(rebasing: text[done...]))
        return isFirstKept
    }

    private static func isRemovedByNMT(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: true
        default: false
        }
    }

    private static func nmtSpace(_ scalar: UInt32) -> UInt32 {
        switch scalar {
        case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: 0x20
        default: scalar
        }
    }
}

/// The printable characters that stand for bytes in byte-level vocabularies: a byte that is printable in Latin-1 for
/// itself, the others from U+0100 on in their order.
///
/// Source: `bytes_to_unicode` of GPT-2.
enum ByteAlphabet {
    private static let scalars: [UInt32] = {
        var next: UInt32 = 0x100
        return (0..<256).map { (byte: UInt32) in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
            default:
                next += 1
                return next - 1
            }
        }
    }()

    /// The byte that each scalar stands for, or -1; no scalar above these stands for one.
    private static let byteOfScalar: [Int16] = {
        var bytes = [Int16](repeating: -1, count: Int(scalars.max()!) + 1)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = Int16(byte) }
        return bytes
    }()

    static func scalar(_ byte: UInt8) -> UInt32 { scalars[Int(byte)] }

    /// The bytes that a token (valid UTF-8) stands for; nil if it has a character that stands for none.
    static func bytes(of token: UnsafeRawBufferPointer) -> [UInt8]? {
        let token = token.bindMemory(to: UInt8.self)
        var result: [UInt8] = []
        result.reserveCapacity(token.count)
        var position = 0
        while position < token.count {
            let scalar = Int(nextScalar(token.baseAddress!, &position))
            guard scalar < byteOfScalar.count, byteOfScalar[scalar] >= 0 else { return nil }
            result.append(UInt8(byteOfScalar[scalar]))
        }
        return result
    }
}
