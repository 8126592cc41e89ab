import Base
import SystemPackage
import TestKit
import Testing
import Training

/// The training configs of `manifests/`; their data and models are not here.
@Suite("Manifests")
struct ManifestTests {
    private static let folder = sourceRoot.appending("manifests")

    private func config(_ name: String) throws -> TrainingConfig {
        try TrainingConfig(file: Self.folder.appending(name + ".yaml"))
    }

    @Test("every one is read, and the paper's four are there")
    func all() throws {
        let names = try Files.list(Self.folder).filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }
        for name in names { #expect(try !config(name).datasets.isEmpty, "\(name)") }
        #expect(names.count { $0.hasPrefix("tevatron-") } == 8)
    }

    @Test("a -tiny twin differs from its manifest in sizes alone", arguments: ["bge", "omni", "vl", "wikiss"])
    func twins(name: String) throws {
        let (manifest, twin) = (try config("tevatron-\(name)"), try config("tevatron-\(name)-tiny"))
        for config in [manifest, twin] {
            #expect(config.prompts.query == "Query: " && config.prompts.document == "")
            #expect(config.lora?.rank == 16 && config.lora?.targets?.count == 7 && config.passagesPerQuery == 4)
        }
        #expect(manifest.lora == twin.lora && manifest.frozen == twin.frozen)
        #expect(manifest.temperature == twin.temperature && manifest.loss == twin.loss)
        #expect(manifest.pooling == twin.pooling && manifest.normalizes == twin.normalizes)
        #expect(manifest.endOfText == twin.endOfText && manifest.maxLengths == twin.maxLengths)
        #expect(manifest.masksKnownPositives == twin.masksKnownPositives)
        func sets(_ config: TrainingConfig) -> [Substring] {
            config.datasets.map { $0.reference.prefix { $0 != "@" } }
        }
        #expect(sets(manifest) == sets(twin))
    }

    @Test("weights are sizes in thousands, real numbers, and the steps are an epoch of them")
    func weights() throws {
        let config = try config("tevatron-vl")
        let weights = config.datasets.compactMap(\.weight)
        #expect(weights == [635, 1840, 1750, 29.3])
        let examples = weights.reduce(0, +) * 1000
        #expect(config.length == .steps(Int((examples / Double(config.queriesPerStep)).rounded(.up))))
    }
}
