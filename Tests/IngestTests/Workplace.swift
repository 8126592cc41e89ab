import Archives
import Export
import Base
import Ingest
import JSON
import Store
import StoreFormat
import SystemPackage
import TestKit

/// A store, and room for the files that go in and come out.
final class Workplace: Sendable {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder("store"))
    }

    /// Writes lines, each with its newline, packed as the name says.
    @discardableResult
    func write(_ lines: [String], to name: String) throws -> FilePath {
        try write(lines.flatMap { Array($0.utf8) + [0x0A] }, to: name)
    }

    /// Writes bytes, packed as the name says.
    @discardableResult
    func write(_ bytes: [UInt8], to name: String) throws -> FilePath {
        let output = try CompressedOutput(folder(name))
        try output.write(bytes)
        try output.commit()
        return folder(name)
    }

    /// Converts v1 rows within this process.
    @discardableResult
    func convert(
        _ rows: [String], as reference: String = "sample", options: IngestOptions = IngestOptions()
    ) throws -> (dataset: Dataset, report: IngestReport) {
        let path = try write(rows, to: "\(reference).jsonl")
        let report = try Conversions.rows([path], into: store, reference: reference, options: options)
        return (try store.dataset(reference), report)
    }

    /// The rows of a dataset as `v2-to-v1` writes them.
    func rows(of dataset: Dataset) throws -> [String] {
        _ = try Conversions.export(dataset, to: folder("rows"))
        return String(decoding: try Files.readAll(folder("rows")), as: UTF8.self)
            .split(separator: "\n").map(String.init)
    }

    /// Runs `tvt-convert` with this store, in this folder.
    func tool(_ arguments: [String], input: [UInt8]? = nil) throws -> ToolResult {
        try run(
            "tvt-convert", arguments + ["--store", store.root.string], input: input, workingFolder: folder.path)
    }

    /// Whether the store is as it was made: no reference, no blob, nothing half-done.
    func nothingIsCommitted() throws -> Bool {
        try store.list().isEmpty && store.reflog().isEmpty && blobCount() == 0 && nothingIsHalfDone()
    }

    func blobCount() throws -> Int { try Files.list(store.root.appending("blobs/sha256")).count }

    /// Whether no writer left anything in `tmp/`, apart from the lock that all share.
    func nothingIsHalfDone() throws -> Bool {
        try Files.list(store.root.appending("tmp")).allSatisfy { $0 == "gate" }
    }
}

extension Dataset {
    /// The stored lines.
    var documentLines: [String] {
        get throws { try (0..<documentCount).map { String(decoding: try documentRecord($0), as: UTF8.self) } }
    }

    var queryLines: [String] {
        get throws { try (0..<queryCount).map { String(decoding: try queryRecord($0), as: UTF8.self) } }
    }

    /// Ordinals of the positives, query by query.
    var positiveTargets: [[Int]] { get throws { try targets(positives) } }
    var negativeTargets: [[Int]] { get throws { try targets(negatives) } }

    private func targets(_ links: Links?) throws -> [[Int]] {
        try (0..<queryCount).map { query in try links?.targets(of: query).map { Int($0) } ?? [] }
    }

    /// The judgements of a split as (query, document, grade).
    func triples(split: String) throws -> [[Double]] {
        guard let links = judgements(split: split) else { return [] }
        return try (0..<queryCount).flatMap { query in
            try zip(links.targets(of: query), links.scores(of: query) ?? .init(start: nil, count: 0)).map {
                [Double(query), Double($0), Double($1)]
            }
        }
    }
}

func json(_ text: String) throws -> JSONValue { try JSONValue.parse(Array(text.utf8), path: "test") }

/// A v1 row with texts that are their ids.
func row(_ id: String, positives: [String] = [], negatives: [String] = []) -> String {
    func passages(_ ids: [String]) -> String {
        ids.map { #"{"docid":"\#($0)","text":"text of \#($0)"}"# }.joined(separator: ",")
    }
    return #"{"query_id":"\#(id)","query":"text of \#(id)","positive_passages":[\#(passages(positives))],"#
        + #""negative_passages":[\#(passages(negatives))]}"#
}
