import Base
import Ingest
import JSON
import RawSources
import Records
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit

/// A folder for published files and a store for what they become.
struct SourcePlace {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder("store"))
    }

    func callAsFunction(_ name: String) -> FilePath { folder(name) }

    @discardableResult
    func write(_ lines: [String], to name: String) throws -> FilePath {
        try folder.write(lines.map { $0 + "\n" }.joined(), to: name)
    }

    /// - Parameter change: of options that have no name here.
    func take(
        _ source: RawSource, as reference: String = "set", assets: FilePath? = nil, badRecords: Int = 0,
        workers: Int = 2, batchByteCount: Int = 1 << 20, conflicts: ConflictPolicy = .error,
        _ change: (inout IngestOptions) -> Void = { _ in }
    ) throws -> (dataset: Dataset, report: IngestReport) {
        var options = IngestOptions()
        options.media = try assets.map { MediaIntake(try AssetFolder($0)) }
        options.workers = workers
        options.batchByteCount = batchByteCount
        options.conflictPolicy = conflicts
        options.badRecordLimit = badRecords
        if badRecords > 0 { options.rejects = folder("rejects") }
        change(&options)
        let report = try Conversions.source(source, into: store, reference: reference, options: options)
        return (try store.dataset(reference), report)
    }

    /// What a conversion says that must not succeed.
    func message(of source: @autoclosure () throws -> RawSource, assets: FilePath? = nil) -> String {
        do {
            _ = try take(source(), assets: assets)
            return "no error"
        } catch { return "\(error)" }
    }

    func query(_ dataset: Dataset, _ ordinal: Int) throws -> JSONValue {
        try JSONValue.parse(dataset.queryRecord(ordinal), path: "query")
    }

    func document(_ dataset: Dataset, _ ordinal: Int) throws -> JSONValue {
        try JSONValue.parse(dataset.documentRecord(ordinal), path: "document")
    }

    /// The texts that a query links to.
    func texts(_ dataset: Dataset, _ links: Links?, of query: Int) throws -> [String] {
        guard let links else { return [] }
        return try links.targets(of: query).map { try document(dataset, Int($0))["document_text"]?.string ?? "" }
    }

    /// Checks that a file which is cut off anywhere is refused or is the rows that it has whole.
    ///
    /// - Parameter wholeCounts: the lengths at which the file is whole rows.
    func cut(
        _ path: FilePath, wholeCounts: (Int) -> Bool, _ source: () throws -> RawSource,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let bytes = try Files.readAll(path)
        for count in 0..<bytes.count {
            try Files.remove(path)
            var output = try OutputFile(creating: path)
            try output.write(Array(bytes[..<count]))
            try output.close()
            do {
                _ = try take(source(), as: "cut")
                #expect(wholeCounts(count), "\(count) bytes", sourceLocation: sourceLocation)
            } catch {
                #expect(error is any StatusError, "\(count) bytes", sourceLocation: sourceLocation)
                #expect(!wholeCounts(count), "\(count) bytes: \(error)", sourceLocation: sourceLocation)
            }
        }
    }

    func query(_ dataset: Dataset, _ id: String) throws -> JSONValue {
        let ordinal = try #require(try dataset.queryOrdinal(id: Array(id.utf8)), "there is no query \(id)")
        return try JSONValue.parse(dataset.queryRecord(ordinal), path: "query")
    }

    func document(_ dataset: Dataset, _ id: String) throws -> JSONValue {
        let ordinal = try #require(try dataset.documentOrdinal(id: Array(id.utf8)), "there is no document \(id)")
        return try JSONValue.parse(dataset.documentRecord(ordinal), path: "document")
    }

    /// What links lead to, by the ids of both sides.
    func targets(_ links: Links?, _ dataset: Dataset) throws -> [String: [String]] {
        guard let links else { return [:] }
        var found: [String: [String]] = [:]
        for query in 0..<dataset.queryCount {
            let targets = try Array(links.targets(of: query))
            if targets.isEmpty { continue }
            found[String(decoding: try dataset.queryID(query), as: UTF8.self)] = try targets.map {
                String(decoding: try dataset.documentID(Int($0)), as: UTF8.self)
            }
        }
        return found
    }

    func judged(_ dataset: Dataset, _ split: String) throws -> [String: [String]] {
        try targets(dataset.judgements(split: split), dataset)
    }

    /// Runs `tvt-convert`, which prints JSON, into a store of its own. The items of these tests are no media: what they are
    /// taken out of is what counts.
    func convert(_ arguments: [String], as reference: String) throws -> JSONValue {
        let result = try run(
            "tvt-convert",
            arguments + ["--dataset", reference, "--store", store.root.string, "--json", "--media-check", "none"])
        #expect(result.status == 0, "\(result.errorText)")
        return try JSONValue.parse(result.output, path: "report")
    }

    /// The item of a document, as `tvt-store media` gives it.
    func item(_ reference: String, _ docid: String) throws -> [UInt8] {
        let result = try run(
            "tvt-store", ["media", reference, "--docid=\(docid)", "--output", "-", "--store", store.root.string])
        #expect(result.status == 0, "\(result.errorText)")
        return result.output
    }
}
