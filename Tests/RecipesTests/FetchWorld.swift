import Base
import SystemPackage
import TestKit
import Testing

/// A recipe of two files, the folder that a hub serves them from, and an output folder.
struct FetchWorld {
    let temporary: TemporaryFolder
    static let large = SplitMixBytes.make(1_500_000, seed: 7)
    static let small = Array("a small file\n".utf8)

    /// - Parameter hasDigests: whether the recipe tells sizes and digests.
    init(hasDigests: Bool = true) throws {
        temporary = try TemporaryFolder()
        try temporary.write(Self.large, to: "served/data/large file.bin")
        try temporary.write(Self.small, to: "served/small.txt")
        try writeRecipe(hasDigests: hasDigests)
    }

    func writeRecipe(hasDigests: Bool = true, digest: SHA256Digest = .of(Self.large), size: Int = Self.large.count)
        throws
    {
        let facts = hasDigests ? "size: \(size), sha256: \(digest.hex)" : ""
        try temporary.write(
            """
            name: made
            title: Made up
            licence: none
            citation: none
            source:
              repository: datasets/somebody/made
              files:
                - {path: data/large file.bin, \(facts)}
                - {path: small.txt}
            convert: {command: beir}
            stop: it is a test
            """, to: "recipe.yaml")
    }

    var output: FilePath { temporary("out") }
    var largePath: FilePath { output.appending("fetched/data/large file.bin") }
    var partPath: FilePath { output.appending("fetch/data/large file.bin.part") }

    func arguments(_ hub: TestHub) -> [String] {
        ["fetch", temporary("recipe.yaml").string, "--output", output.string, "--hub", hub.origin, "--json"]
    }

    func fetch(_ hub: TestHub, _ environment: [String: String] = [:]) throws -> ToolResult {
        try run("tvt-dataset", arguments(hub), environment: environment)
    }

    /// Both files are there, whole, and nothing else is.
    func expectWhole(at location: SourceLocation = #_sourceLocation) throws {
        #expect(try Files.readAll(largePath) == Self.large, sourceLocation: location)
        #expect(try Files.readAll(output.appending("fetched/small.txt")) == Self.small, sourceLocation: location)
        #expect(try Files.list(output.appending("fetched")) == ["data", "small.txt"], sourceLocation: location)
        #expect(!Files.exists(partPath), sourceLocation: location)
    }
}

enum SplitMixBytes {
    static func make(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
}
