import Base
import Store
import SystemPackage
import TestKit

/// Small inputs, and a store that commands start from; made once for all tests and only copied afterwards.
struct Scene: Sendable {
    let folder: TemporaryFolder
    /// Has `nave` and `spare`, of different data with some images, and a catalog.
    let base: FilePath
    /// Another store that has what `base` has, but under `nave` and `nave@two` a version that descends from `base`'s `nave`.
    let elsewhere: FilePath

    /// Thrown by every test that needs it, if it could not be made.
    static let shared = Result { try Scene() }

    private init() throws {
        folder = try quickFolder()
        base = folder("base")
        elsewhere = folder("elsewhere")
        for (name, seed) in [("nave", 1), ("spare", 2), ("big", 3)] {
            var random = SplitMix64(seed: UInt64(seed))
            var corpus = ""
            // The last one is for disks that are too small for it.
            for number in 0..<(name == "big" ? 40_000 : 60) {
                let text = (0..<8).map { _ in String(random.next(below: 1 << 20), radix: 36) }.joined(separator: " ")
                let image = number < 3 ? #","document_image":"\#(name)\#(number).png""# : ""
                corpus += #"{"docid":"d\#(number)","title":"\#(name)","document_text":"\#(text)"\#(image)}"# + "\n"
            }
            var queries = ""
            for number in 0..<8 {
                queries += #"{"query_id":"q\#(number)","query_text":"what is \#(number)?","#
                queries +=
                    #""positive_document_ids":["d\#(number)"],"negative_document_ids":["d\#(number + 20)"]}"# + "\n"
            }
            for number in 0..<3 {
                let bytes = (0..<3000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                // The head of a PNG, and noise: more is not looked at.
                let head: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13]
                let size: [UInt8] = [0, 0, 0, 9, 0, 0, 0, 7, 8, 2, 0, 0, 0]
                try folder.write(head + Array("IHDR".utf8) + size + bytes, to: "\(name)\(number).png")
            }
            try folder.write(corpus, to: "\(name).corpus.jsonl")
            try folder.write(queries, to: "\(name).queries.jsonl")
            let judgements = (0..<8).map { "q\($0) 0 d\($0 + 3) 1\n" }.joined()
            try folder.write(judgements, to: "\(name).qrels")
        }
        // Half of the queries find their positive.
        let results = (0..<8).map { query in
            (0..<10).map { "q\(query)\td\(query / 2 * 3 + $0)\t\(10 - $0).5\n" }.joined()
        }
        try folder.write(results.joined(), to: "run.tsv")
        for name in ["nave", "spare"] { try succeed("tvt-convert", conversion(of: name, as: name, into: base)) }
        try copyTree(base, to: elsewhere)
        try succeed("tvt-mine", filtering(as: "nave", in: elsewhere))
        try succeed("tvt-store", ["tag", "nave", "nave@two", "--store", elsewhere.string])
        try succeed(
            "tvt-store",
            ["export", "spare", "--format", "v2", "--output", folder("export").string, "--store", base.string])
    }

    /// Leaves out half of the queries of `nave`.
    func filtering(as reference: String, in store: FilePath) -> [String] {
        [
            "filter", "nave", "--run", folder("run.tsv").string, "--depth", "5", "--as", reference, "--store",
            store.string,
        ]
    }

    func conversion(of data: String, as reference: String, into store: FilePath) -> [String] {
        [
            "v2", "--corpus", folder("\(data).corpus.jsonl").string, "--queries",
            folder("\(data).queries.jsonl").string, "--qrels", folder("\(data).qrels").string, "--assets",
            folder.path.string, "--dataset", reference, "--workers", "1", "--store", store.string,
        ]
    }

    @discardableResult
    func succeed(_ tool: String, _ arguments: [String]) throws -> ToolResult {
        let result = try TestKit.run(tool, arguments)
        guard result.status == 0 else {
            throw Failure(.bug, "\(tool) \(arguments): status \(result.status): \(result.errorText)")
        }
        return result
    }
}

/// A command that changes a store. Whatever happens to it, the store has its old references or the new ones.
struct ChangingCommand: Sendable, CustomStringConvertible {
    let description: String
    let tool: String
    /// Whether it runs where no store is yet.
    var makesStore = false
    /// The exit status where the command has had its effect already.
    var repeatedStatus: Int32 = 0
    /// Whether something is wrong in the store until the command has had its effect.
    var startsDamaged = false
    /// What is done to a copy of the base store first.
    var alter: @Sendable (_ scene: Scene, _ store: FilePath) throws -> Void = { _, _ in }
    let arguments: @Sendable (_ scene: Scene, _ store: FilePath) -> [String]

