import Base
import Foundation
import JSON
import SystemPackage
import TestKit
import Testing

/// What `--device cuda` does, over a stand-in for CUDA's library that computes on the CPU and refuses what a GPU's kernels
/// refuse; see `Tests/CUDAStandIn/README.md`.
@Suite("Tools with --device cuda, on a stand-in")
struct CUDADeviceTests {
    let world: SmallWorld

    /// A world with a random decoder whose heads share keys.
    init() throws {
        world = try SmallWorld(queryCount: 24)
        let library = builtProducts.appending("libCUDAStandIn.so")
        guard Files.exists(library) else {
            throw Failure(
                .missingInput, "\(library) is missing",
                advice: "Build it with --build-tests or --product CUDAStandIn.")
        }
        try Files.makeDirectory(world.path("cuda"))
        try FileManager.default.createSymbolicLink(
            atPath: world.path("cuda/libtorch_cuda.so").string, withDestinationPath: library.string)
        let folder = sourceRoot.appending("manifests/tiny/qwen2.5").string
        let result = try world.run("tvt-model", ["random", folder, "--seed", "5", "--output", "qwen2.5"] + Self.said)
        try #require(result.status == 0, "\(result.errorText)")
    }

    private static let said = [
        "--pooling", "last", "--normalize", "--query-prompt", "", "--document-prompt", "", "--query-max-length", "16",
        "--document-max-length", "24",
    ]

    /// Runs a tool that finds the stand-in and must succeed.
    private func run(_ tool: String, _ arguments: [String]) throws {
        let result = try TestKit.run(
            tool, arguments + ["--quiet"],
            environment: world.environment.merging(["LD_LIBRARY_PATH": world.path("cuda").string]) { $1 },
            workingFolder: world.path(""))
        try #require(result.status == 0, "\(tool) \(arguments): \(result.errorText)")
    }

    /// The floats of the only part of a folder of vectors.
    private func vectors(_ folder: String) throws -> [Float] {
        let bytes = try world.bytes(folder + "/part-00000.npy")
        let header = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
        return bytes[header...].withUnsafeBytes { data in
            (0..<(data.count / 4)).map { data.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }

    private func largestDifference(_ left: [Float], _ right: [Float]) -> Float {
        left.count == right.count ? zip(left, right).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
    }

    /// Models, and options with how far a component may be from the CPU's in float32.
    private static let encodings: [(model: String, ways: [(options: [String], limit: Float)])] = [
        (
            "qwen2.5",
            [
                (["--dtype", "f32"], 1e-6), (["--dtype", "bf16"], 0.03),
                (["--dtype", "f32", "--weights", "streamed"], 1e-6),
            ]
        ),
        (SmallWorld.model.string, [(["--dtype", "f32"], 1e-6), (["--dtype", "bf16"], 0.03)]),
    ]

    @Test("vectors are the CPU's: a decoder, in both types and streamed, and an encoder")
    func encoding() throws {
        for (number, (model, ways)) in Self.encodings.enumerated() {
            let common = ["corpus", "road", "--model", model, "--threads", "1"]
            try run("tvt-encode", common + ["--output", "cpu-\(number)", "--dtype", "f32"])
            let wanted = try vectors("cpu-\(number)")
            #expect(wanted.contains { abs($0) > 0.2 })
            for (way, (options, limit)) in ways.enumerated() {
                let output = "device-\(number)-\(way)"
                try run("tvt-encode", common + ["--output", output, "--device", "cuda"] + options)
                #expect(try largestDifference(wanted, vectors(output)) < limit, "\(model) \(options)")
            }
        }
    }

    /// Settings, how far a loss may be from the CPU's, relative to it, and options that are tried.
    private static let trainings: [(settings: [String], limit: Double, options: [[String]])] = [
        (["dtype=f32"], 1e-5, [[]]), (["dtype=bf16"], 0.03, [[]]),
        (["lora={r: 4, dropout: 0.1}"], 1e-5, [["--trace", "recompute"], ["--weights", "streamed"]]),
        (["lora={r: 4, dropout: 0.1}", "chunk_tokens=64", "dtype=bf16"], 0.03, [[]]),
    ]

    @Test("losses are the CPU's: all weights and an adapter, in both types, chunked, recomputed and streamed")
    func training() throws {
        try world.writeMix()
        for (number, (settings, limit, ways)) in Self.trainings.enumerated() {
            let settings = settings + ["model=qwen2.5", "steps=3"]
            try run("tvt-train", SmallWorld.training("cpu-\(number)", settings))
            let wanted = try losses("cpu-\(number)")
            #expect(wanted.count == 3)
            for (way, options) in ways.enumerated() {
                let output = "device-\(number)-\(way)"
                try run("tvt-train", SmallWorld.training(output, settings) + options + ["--device", "cuda"])
                let found = try losses(output)
                #expect(found.count == 3)
                for (a, b) in zip(wanted, found) {
                    #expect(abs(a - b) < limit * a, "\(settings) \(options): \(wanted) \(found)")
                }
            }
        }
    }

    @Test("processes exchange what is on their devices, and divide it", arguments: Self.divisions)
    func processes(_ settings: [String], _ level: String, _ limit: Double) throws {
        try world.writeMix()
        let settings = settings + ["model=qwen2.5", "steps=3", "dropout=false"]
        try run("tvt-train", SmallWorld.training("cpu", settings))
        try run(
            "tvt-train",
            SmallWorld.training("device", settings) + ["--device", "cuda", "--processes", "2", "--shard", level])
        let (wanted, found) = (try losses("cpu"), try losses("device"))
        #expect(wanted.count == 3 && found.count == 3)
        for (a, b) in zip(wanted, found) { #expect(abs(a - b) < limit * a, "\(wanted) \(found)") }
    }

    /// Settings, what is divided, and how far a loss may be from that of one process on the CPU.
    static let divisions: [([String], String, Double)] = [
        (["dtype=f32"], "none", 1e-5), (["dtype=f32"], "gradients", 1e-5), (["dtype=bf16"], "weights", 0.03),
        (["lora={r: 4, dropout: 0}"], "weights", 1e-5),
    ]

    private func losses(_ run: String) throws -> [Double] {
        try Files.readText(world.path(run + "/metrics.jsonl")).split(separator: "\n").map { line in
            try #require(try JSONValue.parse(Array(line.utf8), path: run)["loss"]?.double)
        }
    }
}
