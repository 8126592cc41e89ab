internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Examples
internal import JSON

struct OrderSamples: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "order",
        abstract: "Order training samples: time to start, time a sample, memory, spread of neighbours.")

    @OptionGroup var common: CommonOptions
    @Option(help: "Samples of the largest of three datasets; all of them are ordered.") var samples: UInt64 =
        100_000_000
    @Option var seed: UInt64 = 42

    func run() throws {
        let counts = [samples, max(1, samples / 10), max(1, samples / 1000)]
        let parts = zip(counts, [90, 9, 1] as [UInt64]).map { ExampleOrder.Part(count: $0, weight: $1) }
        var order = ExampleOrder(parts: parts, seed: seed)
        var checksum: UInt64 = 0
        let start = wallSeconds {
            order = ExampleOrder(parts: parts, seed: seed)
            checksum &+= order.entry(at: 0).example
        }
        let walking = processSeconds {
            var walk = ExampleOrder.Walk(order)
            for _ in 0..<samples { checksum &+= walk.next().example }
        }
        let asked = min(samples, 1_000_000)
        let asking = processSeconds {
            for slot in 0..<asked { checksum &+= order.entry(at: slot &* 7_919 % samples).example }
        }
        let spread = spread()
        let json: JSONValue = [
            "samples": JSONValue(Int(samples)), "startMilliseconds": JSONValue(start * 1e3),
            "nanosecondsPerSample": JSONValue(walking * 1e9 / Double(samples)),
            "nanosecondsPerRandomSlot": JSONValue(asking * 1e9 / Double(asked)),
            "peakMegabytes": JSONValue(peakMegabytes()),
            "spread": [
                "neighbours": JSONValue(Int(min(samples / 2, 10_000_000))),
                "meanDistance": JSONValue(spread.meanDistance), "meanDistanceOfUniform": JSONValue(1.0 / 3),
                "closerThanOnePercent": JSONValue(spread.closeShare),
                "closerThanOnePercentOfUniform": JSONValue(0.0199), "adjacent": JSONValue(spread.adjacentCount),
                "serialCorrelation": JSONValue(spread.serialCorrelation), "distanceZ": JSONValue(spread.distanceZ),
                "coverageZ": JSONValue(spread.coverageZ), "fullestPart": JSONValue(spread.fullestPart),
            ],
            "checksum": JSONValue(String(checksum)),
        ]
        try writeToStandardOutput(json.pretty() + "\n")
    }

    /// Of the largest dataset alone.
    private func spread() -> OrderSpread {
        let order = ExampleOrder(parts: [.init(count: samples, weight: 1)], seed: seed)
        var walk = ExampleOrder.Walk(order)
        return OrderSpread(
            of: (0..<min(samples / 2, 10_000_000)).lazy.map { _ in walk.next().example }, count: samples)
    }
}
