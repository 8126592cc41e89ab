import Base
import Glibc
import JSON
import SystemPackage
import TestKit
import Testing

@Suite("Fetch")
struct FetchTests {
    @Test func filesComeOnceAndAreKnownAgain() throws {
        let world = try FetchWorld()
        let hub = try TestHub(serving: world.temporary("served"))
        let first = try JSONValue.parse(try world.fetch(hub).output, path: "fetch")
        #expect(first["fetched"] == 2)
        #expect(first["bytes"]?.integer == FetchWorld.large.count + FetchWorld.small.count)
        try world.expectWhole()
        #expect(
            try hub.requests().map(\.path) == [
                "/datasets/somebody/made/resolve/main/data/large%20file.bin",
                "/datasets/somebody/made/resolve/main/small.txt",
            ])
        let again = try JSONValue.parse(try world.fetch(hub).output, path: "fetch")
        #expect(again["present"] == 2)
        #expect(try hub.requests().count == 2)
        // A file that was changed here is not what the recipe means.
        try world.temporary.write("other bytes", to: "out/fetched/data/large file.bin")
        let mended = try world.fetch(hub)
        #expect(mended.status == 0)
        #expect(mended.errorText.contains("is not what it should be"))
        try world.expectWhole()
    }

    /// What a hub may do in the middle of a file; the fetch goes on by itself.
    @Test(arguments: [
        [TestHub.rule("large", "drop", ("after", 300_000), ("times", 3))],
        [TestHub.rule("large", "truncate", ("after", 300_000))],
        [TestHub.rule("large", "status", ("status", 503), ("times", 2))],
        [TestHub.rule("large", "drop", ("after", 300_000)), TestHub.rule("large", "no_ranges", ("times", 9))],
        [
            TestHub.rule("large", "redirect", ("times", 9)),
            TestHub.rule("large", "drop", ("after", 300_000), ("elsewhere", true)),
        ],
    ])
    func brokenConnectionsAreGoneOnWith(rules: [JSONValue]) throws {
        let world = try FetchWorld()
        let hub = try TestHub(serving: world.temporary("served"), rules)
        let result = try world.fetch(hub)
        // A body that ends early in order is another file's, as far as the recipe's size tells.
        if rules[0]["fault"] == "truncate" {
            #expect(result.status == 65)
            #expect(result.errorText.contains("has 300000 bytes, the recipe says 1500000"))
            #expect(!Files.exists(world.largePath))
            return
        }
        #expect(result.status == 0, "\(result.errorText)")
        try world.expectWhole()
        #expect(try JSONValue.parse(result.output, path: "fetch")["retries"]?.integer ?? 0 >= 1)
    }

    @Test func aKilledFetchGoesOnWhereItStopped() throws {
        let world = try FetchWorld()
        let rules = [TestHub.rule("large", "stall", ("after", 600_000))]
        let hub = try TestHub(serving: world.temporary("served"), rules)
        let running = try RunningProgram("tvt-dataset", world.arguments(hub))
        let met = try running.signal(SIGKILL) { (try? Files.size(world.partPath)) ?? 0 > 200_000 }
        #expect(met)
        #expect(!Files.exists(world.largePath))
        let held = try Files.size(world.partPath)
        #expect(try world.fetch(hub).status == 0)
        try world.expectWhole()
        let request = try hub.requests()[1]
        #expect(request.range == "bytes=\(held)-")
        #expect(request.ifRange?.hasPrefix("\"") == true)
        #expect(request.status == 206)
    }

    @Test func aSignalEndsAFetchAndKeepsThePart() throws {
        let world = try FetchWorld()
        let hub = try TestHub(
            serving: world.temporary("served"), [TestHub.rule("large", "stall", ("after", 600_000))])
        let running = try RunningProgram("tvt-dataset", world.arguments(hub))
        #expect(try running.signal(SIGINT) { (try? Files.size(world.partPath)) ?? 0 > 200_000 })
        #expect(running.status == 130)
        #expect(try Files.size(world.partPath) > 200_000)
        #expect(try world.fetch(hub).status == 0)
        try world.expectWhole()
    }

    @Test func aPartFromAnotherAddressIsNotGoneOnWith() throws {
        let world = try FetchWorld(hasDigests: false)
        let hub = try TestHub(
            serving: world.temporary("served"), [TestHub.rule("large", "stall", ("after", 600_000))])
        let running = try RunningProgram("tvt-dataset", world.arguments(hub))
        #expect(try running.signal(SIGKILL) { (try? Files.size(world.partPath)) ?? 0 > 200_000 })
        let other = try TestHub(serving: world.temporary("served"))
        #expect(try world.fetch(other).status == 0)
        try world.expectWhole()
        #expect(try other.requests()[0].range == nil)
    }

    @Test func ifRangeKeepsPartsOfTwoVersionsApart() throws {
        let world = try FetchWorld(hasDigests: false)
        var old = FetchWorld.large
        old[0] ^= 1
        try world.temporary.write(old, to: "served/data/large file.bin")
        let hub = try TestHub(
            serving: world.temporary("served"), [TestHub.rule("large", "stall", ("after", 600_000))])
        let running = try RunningProgram("tvt-dataset", world.arguments(hub))
        #expect(try running.signal(SIGKILL) { (try? Files.size(world.partPath)) ?? 0 > 200_000 })
        try world.temporary.write(FetchWorld.large, to: "served/data/large file.bin")
        #expect(try world.fetch(hub).status == 0)
        try world.expectWhole()
        let second = try hub.requests()[1]
        #expect(second.range != nil && second.ifRange != nil && second.status == 200)
    }

    /// Without a tag only the recipe's digest can tell two versions apart, and does; where it has none, nothing can, and
    /// the file is fetched from its start.
    @Test(arguments: [true, false]) func withoutATagTheDigestTells(hasDigests: Bool) throws {
        let world = try FetchWorld(hasDigests: hasDigests)
        var old = FetchWorld.large
        old[0] ^= 1
        try world.temporary.write(old, to: "served/data/large file.bin")
        let hub = try TestHub(
            serving: world.temporary("served"),
            [TestHub.rule("large", "stall", ("after", 600_000), ("tag", false))])
        let running = try RunningProgram("tvt-dataset", world.arguments(hub))
        #expect(try running.signal(SIGKILL) { (try? Files.size(world.partPath)) ?? 0 > 200_000 })
        try world.temporary.write(FetchWorld.large, to: "served/data/large file.bin")
        let result = try world.fetch(hub)
        #expect(result.status == 0, "\(result.errorText)")
        try world.expectWhole()
        let requests = try hub.requests().filter { $0.path.contains("large") }
        if hasDigests {
            #expect(result.errorText.contains("it is fetched from its start"))
            #expect(requests.map(\.status) == [200, 206, 200])
            #expect(requests[1].ifRange == nil)
        } else {
            #expect(requests.map(\.range) == [nil, nil])
        }
    }

    /// From the hub to the lock; the same files from elsewhere give the same lock.
    @Test func aWholeRunFetchesItsFiles() throws {
        let temporary = try TemporaryFolder()
        let hub = try TestHub(serving: SampleTests.datasets.appending("beir/sample"))
        let yaml = """
            name: fetched
            title: From a hub
            licence: public domain
            citation: none
            source:
              repository: datasets/somebody/set
              files: [{path: corpus.jsonl}, {path: queries.jsonl}, {path: qrels/train.tsv}]
            convert: {command: beir}
            stop: it is a test
            """
        let recipe = try temporary.write(yaml, to: "recipe.yaml").string
        func lock(_ name: String, _ more: [String]) throws -> [UInt8] {
            let arguments = [
                "run", recipe, "--output", temporary(name).string, "--store", temporary("\(name)-store").string,
                "--manifests", temporary("\(name)-manifests").string,
            ]
            let result = try run("tvt-dataset", arguments + more)
            #expect(result.status == 0, "\(result.errorText)")
            #expect(result.outputText.contains("The recipe ends after the conversion: it is a test"))
            return try Files.readAll(temporary("\(name)-manifests/fetched.lock.json"))
        }
        let fetched = try lock("one", ["--hub", hub.origin])
        #expect(try hub.requests().count == 3)
        #expect(try lock("two", ["--raw", temporary("one/fetched").string]) == fetched)
        #expect(try JSONValue.parse(fetched, path: "lock")["inputs"]?["files"] == 3)
        #expect(try lock("one", ["--hub", hub.origin]) == fetched)
        #expect(try hub.requests().count == 3)
    }

    @Test func theTokenStaysWithTheHub() throws {
        let world = try FetchWorld()
        let hub = try TestHub(
            serving: world.temporary("served"), [TestHub.rule(".", "redirect", ("times", 9))])
        let result = try world.fetch(hub, ["TVT_HUB_TOKEN": "hub_secret"])
        #expect(result.status == 0, "\(result.errorText)")
        try world.expectWhole()
        let requests = try hub.requests()
        #expect(requests.count == 4)
        for request in requests {
            #expect(request.authorization == (request.isElsewhere ? nil : "Bearer hub_secret"))
        }
        #expect(result.errorText.contains("without encryption"))
        #expect(!result.errorText.contains("hub_secret"))
    }

    struct Refusal: CustomTestStringConvertible {
        let answer: Int
        let status: Int32
        let message: String
        var testDescription: String { "\(answer)" }
    }

    @Test(arguments: [
        Refusal(answer: 401, status: 78, message: "$TVT_HUB_TOKEN"),
        Refusal(answer: 403, status: 78, message: "gated"),
        Refusal(answer: 404, status: 66, message: "there is no data/large file.bin in datasets/somebody/made at main"),
        Refusal(answer: 501, status: 69, message: "501"),
    ])
    func refusalsAreExplained(refusal: Refusal) throws {
        let world = try FetchWorld()
        let hub = try TestHub(
            serving: world.temporary("served"),
            [TestHub.rule("large", "status", ("status", .integer(Int64(refusal.answer))), ("times", 9))])
        let result = try world.fetch(hub)
        #expect(result.status == refusal.status)
        #expect(result.errorText.contains(refusal.message), "\(result.errorText)")
        #expect(!Files.exists(world.largePath))
    }

    @Test func wrongDigestsAndSizesAreNotTakenIn() throws {
        let world = try FetchWorld()
        let hub = try TestHub(serving: world.temporary("served"))
        try world.writeRecipe(digest: .of(FetchWorld.small))
        let digest = try world.fetch(hub)
        #expect(digest.status == 65)
        #expect(digest.errorText.contains(SHA256Digest.of(FetchWorld.large).hex))
        #expect(!Files.exists(world.largePath) && !Files.exists(world.partPath))
        try world.writeRecipe(size: 99)
        let size = try world.fetch(hub)
        #expect(size.status == 65)
        #expect(size.errorText.contains("has 1500000 bytes, the recipe says 99"))
    }

    @Test func whatIsMissingIsAskedFor() throws {
        let world = try FetchWorld()
        let arguments = ["fetch", world.temporary("recipe.yaml").string, "--output", world.output.string]
        let nowhere = try run("tvt-dataset", arguments, environment: ["TVT_HUB": ""])
        #expect(nowhere.status == 64)
        #expect(nowhere.errorText.contains("$TVT_HUB"))
        #expect(try run("tvt-dataset", arguments + ["--hub", "file:///etc"]).status == 64)
        let hub = try TestHub(serving: world.temporary("served"))
        #expect(try run("tvt-dataset", arguments, environment: ["TVT_HUB": hub.origin + "/"]).status == 0)
        try world.expectWhole()
    }

    /// The process is killed, or the disk is full, at each call that changes the output folder.
    @Test(arguments: ["kill", "error:ENOSPC"]) func everyCallMayBeTheLast(action: String) throws {
        let hubWorld = try FetchWorld()
        let hub = try TestHub(serving: hubWorld.temporary("served"))
        var call = 0
        while true {
            call += 1
            let world = try FetchWorld()
            let result = try world.fetch(
                hub,
                [
                    "LD_PRELOAD": builtProducts.appending("libFaultShim.so").string,
                    "TVT_FAULT_ROOT": world.temporary.path.string, "TVT_FAULT_AT": "\(call)",
                    "TVT_FAULT_ACTION": action,
                ])
            if result.status == 0 && !result.wasKilled {
                try world.expectWhole()
                break
            }
            if action != "kill" { #expect([73, 74].contains(result.status), "call \(call): \(result.errorText)") }
            for name in ["data/large file.bin", "small.txt"] {
                let path = world.output.appending("fetched").appending(name)
                guard Files.exists(path) else { continue }
                #expect(try Files.readAll(path) == (name == "small.txt" ? FetchWorld.small : FetchWorld.large))
            }
            #expect(try world.fetch(hub).status == 0, "call \(call)")
            try world.expectWhole()
        }
        #expect(call > 10)
    }
}
