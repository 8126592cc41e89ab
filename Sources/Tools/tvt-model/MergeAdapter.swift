internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import ModelCommandLine
internal import Models
internal import SystemPackage
internal import Tensors

struct MergeAdapter: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Write a new folder with an adapter merged into the weights of its model.",
        discussion: """
            The folder is complete: weights, config.json, tokenizer, card, sentence-transformers' files, golden vectors. It \
            appears under its name only when it is.

              tvt-train --dataset mine --model .deps/models/all-MiniLM-L6-v2 --output run --set 'lora={r: 8, alpha: 16}'
              tvt-model merge .deps/models/all-MiniLM-L6-v2 --adapter run/model --output merged
            """)

    @OptionGroup var options: FolderOptions
    @OptionGroup var golden: GoldenOption

    @Option(name: .long, help: ArgumentHelp("The PEFT adapter's folder.", valueName: "dir"))
    var adapter: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The new folder; it must not exist.", valueName: "dir"))
    var output: String

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Type of the new weights; sums are made in float32 (default: that of the model's files).",
            valueName: "type"))
    var dtype: WeightType?

    func run() throws {
        let folder = try StagedFolder(output, command: "tvt-model merge")
        let type = try dtype?.elementType ?? WeightSummary.mainType(in: options.path)
        let model = try options.load(.training, adapter: adapter, type: type)
        for note in model.notes { log.notice("\(options.folder): \(note)") }
        try golden.check(model)
        try folder.write { staging in
            try model.save(model.card, to: staging)
            try folder.writeGoldenVectors(of: model, in: staging)
        }
        let result: JSONValue = [
            "output": .string(output), "dims": JSONValue(model.card.dims), "type": .string("\(type)"),
        ]
        try Printed.json(result, if: options.common.json) { "\(output) is written, with weights of \(type)\n" }
    }
}
