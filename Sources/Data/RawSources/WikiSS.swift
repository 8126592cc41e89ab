internal import Base
public import Ingest
internal import JSON
internal import Records
internal import StoreFormat
public import SystemPackage

extension RawSource {
    /// Wiki-SS: screenshots of Wikipedia's pages, and the questions of Natural Questions about them.
    ///
    /// The corpus has `docid`, `image`, `title`, `text`; queries have `query_id`, `query` (or `query_text`), `answers`, and
    /// `positive_document_ids`, `negative_document_ids`, or `positive_passages`, `negative_passages`, lists of objects with a
    /// `docid`. All is taken as it is. Where the name or a folder of a file of queries tells its split (`train-…`, `test-…`), positives are
    /// judged relevant in it, and are links only in `positives`, as are negatives.
    ///
    /// - Parameters:
    ///   - queries: Parquet files or JSON Lines, or folders of them.
    ///   - positives: splits whose positives and negatives become links; nil for `train`.
    public static func wikiSS(
        queries: [FilePath], corpus: [FilePath], positives: [String]? = nil
    ) throws -> RawSource {
        let pages = try SourceFiles.rows(of: corpus)
        let questions = try SourceFiles.rows(of: queries)
        let queries = questions.files
        let splits = queries.map { SourceFiles.knownSplit(of: $0) }
        try ClipSplits.check(positives ?? [], among: splits.compactMap { $0 })
        let rules = ClipSplits([], positives: positives)
        var source = RawSource(
            "wiki-ss",
            try pages.files.map { Input(try SourceFiles.records($0), WikiSSCorpusRows()) }
                + zip(queries, splits).map { path, split in
                    Input(
                        try SourceFiles.records(path),
                        WikiSSQueryRows(split: split, areLinks: split.map { rules.positives.contains($0) } ?? true))
                },
            options: ["positives": .array(rules.positives.sorted().map { .string($0) })])
        source.warn(unread: pages.unread + questions.unread)
        return source
    }
}

struct WikiSSCorpusRows: SourceRows {
    func read(_ row: JSONNode, into records: RowRecords) throws {
        var document = RecordLine()
        document.set("docid", text: try row.id("docid"))
        document.setAll(of: row, except: ["docid"])
        try records.addDocument(document)
    }
}

struct WikiSSQueryRows: SourceRows {
    /// In which positives are judged relevant; nil where the file tells none.
    let split: String?
    /// Whether positives and negatives become links.
    let areLinks: Bool

    private static let linkFields: [StaticString] = [
        "positive_document_ids", "negative_document_ids", "positive_passages", "negative_passages",
    ]

    func read(_ row: JSONNode, into records: RowRecords) throws {
        let id = try row.id("query_id")
        var query = RecordLine()
        query.set("query_id", text: id)
        for (key, value) in row.fields
        where !key.isEqual(to: "query_id") && !Self.linkFields.contains(where: { key.isEqual(to: $0) }) {
            if key.isEqual(to: "query") { query.set("query_text", value) } else { query.set(named: key, value) }
        }
        let positives = try Self.documents(row, "positive_document_ids", "positive_passages")
        if areLinks {
            query.set("positive_document_ids", texts: positives)
            query.set(
                "negative_document_ids", texts: try Self.documents(row, "negative_document_ids", "negative_passages"))
        }
        try records.addQuery(query)
        guard let split else { return }
        for document in positives { records.addJudgement(split: split, query: id, document: document, grade: 1) }
    }

    /// The ids of a list of ids, or of a list of passages.
    private static func documents(
        _ row: JSONNode, _ ids: StaticString, _ passages: StaticString
    ) throws(RecordFault) -> [[UInt8]] {
        func list(_ field: StaticString) throws(RecordFault) -> [JSONNode] {
            guard let node = row[field], node.kind != .null else { return [] }
            guard node.kind == .array else {
                throw RecordFault("\(node.kind.name) where a list should be", field: "\(field)")
            }
            return Array(node.elements)
        }
        var found: [[UInt8]] = []
        for (number, element) in try list(ids).enumerated() {
            found.append(try element.asID("\(ids)[\(number)]"))
        }
        for (number, element) in try list(passages).enumerated() {
            do throws(RecordFault) {
                found.append(try element.id("docid"))
            } catch {
                throw error.inside("\(passages)[\(number)]")
            }
        }
        return found
    }
}
