import Base
import Glibc
import JSON
import Store
import SystemPackage
import TestKit
import Testing

/// A tool that is started with descriptors closed, full or broken, as by cron and by supervisors: what it writes is whole,
/// equal to what it writes otherwise, and its status says what went wrong.
@Suite("Standard descriptors")
struct StandardDescriptorTests {
    /// A command that succeeds in the world of ``DescriptorWorld``.
    struct Command: Sendable, CustomStringConvertible {
        let line: [String]
        /// Whether it prints a result on stdout.
        var prints = true
        /// Whether it warns on stderr.
        var warns = false
        var readsInput = false

        init(_ line: String, prints: Bool = true, warns: Bool = false, readsInput: Bool = false) {
            self.line = line.split(separator: " ").map { $0 == "MODEL" ? SmallWorld.model.string : String($0) }
            (self.prints, self.warns, self.readsInput) = (prints, warns, readsInput)
        }

        var description: String { line.joined(separator: " ") }

        func run(in world: SmallWorld, _ streams: [Int32: StreamState] = [:]) throws -> ToolResult {
            try TestKit.run(
                line[0], Array(line.dropFirst()), streams: streams,
                input: readsInput ? Array("{\"docid\":\"d1\",\"document_text\":\"text\"}\n".utf8) : [],
                environment: world.environment,
                workingFolder: world.temporary.path)
        }
    }

    static let commands = [
        Command("tvt-convert v1-to-v2 broken.jsonl --dataset new --rejects r --max-bad-records 3", warns: true),
        Command("tvt-convert v2 --corpus media.jsonl --dataset new --quarantine q --assets none", warns: true),
        Command("tvt-convert v2-to-v1 road --output back.jsonl.zst"),
        Command("tvt-convert v2-to-v1 road --output -"),
        Command("tvt-convert check v1.jsonl"),
        Command("tvt-convert v2 --corpus - --dataset piped", readsInput: true),
        Command("tvt-store init --store fresh"),
        Command("tvt-store ls"),
        Command("tvt-store show road"),
        Command("tvt-store stats road --html stats.html"),
        Command("tvt-store get road --docid d1"),
        Command("tvt-store cat road queries"),
        Command("tvt-store tag road street"),
        Command("tvt-store rm spare"),
        Command("tvt-store log road"),
        Command("tvt-store reflog"),
        Command("tvt-store verify --level full"),
        Command("tvt-store gc --apply"),
        Command("tvt-store repair"),
        Command("tvt-store compact road --as small --portable"),
        Command("tvt-store dedup road --as unique --report aliases"),
        Command("tvt-store diff road road"),
        Command("tvt-store overlap road spare"),
        Command("tvt-store export road --format beir --output beir", warns: true),
        Command("tvt-store import exported --dataset copy"),
        Command("tvt-store judgements road qrels.tsv --as judged"),
        Command("tvt-store hold-out road --as held --queries 3 --split dev --from-positives --seed 1"),
        Command("tvt-store sample road --as some --queries 3 --seed 1"),
        Command("tvt-store push elsewhere road"),
        Command("tvt-store pull pushed road --as pulled"),
        Command("tvt-search --queries vectors/queries --corpus vectors/corpus --output found.tsv", prints: false),
        // The run is shallower than what they look at.
        Command("tvt-mine filter road --run run.tsv --as road@filtered", warns: true),
        Command("tvt-mine negatives road --run run.tsv --count 1 --seed 1 --as road@mined", warns: true),
        Command("tvt-eval --run run.tsv --qrels qrels.tsv", warns: true),
        Command("tvt-dataset plan recipe.yaml"),
        Command("tvt-dataset run recipe.yaml --raw beir.raw --output made --manifests made"),
        Command("tvt-dataset report recipe.yaml --output done --manifests done"),
        Command("tvt-encode corpus road --model MODEL --output corpus --threads 1", prints: false),
        Command("tvt-model show MODEL --threads 1"),
        Command("tvt-model check MODEL --threads 1"),
        Command("tvt-train --manifest mix.yaml --output model --threads 1 --quiet"),
    ]

