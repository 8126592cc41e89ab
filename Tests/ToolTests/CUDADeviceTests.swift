import Base
import Foundation
import Glibc
import JSON
import Processes
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
        try link("CUDAStandIn", as: "cuda/libtorch_cuda.so")
        let folder = sourceRoot.appending("manifests/tiny/qwen2.5").string
        let result = try world.run("tvt-model", ["random", folder, "--seed", "5", "--output", "qwen2.5"] + Self.said)
        try #require(result.status == 0, "\(result.errorText)")
    }

    /// Has the tools find a stand-in under a library's name, in a folder.
    private func link(_ product: String, as name: FilePath) throws {
        let library = builtProducts.appending("lib\(product).so")
        guard Files.exists(library) else {
            throw Failure(
                .missingInput, "\(library) is missing", advice: "Build it with --build-tests or --product \(product).")
        }
        let link = world.path(name.string)
        try Files.makeDirectory(link.removingLastComponent())
        try FileManager.default.createSymbolicLink(
            atPath: link.string, withDestinationPath: library.string)
    }

    private static let said = [
        "--pooling", "last", "--normalize", "--query-prompt", "", "--document-prompt", "", "--query-max-length", "16",
        "--document-max-length", "24",
    ]

    /// Runs a tool that finds the stand-ins in some folders and must succeed.
    @discardableResult
    private func run(
        _ tool: String, _ arguments: [String], folders: [String] = ["cuda"], environment: [String: String] = [:]
    ) throws -> ToolResult {
        let result = try TestKit.run(
            tool, arguments,
            environment: world.environment.merging(libraries(in: folders)) { $1 }.merging(environment) { $1 },
            workingFolder: world.path(""))
        try #require(result.status == 0, "\(tool) \(arguments): \(result.errorText)")
        return result
    }

    private func libraries(in folders: [String]) -> [String: String] {
        ["LD_LIBRARY_PATH": folders.map { world.path($0).string }.joined(separator: ":")]
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
        (
            ["lora={r: 4, dropout: 0.1}"], 1e-5,
            [
                ["--trace", "recompute"], ["--weights", "streamed"], ["--trace", "offload"],
                ["--weights", "streamed", "--trace", "offload"],
            ]
        ),
        (["lora={r: 4, dropout: 0.1}", "chunk_tokens=64", "dtype=bf16"], 0.03, [[]]),
    ]

    @Test(
        "losses are the CPU's: all weights and an adapter, in both types, chunked, recomputed, offloaded and streamed")
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

    @Test(
        "processes exchange what is on their devices, over NCCL or the CPU's memory, and divide it",
        arguments: divisions)
    func processes(_ settings: [String], _ level: String, _ limit: Double) throws {
        try world.writeMix()
        try link("NCCLStandIn", as: "nccl/libnccl.so.2")
        let settings = settings + ["model=qwen2.5", "steps=3", "dropout=false"]
        try run("tvt-train", SmallWorld.training("cpu", settings))
        let wanted = try losses("cpu")
        for (output, folders) in [("host", ["cuda"]), ("direct", ["cuda", "nccl"])] {
            let result = try run(
                "tvt-train",
                SmallWorld.training(output, settings) + ["--device", "cuda", "--processes", "2", "--shard", level],
                folders: folders)
            let reason = "GPUs exchange over the CPU's memory, and not over NCCL (process 0: libnccl.so.2: cannot open"
            #expect(result.errorText.contains(reason) == (output == "host"), "\(result.errorText)")
            let found = try losses(output)
            #expect(wanted.count == 3 && found.count == 3)
            for (a, b) in zip(wanted, found) { #expect(abs(a - b) < limit * a, "\(output): \(wanted) \(found)") }
        }
    }

    /// A variable, its value, and why NCCL is not used.
    private static let refusals: [(String, String, String)] = [
        ("NCCL_STAND_IN_REFUSES", "0", "NCCL's ncclCommInitRank failed"),
        ("NCCL_STAND_IN_REFUSES", "1", "in process 1 NCCL's ncclCommInitRank failed"),
        ("TVT_GPU_EXCHANGE", "cpu", "TVT_GPU_EXCHANGE is cpu"),
    ]

    @Test("where NCCL refuses one process, or is not wanted, all go over the CPU's memory")
    func refusedProcess() throws {
        try world.writeMix()
        try link("NCCLStandIn", as: "nccl/libnccl.so.2")
        let settings = ["model=qwen2.5", "steps=3", "dropout=false"]
        try run("tvt-train", SmallWorld.training("cpu", settings))
        let wanted = try losses("cpu")
        for (number, (variable, value, reason)) in Self.refusals.enumerated() {
            let output = "refused-\(number)"
            let result = try run(
                "tvt-train", SmallWorld.training(output, settings) + ["--device", "cuda", "--processes", "2"],
                folders: ["cuda", "nccl"], environment: [variable: value])
            #expect(result.errorText.contains("not over NCCL (process 0: \(reason)"), "\(result.errorText)")
            let found = try losses(output)
            #expect(wanted.count == 3 && found.count == 3)
            for (a, b) in zip(wanted, found) { #expect(abs(a - b) < 1e-5 * a, "\(wanted) \(found)") }
        }
    }

    @Test("whose GPU waits for that of a process that was killed ends and names it")
    func killedProcess() throws {
        try world.writeMix()
        try link("NCCLStandIn", as: "nccl/libnccl.so.2")
        let port = try LocalProcesses.freePort()
        let settings = ["model=qwen2.5", "steps=2000", "checkpoint_every=2"]
        let processes = try (0..<2).map { rank in
            try RunningTool(
                program: builtProducts.appending("tvt-train"),
                SmallWorld.training("run", settings) + ["--device", "cuda", "--shard", "weights"], in: world,
                libraries(in: ["cuda", "nccl"]).merging([
                    "RANK": "\(rank)", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "\(port)",
                ]) { $1 })
        }
        processes[0].wait { Files.exists(world.path("run/checkpoints/step-000002")) }
        processes[1].send(SIGKILL)
        let end = try processes[0].finish()
        #expect(end.status == 69 && end.errorText.contains("process 1 of 2 ended before the run did"), "\(end)")
        #expect(!end.errorText.contains("not over NCCL"), "\(end)")
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
