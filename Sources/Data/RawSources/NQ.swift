internal import Archives
internal import Base
public import Ingest
internal import JSON
internal import Records
internal import StoreFormat
public import SystemPackage

/// Which negatives of DPR's training data become links.
public enum DPRNegatives: String, Sendable, CaseIterable {
    /// `hard_negative_ctxs`.
    case hard
    /// `hard_negative_ctxs`, then `negative_ctxs`.
    case all
}

extension RawSource {
    /// Natural Questions and its like as DPR ships them: one JSON array of questions with contexts.
    ///
    /// An element has `question`, `answers`, `dataset`, and the contexts `positive_ctxs`, `negative_ctxs` and
    /// `hard_negative_ctxs` with `title`, `text`, `score`, `title_score` and `passage_id` (or `psg_id`). Contexts become
    /// documents; one without an id gets a hash of its content. A question has no id either: it gets a hash of all that is
    /// said about it.
    ///
    /// - Parameters:
    ///   - sources: `biencoder-nq-train.json` and the like, JSON Lines, or folders of them.
    ///   - corpus: `psgs_w100.tsv`: then contexts are ids of its passages, and their own texts are not read.
    ///   - positives: splits whose positives become links; those of others become judgements, so that no answer of an
    ///     evaluation is trained on.
    ///   - split: of all files; nil asks their names.
    public static func nq(
        _ sources: [FilePath], corpus: [FilePath] = [], positives: [String] = ["train"],
        negatives: DPRNegatives = .hard, scores: LinkScores = .drop, split: String? = nil
    ) throws -> RawSource {
        let found = try SourceFiles(sources, holding: ".json and no .jsonl") {
            SourceFiles.hasEnding($0, ".json", ".jsonl", ".ndjson")
        }
        let tables = corpus.map { path in
            Input(
                RecordFile(path, carriesMedia: false) {
                    DelimitedReader(try InputStream(path, hashing: true), .csv(delimiter: UInt8(ascii: "\t")), $0)
                }, PassageTableRows())
        }
        let questions = try found.files.map { path in
            Input(
                records(path),
                try NQRows(
                    split: split ?? NQRows.split(of: path), positives: positives, hasCorpus: !corpus.isEmpty,
                    negatives: negatives, scores: scores))
        }
        var source = RawSource(
            "nq", tables + questions,
            options: [
                "negatives": .string(negatives.rawValue), "scores": .string(scores.rawValue),
                "positives": .array(positives.map { .string($0) }),
            ])
        source.warn(unread: found.unread)
        return source
    }

    private static func records(_ path: FilePath) -> RecordFile {
        if SourceFiles.hasEnding(path.string, ".jsonl", ".ndjson") { return RecordFile(lines: path) }
        return RecordFile(path, carriesMedia: false) {
            JSONArrayReader(try InputStream(path, hashing: true), $0)
        }
    }
}

struct NQRows: SourceRows {
    let split: String
    /// Splits whose positives become links.
    let positives: [String]
    /// Whether contexts are passages of a corpus that was read before.
    let hasCorpus: Bool
    let negatives: DPRNegatives
    let scores: LinkScores

    /// `train` of `biencoder-nq-train.json.gz`.
    static func split(of path: FilePath) throws -> String {
        let words = (path.lastComponent?.string ?? "").split { "-_.".contains($0) }.map(String.init)
        if let split = ["train", "dev", "test"].first(where: { words.contains($0) }) { return split }
        throw Failure(
            .usage, "\(path): the name does not tell the split", advice: "Name it: --split train, --split dev, ….")
    }

