/// The expressions that byte-level vocabularies were made with, as a scanner: they match every text from end to end, so
/// that a match is found by its start alone, and no regular expression is run.
///
/// The expressions are those of GPT-2, of cl100k (Llama 3 has the same) and of Qwen 2; the golden tests compare
/// its matches with those of the library for every scalar.
struct ExpressionScanner: Sendable, Equatable {
    /// `'s`, `'t` and so on in upper case as well.
    var ignoresCase: Bool
    /// What may stand before letters: any one character but letters, numbers and line breaks, or else only a space.
    var takesAnyPrefix: Bool
    /// The most numbers in a match; without a limit a space may stand before them.
    var mostNumbers: Int?
    /// Symbols take the line breaks behind them, and white space up to the last line break is one match.
    var takesLineBreaks: Bool

    private static let known: [(expression: String, scanner: ExpressionScanner)] = [
        (
            #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#,
            ExpressionScanner(ignoresCase: false, takesAnyPrefix: false, mostNumbers: nil, takesLineBreaks: false)
        ),
        (
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
            ExpressionScanner(ignoresCase: true, takesAnyPrefix: true, mostNumbers: 3, takesLineBreaks: true)
        ),
        (
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
            ExpressionScanner(ignoresCase: true, takesAnyPrefix: true, mostNumbers: 1, takesLineBreaks: true)
        ),
    ]

    /// The scanner of an expression; nil if it has none.
    static func of(_ expression: String) -> ExpressionScanner? { known.first { $0.expression == expression }?.scanner }

    /// GPT-2's, which the pre-tokenizer ByteLevel uses.
    static let gpt2 = known[0].scanner
    static let qwen2 = known[2].scanner

    private typealias Class = ExpressionClass

    /// Where the match that starts at `start` ends; `start` must be below `count`, and the bytes valid UTF-8.
    func end(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
        let classes = ExpressionClasses.shared.table
        @inline(__always) func read(_ position: inout Int) -> Class {
            Class(rawValue: classes[Int(nextScalar(bytes, &position))])
        }
        /// Steps over scalars of which `accepts` is true.
        @inline(__always) func skip(_ position: Int, _ accepts: (Class) -> Bool) -> Int {
            var end = position
            while end < count {
                var next = end
                guard accepts(read(&next)) else { break }
                end = next
            }
            return end
        }
        let first = bytes[start]
        if first == 0x27, let end = contraction(bytes, start, count) { return end }
        var afterFirst = start
        let kind = read(&afterFirst)
        if kind.contains(.letter) { return skip(afterFirst) { $0.contains(.letter) } }
        var second = Class()
        var afterSecond = afterFirst
        if afterFirst < count { second = read(&afterSecond) }
        let mayPrecedeLetters =
            takesAnyPrefix ? kind.isDisjoint(with: [.letter, .number, .lineBreak]) : first == 0x20
        if mayPrecedeLetters && second.contains(.letter) { return skip(afterSecond) { $0.contains(.letter) } }
        if let mostNumbers {
            if kind.contains(.number) {
                var end = afterFirst
                for _ in 1..<mostNumbers where end < count {
                    var next = end
                    guard read(&next).contains(.number) else { break }
                    end = next
                }
                return end
            }
        } else {
            if kind.contains(.number) { return skip(afterFirst) { $0.contains(.number) } }
            if first == 0x20 && second.contains(.number) { return skip(afterSecond) { $0.contains(.number) } }
        }
        func isSymbol(_ kind: Class) -> Bool { kind.isDisjoint(with: [.letter, .number, .space]) }
        if isSymbol(kind) || (first == 0x20 && afterFirst < count && isSymbol(second)) {
            let end = skip(isSymbol(kind) ? afterFirst : afterSecond, isSymbol)
            return takesLineBreaks ? skip(end) { $0.contains(.lineBreak) } : end
        }
        return whiteSpaceEnd(bytes, start, count)
    }

    /// White space: up to its last line break, if those count; else all of it at the end of the text, and elsewhere all
    /// but its last scalar, unless it has only one.
    private func whiteSpaceEnd(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
        let classes = ExpressionClasses.shared
        var end = start
        var beforeLast = start
        var afterLineBreak: Int?
        while end < count {
            var next = end
            let kind = classes[nextScalar(bytes, &next)]
            guard kind.contains(.space) else { break }
            if kind.contains(.lineBreak) { afterLineBreak = next }
            beforeLast = end
            end = next
        }
        if takesLineBreaks, let afterLineBreak { return afterLineBreak }
        return end == count || beforeLast == start ? end : beforeLast
    }

    /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at an apostrophe; nil if none stands there.
    private func contraction(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int? {
        func letter(_ position: Int) -> UInt8 {
            guard position < count else { return 0 }
            let byte = bytes[position]
            return ignoresCase && 0x41...0x5A ~= byte ? byte | 0x20 : byte
        }
        let first = letter(start + 1)
        switch first {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
        case UInt8(ascii: "r"), UInt8(ascii: "v"): return letter(start + 2) == UInt8(ascii: "e") ? start + 3 : nil
        case UInt8(ascii: "l"): return letter(start + 2) == UInt8(ascii: "l") ? start + 3 : nil
        case 0xC5 where ignoresCase && letter(start + 2) == 0xBF:
            // The long s (U+017F) is an s in another case.
            return start + 3
        default: return nil
        }
    }
}
