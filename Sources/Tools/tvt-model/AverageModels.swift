internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import ModelCommandLine
internal import Models
internal import SystemPackage
internal import Tensors

struct AverageModels: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "average",
        abstract: "Write a new folder with the weighted mean of several models' weights.",
        discussion: """
            For models that were trained from one: runs with other data, seeds or options, checkpoints of a run, a model \
            and what it was trained from. Models that differ in anything but their weights are refused. One tensor of \
            each is in memory at a time. The folder is complete, with new golden vectors; it appears under its name only \
            when it is.

              tvt-train --dataset mine --model .deps/models/all-MiniLM-L6-v2 --output run
              tvt-model average run/model .deps/models/all-MiniLM-L6-v2 --weights 0.7,0.3 --output mean
            """)

    private static let weightRange = NumberRange(above: 0.0, through: 1e6)

    @Argument(
        help: ArgumentHelp(
            "Two or more models' folders; the first one's card, tokenizer and other files are written.",
            valueName: "folder"), transform: HubSnapshot.path)
    var folders: [String]

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            What each model counts, in the order of the folders: numbers \(weightRange), whose sum need not be 1 \
            (default: all alike).
            """, valueName: "w1,w2,…"), transform: numbers)
    var weights: [Double]?

    @Option(name: .shortAndLong, help: ArgumentHelp("The new folder; it must not exist.", valueName: "dir"))
    var output: String

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            Type of the new weights; sums are made in float32 (default: that of the models' files, f32 where they differ).
            """,
            valueName: "type"))
    var dtype: WeightType?

    @Option(in: .threads, help: ArgumentHelp("Threads that compute (default: all cores).", valueName: "n"))
    var threads: Int?

    @OptionGroup var card: CardOptions
    @OptionGroup var golden: GoldenOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard folders.count > 1 else { throw ValidationError("one folder has no mean with others: name two or more") }
        if let weights, weights.count != folders.count {
            throw ValidationError("--weights has \(weights.count) numbers for \(folders.count) folders")
        }
    }

    func run() throws {
        let folder = try StagedFolder(output, command: "tvt-model average")
        Compute.threadCount = threads ?? processorCount
        WeightResidency.streamed.prepareHeap()
        let weights = weights ?? folders.map { _ in 1 }
        let parts = try zip(folders, weights).map { folder, weight in
            let model = try ModelAverage.load(FilePath(folder), overrides: card.overrides, settingName: \.flag)
            for note in model.notes { log.notice("\(folder): \(note)") }
            try card.requireUsableInputs(of: model)
            try golden.check(model)
            return ModelAverage.Part(model, weight: weight)
        }
        let average = try ModelAverage(parts)
        if !average.leftOut.isEmpty {
            let names = average.leftOut.joined(separator: ", ")
            log.notice("left out, as not all models have it and no vector depends on it: \(names)")
        }
        let types = Set(try folders.map { try WeightSummary.mainType(in: FilePath($0)) })
        let type = dtype?.elementType ?? (types.count == 1 ? types.first! : .float32)
        let progress = Progress("average", unit: "bytes", total: average.byteCount)
        let (report, dims) = try folder.write { staging in
            let report = try average.write(type: type, to: staging) { progress.advance(by: $0) }
            let model = try EmbeddingModel(loading: staging, .encoding)
            try folder.writeGoldenVectors(of: model, in: staging)
            return (report, model.card.outputDims)
        }
        progress.finish()
        for (name, distance) in zip(folders, report.distances).dropFirst() where distance == 0 {
            log.warning("\(name) has the weights of \(folders[0])")
        }
        try printReport(report, weights, dims, type)
    }

    /// Numbers with commas between them.
    private static func numbers(_ argument: String) throws -> [Double] {
        try argument.split(separator: ",", omittingEmptySubsequences: false).map { text in
            do {
                return try weightRange.number(of: String(text))
            } catch {
                throw ValidationError("each weight \(error)")
            }
        }
    }

    private func printReport(
        _ report: ModelAverage.Report, _ weights: [Double], _ dims: Int, _ type: ElementType
    ) throws {
        let total = weights.reduce(0, +)
        let models = folders.indices.map { (folders[$0], share: weights[$0] / total, report.distances[$0]) }
        let result: JSONValue = [
            "output": .string(output), "dims": JSONValue(dims), "type": .string("\(type)"),
            "models": .array(
                models.map { folder, share, distance in
                    ["folder": .string(folder), "share": .number(share), "distance": .number(distance)]
                }),
        ]
        try Printed.json(result, if: common.json) {
            let rows = models.map { [$0, decimal($1, digits: 4), decimal($2, digits: 4)] }
            return Printed.table([["model", "share", "distance from the first"]] + rows, right: [1, 2])
                + "\(output) is written, with weights of \(type)\n"
        }
    }
}
