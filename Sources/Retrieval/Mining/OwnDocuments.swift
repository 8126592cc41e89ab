internal import Base
internal import Store

/// Which documents are a query's own: the one with its id, and those with its text. In sets such as ArguAna or Quora
/// queries are documents of the corpus, and the best result of a query is itself.
struct OwnDocuments: Sendable {
    private let dataset: Dataset
    private let looksAtIDs: Bool
    private let looksAtTexts: Bool
    /// Queries that have the id of a document; 0 where the policy does not ask.
    let overlapCount: Int

    /// With ``NegativeOptions/OwnDocuments/auto``, so many pairs of equal ids show whether equal texts come with them.
    private static let sampleCount = 1000

    init(of dataset: Dataset, policy: NegativeOptions.OwnDocuments) throws {
        self.dataset = dataset
        switch policy {
        case .keep: (looksAtIDs, looksAtTexts, overlapCount) = (false, false, 0)
        case .exclude: (looksAtIDs, looksAtTexts, overlapCount) = (true, true, 0)
        case .auto:
            var count = 0
            var pairs: [(query: Int, document: Int)] = []
            try dataset.forEachQueryID(in: 0..<dataset.queryCount) { query, id in
                if query % 4096 == 0 { try Interruption.check() }
                guard try dataset.probablyHasDocument(id: id) else { return }
                count += 1
                if pairs.count < Self.sampleCount, let document = try dataset.documentOrdinal(id: Array(id)) {
                    pairs.append((query, document))
                }
            }
            // Numbers that only happen to be both a query's and a document's are no reason to read every candidate.
            let hasEqualTexts = try pairs.contains { query, document in
                guard let text = try dataset.query(query).text.flatMap(Self.comparable) else { return false }
                return try dataset.document(document).text.flatMap(Self.comparable) == text
            }
            (looksAtIDs, looksAtTexts, overlapCount) = (count > 0, hasEqualTexts, count)
        }
    }

    /// The document with a query's id.
    func document(of query: Int) throws -> UInt32? {
        guard looksAtIDs else { return nil }
        return try dataset.documentOrdinal(id: try dataset.queryID(query)).map(UInt32.init)
    }

    /// The text that makes a document a query's own; nil where texts do not count.
    func text(of query: Int) throws -> [UInt8]? {
        guard looksAtTexts else { return nil }
        return try dataset.query(query).text.flatMap(Self.comparable)
    }

    /// A text without the white space around it; nil for an empty one.
    static func comparable(_ text: [UInt8]) -> [UInt8]? {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0D ~= byte }
        let rest = text.drop(while: isBlank)
        guard let last = rest.lastIndex(where: { !isBlank($0) }) else { return nil }
        return Array(rest[...last])
    }
}
