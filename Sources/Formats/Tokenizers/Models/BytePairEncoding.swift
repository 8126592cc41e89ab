/// Merges the characters of a word pair by pair, in the order that training found.
///
/// Source: `tokenizers/src/models/bpe/model.rs` of huggingface/tokenizers 0.23.3.
struct BytePairEncoding: Sendable {
    /// What stands for a character that is not in the vocabulary, if anything does.
    struct Unknown: Sendable {
        var id: Int32
        /// Whether one token stands for several such characters in a row.
        var isFused: Bool
    }

    /// Tokens as `tokenizer.json` writes them.
    var names: Vocabulary
    /// Tokens by their bytes, as words have them: ``names``, but where words are raw bytes (see ``readsBytes``).
    var vocabulary: Vocabulary
    var pairs: PairTable
    /// Whether the words are raw bytes, each of which is a character. The reference turns bytes into printable
    /// characters first (`ByteLevel`); here the vocabulary is turned back instead, once.
    var readsBytes = false
    /// Ids of the 256 bytes as characters, if ``readsBytes``; -1 for one without a token.
    var byteIDs: [Int32] = []
    var unknown: Unknown?
    /// Ids of the tokens `<0x00>` to `<0xFF>`, -1 for one that is not there; empty without byte fallback.
    var fallbackIDs: [Int32] = []
    /// Whether a word that is a token needs no merges.
    var ignoresMerges = false
    /// Stands before every character but the first of a word in the vocabulary.
    var continuingPrefix: [UInt8] = []
    /// Stands behind the last character of a word in the vocabulary.
    var endSuffix: [UInt8] = []

    /// Appends the ids of one word (not empty). Up to ``Vocabulary/padding`` bytes must follow it in memory.
    @inline(__always)
    func append(_ word: UnsafePointer<UInt8>, _ count: Int, _ workspace: Workspace, to ids: inout [Int32]) {
        if workspace.cache.find(word, count, into: &ids) { return }
        let first = ids.count
        appendMerged(word, count, workspace, to: &ids)
        workspace.cache.insert(word, count, ids[first...])
    }

    private func appendMerged(
        _ word: UnsafePointer<UInt8>, _ count: Int, _ workspace: Workspace, to ids: inout [Int32]
    ) {
        if ignoresMerges {
            let id = vocabulary.find(word, count)
            if id >= 0 { return ids.append(id) }
        }
        workspace.symbols.removeAll()
        var isUnknown = false
        func finishUnknown() {
            if isUnknown, let unknown { workspace.symbols.append(unknown.id) }
            isUnknown = false
        }
        var position = 0
        while position < count {
            let start = position
            if readsBytes { position += 1 } else { _ = nextScalar(word, &position) }
            let id =
                readsBytes
                ? byteIDs[Int(word[start])]
                : find(word, start..<position, isFirst: start == 0, isLast: position == count)
            if id >= 0 {
                finishUnknown()
                workspace.symbols.append(id)
            } else if !appendBytes(word, start..<position, isLast: position == count, workspace), let unknown {
                if !unknown.isFused { finishUnknown() }
                isUnknown = true
            }
        }
        finishUnknown()
        workspace.symbols.merge(pairs, into: &ids)
    }

    /// The id of a character of a word, or -1.
    private func find(_ word: UnsafePointer<UInt8>, _ range: Range<Int>, isFirst: Bool, isLast: Bool) -> Int32 {
        let prefix = isFirst ? [] : continuingPrefix
        let suffix = isLast ? endSuffix : []
        guard !prefix.isEmpty || !suffix.isEmpty else {
            return vocabulary.find(word + range.lowerBound, range.count)
        }
        let character = UnsafeBufferPointer(start: word + range.lowerBound, count: range.count)
        var token = prefix + character + suffix
        let length = token.count
        token += [UInt8](repeating: 0, count: Vocabulary.padding)
        return token.withUnsafeBufferPointer { vocabulary.find($0.baseAddress!, length) }
    }

    /// Appends the bytes of a character that is not in the vocabulary as tokens of their own, if all of them have one.
    ///
    /// As in the reference, what is missing is the character with the prefix and the suffix that it would have. A byte
    /// token that stands for an unknown character comes before that of unknown characters left of it, which waits.
    private func appendBytes(
        _ word: UnsafePointer<UInt8>, _ range: Range<Int>, isLast: Bool, _ workspace: Workspace
    ) -> Bool {
        guard !fallbackIDs.isEmpty else { return false }
        let prefix = range.lowerBound == 0 ? [] : continuingPrefix
        let bytes =
            prefix + UnsafeBufferPointer(start: word + range.lowerBound, count: range.count)
            + (isLast ? endSuffix : [])
        guard bytes.allSatisfy({ fallbackIDs[Int($0)] >= 0 }) else { return false }
        for byte in bytes { workspace.symbols.append(fallbackIDs[Int(byte)]) }
        return true
    }
}
