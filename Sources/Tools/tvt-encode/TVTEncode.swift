internal import ArgumentParser
internal import Base
internal import CommandLineKit

@main
struct TVTEncode: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-encode",
        abstract: "Turn the queries or the corpus of a dataset into vectors.",
        discussion: """
            Writes part-NNNNN.npy, part-NNNNN.ids and vectors.json; numpy.load reads the parts. A run that was stopped \
            goes on with --resume. How a model pools, normalises, prompts and cuts is read from its tvt.json, else from \
            sentence-transformers' files, as its encode_query and encode_document do; what neither says is asked for, \
            and a field that is not understood is refused by name. `tvt-model show` tells where each answer comes from. A \
            folder with a tvt.golden.json is refused with status 65 where its model no longer gives the vectors in it.

            Several processes, which --processes, torchrun --no-python, srun or mpirun start, encode the parts of one folder \
            together: each has a share of them, and the first finishes the folder, whose files are those of one process. A \
            process that ends too early ends the others; --resume goes on with any number.

            Example, with the model that `make setup` unpacks and a dataset named nave:
              M=.deps/models/all-MiniLM-L6-v2
              tvt-encode corpus nave --model $M --output vectors/corpus
              tvt-encode queries nave --split test --model $M --output vectors/queries
              tvt-search --queries vectors/queries --corpus vectors/corpus \\
                --format tevatron --output test.run
              tvt-encode corpus nave --model $M --output vectors/corpus --processes 4
              srun --ntasks 8 tvt-encode corpus nave --model $M --output vectors/corpus
            """,
        version: tvtVersion,
        subcommands: [EncodeQueries.self, EncodeCorpus.self, VerifyVectors.self])

    static func prepareProcess() {
        // Decoded images come and go: half of the time went into page faults.
        Heap.keepFreed(byteCount: 128 << 20)
    }
}