    /// Every command that writes; a new one is added here, and all tests of crashes, losses and errors run it.
    static let all: [ChangingCommand] = [
        ChangingCommand(description: "init", tool: "tvt-store", makesStore: true) { ["init", "--store", $1.string] },
        ChangingCommand(description: "convert into a new store", tool: "tvt-convert", makesStore: true) {
            $0.conversion(of: "nave", as: "nave", into: $1)
        },
        ChangingCommand(description: "convert over a reference", tool: "tvt-convert") {
            $0.conversion(of: "spare", as: "nave", into: $1)
        },
        ChangingCommand(description: "derive", tool: "tvt-mine") { $0.filtering(as: "nave@filtered", in: $1) },
        ChangingCommand(description: "tag", tool: "tvt-store") { ["tag", "nave", "nave@two", "--store", $1.string] },
        ChangingCommand(description: "rm", tool: "tvt-store", repeatedStatus: 66) {
            ["rm", "spare", "--store", $1.string]
        },
        ChangingCommand(
            description: "gc", tool: "tvt-store",
            alter: { scene, store in
                // Some of what nothing needs lies in the trash already, some does not.
                try Store(opening: store).remove("spare")
                try scene.succeed("tvt-store", collection(store))
                try scene.succeed("tvt-convert", scene.conversion(of: "nave", as: "gone", into: store))
                try Store(opening: store).remove("gone")
            }
        ) { collection($1) + ["--trash-days", "0"] },
        ChangingCommand(description: "compact", tool: "tvt-store") {
            ["compact", "nave", "--as", "nave@compact", "--frame-bytes", "700", "--store", $1.string]
        },
        ChangingCommand(description: "judgements", tool: "tvt-store") { scene, store in
            [
                "judgements", "nave", scene.folder("spare.qrels").string, "--split", "dev", "--as", "nave@judged",
                "--store",
                store.string,
            ]
        },
        ChangingCommand(description: "hold-out", tool: "tvt-store") {
            [
                "hold-out", "nave", "--as", "nave@held", "--queries", "3", "--split", "dev", "--from-positives",
                "--seed",
                "1", "--store", $1.string,
            ]
        },
        ChangingCommand(description: "sample", tool: "tvt-store") {
            ["sample", "nave", "--as", "nave@small", "--queries", "3", "--seed", "1", "--store", $1.string]
        },
        ChangingCommand(description: "merge", tool: "tvt-store") {
            ["merge", "nave", "spare", "--as", "both", "--conflicts", "prefix", "--store", $1.string]
        },
        ChangingCommand(
            description: "repair", tool: "tvt-store", startsDamaged: true,
            alter: { _, root in
                let store = try Store(opening: root)
                let manifest = try store.dataset("nave").manifest
                let table = manifest.documents
                let shard = store.path(of: table.shards[0].blob.digest)
                var bytes = try Files.readAll(shard)
                bytes[bytes.count / 2] ^= 4
                try Files.replace(shard, with: bytes)
                // This one is made again.
                try Files.remove(store.path(of: table.idIndex.digest))
                if let media = manifest.media { try Files.remove(store.path(of: media.index.digest)) }
            }
        ) { ["repair", "--from", $0.base.string, "--store", $1.string] },
        ChangingCommand(description: "import", tool: "tvt-store") {
            ["import", $0.folder("export").string, "--dataset", "nave", "--workers", "1", "--store", $1.string]
        },
        // One job: the same calls in the same order each time.
        ChangingCommand(description: "pull", tool: "tvt-store") {
            ["pull", $0.elsewhere.string, "nave", "nave@two", "--jobs", "1", "--store", $1.string]
        },
        // What is watched is the store that is pushed to.
        ChangingCommand(description: "push", tool: "tvt-store") {
            ["push", $1.string, "nave", "nave@two", "--jobs", "1", "--store", $0.elsewhere.string]
        },
    ]
}

/// A collection that waits for nothing but the trash.
@Sendable func collection(_ store: FilePath) -> [String] {
    ["gc", "--apply", "--reflog-days", "0", "--min-age-hours", "0", "--store", store.string]
}

