import Base
import Glibc
import SystemPackage
import TestKit
import Testing

/// Limits that a shell sets, signals, and what killed processes leave.
@Suite("Limits of a process")
struct ProcessLimitTests {
    /// Runs a line of shell in a world where the tools are on the path.
    private func shell(_ script: String, in world: SmallWorld) throws -> RunningTool {
        let path = builtProducts.string + ":" + String(cString: getenv("PATH"))
        return try RunningTool(program: "/bin/bash", ["-c", script], in: world, ["PATH": path])
    }

    @Test("a file that may not grow is 74, and nothing is damaged")
    func fileSize() throws {
        let world = try SmallWorld(queryCount: 1500)
        let before = try world.digest(of: "road")
        let convert = try shell(
            "ulimit -c 0; ulimit -f 20; exec tvt-convert v1-to-v2 v1.jsonl --dataset road --portable", in: world
        ).finish()
        #expect(convert.status == 74 && !convert.wasKilled, "\(convert.errorText)")
        #expect(convert.errorText.contains("File too large"), "\(convert.errorText)")
        #expect(try world.digest(of: "road") == before)
        try world.expectCleanStore()
        let export = try shell("ulimit -c 0; ulimit -f 20; exec tvt-convert v2-to-v1 road --output rows", in: world)
            .finish()
        #expect(export.status == 74 && !export.wasKilled && !world.exists("rows"), "\(export.errorText)")
        #expect(try Files.list(world.temporary.path) == ["store", "v1.jsonl"])
    }

    @Test("a server that may open too few files is 73")
    func openFiles() throws {
        let world = try SmallWorld(queryCount: 3)
        let browse = try shell("ulimit -c 0; ulimit -n 12; exec tvt-store browse road", in: world).finish()
        #expect(browse.status == 73 && !browse.wasKilled, "\(browse.errorText)")
    }

    @Test("a signal ends a tool that waits for input, within seconds", arguments: [SIGTERM, SIGINT])
    func signal(_ signal: Int32) throws {
        let world = try SmallWorld()
        #expect(mkfifo(world.path("input").string, 0o600) == 0)
        let tool = try RunningTool("tvt-convert", ["v1-to-v2", "input", "--dataset", "x"], in: world)
        tool.wait { world.exists("store/oci-layout") }
        usleep(200_000)
        let start = Clock.seconds()
        tool.send(signal)
        let end = try tool.finish()
        #expect(end.status == 130 && !end.wasKilled)
        #expect(Clock.seconds() - start < 15)
    }

    @Test("a signal ends tvt-dataset and the tool that it runs, whatever that waits for")
    func signalToStage() throws {
        let world = try SmallWorld()
        #expect(mkfifo(world.path("input").string, 0o600) == 0)
        let input = world.path("input").string
        try world.temporary.write("{}", to: "raw/file")
        try world.temporary.write(
            "name: made\ntitle: t\nlicence: l\ncitation: c\nconvert: {command: v1-to-v2, arguments: [\(input)]}\n"
                + "stop: it is a test\n", to: "recipe.yaml")
        let arguments = ["run", "recipe.yaml", "--raw", "raw", "--output", "out", "--manifests", "out"]
        let tool = try RunningTool("tvt-dataset", arguments, in: world)
        tool.wait { (try? Self.processes(with: input).count) == 1 }
        #expect(try Self.processes(with: input).count == 1)
        tool.send(SIGTERM)
        let end = try tool.finish()
        #expect(end.status == 130 && !end.wasKilled, "\(end.errorText)")
        let limit = Clock.seconds() + 5
        while try !Self.processes(with: input).isEmpty, Clock.seconds() < limit { usleep(10_000) }
        #expect(try Self.processes(with: input).isEmpty)
    }

    /// Process ids of tools with this argument.
    private static func processes(with argument: String) throws -> [String] {
        try Files.list("/proc").filter { name in
            guard name.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
                let line = try? Files.readAll(FilePath("/proc/\(name)/cmdline"))
            else { return false }
            let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return words.first == "tvt-convert" && words.contains(argument)
        }
    }

    @Test("what a killed conversion leaves beside its outputs, the next one removes")
    func remains() throws {
        let world = try SmallWorld()
        #expect(mkfifo(world.path("input").string, 0o600) == 0)
        let arguments = [
            "--dataset", "x", "--quarantine", "q.jsonl.gz", "--rejects", "r", "--max-bad-records", "3", "--assets", ".",
        ]
        // Held open for writing, so that the tool waits for more.
        let input = open(world.path("input").string, O_RDWR | O_CLOEXEC)
        defer { close(input) }
        let line = Array("{\"docid\":\"d1\",\"document_text\":\"text\"}\n".utf8)
        for _ in 0..<2 {
            #expect(write(input, line, line.count) == line.count)
            let tool = try RunningTool("tvt-convert", ["v2", "--corpus", "input"] + arguments, in: world)
            let limit = Clock.seconds() + 30
            tool.wait {
                world.exists(".q.jsonl.gz.0.tmp") && world.exists(".r.reasons.0.tmp") || Clock.seconds() > limit
            }
            tool.send(SIGKILL)
            #expect(try tool.finish().wasKilled)
        }
        #expect(world.exists(".q.jsonl.gz.0.tmp") && !world.exists(".q.jsonl.gz.1.tmp"))
        try world.temporary.write("{\"docid\":\"d1\",\"document_text\":\"text\"}\n", to: "corpus")
        // That --assets takes nothing is said on stderr.
        let last = try world.run("tvt-convert", ["v2", "--corpus", "corpus"] + arguments)
        #expect(last.status == 0, "\(last.errorText)")
        #expect(try Files.list(world.temporary.path).filter { $0.hasPrefix(".") }.isEmpty)
    }
}
