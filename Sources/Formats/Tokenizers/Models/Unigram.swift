/// Takes a word apart into the tokens with the highest sum of scores.
///
/// Source: `tokenizers/src/models/unigram/model.rs` of huggingface/tokenizers 0.23.3, which follows SentencePiece; sums
/// are in double precision and in the same order, so that ties break alike.
struct Unigram: Sendable {
    /// What a character without a token costs below the lowest score.
    private static let unknownPenalty = 10.0

    /// Tokens as `tokenizer.json` writes them.
    let names: Vocabulary
    let trie: ByteTrie
    /// By id.
    let scores: [Double]
    let unknownID: Int32
    /// Ids of the tokens `<0x00>` to `<0xFF>`, -1 for one that is not there; empty without byte fallback.
    let fallbackIDs: [Int32]
    private let unknownScore: Double

    /// - Parameters:
    ///   - tokens: with ids from 0 in their order; of equal tokens the last one counts.
    ///   - scores: of each token, finite.
    ///   - unknownID: the id of a token in `tokens`.
    init(tokens: TokenList, scores: [Double], unknownID: Int32, fallsBackToBytes: Bool) {
        trie = ByteTrie(tokens)
        names = Vocabulary(tokens)
        self.scores = scores
        self.unknownID = unknownID
        fallbackIDs = fallsBackToBytes ? TokenizerFile.byteTokens(names) : []
        unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
    }

    /// Appends the ids of one word (not empty).
    @inline(__always)
    func append(_ word: UnsafePointer<UInt8>, _ count: Int, _ workspace: Workspace, to ids: inout [Int32]) {
        if workspace.cache.find(word, count, into: &ids) { return }
        let first = ids.count
        appendBest(word, count, workspace, to: &ids)
        workspace.cache.insert(word, count, ids[first...])
    }

    private func appendBest(
        _ word: UnsafePointer<UInt8>, _ count: Int, _ workspace: Workspace, to ids: inout [Int32]
    ) {
        workspace.lattice.reset(count)
        workspace.lattice.nodes.withUnsafeMutableBufferPointer { nodes in
            scores.withUnsafeBufferPointer { scores in
                var start = 0
                while start < count {
                    var next = start
                    _ = nextScalar(word, &next)
                    let scoreSoFar = nodes[start].score
                    var hasWholeScalar = false
                    func offer(_ end: Int, _ id: Int32, _ score: Double) {
                        let total = score + scoreSoFar
                        if nodes[end].start < 0 || total > nodes[end].score {
                            nodes[end] = Lattice.Node(score: total, start: Int32(start), id: id)
                        }
                    }
                    trie.forEachPrefix(of: word + start, count - start) { length, id in
                        offer(start + length, id, scores[Int(id)])
                        if length == next - start { hasWholeScalar = true }
                    }
                    if !hasWholeScalar { offer(next, unknownID, unknownScore) }
                    start = next
                }
            }
        }
        // Backwards from the end; unknown characters in a row are one token.
        var end = count
        while end > 0 {
            let node = workspace.lattice.nodes[end]
            var start = Int(node.start)
            if node.id == unknownID {
                while start > 0 && workspace.lattice.nodes[start].id == unknownID {
                    start = Int(workspace.lattice.nodes[start].start)
                }
            }
            workspace.lattice.path.append((start, end, node.id))
            end = start
        }
        for (start, end, id) in workspace.lattice.path.reversed() {
            if id != unknownID {
                ids.append(id)
            } else {
                appendUnknown(word + start, end - start, to: &ids)
            }
        }
    }

    private func appendUnknown(_ bytes: UnsafePointer<UInt8>, _ count: Int, to ids: inout [Int32]) {
        // The unknown token may be written in the text itself.
        let id = trie.find(bytes, count)
        if id >= 0 { return ids.append(id) }
        let bytes = UnsafeBufferPointer(start: bytes, count: count)
        if !fallbackIDs.isEmpty && bytes.allSatisfy({ fallbackIDs[Int($0)] >= 0 }) {
            for byte in bytes { ids.append(fallbackIDs[Int(byte)]) }
        } else {
            ids.append(unknownID)
        }
    }
}

/// The best way to each place of a word.
struct Lattice {
    struct Node {
        var score = 0.0
        /// Where the last token of the best way starts; -1 if no way leads here.
        var start: Int32 = -1
        var id: Int32 = -1
    }

    /// One for each byte of the word, and one for its end.
    var nodes: [Node] = []
    /// Tokens of the best way, from the end.
    var path: [(start: Int, end: Int, id: Int32)] = []

    mutating func reset(_ count: Int) {
        nodes.removeAll(keepingCapacity: true)
        nodes.append(contentsOf: repeatElement(Node(), count: count + 1))
        path.removeAll(keepingCapacity: true)
    }
}
