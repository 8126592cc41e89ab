internal import Base
public import Ingest
internal import JSON
internal import Records
internal import Store
internal import StoreFormat
public import SystemPackage

extension RawSource {
    /// A test set of ViDoRe: pages of documents, and queries that are judged for them, in the split `test`. Nothing becomes a
    /// positive.
    ///
    /// In the form of version 1 a row is a page (`image`) with a query, or with none; all other columns stay with the query, and equal
    /// images are one document, whose id is their SHA-256. In BEIR's form (versions 2 and 3, and `…_beir`) there are files of a `corpus`
    /// (`corpus-id`, `image`), `queries` (`query-id`, `query`), `qrels` (`query-id`, `corpus-id`, `score`) and perhaps `docs`
    /// (`doc-id`; also `documents_metadata`), told by how their names, or the folders that they lie in, begin; names of columns may have `_` for `-`.
    /// Ids are numbers or texts. Of `docs`, which are held in memory, each page gets the row of its `doc-id` as `doc`.
    ///
    /// - Parameters:
    ///   - sources: Parquet files or JSON Lines of one test set, or its folder.
    ///   - language: the only one whose queries are taken, as the column `language` says it; nil for all. The ids of the other queries
    ///     are held in memory.
    public static func vidore(_ sources: [FilePath], language: String? = nil) throws -> RawSource {
        let found = try SourceFiles.rows(of: sources)
        let files = found.files
        let parts = files.map { (path: $0, part: VidorePart(of: $0)) }
        guard parts.contains(where: { $0.part != nil && $0.part != .docs }) else {
            guard language == nil else {
                throw Failure(.usage, "--language goes with queries/, and there are only pages with questions")
            }
            var source = RawSource("vidore", try files.map { Input(try SourceFiles.records($0), VidorePageRows()) }) {
                report in
                guard report.judgementCounts.isEmpty else { return }
                throw Failure(
                    .badData, "no row has a query", advice: "A test set has a column query: is this one of ViDoRe's?")
            }
            source.warn(unread: found.unread)
            return source
        }
        for (path, part) in parts where part == nil {
            throw Failure(
                .usage, "\(path) is none of corpus, queries, qrels and docs",
                advice: "The others are: leave it out. Their folders, or their names, begin with what they are.")
        }
        func paths(_ part: VidorePart) -> [FilePath] { parts.filter { $0.part == part }.map(\.path) }
        for (part, name) in [(VidorePart.corpus, "corpus"), (.queries, "queries"), (.qrels, "qrels")]
        where paths(part).isEmpty {
            throw Failure(.missingInput, "there is no \(name) among what was named", advice: "Name the set's folder.")
        }
        let (docs, faults) = try vidoreDocuments(paths(.docs))
        let others = try language.map { try vidoreQueries(paths(.queries), notIn: $0) } ?? []
        let inputs =
            try paths(.corpus).map { Input(try SourceFiles.records($0), VidoreCorpusRows(docs: docs)) }
            + paths(.queries).map {
                Input(try SourceFiles.records($0), VidoreQueryRows(others: others, hasLanguage: language != nil))
            }
            + paths(.qrels).map { Input(try SourceFiles.records($0), VidoreJudgementRows(others: others)) }
        var source = RawSource("vidore", inputs, options: language.map { ["language": .string($0)] } ?? [:])
        source.faults = faults
        source.warn(unread: found.unread)
        return source
    }

    private static func vidoreDocuments(_ paths: [FilePath]) throws -> ([[UInt8]: [UInt8]], [SourceFault]) {
        var docs: [[UInt8]: [UInt8]] = [:]
        var files = AnnotationFiles()
        for path in paths {
            try files.forEachRow(of: SourceFiles.records(path).open(ReadingContext())) { row, _ in
                let id = try row.id(either: "doc-id", "doc_id")
                var json: [UInt8] = []
                JSONText.append(row, to: &json)
                guard docs.updateValue(json, forKey: id) == nil else {
                    throw RecordFault("the document \(escaped(id)) occurs twice", field: "doc-id")
                }
            }
        }
        return (docs, files.faults)
    }

