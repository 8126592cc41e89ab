public import ArgumentParser
internal import Archives
internal import Store
internal import Base
internal import CommandLineKit
internal import Encoding
internal import JSON
internal import Models
internal import Processes
public import Records
internal import Remotes
internal import SystemPackage
public import Vectors

struct EncodeQueries: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queries", abstract: "Encode the queries of a dataset.")

    @OptionGroup var options: EncodeOptions

    @Option(
        name: .long,
        help: ArgumentHelp("Only the queries that have judgements in this split, as test.", valueName: "name"))
    var split: String?

    func run() throws { try options.run(.queries, split: split) }
}

struct EncodeCorpus: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "corpus", abstract: "Encode the documents of a dataset.")

    @OptionGroup var options: EncodeOptions

    @Option(
        name: .customLong("text-side"),
        help: ArgumentHelp(
            """
            Encode each document by this field (a string or a list of strings) of the queries that link to it, instead \
            of by what it holds; documents without such a text are left out.
            """, valueName: "field"))
    var textSide: String?

    func run() throws { try options.run(.corpus, textSide: textSide) }
}

struct EncodeOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The dataset: a name, name@tag or sha256:….", valueName: "name"))
    var dataset: String

    @OptionGroup var model: ModelOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("The folder for the vectors.", valueName: "dir"))
    var output: String

    @Option(
        name: .customLong("output-dtype"),
        help: ArgumentHelp("How components are stored: f32 or f16.", valueName: "type"))
    var outputType: VectorType = .f32

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Only the i-th (from 0) of n equal ranges of records, into a folder of its own: division by hand, beside which "
                + "a launcher's variables count for nothing.", valueName: "i/n"))
    var shard: String?

    @Option(
        name: .customLong("part-size"), in: NumberRange(1...(1 << 24)),
        help: ArgumentHelp("Records of a part.", valueName: "n"))
    var partSize = 8192

    @Option(
        name: .customLong("blank-texts"),
        help: ArgumentHelp(
            """
            Records with nothing to read but white space, control and zero-width characters: encode them as they are, \
            skip them before anything is encoded, or end with an error; they are counted.
            """, valueName: "encode|skip|error"))
    var blankTexts = BlankTexts.encode

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Leave out records that the model cannot be given, as those with broken media, and list them in this file, a line "
                + "of JSON each; without it the first one ends the run.", valueName: "file"))
    var quarantine: String?

    @Flag(name: .long, help: "Go on in a folder that holds parts; finished parts are checked by digest and kept.")
    var resume = false

    @OptionGroup var processes: ProcessesOption
    @OptionGroup var store: StoreOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard shard == nil || parsedShard != nil else {
            throw ValidationError("--shard is i/n with n from 1 to \(Self.mostShards) and i from 0 to n − 1")
        }
        if let shard, let count = processes.processes, count > 1 {
            throw ValidationError(
                "--shard \(shard) and --processes \(count): both divide the records; give one of them")
        }
        guard let quarantine else { return }
        guard quarantine != "-" else { throw ValidationError("--quarantine is a file: stdout is for the result") }
        let (list, folder) = (FilePath(quarantine).lexicallyNormalized(), FilePath(output).lexicallyNormalized())
        let isInFolder =
            list.removingLastComponent() == folder && VectorsFolder.ownsName(list.lastComponent?.string ?? "")
        guard list != folder, !isInFolder else {
            throw ValidationError("--quarantine \(quarantine) is where the vectors are written: name another file")
        }
    }

    private static let mostShards = 1_000_000

    private var parsedShard: DatasetEncoder.Shard? {
        let parts = (shard ?? "").split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let index = parts[0], let count = parts[1], index >= 0, index < count,
            count <= Self.mostShards
        else { return nil }
        return DatasetEncoder.Shard(index: index, count: count)
    }

    func run(_ side: VectorsSide, split: String? = nil, textSide: String? = nil) throws {
        let place =
            shard == nil
            ? try processes.place(resuming: "With --resume, finished parts are kept; any number of processes goes on.")
            : nil
        let store = try openStore(store.location)
        let dataset = try store.dataset(dataset)
        let lease = try store.lease([dataset], purpose: "tvt-encode \(side.rawValue)")
        defer { withExtendedLifetime(lease) {} }
        let work = try place.map { try JointWork($0, on: FilePath(output), purpose: "tvt-encode") }
        defer { withExtendedLifetime(work) {} }
        if work == nil { try JointWork.removeRemains(beside: FilePath(output)) }
        let isFirst = work?.isFirst ?? true
        // That it cannot be written is told before anything is encoded.
        let list = try (isFirst ? quarantine : nil).map {
            try CompressedOutput(FilePath($0), lockedFor: "a list of records that are left out")
        }
        var options = model.encoderOptions(processesOnThisMachine: place?.localSize ?? 1)
        options.outputType = outputType
        options.shard = parsedShard ?? options.shard
        options.recordsPerPart = partSize
        options.resumes = resume
        func makeEncoder(_ loaded: EmbeddingModel) throws -> DatasetEncoder {
            let source = try RecordSource(
                dataset, side, loaded, ignoresMedia: model.ignoresMedia, split: split, textSide: textSide,
                blankTexts: blankTexts, leavesOutFaults: quarantine != nil, settingName: \.flag)
            return DatasetEncoder(source, loaded, options)
        }
        // The model in float32 is gone before the one in 8 bits is loaded.
        let sample =
            try isFirst && model.dtype == .int8
            ? QuantizationSample(makeEncoder(model.load(as: .f32, in: place))) : nil
        let weights = try WeightsDigest(startingWith: FilePath(model.model))
        let loadingStart = Clock.seconds()
        let loaded = try model.load(in: place)
        let loadSeconds = Clock.seconds() - loadingStart
        let encoder = try makeEncoder(loaded)
        let source = encoder.source
        if let (count, mean, least) = try sample?.compare(with: encoder) {
            let cosines = "\(decimal(mean, digits: 4)) on average, \(decimal(least, digits: 4)) at least"
            log.notice("--dtype int8: on \(count) records the cosine to the vectors in f32 is \(cosines)")
        }
        let description = try encoder.description(identity: loaded.identity(weights: weights.get()))
        if let work, isFirst, encoder.partCount < work.size {
            log.notice(
                """
                \(work.size) processes: the \(source.count) records are in \(encoder.partCount) parts, and the rest of the \
                processes have nothing to do; a smaller --part-size makes more parts
                """)
        }
        let progress = Progress(
            "encode \(side.rawValue)", unit: side == .queries ? "queries" : "documents", total: source.count)
        let report = try encoder.run(into: FilePath(output), description, work: work, progress: progress) { lines in
            try list?.write(lines)
            try list?.commit()
        }
        guard isFirst else { return }
        progress.finish()
        if report.truncatedCount > 0 {
            log.notice("\(report.truncatedCount) of \(report.recordCount) texts were cut to the maximal length")
        }
        if let textSide, source.leftOutCount > 0 {
            let counts = "\(source.leftOutCount) of \(dataset.documentCount) documents"
            log.notice("\(counts) are left out: no query that links to them has a text in \(textSide)")
        }
        if report.faultCount > 0 {
            // Parts that were there may have been made with --quarantine.
            let place = quarantine ?? "part-….left-out.jsonl in \(output)"
            log.warning("\(report.faultCount) of \(report.recordCount) records are left out; \(place) says why")
        }
        if report.cutSoundCount > 0 {
            log.notice(
                "\(report.cutSoundCount) sounds are longer than what the model hears: their ends are not in the vectors"
            )
        }
        if report.ignoredMediaCount > 0 { log.notice("media of \(report.ignoredMediaCount) records were ignored") }
        if source.blankCount > 0 { log.notice("\(source.blankCount) records are left out: their texts are blank") }
        if report.emptyCount > 0 { log.warning("\(report.emptyCount) texts are blank") }
        guard common.json else { return }
        let encoded = report.recordCount - report.skippedCount
        let result: JSONValue = [
            "records": JSONValue(report.recordCount), "skipped": JSONValue(report.skippedCount),
            "encoded": JSONValue(encoded), "truncated": JSONValue(report.truncatedCount),
            "blank": JSONValue(report.emptyCount), "empty": JSONValue(report.emptyCount),
            "ignored_media": JSONValue(report.ignoredMediaCount), "cut_sounds": JSONValue(report.cutSoundCount),
            "left_out": JSONValue(source.leftOutCount), "quarantined": JSONValue(report.faultCount),
            "tokens": JSONValue(report.tokenCount), "parts": JSONValue(report.partCount),
            "dims": JSONValue(report.dims), "load_seconds": .number(loadSeconds), "seconds": .number(report.seconds),
            "records_per_second": .number(report.seconds > 0 ? Double(encoded) / report.seconds : 0),
            "output": .string(output),
        ]
        try writeToStandardOutput(result.pretty())
    }
}

extension VectorType: ExpressibleByArgument {}
extension BlankTexts: ExpressibleByArgument {}
