/// What is done with records whose text is blank: the same choice in encoding and in training.
public enum BlankTexts: String, Sendable, CaseIterable {
    /// They are encoded as they are, prompt and special tokens included, and counted.
    case encode
    /// They are left out before anything is computed, and counted.
    case skip
    /// They are refused before anything is computed, with their count and the first id.
    case error

    /// Whether there is nothing to read in a text: no character but white space, control characters and those that
    /// are shown as nothing (zero-width spaces and joiners, byte order marks, fillers, variation selectors).
    ///
    /// Prompts do not count. A document is blank if its title and its text are.
    ///
    /// - Parameter text: valid UTF-8.
    public static func isBlank(_ text: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        while position < text.count {
            let lead = text[position]
            guard lead >= 0x80 else {
                if lead > 0x20, lead != 0x7F { return false }
                position += 1
                continue
            }
            let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
            guard position + length <= text.count else { return false }
            var value = UInt32(lead) & (0xFF >> UInt32(length + 1))
            for offset in 1..<length { value = value << 6 | UInt32(text[position + offset] & 0x3F) }
            guard let scalar = Unicode.Scalar(value), isInvisible(scalar) else { return false }
            position += length
        }
        return true
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        switch properties.generalCategory {
        case .control, .format, .spaceSeparator, .lineSeparator, .paragraphSeparator: return true
        default: return properties.isWhitespace || properties.isDefaultIgnorableCodePoint
        }
    }

    /// Whether a document of this title and text is blank.
    public static func isBlank(title: UnsafeRawBufferPointer?, text: UnsafeRawBufferPointer?) -> Bool {
        (text.map(isBlank) ?? true) && (title.map(isBlank) ?? true)
    }
}
