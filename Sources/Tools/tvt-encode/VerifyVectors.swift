public import ArgumentParser
internal import Store
internal import Base
internal import CommandLineKit
internal import Encoding
internal import JSON
internal import Models
internal import Remotes
internal import SystemPackage
public import Vectors

struct VerifyVectors: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare vectors with those of another implementation.",
        discussion: """
            Ends with status 65 if any cosine is below the threshold. The reference is an .npy matrix with one row for \
            each record of the side, in the dataset's order.
            """)

    @Argument(help: ArgumentHelp("The dataset: a name, name@tag or sha256:….", valueName: "name"))
    var dataset: String

    @OptionGroup var model: ModelOptions

    @Option(name: .long, help: ArgumentHelp("The other implementation's matrix.", valueName: "file.npy"))
    var reference: String

    @Option(name: .long, help: ArgumentHelp("corpus or queries.", valueName: "side"))
    var side: VectorsSide = .corpus

    @Option(
        in: NumberRange(-1...1),
        help: ArgumentHelp("The least cosine that passes (default: 0.99999; 0.999 in 16 bits).", valueName: "x"))
    var threshold: Double?

    @Option(
        in: NumberRange(1...1_000_000_000), help: ArgumentHelp("Compare every n-th record only.", valueName: "n"))
    var every = 1

    @OptionGroup var store: StoreOption
    @OptionGroup var common: CommonOptions

    func run() throws {
        let dataset = try openStore(store.location).dataset(dataset)
        let loaded = try model.load()
        let source = try RecordSource(dataset, side, loaded, ignoresMedia: model.ignoresMedia, settingName: \.flag)
        let check = ReferenceCheck(DatasetEncoder(source, loaded, model.encoderOptions()))
        let progress = Progress("verify", unit: "records", total: source.count / every)
        let report = try check.run(against: FilePath(reference), stride: every) { progress.advance(by: $0) }
        progress.finish()
        let least = threshold ?? (model.dtype == .f32 ? 0.99999 : 0.999)
        let passes = Double(report.leastCosine) >= least
        if common.json {
            let result: JSONValue = [
                "compared": JSONValue(report.comparedCount), "least_cosine": number(report.leastCosine),
                "mean_cosine": .number(report.meanCosine), "greatest_difference": number(report.greatestDifference),
                "threshold": .number(least), "passes": .bool(passes),
            ]
            try writeToStandardOutput(result.pretty())
        } else {
            try writeToStandardOutput(
                """
                compared  \(report.comparedCount) records
                cosine    least \(report.leastCosine), mean \(report.meanCosine)
                component differs by at most \(report.greatestDifference)

                """)
        }
        guard !passes else { return }
        let worst = report.worst.map { "\(escaped($0.id)) \($0.cosine)" }.joined(separator: ", ")
        throw Failure(.badData, "the least cosine is \(report.leastCosine), below \(least); worst: \(worst)")
    }

    private func number(_ value: Float) -> JSONValue { value.isFinite ? .number(Double(value)) : .null }
}

extension VectorsSide: ExpressibleByArgument {}
