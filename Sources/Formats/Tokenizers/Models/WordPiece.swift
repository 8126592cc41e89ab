/// Splits a word into the longest known pieces from left to right.
///
/// A word with a part that no piece covers, or of more than `maxScalarsPerWord` scalars, is one unknown token.
///
/// Source: `tokenizers/src/models/wordpiece/mod.rs` of huggingface/tokenizers 0.23.3.
struct WordPiece: Sendable {
    /// Pieces that can start a word: every token as it is written.
    let starting: Vocabulary
    /// Pieces that can follow another: those written with the continuation prefix, without it.
    let continuing: Vocabulary
    /// As it is written.
    let continuingPrefix: [UInt8]
    let unknownID: Int32
    let maxScalarsPerWord: Int

    /// - Parameters:
    ///   - tokens: pairwise different.
    ///   - starting: the same.
    ///   - continuingPrefix: marks pieces that continue a word; may be empty.
    init(
        tokens: TokenList, starting: Vocabulary, continuingPrefix: [UInt8], unknownID: Int32, maxScalarsPerWord: Int
    ) {
        self.starting = starting
        continuing = Vocabulary(
            tokens.compactMap { token in
                token.count > continuingPrefix.count && token.starts(with: continuingPrefix)
                    ? Array(token.dropFirst(continuingPrefix.count)) : nil
            })
        self.continuingPrefix = continuingPrefix
        self.unknownID = unknownID
        self.maxScalarsPerWord = maxScalarsPerWord
    }

    /// Appends the ids of `text[start..<end]`; ``Vocabulary/padding`` bytes must follow it in memory.
    @inline(__always)
    func append(_ text: UnsafePointer<UInt8>, _ start: Int, _ end: Int, to ids: inout [Int32]) {
        let count = end - start
        if count <= maxScalarsPerWord {
            // The common case: the longest piece is the word itself.
            let id = starting.find(text + start, count)
            if id >= 0 { return ids.append(id) }
        }
        appendPieces(text + start, count, to: &ids)
    }

    private func appendPieces(_ word: UnsafePointer<UInt8>, _ count: Int, to ids: inout [Int32]) {
        if count > maxScalarsPerWord {
            var scalars = 0
            for index in 0..<count where word[index] & 0xC0 != 0x80 { scalars += 1 }
            if scalars > maxScalarsPerWord { return ids.append(unknownID) }
        }
        let firstID = ids.count
        var start = 0
        while start < count {
            let vocabulary = start == 0 ? starting : continuing
            var length = min(count - start, vocabulary.longestToken)
            var id: Int32 = -1
            while length > 0 {
                // A piece ends where a scalar ends.
                if start + length == count || word[start + length] & 0xC0 != 0x80 {
                    id = vocabulary.find(word + start, length)
                    if id >= 0 { break }
                }
                length -= 1
            }
            if id < 0 {
                ids.removeSubrange(firstID...)
                return ids.append(unknownID)
            }
            ids.append(id)
            start += length
        }
    }
}
