internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Engine
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

    /// Types that weights can be written in.
    enum WeightType: String, CaseIterable, ExpressibleByArgument {
        case f32, f16, bf16

        var elementType: ElementType {
            switch self {
            case .f32: .float32
            case .f16: .float16
            case .bf16: .bfloat16
            }
        }
    }

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
        let target = FilePath(output)
        guard !Files.exists(target) else {
            throw Failure(.cannotCreate, "\(target) exists", advice: "Name a folder that does not, or remove it.")
        }
        guard let name = target.lastComponent, name.kind == .regular else {
            throw Failure(.usage, "--output \(output) names no folder")
        }
        let type = try dtype?.elementType ?? filesType()
        let model = try options.load(.training, adapter: adapter, type: type)
        for note in model.notes { log.notice("\(options.folder): \(note)") }
        try golden.check(model)
        try write(model, to: target, staging: target.removingLastComponent().appending(".\(name.string).tmp"))
        let result: JSONValue = [
            "output": .string(output), "dims": JSONValue(model.card.dims), "type": .string("\(type)"),
        ]
        try Printed.json(result, if: options.common.json) { "\(output) is written, with weights of \(type)\n" }
    }

    /// The type of most numbers of the model.
    private func filesType() throws -> ElementType {
        let kinds = try WeightSummary.kinds(in: options.path)
        guard let type = kinds.first?.type, type.byteCount <= 4, type.isFloatingPoint else { return .float32 }
        return type
    }

    private func write(_ model: EmbeddingModel, to target: FilePath, staging: FilePath) throws {
        let parent = target.removingLastComponent()
        if !parent.isEmpty { try Files.makeDirectory(parent) }
        let lock = try OutputLock(for: target, purpose: "tvt-model merge")
        defer { withExtendedLifetime(lock) {} }
        // What a killed process left: nobody else holds the lock.
        try Files.removeTree(staging)
        do {
            try model.save(model.card, to: staging)
            try GoldenCheck.vectors(of: model, tool: "tvt-model merge \(tvtVersion)")
                .write(to: staging.appending(GoldenVectors.fileName))
            try Files.syncFileSystem(of: staging)
            try Interruption.check()
        } catch {
            try? Files.removeTree(staging)
            throw error
        }
        try Files.rename(staging, to: target)
        try Files.syncFolder(parent.isEmpty ? FilePath(".") : parent)
    }
}
