internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Engine
internal import JSON
internal import ModelCommandLine
internal import Models
internal import Records
internal import SystemPackage
internal import Tensors

struct CheckModel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Whether a folder loads, gives sound vectors, and still gives its golden ones.",
        discussion: """
            Ends with 78 where a file, a field or a tensor is missing, unknown or does not fit, or no text could be encoded as \
            the settings have it, and with 65 where vectors \
            are not finite, do not have the length that the card says, or differ from those of tvt.golden.json.

              tvt-model check .deps/models/all-MiniLM-L6-v2
            """)

    @OptionGroup var options: FolderOptions
    @OptionGroup var card: CardOptions
    @OptionGroup var adapter: AdapterOption

    func run() throws {
        let model = try options.load(.encoding, overrides: card.overrides, adapter: adapter.adapter)
        for note in model.notes { log.notice("\(options.folder): \(note)") }
        try model.requireUsableInputs()
        let unused = try WeightSummary(model).unused
        try checkProbe(model)
        let report = try GoldenCheck.run(model)
        try Printed.json(json(model, unused, report), if: options.common.json) { text(model, unused, report) }
    }

    /// One text of each role.
    private func checkProbe(_ model: EmbeddingModel) throws {
        for role in Role.allCases {
            let vector = try model.encode(model.pack([Array("a text".utf8)], as: role)).floats()
            guard vector.allSatisfy(\.isFinite) else {
                throw Failure(.badData, "\(options.folder): the vector of a \(role) holds a number that is not finite")
            }
            let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            guard length > 0, !model.card.givesUnitVectors || abs(length - 1) < 1e-3 else {
                throw Failure(.badData, "\(options.folder): the vector of a \(role) has the length \(length), not 1")
            }
        }
    }

    private func json(_ model: EmbeddingModel, _ unused: [String], _ report: GoldenCheck.Report?) -> JSONValue {
        [
            "family": .string(model.card.family), "dims": JSONValue(model.card.outputDims),
            "unused_tensors": .array(unused.map { .string($0) }),
            "notes": .array(model.notes.map { .string($0) }),
            "golden": report.map { report in
                [
                    "texts": JSONValue(report.textCount), "least_cosine": .number(report.leastCosine),
                    "threshold": .number(report.threshold), "tool": .string(report.tool),
                    "note": report.note.map { .string($0) } ?? .null,
                ]
            } ?? .null,
        ]
    }

    private func text(_ model: EmbeddingModel, _ unused: [String], _ report: GoldenCheck.Report?) -> String {
        var rows = [
            ["loads", "\(model.card.family), vectors of \(model.card.outputDims) dims"],
            ["unused tensors", unused.isEmpty ? "none" : unused.joined(separator: ", ")],
        ]
        if let report {
            let cosine = "least cosine \(decimal(report.leastCosine, digits: 6)) of \(report.textCount) texts"
            rows.append(["golden", report.note ?? "\(cosine), at least \(report.threshold) is expected"])
        } else {
            rows.append(["golden", "no \(GoldenVectors.fileName); `tvt-model golden \(options.folder)` makes it"])
        }
        return Printed.table(rows)
    }
}
