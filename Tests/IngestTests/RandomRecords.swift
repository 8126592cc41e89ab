import Base
import Ingest
import JSON
import Store

/// Seeded v2 records with all that a dataset may hold: odd ids, missing, null and empty fields, extras of every kind,
/// links with and without scores, and judgements in several splits.
struct RandomRecords {
    private(set) var corpus: [String] = []
    private(set) var queries: [String] = []
    private(set) var judgements: [(split: String, lines: [String])] = []

    /// Scores that are easily changed on their way through decimals.
    private static let scores: [Float] = [
        0.1, -0.0, 0, 1, 2, 16_777_216, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, 1e-20, 7.038531e-26,
    ]

    /// - Parameters:
    ///   - scored: whether positives and negatives have scores.
    ///   - isPlain: no links, a text in every document and no id that a column of a table cannot hold: what BEIR can say.
    init(queryCount: Int = 30, scored: (Bool, Bool) = (false, false), isPlain: Bool = false, seed: UInt64) {
        var random = SplitMix64(seed: seed, 0x5265636F)
        func score() -> JSONValue {
            let value =
                random.next(below: 2) == 0
                ? Self.scores[Int(random.next(below: UInt64(Self.scores.count)))]
                : Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
            return .number(Double(value.isFinite ? value : 3))
        }
        func id(_ value: JSONValue?) -> String {
            let id = value?.string ?? ""
            guard isPlain else { return id }
            let names: [Unicode.Scalar: String] = ["\t": "_t", "\n": "_n", "\r": "_r"]
            return id.unicodeScalars.map { names[$0] ?? String($0) }.joined()
        }
        var documents: [String] = []
        var queryIDs: [String] = []
        for row in RandomRows(count: queryCount, seed: seed).rows {
            var query: JSONObject = ["query_id": .string(id(row["query_id"])), "query_text": row["query"] ?? ""]
            for (key, value) in row.object ?? [:] where key.hasPrefix("x") || key == "é" || key == "e\u{301}" {
                query[key] = value
            }
            for (number, (name, hasScores)) in [("positive", scored.0), ("negative", scored.1)].enumerated() {
                var ids: [JSONValue] = []
                for passage in row["\(name)_passages"]?.array ?? [] {
                    let docid = id(passage["docid"])
                    ids.append(.string(docid))
                    if !documents.contains(where: { $0.utf8.elementsEqual(docid.utf8) }) {
                        documents.append(docid)
                        corpus.append(Self.document(passage, docid, isPlain: isPlain, &random))
                    }
                }
                // The field may be left out where it is empty.
                guard !isPlain, !ids.isEmpty || number == 0 else { continue }
                query["\(name)_document_ids"] = .array(ids)
                if hasScores { query["\(name)_document_scores"] = .array(ids.map { _ in score() }) }
            }
            queryIDs.append(id(row["query_id"]))
            queries.append(Self.line(.object(query)))
        }
        for split in ["test", "dev.v1", "train split"] {
            var lines: [String] = []
            for query in queryIDs where random.next(below: 3) > 0 {
                for document in documents where random.next(below: 12) == 0 {
                    let grade: JSONValue = split == "test" ? .integer(Int64(random.next(below: 4))) : score()
                    lines.append(
                        Self.line(["query_id": .string(query), "docid": .string(document), "score": grade]))
                }
            }
            judgements.append((split, lines))
        }
    }

    private static func document(
        _ passage: JSONValue, _ docid: String, isPlain: Bool, _ random: inout SplitMix64
    ) -> String {
        var document: JSONObject = ["docid": .string(docid)]
        for (key, value) in passage.object ?? [:] where key != "docid" {
            document[key == "text" || key == "image" ? "document_" + key : key] = value
        }
        if !isPlain, document["document_image"] != nil {
            switch random.next(below: 3) {
            case 0: document["document_text"] = nil
            case 1: document["document_text"] = .null
            default: document["document_video"] = .null
            }
        }
        return line(.object(document))
    }

    private static func line(_ value: JSONValue) -> String {
        var line: [UInt8] = []
        value.appendLine(to: &line)
        return String(decoding: line, as: UTF8.self)
    }

    /// Makes a dataset of them.
    func convert(in place: Workplace, as reference: String = "sample") throws -> Dataset {
        _ = try Conversions.records(
            queries: [place.write(queries, to: "random/queries.jsonl")],
            corpus: [place.write(corpus, to: "random/corpus.jsonl")],
            judgements: judgements.map { try place.write($0.lines, to: "random/\($0.split).jsonl") },
            into: place.store, reference: reference)
        return try place.store.dataset(reference)
    }
}
