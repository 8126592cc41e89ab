public import Base
public import JSON

/// The layouts in which a whole dataset is written and read; `docs/formats.md` describes each.
public enum ExportFormat: String, Sendable, CaseIterable {
    /// JSON Lines in the v2 form.
    case v2
    /// What BEIR's tools read.
    case beir
    /// Tars of samples.
    case webdataset
}

/// How a dataset is written.
public struct ExportOptions: Sendable {
    /// How JSON Lines are packed; tars are not.
    public enum Packing: String, Sendable, CaseIterable {
        case none, gz, zst

        var ending: String { self == .none ? "" : "." + rawValue }
    }

    public var packing = Packing.none
    /// A tar is closed before it grows beyond this; a larger sample has one of its own.
    public var shardBytes = 1 << 30
    /// Whether items of media are written beside the records that name them.
    public var includesMedia = true
    /// The split as which BEIR's judgements hold the positives, each with grade 1; nil leaves them out.
    public var positivesSplit: String?
    /// Whether the folder of an earlier export is replaced.
    public var replaces = false
    /// Threads that read and lay out records.
    public var workers = processorCount
    /// Bytes of records that a worker gets at once; the files do not depend on it.
    public var batchByteCount = 1 << 20
    /// Name and version of the tool.
    public var tool = "tvt-store"

    public init() {}
}

/// What an export wrote, and what its format has no place for.
public struct ExportReport: Sendable {
    public var format: ExportFormat
    public var reference: String
    public var dataset: SHA256Digest
    public var logicalDigest: SHA256Digest
    public var licence: String?
    public var tool: String
    public var documentCount = 0
    public var queryCount = 0
    public var positiveCount = 0
    public var negativeCount = 0
    /// The split of judgements that the positives became.
    public var positivesSplit: String?
    /// In the order of the splits' names.
    public var judgementCounts: [(split: String, count: Int)] = []
    /// Items that are written; in samples an item is written once for each record that names it.
    public var mediaItemCount = 0
    /// References of records to items that the dataset does not have; nil where nobody counted them.
    public var externalMediaCount: Int?
    /// What is not written, and how much of it; what there is none of is not listed.
    public var omissions: [(name: String, count: Int)] = []
    public var fileCount = 0
    /// Bytes of all files.
    public var writtenBytes = 0
    public var seconds = 0.0

    var judgementCount: Int { judgementCounts.reduce(0) { $0 + $1.count } }

    /// `export.json`: no times, so that equal exports are equal.
    var summaryFile: JSONValue { .object(summaryFields) }

    private var summaryFields: JSONObject {
        var object: JSONObject = [
            "format": .string(format.rawValue), "version": 1, "dataset": .string("\(dataset)"),
            "reference": .string(reference), "logicalDigest": .string("\(logicalDigest)"), "tool": .string(tool),
            "documents": JSONValue(documentCount), "queries": JSONValue(queryCount),
            "positives": JSONValue(positiveCount), "negatives": JSONValue(negativeCount),
            "judgements": .object(JSONObject(judgementCounts.map { ($0.split, JSONValue($0.count)) })),
            "omitted": .object(JSONObject(omissions.map { ($0.name, JSONValue($0.count)) })),
        ]
        if let positivesSplit { object["positivesSplit"] = .string(positivesSplit) }
        if mediaItemCount > 0 { object["mediaItems"] = JSONValue(mediaItemCount) }
        if let externalMediaCount { object["externalMedia"] = JSONValue(externalMediaCount) }
        if let licence { object["licence"] = .string(licence) }
        return object
    }

    public var json: JSONValue {
        var object = JSONObject(summaryFields.map { (JSONObject.snakeCase($0.key), $0.value) })
        object["files"] = JSONValue(fileCount)
        object["written_bytes"] = JSONValue(writtenBytes)
        object["seconds"] = .number((seconds * 1000).rounded() / 1000)
        return .object(object)
    }

    /// For people, in a line.
    public var summary: String {
        var parts = ["\(documentCount) documents", "\(queryCount) queries"]
        if positiveCount + negativeCount > 0 { parts.append("\(positiveCount + negativeCount) links") }
        if judgementCount > 0 { parts.append("\(judgementCount) judgements") }
        return parts.joined(separator: ", ") + " in \(fileCount) files, \(byteSize(writtenBytes)), "
            + "\(duration(seconds))\n"
    }
}