/// What a command does when nothing goes wrong.
struct CalmRun {
    let scene: Scene
    let command: ChangingCommand
    /// Has the store that every run starts from, unless there is none.
    private let start: TemporaryFolder
    /// The references before and after; nil where there is no store.
    let old: [String: SHA256Digest]?
    let new: [String: SHA256Digest]?
    /// In their order; those that are not counted are left in.
    let calls: [RecordedCall]

    init(_ command: ChangingCommand) throws {
        scene = try Scene.shared.get()
        self.command = command
        start = try quickFolder()
        if !command.makesStore {
            try copyTree(scene.base, to: start("store"))
            try command.alter(scene, start("store"))
        }
        let folder = try quickFolder()
        let store = folder("store")
        try Self.prepare(store, from: start("store"))
        old = try Self.references(store)
        let log = folder("log")
        let result = try FaultTests.run(command.tool, command.arguments(scene, store), watching: store, log: log)
        guard result.status == 0 else { throw Failure(.bug, "\(command): \(result.errorText)") }
        new = try Self.references(store)
        calls = try RecordedCall.read(log)
    }

    /// The counted calls with their numbers.
    var numbered: [(number: Int, call: RecordedCall)] {
        calls.filter(\.isCounted).enumerated().map { ($0 + 1, $1) }
    }

    /// The calls at which faults are injected: all of them in a soak run, else of the catalog's every fifth.
    var met: [(number: Int, call: RecordedCall)] {
        numbered.filter { number, call in isSoaking || !call.isOfCatalog || number % 5 == 0 }
    }

    /// The number of the call after which the change of a reference is durable; nil for a command that changes none.
    var durableCall: Int? {
        let names = ["index.json", "oci-layout"]
        let last = numbered.last { _, call in
            if case .rename(_, let to) = call { names.contains(to) } else { false }
        }
        guard let last else { return nil }
        return numbered.first { number, call in
            if case .syncFolder("") = call { number > last.number } else { false }
        }?.number
    }

    private static func prepare(_ store: FilePath, from start: FilePath) throws {
        if Files.exists(start) { try copyTree(start, to: store) }
    }

    func prepare(_ store: FilePath) throws { try Self.prepare(store, from: start("store")) }

    /// Whether the references are others afterwards.
    var changesReferences: Bool { old != new }

    func run(_ store: FilePath, _ fault: Fault? = nil, log: FilePath? = nil) throws -> ToolResult {
        try FaultTests.run(command.tool, command.arguments(scene, store), watching: store, fault: fault, log: log)
    }

    /// Bytes that a run fetches into blobs of the store.
    var incomingBytes: Int { calls.reduce(0) { $0 + $1.incomingBytes } }

    /// Bytes in the store that a run would fetch otherwise: new blobs, and those of which a part has come.
    func arrivedBytes(_ store: FilePath) throws -> Int {
        let known = Set(try Files.list(start("store").appending("blobs").appending("sha256")))
        let blobs = store.appending("blobs").appending("sha256")
        let arrived = try Files.list(blobs).filter { !known.contains($0) }.map(blobs.appending)
        return try (arrived + Incoming.parts(store)).reduce(0) { try $0 + Files.size($1) }
    }

    static func references(_ root: FilePath) throws -> [String: SHA256Digest]? {
        // Written last when a store is made.
        guard Files.exists(root.appending("oci-layout")) else { return nil }
        let references = try Store(opening: root).references().map { ($0.name, $0.dataset) }
        return Dictionary(uniqueKeysWithValues: references)
    }
}

/// What `tmp/incoming` holds of blobs that are on their way into a store.
enum Incoming {
    private static func folder(_ store: FilePath) -> FilePath { store.appending("tmp").appending("incoming") }

    private static func names(_ store: FilePath) throws -> [String] {
        Files.isDirectory(folder(store)) ? try Files.list(folder(store)) : []
    }

    /// The files with what has come.
    static func parts(_ store: FilePath) throws -> [FilePath] {
        try names(store).filter { !$0.hasSuffix(".lock") }.map { folder(store).appending($0) }
    }

    /// Whether there is nothing but blobs' files and their locks.
    static func isOrderly(_ store: FilePath) throws -> Bool {
        try names(store).allSatisfy { name in
            SHA256Digest(hex: name.hasSuffix(".lock") ? String(name.dropLast(5)) : name) != nil
        }
    }
}
