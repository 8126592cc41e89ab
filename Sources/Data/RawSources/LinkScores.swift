internal import Base
internal import Ingest
internal import JSON
internal import Records
internal import StoreFormat

/// What becomes of the scores that a source has for the passages of its queries.
public enum LinkScores: String, Sendable, CaseIterable {
    /// They are the scores of the links: all queries that have such links must have them, or none.
    case links
    /// They stay with the query as `pos_scores` and `neg_scores`, where it has them, in the order of its links.
    case fields
    /// They are left out.
    case drop
}

/// One of the two kinds of links that a row makes.
struct LinkRole {
    let ids: StaticString
    let linkScores: StaticString
    let scoreField: StaticString

    static let positives = LinkRole(
        ids: "positive_document_ids", linkScores: "positive_document_scores", scoreField: "pos_scores")
    static let negatives = LinkRole(
        ids: "negative_document_ids", linkScores: "negative_document_scores", scoreField: "neg_scores")
}

/// A set that mostly has some ten members, which a look at each finds sooner than a table does.
struct FewHashes {
    private static let few = 32
    private var list: [ContentHash] = []
    /// All of them, once they are many.
    private var table: Set<ContentHash> = []

    func contains(_ hash: ContentHash) -> Bool {
        table.isEmpty ? list.contains(hash) : table.contains(hash)
    }

    /// Whether it was not there before.
    mutating func insert(_ hash: ContentHash) -> Bool {
        guard !contains(hash) else { return false }
        if table.isEmpty {
            list.append(hash)
            if list.count > Self.few { table = Set(list) }
        } else {
            table.insert(hash)
        }
        return true
    }
}

/// The links of one role that a row makes: each document once, and the scores beside.
struct RowLinks {
    private(set) var ids: [[UInt8]] = []
    private(set) var hashes = FewHashes()
    /// Documents that came twice, and those that were left out because they are among others.
    private(set) var repeatCount = 0
    private(set) var otherCount = 0
    private var scores: [UInt8] = []
    private var scoreCount = 0

    /// Links to a document, unless it is linked to already, or among `others`.
    ///
    /// - Parameters:
    ///   - hash: tells documents apart.
    ///   - add: gives the document's id; called where it becomes a link.
    /// - Throws: what `add` throws.
    mutating func add(
        _ hash: ContentHash, score: JSONNode?, notAmong others: FewHashes, add: () throws -> [UInt8]
    ) rethrows {
        if others.contains(hash) {
            otherCount += 1
        } else if hashes.insert(hash) {
            ids.append(try add())
            guard let score else { return }
            scores.append(scores.isEmpty ? 0x5B : 0x2C)
            JSONText.append(score, to: &scores)
            scoreCount += 1
        } else {
            repeatCount += 1
        }
    }

    /// Writes the links into the line of their query.
    ///
    /// - Throws: `RecordFault` where only some have scores.
    func set(_ role: LinkRole, in query: inout RecordLine, scores kept: LinkScores) throws(RecordFault) {
        query.set(role.ids, texts: ids)
        guard scoreCount > 0, kept != .drop else { return }
        guard scoreCount == ids.count else {
            throw RecordFault(
                "\(scoreCount) scores for \(ids.count) documents", field: "\(role.linkScores)",
                advice: "--scores drop leaves them out.")
        }
        query.set(kept == .links ? role.linkScores : role.scoreField, json: scores + [0x5D])
    }

    /// Counts what was merged and left out.
    func count(in records: RowRecords) {
        if repeatCount > 0 { records.count("passages twice in a list, merged", repeatCount) }
        if otherCount > 0 { records.count(RowRecords.negativesThatArePositives, otherCount) }
    }
}
