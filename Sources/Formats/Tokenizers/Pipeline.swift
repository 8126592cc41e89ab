internal import Base
internal import RegularExpressions

/// From text to the ids of its tokens: added tokens are found, what lies between them is normalised and searched for added
/// tokens once more, split into words, and each word is tokenised.
struct Pipeline: Sendable {
    private let rawMatcher: AddedTokenMatcher
    private let normalizedMatcher: AddedTokenMatcher
    private let normalizers: [Normalizer]
    private let preTokenizers: [PreTokenizer]
    let model: TokenModel
    /// The whole of BERT's pipeline, which needs neither a workspace nor a list of words.
    private let bert: (normalizer: BertNormalizer, model: WordPiece)?
    private let workspaces = WorkspacePool()

    var lowercases: Bool { normalizers.contains(where: \.lowercases) }

    init(_ file: TokenizerFile) throws {
        normalizers = file.normalizers
        preTokenizers = file.preTokenizers
        model = file.model
        rawMatcher = AddedTokenMatcher(file.addedTokens.filter { !$0.isNormalized }.map { ($0.content, $0) })
        normalizedMatcher = AddedTokenMatcher(try file.normalizedPatterns())
        if case .wordPiece(let wordPiece) = file.model, file.normalizers.count == 1, file.preTokenizers.count == 1,
            case .bert(let normalizer) = file.normalizers[0], case .bert = file.preTokenizers[0]
        {
            bert = (normalizer, wordPiece)
        } else {
            bert = nil
        }
    }

    /// Appends the ids of `text` (valid UTF-8), without special tokens around it.
    func append(_ text: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) throws(RegularExpressionError) {
        guard let pieces = rawMatcher.isEmpty ? nil : rawMatcher.pieces(text) else {
            return try appendSegment(text, isFirst: true, to: &ids)
        }
        for (range, id) in pieces {
            if let id {
                ids.append(id)
            } else {
                let segment = UnsafeBufferPointer(rebasing: text[range])
                try appendSegment(segment, isFirst: range.lowerBound == 0, to: &ids)
            }
        }
    }

    /// Appends a stretch between added tokens.
    private func appendSegment(
        _ text: UnsafeBufferPointer<UInt8>, isFirst: Bool, to ids: inout [Int32]
    ) throws(RegularExpressionError) {
        guard !text.isEmpty else { return }
        if let bert { return appendBert(text, bert.normalizer, bert.model, to: &ids) }
        let workspace = workspaces.take()
        defer { workspaces.give(workspace) }
        let startsText = try normalize(text, workspace) && isFirst
        guard let pieces = normalizedMatcher.isEmpty ? nil : normalizedMatcher.pieces(workspace.text.bytes) else {
            return try appendWords(Word(start: 0, end: workspace.text.count, isFirst: startsText), workspace, to: &ids)
        }
        // Splitting may change the text of the workspace.
        let normal = Array(workspace.text.bytes)
        for (range, id) in pieces {
            if let id {
                ids.append(id)
                continue
            }
            workspace.text.removeAll()
            normal.withUnsafeBufferPointer { workspace.text.append(UnsafeBufferPointer(rebasing: $0[range])) }
            let word = Word(start: 0, end: range.count, isFirst: startsText && range.lowerBound == 0)
            try appendWords(word, workspace, to: &ids)
        }
    }

    /// Writes the normal form of `text` to the workspace; returns whether its first character comes from that of `text`.
    private func normalize(
        _ text: UnsafeBufferPointer<UInt8>, _ workspace: Workspace
    ) throws(RegularExpressionError) -> Bool {
        var keepsFirst = true
        workspace.text.removeAll()
        guard let first = normalizers.first else {
            workspace.text.append(text)
            return true
        }
        keepsFirst = try first.apply(text, to: &workspace.text)
        for normalizer in normalizers.dropFirst() {
            workspace.spare.removeAll()
            keepsFirst = try normalizer.apply(workspace.text.bytes, to: &workspace.spare) && keepsFirst
            workspace.swapText()
        }
        return keepsFirst
    }

    /// Splits a stretch of the workspace's text into words and appends their ids.
    private func appendWords(
        _ word: Word, _ workspace: Workspace, to ids: inout [Int32]
    ) throws(RegularExpressionError) {
        guard !word.isEmpty else { return }
        workspace.words.removeAll(keepingCapacity: true)
        workspace.words.append(word)
        for preTokenizer in preTokenizers { try preTokenizer.apply(workspace) }
        let text = UnsafePointer(workspace.text.base)
        switch model {
        case .wordPiece(let model):
            for word in workspace.words { model.append(text, word.start, word.end, to: &ids) }
        case .bytePair(let model):
            for word in workspace.words { model.append(text + word.start, word.end - word.start, workspace, to: &ids) }
        case .unigram(let model):
            for word in workspace.words { model.append(text + word.start, word.end - word.start, workspace, to: &ids) }
        }
    }

    private func appendBert(
        _ text: UnsafeBufferPointer<UInt8>, _ normalizer: BertNormalizer, _ model: WordPiece, to ids: inout [Int32]
    ) {
        let capacity = BertNormalizer.growthLimit * text.count + 8 + Vocabulary.padding
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { scratch in
            let normal = scratch.baseAddress!
            let count = normalizer.apply(text, to: normal)
            // Look-ups read past the last word; what lies there does not matter, but it must be initialised.
            (normal + count).initialize(repeating: 0, count: Vocabulary.padding)
            func appendWords(_ range: Range<Int>) {
                PreTokenizer.forEachBertWord(normal, range) { model.append(normal, $0, $1, to: &ids) }
            }
            let whole = UnsafeBufferPointer(start: normal, count: count)
            guard let pieces = normalizedMatcher.isEmpty ? nil : normalizedMatcher.pieces(whole) else {
                return appendWords(0..<count)
            }
            for (range, id) in pieces {
                if let id { ids.append(id) } else { appendWords(range) }
            }
        }
    }
}

/// What turns a word into tokens.
enum TokenModel: Sendable {
    case wordPiece(WordPiece)
    case bytePair(BytePairEncoding)
    case unigram(Unigram)

    /// Tokens by the bytes that `tokenizer.json` writes them with.
    private var names: Vocabulary {
        switch self {
        case .wordPiece(let model): model.starting
        case .bytePair(let model): model.names
        case .unigram(let model): model.names
        }
    }

    /// Number of tokens; where the vocabulary is a list, equal ones count.
    var count: Int {
        if case .unigram(let model) = self { model.scores.count } else { names.count }
    }
    var highestID: Int32 { names.highestID }

    /// The id of a token as `tokenizer.json` writes it, or -1.
    func id(of token: [UInt8]) -> Int32 { names.find(token) }
}