    @Test("a tool writes the same, and says on stderr or by its status what it could not print", arguments: commands)
    func streams(_ command: Command) throws {
        let fixture = try DescriptorWorld.shared.get()
        let calm = try fixture.copy()
        let expected = try command.run(in: calm)
        try #require(expected.status == 0, "\(expected.errorText)")
        #expect(expected.output.isEmpty == !command.prints)
        #expect(expected.errors.isEmpty == !command.warns, "\(expected.errorText)")
        let contents = try DescriptorWorld.contents(of: calm)
        for descriptor in Int32(0)...2 {
            for state in StreamState.allCases {
                // Endless input is a matter of the limit of a line. Of each tool one command meets all states.
                guard descriptor > 0 || state != .full || !command.readsInput else { continue }
                guard command.isFirst || state == .closed || descriptor == 1 else { continue }
                let what: Comment = "\(command), descriptor \(descriptor) \(state)"
                let world = try fixture.copy()
                let result = try command.run(in: world, [descriptor: state])
                if descriptor == 1 && command.prints {
                    if state == .brokenPipe {
                        #expect(result.wasKilled && result.status == SIGPIPE, what)
                    } else {
                        #expect(!result.wasKilled && result.status == 74, what)
                        #expect(result.errorText.contains("standard output"), what)
                    }
                } else if descriptor == 0 && command.readsInput {
                    // Nothing can be read, or nothing comes.
                    #expect(result.status == (state == .closed ? 74 : 65) && !result.wasKilled, what)
                    #expect(try world.digest(of: "piped") == nil, what)
                    continue
                } else {
                    #expect(result.status == 0 && !result.wasKilled, "\(what): \(result.errorText)")
                }
                // With all of its output lost, the tool may stop before it has done anything.
                if descriptor == 1, command.writesOutputOnly { continue }
                #expect(try DescriptorWorld.contents(of: world) == contents, what)
                if descriptor == 0 { #expect(result.output.isEmpty == expected.output.isEmpty, what) }
            }
        }
    }

    @Test("all three may be closed at once")
    func allClosed() throws {
        let fixture = try DescriptorWorld.shared.get()
        let closed: [Int32: StreamState] = [0: .closed, 1: .closed, 2: .closed]
        for command in Self.commands.prefix(2) {
            let calm = try fixture.copy()
            #expect(try command.run(in: calm).status == 0)
            let world = try fixture.copy()
            #expect(try command.run(in: world, closed).status == 74, "\(command)")
            #expect(try DescriptorWorld.contents(of: world) == DescriptorWorld.contents(of: calm), "\(command)")
            try world.expectCleanStore("\(command)")
        }
    }

    @Test(
        "a conversion that cannot print its report says that the dataset is committed", arguments: StreamState.allCases)
    func committed(_ state: StreamState) throws {
        let world = try DescriptorWorld.shared.get().copy()
        let result = try Command("tvt-convert v1-to-v2 v1.jsonl --dataset new").run(in: world, [1: state])
        #expect(
            result.errorText.contains("Committed before the error: new points at sha256:"),
            "\(result.errorText)")
        #expect(try world.digest(of: "new") != nil)
    }

    @Test("help that cannot be printed is 74")
    func help() throws {
        let world = try SmallWorld()
        #expect(try Command("tvt-store --help").run(in: world, [1: .full]).status == 74)
        #expect(try Command("tvt-store ls --help").run(in: world, [1: .closed]).status == 74)
        let broken = try Command("tvt-store --version").run(in: world, [1: .brokenPipe])
        #expect(broken.wasKilled && broken.status == SIGPIPE)
        #expect(try Command("tvt-store --frobnicate").run(in: world, [2: .brokenPipe]).status == 64)
    }

    @Test("demo-report", arguments: StreamState.allCases)
    func demoReport(_ state: StreamState) throws {
        let world = try SmallWorld()
        for descriptor in Int32(0)...2 {
            let result = try Command("demo-report --folder nowhere --v1 none --output page.html")
                .run(in: world, [descriptor: state])
            #expect(result.status == 66 && !result.wasKilled)
        }
    }

    @Test("browse serves without stderr, and ends by a signal", arguments: StreamState.allCases)
    func browse(_ state: StreamState) throws {
        let world = try DescriptorWorld.shared.get().copy()
        let script = "exec tvt-store browse road \(state == .closed ? "2>&-" : "2>/dev/full") >address"
        let path = builtProducts.string + ":" + String(cString: getenv("PATH"))
        let shell = try RunningTool(program: "/bin/sh", ["-c", script], in: world, ["PATH": path])
        let isListening = shell.wait { (try? world.bytes("address"))?.last == 0x0A }
        #expect(isListening)
        shell.send(SIGTERM)
        let end = try shell.finish()
        #expect(end.status == 130 && !end.wasKilled)
        try world.expectCleanStore()
        // Nobody who could read the address.
        let printing = try Command("tvt-store browse road").run(in: world, [1: state])
        #expect(state == .brokenPipe ? printing.wasKilled : printing.status == 74)
    }
}

extension StandardDescriptorTests.Command {
    /// Whether it is its tool's first, or reads its input.
    var isFirst: Bool {
        readsInput || StandardDescriptorTests.commands.first { $0.line[0] == line[0] }?.line == line
    }

    /// Whether all that it makes is what it prints, or comes behind something that it prints.
    var writesOutputOnly: Bool { description.hasSuffix("--output -") || description.hasPrefix("tvt-dataset run") }
}

/// A world that every command of the suite finds what it needs in; made once, and copied for each run.
struct DescriptorWorld: Sendable {
    private let folder: TemporaryFolder

