/// A token that is found in the text itself, before it is split into words.
struct AddedToken: Sendable {
    var id: Int32
    var content: [UInt8]
    /// Does not match inside a word.
    var isSingleWord = false
    /// Swallows white space before it.
    var stripsLeft = false
    /// Swallows white space after it.
    var stripsRight = false
    /// Found in normalised text by its normal form, not in the text as written.
    var isNormalized = false
}

/// Finds added tokens: the leftmost first, of several at one place the longest.
///
/// Source: `tokenizers/src/tokenizer/added_vocabulary.rs` of huggingface/tokenizers 0.23.3, whose order of tests is
/// kept: a match that is refused as a part of a word still uses up its text, and so on.
struct AddedTokenMatcher: Sendable {
    /// A stretch of text, and the added token that it is.
    typealias Piece = (range: Range<Int>, id: Int32?)

    private struct Pattern: Sendable {
        var bytes: [UInt8]
        var token: AddedToken
    }

    private let patterns: [Pattern]
    /// Indices of the patterns by their bytes.
    private let trie: ByteTrie

    var isEmpty: Bool { patterns.isEmpty }

    /// - Parameter patterns: what to look for (not empty, pairwise different) and the token it stands for.
    init(_ patterns: [(bytes: [UInt8], token: AddedToken)]) {
        self.patterns = patterns.map { Pattern(bytes: $0.bytes, token: $0.token) }
        var list = TokenList()
        for (index, pattern) in patterns.enumerated() { list.append(pattern.bytes, id: Int32(index)) }
        trie = ByteTrie(list)
    }

    /// Cuts `text` (valid UTF-8) into added tokens and what lies between, or returns nil if it contains none.
    func pieces(_ text: UnsafeBufferPointer<UInt8>) -> [Piece]? {
        guard let bytes = text.baseAddress, var match = firstMatch(bytes, text.count, from: 0) else { return nil }
        var pieces: [Piece] = []
        var done = 0
        while true {
            var start = match.start
            let token = patterns[match.pattern].token
            var end = start + patterns[match.pattern].bytes.count
            let next = end
            if !token.isSingleWord || isSingleWord(bytes, start, end, text.count) {
                if token.stripsLeft {
                    while start > 0 {
                        let (scalar, before) = previousScalar(bytes, before: start)
                        guard ScalarClasses.shared[scalar].contains(.whitespace) else { break }
                        start = before
                    }
                    start = max(start, done)
                }
                if token.stripsRight {
                    while end < text.count {
                        var position = end
                        let scalar = nextScalar(bytes, &position)
                        guard ScalarClasses.shared[scalar].contains(.whitespace) else { break }
                        end = position
                    }
                }
                if done < start { pieces.append((done..<start, nil)) }
                pieces.append((start..<end, token.id))
                done = end
            }
            guard let following = firstMatch(bytes, text.count, from: next) else { break }
            match = following
        }
        if done != text.count { pieces.append((done..<text.count, nil)) }
        return pieces
    }

    private func isSingleWord(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ count: Int) -> Bool {
        if start > 0 && ScalarClasses.isWordCharacter(previousScalar(bytes, before: start).scalar) { return false }
        if end == count { return true }
        var position = end
        return !ScalarClasses.isWordCharacter(nextScalar(bytes, &position))
    }

    private func firstMatch(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, from first: Int
    ) -> (start: Int, pattern: Int)? {
        for start in first..<max(first, count) {
            if let (_, index) = trie.longestPrefix(of: bytes + start, count - start) { return (start, Int(index)) }
        }
        return nil
    }
}
