import Base
import Glibc
import JSON
import Recipes
import SystemPackage
import TestKit
import Testing

/// Servers that send too much, too slowly, or contradict themselves: the fetch ends, and takes no more disk than it said.
@Suite("Hostile hubs")
struct HostileHubTests {
    /// A hub that treats every request for the large file so.
    private func world(_ fault: String, hasDigests: Bool = true, _ more: (String, JSONValue)...) throws -> (
        FetchWorld, TestHub
    ) {
        let world = try FetchWorld(hasDigests: hasDigests)
        let rule = JSONValue.object(
            JSONObject([("path", "large"), ("fault", .string(fault)), ("times", 1000)] + more))
        return (world, try TestHub(serving: world.temporary("served"), [rule]))
    }

    private func bytesHeld(in world: FetchWorld) throws -> Int {
        Files.exists(world.partPath) ? try Files.size(world.partPath) : 0
    }

    @Test("a body that goes on behind the recipe's size is 65", arguments: ["endless", "chunked"])
    func endless(fault: String) throws {
        let (world, hub) = try world(fault)
        let result = try world.fetch(hub)
        #expect(result.status == 65)
        #expect(result.errorText.contains("the server sends more than 1500000 bytes, the recipe says 1500000"))
        #expect(!Files.exists(world.largePath) && !Files.exists(world.partPath))
        #expect(try hub.requests().count == 1)
    }

    @Test("without a size in the recipe, an option is the bound", arguments: ["endless", "chunked"])
    func endlessWithoutSize(fault: String) throws {
        let (world, hub) = try world(fault, hasDigests: false)
        let result = try run("tvt-dataset", world.arguments(hub) + ["--max-file-bytes", "2000000"])
        #expect(result.status == 65)
        #expect(result.errorText.contains("the server sends more than 2000000 bytes, and the recipe tells no size"))
        #expect(result.errorText.contains("--max-file-bytes"))
        #expect(!Files.exists(world.largePath))
        #expect(try bytesHeld(in: world) <= 2_000_000)
    }

    @Test("a length that is announced is checked before the first byte")
    func announcedLengths() throws {
        let (world, hub) = try world("lie", ("length", 1_500_001))
        let known = try world.fetch(hub)
        #expect(known.status == 65 && known.errorText.contains("has 1500001 bytes, the recipe says 1500000"))
        try world.writeRecipe(hasDigests: false)
        let unknown = try run("tvt-dataset", world.arguments(hub) + ["--max-file-bytes", "1500000"])
        #expect(unknown.status == 65 && unknown.errorText.contains("the server sends 1500001 bytes, and the recipe"))
        #expect(try bytesHeld(in: world) == 0)
    }

    @Test("two lengths, or one that is no number, are refused", arguments: ["1500000", "7", "0x10", "5, 5", "-3"])
    func twoLengths(second: String) throws {
        let (world, hub) = try world("two_lengths", ("second", .string(second)))
        let result = try world.fetch(hub)
        #expect(result.status == 69)
        #expect(!Files.exists(world.largePath))
        #expect(try bytesHeld(in: world) == 0)
    }

    @Test("an answer that is no file is none", arguments: [201, 202, 203, 204, 205])
    func noContent(status: Int) throws {
        let (world, hub) = try world("status", hasDigests: false, ("status", .integer(Int64(status))))
        let result = try world.fetch(hub)
        #expect(result.status == 65 && result.errorText.contains("status \(status)"), "\(result.errorText)")
        #expect(!Files.exists(world.largePath))
    }

    @Test("a part that nobody asked for is no whole file")
    func unaskedPart() throws {
        let (world, hub) = try world("part", hasDigests: false)
        let result = try world.fetch(hub)
        #expect(result.status == 69, "\(result.errorText)")
        #expect(!Files.exists(world.largePath))
    }

    @Test("a file whose end nobody tells is taken with a warning, unless it is empty")
    func noLength() throws {
        let (world, hub) = try world("no_length", hasDigests: false)
        let result = try world.fetch(hub)
        #expect(result.status == 0)
        #expect(result.errorText.contains("warning: data/large file.bin: neither the server nor the recipe says"))
        try world.expectWhole()
        let (other, empty) = try self.world("no_length", hasDigests: false, ("after", 0))
        #expect(try other.fetch(empty).status == 69)
        #expect(!Files.exists(other.largePath))
    }

    @Test("a server that breaks off again and again, always from the start, is given up")
    func restarts() throws {
        let world = try FetchWorld()
        let drop = TestHub.rule("large", "drop", ("after", 300_000), ("times", 1000))
        let hub = try TestHub(serving: world.temporary("served"), [drop])
        // Ranges would make progress of it.
        try world.writeRecipe(hasDigests: false)
        let untagged = TestHub.rule("large", "drop", ("after", 300_000), ("times", 1000), ("tag", false))
        let forgetful = try TestHub(serving: world.temporary("served"), [untagged])
        #expect(try world.fetch(hub).status == 0)
        try Files.removeTree(world.output)
        #expect(try world.fetch(forgetful).status == 69)
        #expect(try forgetful.requests().count == 6)
    }

    @Test("a refusal is read up to a bound, and reported")
    func endlessRefusal() throws {
        let (world, hub) = try world("refusal")
        let result = try world.fetch(hub)
        #expect(result.status == 66 && result.errorText.contains("with status 404"))
    }

    @Test("a head without an end is given up")
    func endlessHead() throws {
        let (world, hub) = try world("endless_head")
        let result = try world.fetch(hub)
        #expect(result.status == 69, "\(result.errorText)")
    }

    @Test("a server that drips is given up after two windows, heads included", arguments: ["drip", "drip_head"])
    func drip(fault: String) throws {
        let (world, hub) = try world(fault)
        var limits = Fetch.Limits()
        limits.windowSeconds = 1
        let fetch = try Fetch(
            Recipe(file: world.temporary("recipe.yaml")), from: Hub(address: hub.origin),
            into: world.output.appending("fetched"), work: world.output.appending("fetch"), limits: limits,
            digests: DigestCache(at: world.temporary("digests.json")))
        let error = try #require(throws: Failure.self) { try fetch.run() }
        #expect(error.exitStatus == .unavailable && error.description.contains("--min-rate"), "\(error)")
        #expect(!Files.exists(world.largePath))
    }

    @Test("a recipe of 20,000 files is read, planned and found present in a time that grows with their number")
    func manyFiles() throws {
        let temporary = try TemporaryFolder()
        func seconds(_ count: Int) throws -> Double {
            let files = (0..<count).map { "    - {path: part/\($0).jsonl, size: 1}\n" }
            let recipe = try temporary.write(
                "name: many\ntitle: t\nlicence: l\ncitation: c\nsource:\n  repository: a/b\n  files:\n"
                    + files.joined() + "convert: {command: beir}\nstop: it is a test\n", to: "\(count).yaml")
            let start = Clock.seconds()
            let result = try run("tvt-dataset", ["plan", recipe.string])
            #expect(result.status == 0 && result.outputText.contains("# raw: \(count) files"))
            return Clock.seconds() - start
        }
        // A square would be 100 times as long; other work on the machine is given much room.
        let (few, many) = (try seconds(2000), try seconds(20_000))
        #expect(many < 40 * max(few, 0.05))
    }
}
