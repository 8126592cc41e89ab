import Base
import Glibc
import JSON
import SystemPackage
import TestKit
import Testing

/// `tvt-encode` and `tvt-search` by several processes, as a user and as launchers start them.
@Suite("Several processes that make one result")
struct JointToolTests {
    /// How a launcher tells a process its place.
    struct Launcher: Sendable, CustomStringConvertible {
        let rank: String
        let size: String
        var more: [String: String] = [:]

        var description: String { rank }

        func variables(_ rank: Int, of size: Int) -> [String: String] {
            more.merging([self.rank: "\(rank)", self.size: "\(size)"]) { $1 }
        }

        static let torchrun = Launcher(
            rank: "RANK", size: "WORLD_SIZE",
            more: ["MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", "LOCAL_WORLD_SIZE": "2"])
        static let all = [
            torchrun, Launcher(rank: "SLURM_PROCID", size: "SLURM_STEP_NUM_TASKS"),
            Launcher(rank: "OMPI_COMM_WORLD_RANK", size: "OMPI_COMM_WORLD_SIZE"),
        ]
    }

    static let parts = ["--part-size", "64"]

    /// What a folder of vectors holds, but for the lock, which tells of its last holder.
    static func vectors(_ world: SmallWorld, _ name: String) throws -> [String: SHA256Digest] {
        try world.contents(of: name).filter { $0.key != ".lock" }
    }

    /// Nothing is left of processes that met.
    static func expectNoRemains(_ world: SmallWorld, at location: SourceLocation = #_sourceLocation) throws {
        let names = try Files.list(world.temporary.path).filter { $0.hasSuffix(".process") || $0.hasSuffix(".part") }
        #expect(names.isEmpty, sourceLocation: location)
    }

    private static func start(
        _ world: SmallWorld, _ tool: String, _ launcher: Launcher, _ arguments: [[String]]
    ) throws -> [RunningTool] {
        try arguments.indices.map {
            try RunningTool(
                program: builtProducts.appending(tool), arguments[$0], in: world,
                launcher.variables($0, of: arguments.count))
        }
    }

    @Test("--processes gives the files and the run of one process, byte for byte")
    func processes() throws {
        let world = try SmallWorld(queryCount: 100)
        let more = ["--processes", "3"]
        let reports = try [("one", []), ("many", more)].map { output, more in
            try JSONValue.parse(
                world.succeed(
                    "tvt-encode", SmallWorld.encoding("corpus", to: output) + Self.parts + more + ["--json"]
                ).output, path: output)
        }
        #expect(try Self.vectors(world, "many") == Self.vectors(world, "one"))
        #expect(reports[0]["records"]?.integer == 300)
        for key in ["records", "skipped", "encoded", "truncated", "blank", "quarantined", "tokens", "parts", "dims"] {
            #expect(reports[1][key] == reports[0][key], "\(key)")
        }
        try world.encode("queries", to: "queries")
        let searching = ["--queries", "queries", "--corpus", "one", "--threads", "1"]
        try world.succeed("tvt-search", searching + ["--output", "one.run"])
        try world.succeed("tvt-search", searching + ["--output", "many.run"] + more)
        #expect(try world.bytes("many.run") == world.bytes("one.run"))
        #expect(try world.bytes("many.run.json") == world.bytes("one.run.json"))
        try Self.expectNoRemains(world)
    }

    @Test("variables of launchers say who does what")
    func launchers() throws {
        let world = try SmallWorld(queryCount: 100)
        try world.encode("corpus", to: "one", Self.parts)
        try world.encode("queries", to: "queries")
        let searching = ["--queries", "queries", "--corpus", "one", "--threads", "1"]
        try world.succeed("tvt-search", searching + ["--output", "one.run"])
        for launcher in Launcher.all {
            let encoding = SmallWorld.encoding("corpus", to: "\(launcher)") + Self.parts
            for tool in try Self.start(world, "tvt-encode", launcher, [encoding, encoding]) {
                let end = try tool.finish()
                #expect(end.status == 0 && end.errorText.isEmpty, "\(launcher): \(end)")
            }
            #expect(try Self.vectors(world, "\(launcher)") == Self.vectors(world, "one"), "\(launcher)")
            let joint = searching + ["--output", "\(launcher).run"]
            for tool in try Self.start(world, "tvt-search", launcher, [joint, joint]) {
                #expect(try tool.finish().status == 0, "\(launcher)")
            }
            #expect(try world.bytes("\(launcher).run") == world.bytes("one.run"), "\(launcher)")
        }
        try Self.expectNoRemains(world)
    }

