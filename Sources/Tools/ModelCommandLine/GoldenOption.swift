public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Engine
public import Models

/// Compares a model with its golden vectors, for commands that go on from it.
public struct GoldenOption: ParsableArguments {
    @Flag(
        name: .customLong("no-golden-check"),
        help: "Do not compare the vectors of tvt.golden.json with those that the model gives.")
    public var skipsGoldenCheck = false

    public init() {}

    /// - Throws: `InputError` (65) for a model whose vectors are others.
    public func check(_ model: EmbeddingModel) throws {
        let file = GoldenCheck.file(of: model)
        guard !skipsGoldenCheck else {
            if Files.exists(file) { log.notice("\(file) is not checked (--no-golden-check)") }
            return
        }
        if let note = try GoldenCheck.run(model)?.note { log.notice("\(file): \(note)") }
    }
}
