import Archives
import Base
import Ingest
import JSON
import MappedSources
import Store
import StoreFormat
import SystemPackage
import TestKit
import Testing

/// A folder for a user's files and a store for what they become.
struct MappedPlace {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder("store"))
    }

    /// With the golden tables in it, as `formats/…`.
    static func withGoldenTables() throws -> MappedPlace {
        let place = try MappedPlace()
        let tree = try SourceTree(Golden(file: #filePath)("formats.tar.zst"))
        for name in tree.names { try place.folder.write(tree.open(name).readAll(), to: name) }
        return place
    }

    func callAsFunction(_ name: String) -> FilePath { folder(name) }

    @discardableResult
    func write(_ lines: [String], to name: String) throws -> FilePath {
        try folder.write(lines.map { $0 + "\n" }.joined(), to: name)
    }

    @discardableResult
    func take(
        _ sources: [FilePath], _ rows: RowOptions, _ reading: RowReading = RowReading(), holdOut: HoldOut? = nil,
        as reference: String = "set", _ change: (inout IngestOptions) -> Void = { _ in }
    ) throws -> (dataset: Dataset, report: IngestReport) {
        var options = IngestOptions()
        options.workers = 2
        change(&options)
        let source = try RowPlan(sources, rows, reading).source(holdOut: holdOut)
        let report = try Conversions.source(source, into: store, reference: reference, options: options)
        return (try store.dataset(reference), report)
    }

    /// What a conversion says that must not succeed.
    func message(_ sources: [FilePath], _ rows: RowOptions, _ reading: RowReading = RowReading()) -> String {
        do {
            try take(sources, rows, reading)
            return "no error"
        } catch { return "\(error)" }
    }

    /// The texts that each query links to.
    func texts(_ dataset: Dataset, _ links: Links?) throws -> [String: [String]] {
        guard let links else { return [:] }
        var found: [String: [String]] = [:]
        for query in 0..<dataset.queryCount {
            let targets = try Array(links.targets(of: query))
            guard !targets.isEmpty else { continue }
            let text = try JSONValue.parse(dataset.queryRecord(query), path: "query")["query_text"]?.string ?? ""
            found[text] = try targets.map {
                try JSONValue.parse(dataset.documentRecord(Int($0)), path: "document")["document_text"]?.string ?? ""
            }
        }
        return found
    }

    func query(_ dataset: Dataset, _ ordinal: Int) throws -> JSONValue {
        try JSONValue.parse(dataset.queryRecord(ordinal), path: "query")
    }

    func document(_ dataset: Dataset, _ ordinal: Int) throws -> JSONValue {
        try JSONValue.parse(dataset.documentRecord(ordinal), path: "document")
    }

    /// Runs a tool with the store of this place.
    func run(_ tool: String, _ arguments: [String]) throws -> ToolResult {
        try TestKit.run(
            tool, arguments, environment: ["TVT_STORE": store.root.string], workingFolder: folder.path)
    }
}

extension RowOptions {
    init(query: String, positive: [String], negative: [String] = []) {
        self.init()
        self.query = [query]
        positives.texts = positive
        negatives.texts = negative
    }
}
