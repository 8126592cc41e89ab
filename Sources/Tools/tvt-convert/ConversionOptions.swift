public import ArgumentParser
internal import Base
internal import CommandLineKit
public import Ingest
internal import Inspection
internal import SystemPackage

/// How sources are read, whatever becomes of them.
struct ReadingArguments: ParsableArguments {
    @Option(
        name: .customLong("on-conflict"),
        help: ArgumentHelp(
            "When a docid comes again with different content: error stops, first keeps the first, rename gives the "
                + "later one the id docid~hash.", valueName: "policy"))
    var onConflict: ConflictPolicy = .error

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Take images, videos and sounds into the store: names in records are paths in this folder.",
            valueName: "dir"))
    var assets: String?

    @Flag(name: .customLong("media-names"), help: "Keep the names of --assets beside the digests that replace them.")
    var mediaNames = false

    @OptionGroup var recordLimit: RecordLimitOption

    @Option(in: .threads, help: ArgumentHelp("Threads that parse (default: all cores).", valueName: "n"))
    var workers: Int?

    @OptionGroup var media: MediaArguments

    func validate() throws {
        guard assets != nil || !mediaNames else { throw ValidationError("--media-names goes with --assets") }
    }

    /// - Throws: `Failure` with status 66 where there is no such folder.
    func assetFolder() throws -> AssetFolder? { try assets.map { try AssetFolder(FilePath($0)) } }

    /// The options that were given, for a command that is shown.
    var words: [String] {
        var words: [String] = []
        if onConflict != .error { words += ["--on-conflict", onConflict.rawValue] }
        if let assets { words += ["--assets", assets] }
        if mediaNames { words.append("--media-names") }
        if recordLimit.maxRecordBytes != RecordLimitOption.usual {
            words += ["--max-record-bytes", recordLimit.maxRecordBytes.description]
        }
        if let workers { words += ["--workers", "\(workers)"] }
        return words + media.words
    }

    /// - Parameter mediaCheck: how closely media are looked at where nothing is asked for.
    func options(mediaCheck: MediaCheck = .header) throws -> IngestOptions {
        var options = IngestOptions()
        options.conflictPolicy = onConflict
        options.tool = "tvt-convert \(tvtVersion)"
        if let workers { options.workers = workers }
        options.recordByteLimit = recordLimit.maxRecordBytes.count
        options.media = try assetFolder().map { MediaIntake($0, keepsNames: mediaNames) }
        options.probe = media.inspector(usualCheck: mediaCheck)
        return options
    }
}

extension ConflictPolicy: ExpressibleByArgument {}

/// What becomes of what is read.
struct WritingArguments: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Name of the new dataset.", valueName: "name"))
    var dataset: String

    @OptionGroup var output: OutputArguments
}

/// The same where nothing may be written at all.
struct OptionalDatasetArguments: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Name of the new dataset.", valueName: "name"))
    var dataset: String?

    @OptionGroup var output: OutputArguments
}

/// How a dataset is written, and what is left out of it.
struct OutputArguments: ParsableArguments {
    @Option(
        name: .customLong("max-bad-records"), in: NumberRange(0...1_000_000_000_000),
        help: ArgumentHelp(
            "Leave out up to n bad records, lines and rows, of any file that is read; they are counted and kept in "
                + "--rejects.", valueName: "n"))
    var maxBadRecords = 0

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where bad records go, as they were; the reasons go to file.reasons.", valueName: "file"))
    var rejects: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Leave out all records whose images, videos or sounds are broken or missing, and list them here.",
            valueName: "file"))
    var quarantine: String?

    @Option(name: .long, help: ArgumentHelp("Licence of the data, kept in the manifest.", valueName: "text"))
    var licence: String?

    @OptionGroup var naming: NamingOptions
    @OptionGroup var storage: StorageOptions
    @OptionGroup var store: StoreOption

    func validate() throws {
        guard (maxBadRecords > 0) == (rejects != nil) else {
            throw ValidationError("--max-bad-records and --rejects go together: what is left out must be kept")
        }
        guard rejects != "-" else { throw ValidationError("--rejects is a file: stdout is for the result") }
        guard quarantine != "-" else { throw ValidationError("--quarantine is a file: stdout is for the result") }
    }

    /// The options that were given, for a command that is shown.
    var words: [String] {
        var words: [String] = []
        if maxBadRecords > 0 { words += ["--max-bad-records", "\(maxBadRecords)"] }
        for (option, value) in [
            ("--rejects", rejects), ("--quarantine", quarantine), ("--licence", licence), ("--store", store.store),
        ] {
            if let value { words += [option, value] }
        }
        if naming.isNew { words.append("--new") }
        if storage.portable { words.append("--portable") }
        if let frameBytes = storage.frameBytes { words += ["--frame-bytes", "\(frameBytes)"] }
        return words
    }

    func complete(_ options: inout IngestOptions) throws {
        options.badRecordLimit = maxBadRecords
        options.rejects = rejects.map { FilePath($0) }
        options.quarantine = quarantine.map { FilePath($0) }
        options.licence = licence
        if storage.portable { options.writing.dictionaryBytes = 0 }
        if let frameBytes = storage.frameBytes { options.writing.frameBytes = frameBytes }
    }
}
