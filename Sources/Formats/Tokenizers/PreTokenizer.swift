/// How normalised text is split into words.
enum PreTokenizer: Sendable {
    /// The whole text is one word.
    case none
    /// Words are separated by white space; a punctuation character is a word of its own.
    case bert

    /// Calls `body` with the start and the end of each word of `text[range]`, which must be valid UTF-8.
    @inline(__always)
    func forEachWord(_ text: UnsafePointer<UInt8>, _ range: Range<Int>, _ body: (Int, Int) -> Void) {
        guard case .bert = self else {
            if !range.isEmpty { body(range.lowerBound, range.upperBound) }
            return
        }
        let classes = ScalarClasses.shared.table
        let whitespace = ScalarClass.whitespace.rawValue
        let separators = whitespace | ScalarClass.punctuation.rawValue
        var wordStart = range.lowerBound
        var position = range.lowerBound
        while position < range.upperBound {
            let start = position
            let kind = classes[Int(nextScalar(text, &position))]
            if kind & separators == 0 { continue }
            if wordStart < start { body(wordStart, start) }
            if kind & whitespace == 0 { body(start, position) }
            wordStart = position
        }
        if wordStart < range.upperBound { body(wordStart, range.upperBound) }
    }
}