    @Test("a process that is killed is named and ends the others; any number goes on")
    func killed() throws {
        let world = try SmallWorld(queryCount: 1500)
        let parts = ["--part-size", "32"]
        try world.encode("corpus", to: "one", parts)
        for rank in [0, 1] {
            let output = "many-\(rank)"
            let arguments = SmallWorld.encoding("corpus", to: output) + parts + ["--resume", "--processes"]
            let tool = try RunningTool("tvt-encode", arguments + ["2"], in: world)
            // The first parts are those of the first two processes.
            tool.wait { (0...1).allSatisfy { world.exists("\(output)/part-0000\($0).json") } }
            let victim = try #require(try TrainToolTests.child(of: tool.identifier, rank: rank))
            kill(victim, SIGKILL)
            let end = try tool.finish()
            #expect(end.status == 74 && end.errorText.contains("process \(rank) of 2 was ended by signal 9"), "\(end)")
            #expect(end.errorText.contains("--resume"))
            #expect(!world.exists("\(output)/vectors.json"))
            let last = try JSONValue.parse(
                world.succeed("tvt-encode", arguments + ["3", "--json"]).output, path: "encode")
            #expect(last["skipped"]?.integer ?? 0 >= 64)
            #expect(try Self.vectors(world, output) == Self.vectors(world, "one"))
        }
        try Self.expectNoRemains(world)
    }

    @Test("where no launcher ends the others, they notice themselves")
    func noticed() throws {
        let world = try SmallWorld(queryCount: 1500)
        let arguments = SmallWorld.encoding("corpus", to: "many") + ["--part-size", "32"]
        let tools = try Self.start(world, "tvt-encode", .torchrun, [arguments, arguments])
        tools[1].wait { world.exists("many/part-00001.json") }
        tools[1].send(SIGKILL)
        #expect(try tools[1].finish().wasKilled)
        let first = try tools[0].finish()
        #expect(
            first.status == 69 && first.errorText.contains("process 1 of 2 ended before the work was done"), "\(first)")
    }

    @Test("processes with other options are refused by name")
    func otherOptions() throws {
        let world = try SmallWorld(queryCount: 20)
        let arguments = SmallWorld.encoding("corpus", to: "many")
        let tools = try Self.start(
            world, "tvt-encode", .torchrun, [arguments + ["--part-size", "16"], arguments + ["--part-size", "8"]])
        let ends = try tools.map { try $0.finish() }
        #expect(ends[1].status == 78 && ends[1].errorText.contains("other inputs or options"), "\(ends[1])")
        #expect(ends[0].status == 69 && ends[0].errorText.contains("process 1 of 2 ended"), "\(ends[0])")
    }

    @Test("what the first refuses ends all at once; more processes than parts are told")
    func refusals() throws {
        let world = try SmallWorld(queryCount: 20)
        let arguments = SmallWorld.encoding("corpus", to: "many")
        let two = ["--processes", "2"]
        let idle = try world.run("tvt-encode", arguments + two)
        #expect(idle.status == 0 && idle.errorText.contains("a smaller --part-size"), "\(idle.errorText)")
        try world.fail("tvt-encode", arguments + two, status: 73, naming: ["already holds vectors", "--resume"])
        try world.fail(
            "tvt-encode", arguments + two + ["--shard", "0/2"], status: 64, naming: ["--shard 0/2", "--processes 2"])
        let search = ["--queries", "many", "--corpus", "many", "--allow-mismatch", "--output", "-"]
        try world.fail("tvt-search", search + two, status: 64, naming: ["--output -", "2 processes"])
        let variables = Launcher.torchrun.variables(1, of: 2)
        func run(_ tool: String, _ arguments: [String]) throws -> RunningTool.End {
            try RunningTool(program: builtProducts.appending(tool), arguments, in: world, variables).finish()
        }
        let launched = try run("tvt-encode", arguments + two)
        #expect(launched.status == 64 && launched.errorText.contains("started 2 processes already"), "\(launched)")
        // By hand, or alone: nobody is waited for.
        #expect(try run("tvt-encode", SmallWorld.encoding("corpus", to: "half") + ["--shard", "1/2"]).status == 0)
        #expect(try run("tvt-encode", SmallWorld.encoding("corpus", to: "alone") + ["--processes", "1"]).status == 0)
        #expect(try run("tvt-search", search + ["--processes", "1"]).status == 0)
        #expect(try Self.vectors(world, "alone") == Self.vectors(world, "many"))
    }
}
