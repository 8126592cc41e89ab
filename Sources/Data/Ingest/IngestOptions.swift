internal import Archives
internal import Base
internal import JSON
public import StoreFormat
public import SystemPackage

/// What happens when a docid comes again with different content.
public enum ConflictPolicy: String, Sendable, CaseIterable {
    /// Stop, or reject the row where rejects are allowed.
    case error
    /// The first content stays; later ones are counted and left out.
    case first
    /// Different content gets an id of its own: the docid, `~` and a hash of the content.
    case rename
}

/// What is common to all conversions.
public struct IngestOptions: Sendable {
    public var conflictPolicy = ConflictPolicy.error
    /// How many records may be left out before the conversion stops.
    public var badRecordLimit = 0
    /// Where records that are left out go, as they were; their reasons go beside, to `<rejects>.reasons`.
    public var rejects: FilePath?
    /// Threads that parse.
    public var workers = processorCount
    /// Bytes of the longest record.
    public var recordByteLimit = LineReader.longestLine
    /// Bytes of input that a worker gets at once.
    public var batchByteCount = 1 << 20
    /// Takes the images, videos and sounds that records name into the store; nil leaves all references as they are.
    public var media: MediaIntake?
    /// Looks into the items of media that are taken, and perhaps encodes them anew; nil takes any bytes as they are.
    public var probe: (any MediaProbe)?
    /// Where records are listed that are left out because their media are broken or missing, however many they are; without
    /// it they are bad records like others.
    public var quarantine: FilePath?
    /// Name and version of the tool, for the manifest.
    public var tool = "tvt-convert"
    /// Where the data come from, for people who may use them.
    public var licence: String?
    /// How the records are stored.
    public var writing = WriterOptions()

    public init() {}

    /// The folder of `--assets`, as long as nothing else stands before it.
    var assets: FilePath? { (media?.source as? AssetFolder)?.root ?? (media?.source as? CarriedMedia)?.assets }

    /// Batches that are read and not yet written, at most.
    var windowBatchCount: Int { 2 * workers + 2 }

    /// As they stand in the manifest. Workers and batch sizes are left out: the result does not depend on them.
    var json: JSONObject {
        var object: JSONObject = ["onConflict": .string(conflictPolicy.rawValue)]
        if badRecordLimit > 0 { object["maxBadRecords"] = JSONValue(badRecordLimit) }
        if writing.dictionaryBytes == 0 { object["portable"] = true }
        if writing.frameBytes != WriterOptions().frameBytes { object["frameBytes"] = JSONValue(writing.frameBytes) }
        if let media {
            object["media"] = .string(media.keepsNames ? "with names" : "by digest")
            for (key, value) in probe?.options ?? [:] { object[key] = value }
        }
        if quarantine != nil { object["quarantine"] = true }
        return object
    }
}
