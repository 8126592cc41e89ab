internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Engine
internal import JSON
internal import Models
internal import SystemPackage

struct MakeGolden: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "golden",
        abstract: "Make tvt.golden.json: a few texts with their vectors, compared whenever the model is loaded.",
        discussion: """
            Made in float32 of the folder as it is. With --adapter the file is the adapter's, and is compared with the \
            adapter merged.

              cp -r .deps/models/all-MiniLM-L6-v2 minilm
              tvt-model golden minilm
              tvt-model check minilm
            """)

    @OptionGroup var options: FolderOptions
    @OptionGroup var adapter: AdapterOption

    @Flag(name: .long, help: "Replace a file that is there, whatever its vectors.")
    var force = false

    func run() throws {
        let target = FilePath(adapter.adapter ?? options.folder).appending(GoldenVectors.fileName)
        guard force || !Files.exists(target) else {
            throw Failure(
                .cannotCreate, "\(target) is there already",
                advice: "`tvt-model check` compares it with the model; --force replaces it.")
        }
        let model = try options.load(.training, adapter: adapter.adapter)
        for note in model.notes { log.notice("\(options.folder): \(note)") }
        let golden = try GoldenCheck.vectors(of: model, tool: "tvt-model golden \(tvtVersion)")
        try golden.write(to: target)
        let result: JSONValue = [
            "golden": .string(target.string), "texts": JSONValue(golden.entries.count), "dims": JSONValue(golden.dims),
        ]
        try Printed.json(result, if: options.common.json) {
            "\(target): \(golden.entries.count) texts of \(golden.dims) dims\n"
        }
    }
}
