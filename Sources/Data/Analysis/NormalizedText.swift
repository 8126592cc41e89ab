/// A text in the form in which texts are compared: lower-case letters, digits and marks in tokens, one space between.
///
/// Everything else (white space, punctuation, symbols) only separates. Scripts that are written without spaces have no
/// words to see, so each of their scalars is a token by itself: Han, kana, Thai, Lao, Khmer, Myanmar. No Unicode
/// normalisation form is applied.
package struct NormalizedText {
    package private(set) var bytes: [UInt8] = []
    /// Where each token starts and ends in ``bytes``.
    package private(set) var tokens: [Range<Int>] = []
    private var tokenStart = -1

    package init() {}

    package var isEmpty: Bool { tokens.isEmpty }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        tokens.removeAll(keepingCapacity: true)
        tokenStart = -1
    }

    /// Appends a text; its first word does not join the last one of the text before.
    ///
    /// - Parameter text: UTF-8; what is not is taken for a separator.
    package mutating func append(_ text: UnsafeRawBufferPointer) {
        var position = 0
        while position < text.count {
            let byte = text[position]
            if byte < 0x80 {
                position += 1
                switch byte {
                case 0x30...0x39, 0x61...0x7A: appendASCII(byte)
                case 0x41...0x5A: appendASCII(byte | 0x20)
                default: endToken()
                }
                continue
            }
            let (scalar, length) = Self.decode(text, at: position)
            position += length
            guard let scalar else {
                endToken()
                continue
            }
            append(scalar)
        }
        endToken()
    }

    private mutating func appendASCII(_ byte: UInt8) {
        if tokenStart < 0 { startToken() }
        bytes.append(byte)
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
        if Self.isWrittenWithoutSpaces(scalar.value) {
            guard Self.isOfWord(scalar) else { return endToken() }
            endToken()
            startToken()
            UTF8.encode(scalar) { bytes.append($0) }
            endToken()
        } else if Self.isOfWord(scalar) {
            if tokenStart < 0 { startToken() }
            for lower in scalar.properties.lowercaseMapping.utf8 { bytes.append(lower) }
        } else {
            endToken()
        }
    }

    private mutating func startToken() {
        if !bytes.isEmpty { bytes.append(0x20) }
        tokenStart = bytes.count
    }

    private mutating func endToken() {
        guard tokenStart >= 0 else { return }
        tokens.append(tokenStart..<bytes.count)
        tokenStart = -1
    }

    private static func isOfWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
            .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
            true
        default: false
        }
    }

    private static func isWrittenWithoutSpaces(_ value: UInt32) -> Bool {
        switch value {
        case 0x0E00...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF, 0x3005...0x3007, 0x3040...0x30FF, 0x31F0...0x31FF,
            0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF:
            true
        default: false
        }
    }

    private static func decode(_ text: UnsafeRawBufferPointer, at position: Int) -> (Unicode.Scalar?, Int) {
        let first = text[position]
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
        guard first >= 0xC2, first < 0xF5, position + length <= text.count else { return (nil, 1) }
        var value = UInt32(first) & (0x7F >> UInt32(length))
        for offset in 1..<length {
            let byte = text[position + offset]
            guard byte & 0xC0 == 0x80 else { return (nil, 1) }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        return (Unicode.Scalar(value), length)
    }
}