    /// The ids of queries in other languages.
    private static func vidoreQueries(_ paths: [FilePath], notIn language: String) throws -> Set<[UInt8]> {
        var (others, languages): (Set<[UInt8]>, Set<String>) = ([], [])
        for path in paths {
            try SourceFiles.forEachRow(of: path) { row in
                let name = try row.name("language")
                languages.insert(name)
                if !name.utf8.elementsEqual(language.utf8) {
                    others.insert(try row.id(either: "query-id", "query_id"))
                }
            }
        }
        guard languages.contains(language) else {
            throw Failure(
                .usage, "no query is in \"\(language)\"",
                advice: "The queries are in \(languages.sorted().joined(separator: ", ")).")
        }
        return others
    }
}

/// What a file of a test set in BEIR's form holds.
enum VidorePart: String {
    case corpus, queries, qrels, docs

    init?(of path: FilePath) {
        let folder = path.removingLastComponent().lastComponent?.string ?? ""
        for name in [path.lastComponent?.string ?? "", folder] {
            let word = name.prefix { $0 != "-" && $0 != "." }
            if let part = VidorePart(rawValue: word == "documents_metadata" ? "docs" : String(word)) {
                self = part
                return
            }
        }
        return nil
    }
}

/// Version 1: a page, and perhaps a query that it answers.
struct VidorePageRows: SourceRows {
    func read(_ row: JSONNode, into records: RowRecords) throws {
        var document = RecordLine()
        document.set("document_image", try row.wanted("image"))
        let id = try records.addDocument(document, id: .media(.image))
        guard let text = row["query"], text.kind != .null else { return records.count("pages without a query") }
        var query = RecordLine()
        query.set("query_text", text)
        query.setAll(of: row, except: ["image", "query"])
        try records.addQuery(query)
        records.addJudgement(split: "test", query: records.lastQueryID!, document: id, grade: 1)
    }
}

struct VidoreCorpusRows: SourceRows {
    /// By id, as JSON.
    let docs: [[UInt8]: [UInt8]]

    func read(_ row: JSONNode, into records: RowRecords) throws {
        var document = RecordLine()
        document.set("docid", text: try row.id(either: "corpus-id", "corpus_id"))
        document.set("document_image", try row.wanted("image"))
        document.setAll(of: row, except: ["corpus-id", "corpus_id", "image"])
        if !docs.isEmpty {
            if let doc = docs[try row.id(either: "doc-id", "doc_id")] {
                document.set("doc", json: doc)
            } else {
                records.count("pages whose document is not in docs")
            }
        }
        try records.addDocument(document)
    }
}

struct VidoreQueryRows: SourceRows {
    /// Ids of queries that are left out.
    let others: Set<[UInt8]>
    /// Whether each row must say in which language it is.
    let hasLanguage: Bool

    func read(_ row: JSONNode, into records: RowRecords) throws {
        let id = try row.id(either: "query-id", "query_id")
        if hasLanguage { _ = try row.name("language") }
        guard !others.contains(id) else { return records.count("queries in other languages") }
        var query = RecordLine()
        query.set("query_id", text: id)
        query.set("query_text", try row.wanted("query"))
        query.setAll(of: row, except: ["query-id", "query_id", "query"])
        try records.addQuery(query)
    }
}

struct VidoreJudgementRows: SourceRows {
    let others: Set<[UInt8]>

    func read(_ row: JSONNode, into records: RowRecords) throws {
        let query = try row.id(either: "query-id", "query_id")
        guard !others.contains(query) else { return records.count("judgements of queries in other languages") }
        let score = try row.wanted("score")
        guard let grade = score.double, Float(grade).isFinite else {
            throw RecordFault("\(score.kind.name) where a number should be", field: "score")
        }
        records.addJudgement(
            split: "test", query: query, document: try row.id(either: "corpus-id", "corpus_id"), grade: Float(grade))
    }
}
