internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Glibc
internal import Rankings
internal import Remotes
internal import Store
internal import SystemPackage

/// Models to measure on a dataset of the store, whose runs are made first.
struct ModelArguments: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("Instead of --run: a model's folder, whose run is made first.", valueName: "dir"))
    var model: String?

    @Option(
        name: .customLong("compare-model"),
        help: ArgumentHelp("With --model: a second model, to compare with the first.", valueName: "dir"))
    var compareModel: String?

    @Option(
        name: .long,
        help: ArgumentHelp("With --model: the dataset of the store, with its judgements.", valueName: "name"))
    var dataset: String?

    @Option(name: .long, help: ArgumentHelp("With --model: results per query (default: 100).", valueName: "n"))
    var depth: Int?

    @Option(
        name: .customLong("work"),
        help: ArgumentHelp(
            "With --model: a folder that keeps vectors and runs, as model-1/ and model-2/ (default: a temporary one, which is "
                + "removed).", valueName: "dir"))
    var workFolder: String?

    func validate() throws {
        guard (model == nil) == (dataset == nil) else { throw ValidationError("--model and --dataset go together") }
        guard model != nil || compareModel == nil && depth == nil && workFolder == nil else {
            throw ValidationError("--compare-model, --depth and --work go with --model")
        }
        guard (1...1_000_000).contains(depth ?? 100) else { throw ValidationError("--depth is from 1 to 1000000") }
    }

    /// - Parameter split: of the judgements; nil for `test`, or the only ones.
    func runs(split: String?, store: StoreOption) throws -> [(name: String, file: RunFile, run: Run)] {
        let models = [model, compareModel].compactMap { $0 }
        // Encoding takes the queries of one split.
        let dataset = try openStore(store.location).dataset(dataset!)
        let split = try StoredQrels.split(of: dataset, split)
        let folder = try workFolder.map { FilePath($0) } ?? Self.temporaryFolder()
        try Files.makeDirectory(folder)
        defer { if workFolder == nil { try? Files.removeTree(folder) } }
        return try models.enumerated().map { number, model in
            let run = ModelRun(
                model: model, dataset: dataset.reference, split: split, store: store.location, depth: depth ?? 100)
            let (file, results) = try run.make(in: folder.appending("model-\(number + 1)"))
            return (model, file, results)
        }
    }

    /// A new folder in `$TMPDIR` or `/tmp`.
    private static func temporaryFolder() throws -> FilePath {
        let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        let pattern = FilePath(named.isEmpty ? "/tmp" : named).appending("tvt-eval-" + Files.uniqueEnding)
        var template = Array(pattern.string.utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError.last("create", pattern) }
        return FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
}
