internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import ModelCommandLine
internal import Models
internal import SystemPackage
internal import Tensors
internal import Vectors

struct RotateModel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Write a new folder whose vectors are turned so that their leading components say the most.",
        discussion: """
            The last layer of the new model turns vectors onto the principal axes of those that are given: whole vectors \
            have the same inner products as before, and what `--dims` keeps of them loses less. Begin with such a model \
            where vectors are to be trained to be cut (loss.matryoshka). The folder is complete, with new golden vectors; \
            it appears under its name only when it is. Options of the model that tvt-encode was given, such as a prompt, are \
            given here again.

              tvt-encode queries mine --model .deps/models/all-MiniLM-L6-v2 --output queries
              tvt-encode corpus mine --model .deps/models/all-MiniLM-L6-v2 --output corpus
              tvt-model rotate .deps/models/all-MiniLM-L6-v2 --vectors queries --vectors corpus --output rotated
            """)

    @OptionGroup var options: FolderOptions
    @OptionGroup var card: CardOptions
    @OptionGroup var golden: GoldenOption

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A folder of whole vectors that the model made of training's texts; repeat for several, which count alike.",
            valueName: "dir"))
    var vectors: [String]

    @Option(name: .shortAndLong, help: ArgumentHelp("The new folder; it must not exist.", valueName: "dir"))
    var output: String

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Type of the new weights; the turning layer's are f32 (default: that of the model's files).",
            valueName: "type"))
    var dtype: WeightType?

    func validate() throws {
        guard !vectors.isEmpty else { throw ValidationError("--vectors is missing: whose axes?") }
    }

    func run() throws {
        let folder = try StagedFolder(output, command: "tvt-model rotate")
        let type = try dtype?.elementType ?? WeightSummary.mainType(in: options.path)
        let model = try options.load(.training, overrides: card.overrides, type: type)
        for note in model.notes { log.notice("\(options.folder): \(note)") }
        try card.requireUsableInputs(of: model)
        try golden.check(model)
        let axes = try axes(of: model)
        try folder.write { staging in
            try axes.write(model, to: staging)
            try folder.writeGoldenVectors(of: EmbeddingModel(loading: staging, .encoding), in: staging)
        }
        let shares = Self.shownDims(axes.dims).map { ($0, axes.share(of: $0)) }
        let result: JSONValue = [
            "output": .string(output), "dims": JSONValue(axes.dims),
            "kept": .array(shares.map { ["dims": JSONValue($0), "share": .number($1)] }),
        ]
        try Printed.json(result, if: options.common.json) {
            Printed.table(
                [["components", "share of squared length"]] + shares.map { ["\($0)", decimal($1, digits: 4)] },
                right: [0, 1]) + "\(output) is written\n"
        }
    }

    /// All, and powers of two, as vectors are usually cut.
    private static func shownDims(_ dims: Int) -> [Int] {
        [dims] + (4...16).reversed().map { 1 << $0 }.filter { $0 < dims }
    }

    private func axes(of model: EmbeddingModel) throws -> PrincipalAxes {
        let readers = try vectors.map { try VectorsReader(opening: FilePath($0)) }
        let identity = try model.identity(weights: EmbeddingModel.weightsDigest(model.folder))
        for reader in readers { try require(reader, from: identity, dims: model.card.dims) }
        let progress = Progress("rotate", unit: "vectors", total: readers.reduce(0) { $0 + $1.count })
        let samples = try readers.map { try sample(of: $0) { progress.advance(by: $0) } }
        progress.finish()
        return try PrincipalAxes(of: samples)
    }

    /// - Parameter identity: of the model that is turned.
    private func require(_ reader: VectorsReader, from identity: SHA256Digest, dims: Int) throws {
        let description = reader.manifest.description
        let file = reader.folder.appending("vectors.json").string
        guard description.modelCard == identity else {
            throw InputError(
                "the model \(description.modelCard) made these vectors; \(options.folder) is \(identity)",
                at: Place(path: file, field: "model_card"),
                advice:
                    "Give vectors of this model, and here the options that it was given there, as prompts or --inputs. "
                    + "Where one was an --adapter, merge it first, and encode with the merged model.",
                exitStatus: .badConfiguration)
        }
        guard description.dims == dims else {
            throw InputError(
                "vectors of \(description.dims) components; whole ones of the model have \(dims)",
                at: Place(path: file, field: "dims"), advice: "Encode with --dims \(dims).",
                exitStatus: .badConfiguration)
        }
        guard reader.count > 0 else { throw InputError("there are no vectors", at: Place(path: reader.folder.string)) }
    }

    private func sample(of reader: VectorsReader, advance: (Int) -> Void) throws -> PrincipalAxes.Sample {
        let dims = reader.dims
        var sample = try PrincipalAxes.Sample(dims: dims)
        for part in reader.parts {
            for start in stride(from: 0, to: part.count, by: Self.rowsPerBlock) {
                try Interruption.check()
                let rows = start..<min(start + Self.rowsPerBlock, part.count)
                let numbers = [Float](unsafeUninitializedCapacity: rows.count * dims) { buffer, count in
                    part.copy(rows, columns: dims, dims: dims, into: buffer.baseAddress!)
                    count = rows.count * dims
                }
                let block = try Tensor(numbers, shape: [rows.count, dims])
                guard try block.isFinite() else {
                    let row = numbers.firstIndex { !$0.isFinite }! / dims
                    throw InputError(
                        "the vector of this id holds a number that is not finite", at: Place(path: part.path.string),
                        offender: part.withID(start + row) { Array($0) },
                        advice: "Encode again; tvt-encode never writes such vectors.")
                }
                try sample.add(block)
                advance(rows.count)
            }
        }
        return sample
    }

    private static let rowsPerBlock = 4096
}
