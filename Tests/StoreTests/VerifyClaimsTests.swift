import Base
import JSON
import Store
import StoreFormat
import StoreMaintenance
import SystemPackage
import TestKit
import Testing

/// What manifests say is compared with what is stored, though every digest is right.
@Suite struct VerifyClaimsTests {
    let temporary: TemporaryStore
    let dataset: Dataset

    init() throws {
        temporary = try TemporaryStore()
        dataset = try SampleData(documents: 300, queries: 30, seed: 5).commit(to: temporary.store)
    }

    /// Puts a manifest into the store by hand, with its image and a name of its own.
    func plant(_ json: JSONValue, as name: String = "planted") throws {
        let store = temporary.store
        func add(_ bytes: [UInt8]) throws -> BlobDescriptor {
            let digest = SHA256Digest.of(bytes)
            try Files.replace(store.layout.blob(digest), with: bytes)
            return BlobDescriptor(digest: digest, size: bytes.count)
        }
        let manifest = try add(json.canonical())
        let image = try add(
            ImageManifest.canonicalBytes(of: dataset.manifest, blob: manifest, createdAt: "2026-01-01T00:00:00Z"))
        var index = try ReferenceIndex(Files.readAll(store.layout.index), path: "index.json")
        index.set(Reference(name: name, dataset: manifest.digest, image: image))
        try Files.replace(store.layout.index, with: index.canonicalBytes)
    }

    /// The manifest with one field replaced.
    func manifest(_ path: [String], _ value: JSONValue, in json: JSONValue? = nil) -> JSONValue {
        let json = json ?? dataset.manifest.json
        guard let name = path.first else { return value }
        let rest = Array(path.dropFirst())
        if let position = Int(name), var elements = json.array {
            elements[position] = manifest(rest, value, in: elements[position])
            return .array(elements)
        }
        var object = json.object ?? [:]
        object[name] = manifest(rest, value, in: object[name] ?? .null)
        return .object(object)
    }

    static let lies: [([String], JSONValue)] = [
        (["counts", "documents"], 1_000_000_000_000), (["counts", "rawBytes"], 1), (["counts", "judgements"], 0),
        (["documents", "shards", "0", "firstOrdinal"], 7), (["documents", "shards", "0", "frames"], 1_099_511_627_776),
        (["queries", "shards", "0", "frames"], 2), (["documents", "shards", "0", "rawBytes"], 17),
        (["documents", "rawBytes"], 5), (["documents", "storedBytes"], 5), (["documents", "lengths", "largest"], 1),
        (["documents", "lengths", "count"], 1), (["documents", "lengths", "total"], 2),
        (["queries", "lengths", "histogram"], [30]), (["links", "positives", "links"], 3),
        (["links", "positives", "scores"], true), (["name"], "\u{1B}]0;owned\u{7}"), (["name"], "a//b"),
    ]

    @Test("a number or a name that is not so is found at every level", arguments: lies)
    func liesAreFound(path: [String], value: JSONValue) throws {
        try plant(manifest(path, value))
        for level in [VerifyLevel.meta, .data, .full] {
            let report = try temporary.store.verify(level: level)
            #expect(report.datasetCount == 2)
            #expect(!report.findings.isEmpty, "\(path) at \(level)")
            #expect(report.findings.allSatisfy { $0.dataset == "planted" }, "\(path): \(report.findings)")
        }
        // What needs the records themselves is not looked at.
        if !path.contains("largest"), !path.contains("histogram") {
            #expect(try !temporary.store.verify(level: .quick).findings.isEmpty, "\(path)")
        }
    }

    @Test func aLogicalDigestOfLinksThatIsNotTheirsIsFound() throws {
        let other = SHA256Digest.of([1]).description
        var changed = try Manifest(dataset.manifest.json, path: "manifest")
        changed.positives?.logicalDigest = try #require(SHA256Digest(hex: other))
        try plant(changed.json)
        #expect(try temporary.store.verify(level: .meta).findings.isEmpty)
        let report = try temporary.store.verify(level: .data)
        #expect(report.findings.map(\.dataset) == ["planted"])
        #expect(report.findings.first?.message.contains("logical digest") == true)
    }

    @Test func fieldsThatANewerVersionAddsAreNoFault() throws {
        try plant(manifest(["new"], ["x": 1], in: manifest(["documents", "colour"], "red")))
        #expect(try temporary.store.verify(level: .full).findings.isEmpty)
    }

    @Test func sizesWhoseSumOverflowsAreRefused() throws {
        let shard = try #require(dataset.manifest.json["documents"]?["shards"]?.array?.first)
        let empty = manifest(
            ["size"], 9_007_199_254_740_992, in: manifest(["records"], 0, in: shard))
        try plant(manifest(["documents", "shards"], .array([shard] + Array(repeating: empty, count: 1100))))
        let error = #expect(throws: InputError.self) { try temporary.store.dataset("planted") }
        #expect(error?.place.field == "documents.shards")
        #expect(try run("tvt-store", ["ls", "--store", temporary.store.root.string]).status == 65)
    }
}

/// Verifying beside others that write, remove and collect.
@Suite struct VerifyBesideOthersTests {
    @Test func namesThatGoAwayMeanwhileAreStillChecked() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        for number in 0..<6 {
            try SampleData(documents: 30 + number, queries: 3, seed: UInt64(number)).commit(to: store, as: "d\(number)")
        }
        var removedCount = 0
        let report = try store.verify(level: .full) { _ in
            // The first blob is done: all other names go away, and a collection takes what it can.
            guard removedCount == 0 else { return }
            removedCount = 5
            #expect(throws: Never.self) {
                for number in 1..<6 { try store.remove("d\(number)") }
                var options = GarbageOptions()
                options.reflogSeconds = 0
                options.trashSeconds = 0
                options.youngSeconds = 0
                options.applies = true
                options.now = Clock.epochSeconds() + 10
                for _ in 0..<2 { try store.collectGarbage(options) }
            }
        }
        #expect(removedCount == 5)
        #expect(report.datasetCount == 6)
        #expect(report.findings.isEmpty, "\(report.findings)")
        #expect(try store.references().map(\.name) == ["d0"])
        // The lease is gone with the run.
        #expect(try Files.list(store.layout.leases) == ["gate"])
    }

    @Test func aNameThatMovesMeanwhileIsCheckedAsItWas() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        for name in ["a", "b"] { try SampleData(documents: 30, queries: 3, seed: 1).commit(to: store, as: name) }
        var moved = false
        let report = try store.verify(level: .data) { _ in
            guard !moved else { return }
            moved = true
            #expect(throws: Never.self) {
                try SampleData(documents: 5, queries: 1, seed: 9).commit(to: store, as: "b")
            }
        }
        #expect(report.datasetCount == 2 && report.findings.isEmpty)
    }

    @Test func aDatasetThatWasNeverThereIsStillAnError() throws {
        let temporary = try TemporaryStore()
        #expect(try run("tvt-store", ["verify", "none", "--store", temporary.store.root.string]).status == 66)
    }
}