    static let shared = Result { try DescriptorWorld() }

    private init() throws {
        let world = try SmallWorld(queryCount: 12)
        folder = world.temporary
        try world.temporary.write(
            world.bytes("v1.jsonl") + Array("{\"query_id\":\"broken\"}\n".utf8), to: "broken.jsonl")
        let media = (0..<20).map {
            "{\"docid\":\"d\($0)\",\"document_text\":\"text \($0)\"}\n{\"docid\":\"m\($0)\",\"document_image\":\"\($0).png\"}\n"
        }
        try world.temporary.write(media.joined(), to: "media.jsonl")
        try Files.makeDirectory(world.path("none"))
        try world.succeed("tvt-convert", ["v1-to-v2", "v1.jsonl", "--dataset", "spare", "--portable"])
        try world.succeed("tvt-store", ["export", "road", "--format", "v2", "--output", "exported"])
        try world.succeed("tvt-store", ["push", "pushed", "road"])
        try world.encode("corpus", to: "vectors/corpus")
        try world.encode("queries", to: "vectors/queries")
        try world.writeRun(queryCount: 12, depth: 20, to: "run.tsv")
        try world.temporary.write(
            "query-id\tcorpus-id\tscore\n" + (0..<12).map { "q\($0)\td\(3 * $0)\t1\n" }.joined(), to: "qrels.tsv")
        try world.writeMix("checkpoint_every: 2")
        try world.temporary.write("{\"_id\":\"d1\",\"title\":\"\",\"text\":\"one\"}\n", to: "beir.raw/corpus.jsonl")
        try world.temporary.write("{\"_id\":\"q1\",\"text\":\"one?\"}\n", to: "beir.raw/queries.jsonl")
        try world.temporary.write("query-id\tcorpus-id\tscore\nq1\td1\t1\n", to: "beir.raw/qrels/train.tsv")
        try world.temporary.write(
            "name: made\ntitle: t\nlicence: l\ncitation: c\nconvert: {command: beir}\nstop: it is a test\n",
            to: "recipe.yaml")
        try world.succeed(
            "tvt-dataset",
            ["run", "recipe.yaml", "--raw", "beir.raw", "--output", "done", "--manifests", "done", "--quiet"])
        // Its blobs stay, by which the report is made; the next run makes the name.
        try world.succeed("tvt-store", ["rm", "made"])
    }

    func copy() throws -> SmallWorld {
        let world = try SmallWorld()
        try copyFolder(folder.path, to: world.temporary.path)
        return world
    }

    private func copyFolder(_ source: FilePath, to target: FilePath) throws {
        try Files.makeDirectory(target)
        for name in try Files.list(source) {
            let (from, to) = (source.appending(name), target.appending(name))
            var status = stat()
            guard lstat(from.string, &status) == 0 else { throw SystemError.last("open", from) }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: try copyFolder(from, to: to)
            case S_IFREG:
                var file = try OutputFile(creating: to)
                try file.write(Files.readAll(from))
                try file.close()
            // `raw` in the folder of a recipe's run is made again.
            default: continue
            }
        }
    }

    /// Versions by name, and the digests of all files that are functions of the input. Fails the test where a blob is not
    /// what its name says.
    static func contents(of world: SmallWorld) throws -> [String: SHA256Digest] {
        var found: [String: SHA256Digest] = [:]
        func visit(_ folder: FilePath, _ prefix: String) throws {
            for name in try Files.list(folder) {
                let path = folder.appending(name)
                if Files.isDirectory(path) {
                    if !["raw", "tmp", "leases"].contains(name) { try visit(path, prefix + name + "/") }
                    continue
                }
                let digest = try SHA256Digest.ofFile(path)
                if prefix.hasSuffix("/blobs/sha256/") {
                    #expect(digest.hex == name, "\(path)")
                    // The image of a version tells when it was made.
                    if try isImage(path) { continue }
                }
                // Who locks, when it was, and how long it took.
                let changing = [
                    "lock", ".lock", "index.json", "reflog", "metrics.jsonl", "digests.json", "vectors.json",
                    "report.html",
                    "events.out.tfevents.000001",
                ]
                if changing.contains(name) || name.hasPrefix("catalog.sqlite") { continue }
                found[prefix + name] = digest
            }
        }
        try visit(world.temporary.path, "")
        for name in try Files.list(world.temporary.path) where world.exists(name + "/oci-layout") {
            for reference in try Store(opening: world.path(name)).references() {
                found["\(name): \(reference.name)"] = reference.dataset
            }
        }
        return found
    }

    private static func isImage(_ path: FilePath) throws -> Bool {
        guard try Files.size(path) < 1 << 16 else { return false }
        return String(decoding: try Files.readAll(path), as: UTF8.self).contains("org.opencontainers.image.created")
    }
}
