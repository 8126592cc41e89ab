internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import ModelCommandLine
internal import Models
internal import SystemPackage

struct ShowModel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "What a folder is, how it will be used, and where each answer comes from.",
        discussion: """
            Reads the folder as tvt-encode does, and is refused where that is; golden vectors are not compared.

              tvt-model show .deps/models/all-MiniLM-L6-v2
              tvt-model show .deps/models/all-MiniLM-L6-v2 --preset bge-en-v1.5 --json
            """)

    @OptionGroup var options: FolderOptions
    @OptionGroup var card: CardOptions
    @OptionGroup var adapter: AdapterOption

    func run() throws {
        // Nothing is computed: weights are only looked at.
        let model = try options.load(.training, overrides: card.overrides, adapter: adapter.adapter)
        let description = try ModelDescription(model)
        try Printed.json(description.json, if: options.common.json) {
            var text = Printed.table(description.rows)
            for note in description.notes { text += "note: \(note)\n" }
            return text
        }
    }
}
