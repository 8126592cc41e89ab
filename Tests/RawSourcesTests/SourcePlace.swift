import Base
import Ingest
import JSON
import RawSources
import Store
import SystemPackage
import TestKit
import Testing

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

    func take(
        _ source: RawSource, as reference: String = "set", badRecords: Int = 0, workers: Int = 2,
        batchByteCount: Int = 1 << 20,
        conflicts: ConflictPolicy = .error
    ) throws -> (dataset: Dataset, report: IngestReport) {
        var options = IngestOptions()
        options.workers = workers
        options.batchByteCount = batchByteCount
        options.conflictPolicy = conflicts
        options.badRecordLimit = badRecords
        if badRecords > 0 { options.rejects = folder("rejects") }
        let report = try Conversions.source(source, into: store, reference: reference, options: options)
        return (try store.dataset(reference), report)
    }

    /// What a conversion says that must not succeed.
    func message(_ source: @autoclosure () throws -> RawSource) -> String {
        do {
            _ = try take(source())
            return "nothing"
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
}
