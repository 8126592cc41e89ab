internal import Base
public import Ingest
internal import JSON
internal import Records
internal import StoreFormat
public import SystemPackage

extension RawSource {
    /// BGE's training data (bge-full-data, and whatever FlagEmbedding takes): queries with the texts of their positives
    /// and negatives.
    ///
    /// Columns: `query`, `pos`, `neg` (lists of texts, or a single one), `pos_scores`, `neg_scores`, and `prompt`, `type`,
    /// `category` and all others, which stay with the query. A text is a document, whose id is a hash of it. Files and
    /// folders are named like the sets that the data are made of: the name stays with the query as `source`.
    ///
    /// - Parameter sources: JSON Lines or Parquet files, or folders of them.
    public static func bge(_ sources: [FilePath], scores: LinkScores = .links) throws -> RawSource {
        try rows("bge", of: sources, options: ["scores": .string(scores.rawValue)]) { path in
            BGERows(source: BGERows.source(of: path), scores: scores)
        }
    }
}

struct BGERows: SourceRows {
    /// The set that a file is of, where its path tells.
    let source: String?
    let scores: LinkScores

    /// Names that tell nothing of what is in a file.
    private static let genericNames = ["train", "data", "default", ".", ".."]

    /// `arXiv_title` for `data/arXiv_title-00000-of-00002.parquet` as for `arXiv_title/train.jsonl.gz`.
    static func source(of path: FilePath) -> String? {
        guard path != "-" else { return nil }
        let names = path.components.map(\.string)
        guard let file = names.last else { return nil }
        var stem = file.split(separator: ".", maxSplits: 1).first.map(String.init) ?? file
        let parts = stem.split(separator: "-", omittingEmptySubsequences: false)
        if parts.count > 3, parts[parts.count - 2] == "of", Int(parts[parts.count - 3]) != nil, Int(parts.last!) != nil
        {
            stem = parts.dropLast(3).joined(separator: "-")
        }
        return ([stem] + names.dropLast().reversed()).first { !genericNames.contains($0) && $0 != "/" }
    }

    func read(_ row: JSONNode, into records: RowRecords) throws {
        let others = try row.fields(besides: ["query", "pos", "neg", "pos_scores", "neg_scores"])
        var query = RecordLine()
        query.set("query_text", text: try row.text("query"))
        _ = try row.wanted("pos")
        let positives = try links(row, "pos", "pos_scores", notAmong: FewHashes(), into: records)
        let negatives = try links(row, "neg", "neg_scores", notAmong: positives.hashes, into: records)
        for (key, value) in others { query.set(named: key, value) }
        if let source, row["source"].map({ $0.kind == .null }) ?? true { query.set("source", text: Array(source.utf8)) }
        try positives.set(.positives, in: &query, scores: scores)
        try negatives.set(.negatives, in: &query, scores: scores)
        try records.addQuery(query)
        positives.count(in: records)
        negatives.count(in: records)
        if positives.ids.isEmpty { records.count("queries without positives") }
    }

    private func links(
        _ row: JSONNode, _ field: StaticString, _ scoreField: StaticString, notAmong others: FewHashes,
        into records: RowRecords
    ) throws(RecordFault) -> RowLinks {
        // Some who publish data in this form have one text and no list.
        var texts: [JSONNode] = []
        if let text = row[field], text.kind == .string { texts = [text] } else { texts = try row.list(field) }
        let scores = scores == .drop ? [] : try row.list(scoreField)
        guard scores.isEmpty || scores.count == texts.count else {
            throw RecordFault(
                "\(scores.count) scores for \(texts.count) texts", field: "\(scoreField)",
                advice: "Each text has its score, in the same order; --scores drop leaves them out.")
        }
        var links = RowLinks()
        for (number, node) in texts.enumerated() {
            guard let text = node.string else {
                throw RecordFault("\(node.kind.name) where a text should be", field: "\(field)[\(number)]")
            }
            let score = scores.isEmpty ? nil : scores[number]
            if let score, score.double == nil {
                throw RecordFault("\(score.kind.name) where a score should be", field: "\(scoreField)[\(number)]")
            }
            let hash = ContentHash.of(text)
            links.add(hash, score: score, notAmong: others) { records.addDocument(text: text, hash: hash) }
        }
        return links
    }
}
