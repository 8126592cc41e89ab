import Base
import Store
import Glibc
import JSON
import SystemPackage
import TestKit
import Testing

/// `kill -9` in the middle of pushes and pulls: nothing half-done has a name, and the next run ends as it should.
@Suite struct KilledTransferTests {
    /// How often a kill may come too late before the test is one of nothing.
    static let killCount = 4

    private func names(_ folder: FilePath) -> [String] { (try? Files.list(folder)) ?? [] }

    @Test func pull() throws {
        let there = try SampleStore()
        let digest = try there.commit()
        // Slow enough that a kill meets it at work.
        let server = try TestServer(
            serving: there.store.root,
            rules: [TestServer.rule("GET", "blobs", "slow", ("seconds", 0.05), ("times", 999))])
        let here = try SampleStore()
        let blobs = here.store.root.appending("blobs").appending("sha256")
        let arguments = ["pull", server.origin, "sample", "--jobs", "2", "--store", here.path]
        var killed = 0
        for wanted in 1...Self.killCount {
            if try RunningTool(arguments).kill(when: { names(blobs).count >= wanted }) { killed += 1 }
            #expect(try here.store.references().isEmpty)
            #expect(try expectClean(here.store.root))
            for name in names(blobs) { #expect(try SHA256Digest.ofFile(blobs.appending(name)).hex == name) }
        }
        #expect(killed == Self.killCount)
        let last = try here.tool(["pull", server.origin, "sample", "--json"])
        let report = try JSONValue.parse(last.output, path: "pull")
        #expect(report["moved_blobs"]?.integer ?? 99 <= (report["blobs"]?.integer ?? 0) - Self.killCount)
        #expect(try RemotesTests.digest(of: "sample", in: here.store.root) == digest)
        #expect(try expectClean(here.store.root))
    }

    @Test func pullInTheMiddleOfABlob() throws {
        let there = try SampleStore()
        try there.commit()
        let blob = try there.store.dataset("sample").manifest.documents.shards[0].blob
        let server = try TestServer(
            serving: there.store.root,
            rules: [TestServer.rule("GET", blob.digest.hex, "stall", ("after", 150_000), ("seconds", 20))])
        let here = try SampleStore()
        let partial = here.store.root.appending("tmp").appending("incoming").appending(blob.digest.hex)
        let arguments = ["pull", server.origin, "sample", "--store", here.path]
        #expect(try RunningTool(arguments).kill { (try? Files.size(partial)) ?? 0 >= 150_000 })
        let last = try here.tool(["pull", server.origin, "sample", "--json"])
        #expect(last.status == 0, "\(last.errorText)")
        #expect(try JSONValue.parse(last.output, path: "pull")["resumed_bytes"]?.integer ?? 0 >= 150_000)
        #expect(try expectClean(here.store.root))
    }

    @Test func anInterruptedPullKeepsWhatItHas() throws {
        let there = try SampleStore()
        try there.commit()
        let blob = try there.store.dataset("sample").manifest.documents.shards[0].blob
        let server = try TestServer(
            serving: there.store.root,
            rules: [TestServer.rule("GET", blob.digest.hex, "stall", ("after", 90_000), ("seconds", 30))])
        let here = try SampleStore()
        let partial = here.store.root.appending("tmp").appending("incoming").appending(blob.digest.hex)
        let running = try RunningTool(["pull", server.origin, "sample", "--store", here.path])
        #expect(try !running.kill(SIGINT) { (try? Files.size(partial)) ?? 0 >= 90_000 })
        #expect(running.status == 130)
        #expect(try Files.size(partial) == 90_000)
        let last = try JSONValue.parse(here.tool(["pull", server.origin, "sample", "--json"]).output, path: "pull")
        #expect(last["resumed_bytes"]?.integer ?? 0 >= 90_000)
        #expect(try expectClean(here.store.root))
    }

    @Test func pushToABucket() throws {
        let here = try SampleStore()
        let digest = try here.commit()
        let shelves = here.folder("shelves")
        let root = shelves.appending("shelf").appending("x")
        try Files.makeDirectory(shelves.appending("shelf"))
        let server = try TestServer(
            serving: shelves, rules: [TestServer.rule("HEAD", "blobs", "slow", ("seconds", 0.05), ("times", 999))],
            bucket: true)
        let arguments = [
            "push", "s3://shelf/x", "sample", "--endpoint", server.origin, "--jobs", "1", "--store", here.path,
        ]
        let blobs = root.appending("blobs").appending("sha256")
        func arrived() -> Int { names(blobs).count { $0.utf8.count == 64 } }
        var killed = 0
        for wanted in 1...Self.killCount {
            let running = try RunningTool(arguments, environment: TestServer.credentials)
            if try running.kill(when: { arrived() >= wanted }) { killed += 1 }
            #expect(!Files.exists(root.appending("index.json")))
        }
        #expect(killed == Self.killCount)
        let last = try here.tool(
            ["push", "s3://shelf/x", "sample", "--endpoint", server.origin, "--json"],
            environment: TestServer.credentials)
        let report = try JSONValue.parse(last.output, path: "push")
        #expect(report["moved_blobs"]?.integer ?? 99 <= (report["blobs"]?.integer ?? 0) - Self.killCount)
        #expect(try RemotesTests.digest(of: "sample", in: root) == digest)
        #expect(try expectClean(root))
    }

    /// Killed by the clock, at moments from the start of the process to its end.
    @Test func pushToAFolder() throws {
        let here = try SampleStore()
        let digest = try here.commit(documents: 4000)
        let there = here.folder("there")
        for seconds in [0.005, 0.01, 0.02, 0.03, 0.05, 0.1] {
            _ = try run(
                "tvt-store", ["push", there.string, "sample", "--store", here.path], killAfterSeconds: seconds)
            guard Files.exists(there.appending("oci-layout")) else { continue }
            #expect(try expectClean(there))
            if let found = try RemotesTests.digest(of: "sample", in: there) { #expect(found == digest) }
        }
        #expect(try here.tool(["push", there.string, "sample"]).status == 0)
        #expect(try RemotesTests.digest(of: "sample", in: there) == digest)
        #expect(try expectClean(there))
    }
}
