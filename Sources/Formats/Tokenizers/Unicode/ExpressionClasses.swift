/// What regular expressions and the pre-tokenizers beside BERT's need to know of a Unicode scalar.
struct ExpressionClass: OptionSet {
    let rawValue: UInt8

    /// `\p{L}`.
    static let letter = ExpressionClass(rawValue: 1 << 0)
    /// `\p{N}`.
    static let number = ExpressionClass(rawValue: 1 << 1)
    /// `\s`.
    static let space = ExpressionClass(rawValue: 1 << 2)
    /// A combining mark.
    static let mark = ExpressionClass(rawValue: 1 << 3)
    /// Set apart by the pre-tokenizer Digits.
    static let digit = ExpressionClass(rawValue: 1 << 4)
    /// `\w` of the pre-tokenizer Whitespace.
    static let word = ExpressionClass(rawValue: 1 << 5)
    /// Has a canonical or compatibility decomposition, a combining class, or is part of a composition: whatever is not
    /// in this class is its own normal form in every form, and a boundary before it.
    static let changesInNormalization = ExpressionClass(rawValue: 1 << 6)
    /// LF or CR.
    static let lineBreak = ExpressionClass(rawValue: 1 << 7)
}

/// The class of every scalar, built from the generated tables when a tokenizer first needs it.
///
/// `@unchecked Sendable`: the memory behind the pointer is written in `init` only, and never freed.
final class ExpressionClasses: @unchecked Sendable {
    static let shared = ExpressionClasses()

    /// Indexed by scalar value, up to U+10FFFF.
    let table: UnsafePointer<UInt8>

    private init() {
        let table = zeroed(UInt8.self, 0x110000)
        func mark(_ ranges: [UInt32], _ flag: ExpressionClass) {
            for index in stride(from: 0, to: ranges.count, by: 2) {
                for scalar in ranges[index]...ranges[index + 1] { table[Int(scalar)] |= flag.rawValue }
            }
        }
        mark(UnicodeRanges.letters, .letter)
        mark(UnicodeRanges.numbers, .number)
        mark(UnicodeRanges.expressionSpaces, .space)
        mark(UnicodeRanges.marks, .mark)
        mark(UnicodeRanges.digits, .digit)
        mark(UnicodeRanges.wordCharacters, .word)
        mark([0x0A, 0x0A, 0x0D, 0x0D], .lineBreak)
        let changes = ExpressionClass.changesInNormalization
        mark([Hangul.first, Hangul.last, 0x1100, 0x1112, 0x1161, 0x1175, 0x11A8, 0x11C2], changes)
        for scalar in ScalarClasses.shared.decompositions.scalars { table[Int(scalar)] |= changes.rawValue }
        for scalar in CanonicalComposition.compatibility.scalars { table[Int(scalar)] |= changes.rawValue }
        for scalar in CanonicalComposition.shared.secondScalars { table[Int(scalar)] |= changes.rawValue }
        let combining = UnicodeRanges.combiningClasses
        for index in stride(from: 0, to: combining.count, by: 3) {
            mark(Array(combining[index...(index + 1)]), changes)
        }
        self.table = UnsafePointer(table)
    }

    subscript(_ scalar: UInt32) -> ExpressionClass { ExpressionClass(rawValue: table[Int(scalar)]) }
}
