import Base
import Ingest
import JSON
import RawSources
import Records
import Store
import SystemPackage
import TestKit
import Testing

/// A folder for raw files, and a store that they are taken into.
struct MediaSourcePlace {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder("store"))
    }

    func take(
        _ source: RawSource, as reference: String = "set", assets: FilePath? = nil,
        _ change: (inout IngestOptions) -> Void = { _ in }
    ) throws -> (Dataset, IngestReport) {
        var options = IngestOptions()
        options.media = try assets.map { MediaIntake(try AssetFolder($0)) }
        change(&options)
        let report = try Conversions.source(source, into: store, reference: reference, options: options)
        return (try store.dataset(reference), report)
    }

    /// What an error says, to a person.
    func message(of source: @autoclosure () throws -> RawSource) -> String {
        do {
            _ = try take(source())
            return "no error"
        } catch { return "\(error)" }
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
