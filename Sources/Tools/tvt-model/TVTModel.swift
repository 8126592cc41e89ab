internal import ArgumentParser
internal import CommandLineKit

@main
struct TVTModel: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-model",
        abstract: "Tell what a model folder is, check it, and make it complete.",
        discussion: """
            A folder says in its own files how texts become vectors: in tvt.json, else in those of sentence-transformers. \
            What they leave open may be known of the model they name (a preset), or is asked for.

            Example, with the model that `make setup` unpacks:
              cp -r .deps/models/all-MiniLM-L6-v2 minilm
              tvt-model show minilm
              tvt-model check minilm
              tvt-model import minilm --document-max-length 128
              tvt-model golden minilm
            """,
        version: tvtVersion,
        subcommands: [
            ShowModel.self, CheckModel.self, ImportModel.self, MergeAdapter.self, GraftTowers.self,
            AverageModels.self, RotateModel.self, RandomWeights.self, MakeGolden.self,
        ])
}
