internal import Base
public import Examples
public import Models
internal import Records

/// A micro-batch as the model sees it: every different text once, and who is whose.
public struct TrainingBatch: Sendable {
    /// Token ids of the different texts; equal texts are encoded once.
    public private(set) var texts: [[Int32]] = []
    /// For each of the ``texts`` its leading tokens that pooling leaves out; nil for none.
    public private(set) var unpooled: [Int]?
    /// For each query its row in ``texts``.
    public private(set) var queryRows: [Int] = []
    /// For each passage its row in ``texts``; passages are grouped by query, the positive first.
    public private(set) var passageRows: [Int] = []
    /// For each query the number of its positive among the passages.
    public private(set) var positives: [Int] = []
    /// For each query the passages that its denominator leaves out; empty lists where nothing is masked.
    public private(set) var excluded: [[Int]] = []
    /// Queries and passages that lost tokens to the maximal length.
    public private(set) var truncatedCount = 0
    /// Queries and passages with nothing to read in them: see ``BlankTexts``.
    public private(set) var blankCount = 0

    /// Queries and passages, equal ones counted each time.
    public var sequenceCount: Int { queryRows.count + passageRows.count }
    public var tokenCount: Int { texts.reduce(0) { $0 + $1.count } }

    private var rowByText: [Text: Int] = [:]

    /// Texts are equal where their vectors are.
    private struct Text: Hashable {
        let tokens: [Int32]
        let unpooledCount: Int
    }

    /// A batch of token ids, as tests and other programs have them.
    ///
    /// - Parameter passages: for each query, the positive first.
    public init(queries: [[Int32]], passages: [[[Int32]]], excluded: [[Int]] = []) {
        precondition(queries.count == passages.count, "as many groups of passages as queries")
        func text(_ tokens: [Int32]) -> Text { Text(tokens: tokens, unpooledCount: 0) }
        for (query, group) in zip(queries, passages) { add(query: text(query), passages: group.map(text)) }
        self.excluded = excluded
    }

    /// Tokenises examples.
    ///
    /// - Parameters:
    ///   - tokenizers: of queries and documents for each part of the config.
    ///   - masksKnownPositives: see ``TrainingConfig/masksKnownPositives``.
    /// - Throws: `Failure` for a text without a single token; status 130 after an interruption.
    public init(
        _ examples: [Example], tokenizers: [TrainingConfig.Sides<RoleTokenizer>], masksKnownPositives: Bool
    ) throws {
        for example in examples {
            try Interruption.check()
            let part = tokenizers[example.entry.part]
            let query = try text(example.queryText, part.query) { "query \(example.query)" }
            let passages = try example.passages.map { passage in
                try text(passage.text, part.document) { "document \(passage.document)" }
            }
            add(query: query, passages: passages)
        }
        if masksKnownPositives { excluded = try knownPositives(examples) }
    }

    private mutating func text(
        _ text: [UInt8], _ tokenizer: RoleTokenizer, naming: () -> String
    ) throws -> Text {
        var ids: [Int32] = []
        let encoding = try text.withUnsafeBytes { text in
            if BlankTexts.isBlank(text) { blankCount += 1 }
            return try tokenizer.append(text, to: &ids)
        }
        guard !ids.isEmpty else {
            throw Failure(
                .badData, "\(naming()) has no token, and the tokenizer adds none",
                advice: "Say blank_texts: skip in the config, or use a tokenizer with special tokens.")
        }
        if encoding.wasTruncated { truncatedCount += 1 }
        return Text(tokens: ids, unpooledCount: tokenizer.unpooledCount)
    }

    private mutating func add(query: Text, passages: [Text]) {
        queryRows.append(row(of: query))
        positives.append(passageRows.count)
        for passage in passages { passageRows.append(row(of: passage)) }
    }

    private mutating func row(of text: Text) -> Int {
        if let row = rowByText[text] { return row }
        rowByText[text] = texts.count
        if text.unpooledCount > 0, unpooled == nil { unpooled = Array(repeating: 0, count: texts.count) }
        unpooled?.append(text.unpooledCount)
        texts.append(text.tokens)
        return texts.count - 1
    }

    /// Passages of the batch that are known to answer a query, other than the one it is trained on: those with the
    /// content of one of its known positives, and those that the model cannot tell from its positive.
    ///
    /// - Complexity: linear in the passages and what is known of them, not in queries × passages.
    private func knownPositives(_ examples: [Example]) throws -> [[Int]] {
        var passagesByContent: [ContentHash: [Int]] = [:]
        for (passage, content) in examples.lazy.flatMap({ $0.passages.map(\.content) }).enumerated() {
            passagesByContent[content, default: []].append(passage)
        }
        var passagesByRow = [[Int]](repeating: [], count: texts.count)
        for (passage, row) in passageRows.enumerated() { passagesByRow[row].append(passage) }
        return try examples.enumerated().map { number, example in
            try Interruption.check()
            let own = positives[number]
            var known = Set(passagesByRow[passageRows[own]])
            for content in example.knownPositives { known.formUnion(passagesByContent[content] ?? []) }
            known.remove(own)
            return known.sorted()
        }
    }
}
