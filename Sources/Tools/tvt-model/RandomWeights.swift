internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import ModelCommandLine
internal import Models
internal import Tensors

struct RandomWeights: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "random",
        abstract: "Write a new folder like another one, with random weights.",
        discussion: """
            For small checkpoints of tests, for measuring a shape before its weights are there, for training from nothing. \
            The folder that is given needs config.json and a tokenizer, and no weights; edit its config.json for another \
            shape. Matrices are normal numbers (initializer_range of config.json, else 0.02), norms 1, biases 0; each \
            tensor depends on the seed and its name alone. Vectors mean nothing before such a model is trained: whatever \
            loads the folder says so, and `tvt-model show` names the seed. The folder appears under its name only when it \
            is complete.

              tvt-model random .deps/models/all-MiniLM-L6-v2 --seed 7 --output untrained
            """)

    @OptionGroup var options: FolderOptions
    @OptionGroup var card: CardOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("The new folder; it must not exist.", valueName: "dir"))
    var output: String

    @Option(in: .seeds, help: ArgumentHelp("Seed of the weights.", valueName: "s"))
    var seed: UInt64

    @Option(name: .long, help: ArgumentHelp("Type of the weights: f32, f16 or bf16.", valueName: "type"))
    var dtype = WeightType.f32

    func run() throws {
        let folder = try StagedFolder(output, command: "tvt-model random")
        Compute.threadCount = options.threads ?? processorCount
        let model = try RandomModel(like: options.path, overrides: card.overrides, settingName: \.flag)
        try card.requireUsableInputs(of: model.model)
        for note in model.notes { log.notice("\(options.folder): \(note)") }
        let report = try folder.write { try model.write(seed: seed, type: dtype.elementType, to: $0) }
        if !report.leftFiles.isEmpty {
            log.notice("not copied: \(report.leftFiles.joined(separator: ", "))")
        }
        log.warning("\(output): the weights are random: vectors mean nothing before the model is trained")
        let result: JSONValue = [
            "output": .string(output), "seed": .string(String(seed)), "parameters": JSONValue(model.parameterCount),
            "standard_deviation": .number(model.standardDeviation), "weight_files": JSONValue(report.weightFileCount),
            "bytes": JSONValue(report.byteCount), "type": .string("\(dtype.elementType)"),
            "not_copied": .array(report.leftFiles.map { .string($0) }),
        ]
        try Printed.json(result, if: options.common.json) {
            "\(output) is written: \(grouped(model.parameterCount)) RANDOM numbers of \(dtype.elementType), seed \(seed), "
                + "\(byteSize(report.byteCount))\n"
        }
    }
}
