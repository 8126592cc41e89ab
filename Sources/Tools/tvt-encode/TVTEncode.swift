internal import ArgumentParser
internal import CommandLineKit
internal import Tensors

@main
struct TVTEncode: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-encode",
        abstract: "Turn the queries or the corpus of a dataset into vectors.",
        discussion: """
            Writes part-NNNNN.npy, part-NNNNN.ids and vectors.json; numpy.load reads the parts. A run that was stopped \
            goes on with --resume. How a model pools, normalises, prompts and cuts is read from its tvt.json, else from \
            sentence-transformers' files; what neither says is asked for.
            """,
        version: tvtVersion,
        subcommands: [EncodeQueries.self, EncodeCorpus.self, VerifyVectors.self])

    static func prepareProcess() { Compute.shortenThreadWaits() }
}
