internal import Base
internal import Records
internal import Store

/// The reasons against a negative that lie in what it says, for one query: the expensive ones, which read the corpus.
struct ContentChecks {
    private let dataset: Dataset
    /// Contents and clusters of the positives and of the candidates that were accepted; nil where duplicates are taken.
    private var contents: Set<ContentHash>?
    private var clusters: Set<Int> = []
    private let ownText: [UInt8]?
    private let answers: AnswerMatcher?

    /// - Parameters:
    ///   - taken: the positives, and other documents whose content no candidate may have.
    ///   - ownText: the text that makes a document the query's own; nil where texts do not count.
    init(
        _ dataset: Dataset, taken: [UInt32], excludesDuplicates: Bool, ownText: [UInt8]?, answers: AnswerMatcher?
    ) throws {
        self.dataset = dataset
        self.ownText = ownText
        self.answers = answers
        guard excludesDuplicates else { return }
        contents = []
        for document in taken { try accept(document) }
    }

    /// The first reason against a document; without one it is accepted, and its duplicates are not from then on.
    mutating func reason(against document: UInt32) throws -> NegativeStep? {
        if let contents {
            if contents.contains(try dataset.documentContentHash(Int(document))) { return .duplicate }
            if let aliases = dataset.aliases, clusters.contains(try aliases.representative(of: Int(document))) {
                return .duplicate
            }
        }
        if ownText != nil || answers != nil {
            let record = try dataset.document(Int(document))
            if let ownText, record.text.flatMap(OwnDocuments.comparable) == ownText { return .ownText }
            if let answers, [record.title, record.text].contains(where: { $0.map(answers.isContained) ?? false }) {
                return .answer
            }
        }
        if contents != nil { try accept(document) }
        return nil
    }

    private mutating func accept(_ document: UInt32) throws {
        contents?.insert(try dataset.documentContentHash(Int(document)))
        if let aliases = dataset.aliases { clusters.insert(try aliases.representative(of: Int(document))) }
    }
}
