internal import Base
public import Examples
public import Models
public import Tokenizers

/// A micro-batch as the model sees it: every different text once, and who is whose.
public struct TrainingBatch: Sendable {
    /// Token ids of the different texts; equal texts are encoded once.
    public private(set) var texts: [[Int32]] = []
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

    /// Queries and passages, equal ones counted each time.
    public var sequenceCount: Int { queryRows.count + passageRows.count }
    public var tokenCount: Int { texts.reduce(0) { $0 + $1.count } }

    private var rowByText: [[Int32]: Int] = [:]

    /// A batch of token ids, as tests and other programs have them.
    ///
    /// - Parameter passages: for each query, the positive first.
    public init(queries: [[Int32]], passages: [[[Int32]]], excluded: [[Int]] = []) {
        precondition(queries.count == passages.count, "as many groups of passages as queries")
        for (query, group) in zip(queries, passages) { add(query: query, passages: group) }
        self.excluded = excluded
    }

    /// Tokenises examples.
    ///
    /// - Parameters:
    ///   - sides: prompt and limit of queries and documents for each part of the mix.
    ///   - masksKnownPositives: see ``Mix/masksKnownPositives``.
    public init(
        _ examples: [Example], sides: [Mix.Sides<ModelCard.Side>], tokenizer: Tokenizer, masksKnownPositives: Bool
    ) {
        for example in examples {
            let side = sides[example.entry.part]
            let query = tokens(example.queryText, side.query, tokenizer)
            let passages = example.passages.map { tokens($0.text, side.document, tokenizer) }
            add(query: query, passages: passages)
        }
        if masksKnownPositives { excluded = knownPositives(examples) }
    }

    private mutating func tokens(_ text: [UInt8], _ side: ModelCard.Side, _ tokenizer: Tokenizer) -> [Int32] {
        var ids: [Int32] = []
        let encoding = text.withUnsafeBytes { EmbeddingModel.tokenize($0, side, tokenizer, into: &ids) }
        if encoding.wasTruncated { truncatedCount += 1 }
        return ids
    }

    private mutating func add(query: [Int32], passages: [[Int32]]) {
        queryRows.append(row(of: query))
        positives.append(passageRows.count)
        for passage in passages { passageRows.append(row(of: passage)) }
    }

    private mutating func row(of text: [Int32]) -> Int {
        if let row = rowByText[text] { return row }
        rowByText[text] = texts.count
        texts.append(text)
        return texts.count - 1
    }

    /// Passages of the batch that are known to answer a query, other than the one it is trained on: those with the
    /// content of one of its known positives, and those that the model cannot tell from its positive.
    private func knownPositives(_ examples: [Example]) -> [[Int]] {
        let contents = examples.flatMap { $0.passages.map(\.content) }
        return examples.enumerated().map { number, example in
            let own = positives[number]
            return contents.indices.filter { passage in
                passage != own
                    && (example.knownPositives.contains(contents[passage])
                        || passageRows[passage] == passageRows[own])
            }
        }
    }
}