    func read(_ row: JSONNode, into records: RowRecords) throws {
        let others = try row.fields(besides: [
            "question", "positive_ctxs", "negative_ctxs", "hard_negative_ctxs", "query_id",
        ])
        var query = RecordLine()
        query.set("query_id", row["query_id"])
        query.set("query_text", text: try row.text("question"))
        for (key, value) in others { query.set(named: key, value) }
        _ = try row.wanted("positive_ctxs")
        var relevant = RowLinks()
        try read(row, "positive_ctxs", into: &relevant, notAmong: FewHashes(), records)
        var opposed = RowLinks()
        try read(row, "hard_negative_ctxs", into: &opposed, notAmong: relevant.hashes, records)
        if negatives == .all {
            try read(row, "negative_ctxs", into: &opposed, notAmong: relevant.hashes, records)
        } else if case let count = try row.list("negative_ctxs").count, count > 0 {
            records.count("negative_ctxs left out", count)
        }
        relevant.count(in: records)
        opposed.count(in: records)
        if relevant.ids.isEmpty { records.count("queries without positives") }
        guard positives.contains(split) else {
            try records.addQuery(query)
            guard let id = records.lastQueryID else { return }
            for document in relevant.ids { records.addJudgement(split: split, query: id, document: document, grade: 1) }
            return
        }
        try relevant.set(.positives, in: &query, scores: scores)
        try opposed.set(.negatives, in: &query, scores: scores)
        try records.addQuery(query)
    }

    private func read(
        _ row: JSONNode, _ field: StaticString, into links: inout RowLinks, notAmong others: FewHashes,
        _ records: RowRecords
    ) throws {
        for (number, context) in try row.list(field).enumerated() {
            do {
                guard context.kind == .object else {
                    throw RecordFault("\(context.kind.name) where a context should be")
                }
                try read(context, into: &links, notAmong: others, records)
            } catch let fault as RecordFault {
                throw fault.inside("\(field)[\(number)]")
            }
        }
    }

    private func read(
        _ context: JSONNode, into links: inout RowLinks, notAmong others: FewHashes, _ records: RowRecords
    ) throws {
        let rest = try context.fields(besides: ["passage_id", "psg_id", "title", "text", "score"])
        // What varies by question has no place in a document.
        if !rest.isEmpty { records.count("values of contexts left out (title_score and others)", rest.count) }
        let id = try Self.id(of: context)
        let score = scores == .drop ? nil : context["score"].flatMap { $0.kind == .null ? nil : $0 }
        if let score, score.double == nil {
            throw RecordFault("\(score.kind.name) where a score should be", field: "score")
        }
        if hasCorpus {
            guard let id else {
                throw RecordFault(
                    "the context has no passage_id", field: "passage_id",
                    advice: "With --corpus each context is a passage of it; without, contexts become documents.")
            }
            links.add(.of(id), score: score, notAmong: others) { id }
            return
        }
        let text = try context.text("text")
        let title = try context["title"].flatMap { $0.kind == .null ? nil : $0 }.map { title in
            guard let text = title.string else {
                throw RecordFault("\(title.kind.name) where a text should be", field: "title")
            }
            return text
        }
        guard let id else {
            // No text has this byte.
            let content = (title.map { Array($0) } ?? []) + [0xFF] + Array(text)
            links.add(.of(content), score: score, notAmong: others) { records.addDocument(title: title, text: text) }
            return
        }
        // Added each time that it comes, so that a passage which differs from the one of its id is found.
        id.withUnsafeBytes { records.addDocument(id: $0, title: title, text: text) }
        links.add(.of(id), score: score, notAmong: others) { id }
    }

    private static func id(of context: JSONNode) throws(RecordFault) -> [UInt8]? {
        for field in ["passage_id", "psg_id"] as [StaticString] {
            guard let value = context[field], value.kind != .null, value.string?.isEmpty != true else { continue }
            return try context.id(field)
        }
        return nil
    }
}

/// The passages of `psgs_w100.tsv`: `id`, `text`, `title`.
struct PassageTableRows: SourceRows {
    func read(_ row: JSONNode, into records: RowRecords) throws {
        let others = try row.fields(besides: ["id", "text", "title"])
        let id = try row.id("id")
        guard !others.isEmpty else {
            let (title, text) = (try row.text("title"), try row.text("text"))
            id.withUnsafeBytes { records.addDocument(id: $0, title: title, text: text) }
            return
        }
        var document = RecordLine()
        document.set("docid", text: id)
        document.set("title", try row.wanted("title"))
        document.set("document_text", try row.wanted("text"))
        for (key, value) in others { document.set(named: key, value) }
        try records.addDocument(document)
    }
}
