import Base
import Foundation
import JSON
import Store
import StoreFormat
import StoreMaintenance
import Synchronization
import SystemPackage
import Testing
import TestKit

/// Damage is put aside and undone where the bytes can be had, and told exactly where they cannot.
@Suite struct RepairTests {
    let temporary: TemporaryStore
    let sample = SampleData(documents: 250, queries: 20, seed: 81)
    let dataset: Dataset
    var store: Store { temporary.store }

    init() throws {
        temporary = try TemporaryStore()
        var options = WriterOptions()
        options.frameBytes = 700
        options.shardBytes = 12_000
        options.dictionaryBytes = 2048
        dataset = try sample.commit(to: temporary.store, options: options)
    }

    func flip(_ blob: BlobDescriptor, at offset: Int, in store: Store? = nil) throws {
        let path = (store ?? self.store).path(of: blob.digest)
        var bytes = try Files.readAll(path)
        bytes[offset < 0 ? bytes.count + offset : offset] ^= 0x20
        try Files.remove(path)
        try Files.replace(path, with: bytes)
    }

    func repair(
        _ name: String? = nil, from sources: [StoreSource] = [], salvage: String? = nil, isDryRun: Bool = false
    ) throws -> RepairReport {
        try store.repair(name, from: sources, salvageReference: salvage, tool: "test 1", isDryRun: isDryRun)
    }

    func isClean() throws -> Bool { try store.verify(level: .full).findings.isEmpty }

    /// A copy of the store with all its blobs.
    func copy() throws -> Store {
        let other = try Store.create(at: temporary.folder("other"))
        let blobs = other.root.appending("blobs").appending("sha256")
        for name in try temporary.blobs() {
            try Files.replace(
                blobs.appending(name),
                with: Files.readAll(store.root.appending("blobs").appending("sha256").appending(name)))
        }
        return other
    }

    func quarantined(_ blob: BlobDescriptor) -> FilePath {
        store.root.appending("quarantine").appending(blob.digest.hex)
    }

    @Test func aSoundStoreIsLeftAlone() throws {
        let before = try temporary.blobs()
        let report = try repair()
        #expect(report.items.isEmpty)
        #expect(report.blobCount == dataset.manifest.blobs.count + 2)
        #expect(try temporary.blobs() == before)
        #expect(!Files.exists(store.root.appending("quarantine")))
        #expect(try temporary.tmpIsEmpty())
    }

    @Test(arguments: [false, true]) func everyBlobComesBackBitForBitFromAnotherStore(isMissing: Bool) throws {
        let other = try copy()
        let names = try temporary.blobs()
        for name in names {
            let path = store.root.appending("blobs").appending("sha256").appending(name)
            let whole = try Files.readAll(path)
            try Files.remove(path)
            if !isMissing { try Files.replace(path, with: whole.map { $0 ^ 1 }) }
        }
        let planned = try repair(from: [StoreSource(other)], isDryRun: true)
        #expect(planned.stillBad > 0)
        let report = try repair(from: [StoreSource(other)])
        #expect(report.stillBad == 0)
        #expect(report.items.count == names.count)
        #expect(try temporary.blobs() == names)
        for name in names {
            #expect(
                try Files.readAll(store.root.appending("blobs").appending("sha256").appending(name))
                    == Files.readAll(other.root.appending("blobs").appending("sha256").appending(name)))
        }
        #expect(try isClean())
        #expect(try repair().items.isEmpty)
        #expect(try temporary.tmpIsEmpty())
        if !isMissing {
            let quarantine = try Files.list(store.root.appending("quarantine"))
            #expect(quarantine.count == 2 * names.count)
        }
    }

    @Test func aSourceWithBadBytesIsNotBelieved() throws {
        let other = try copy()
        let blob = dataset.manifest.documents.shards[0].blob
        try flip(blob, at: 3000)
        try flip(blob, at: 3001, in: other)
        let report = try repair(from: [StoreSource(other)])
        #expect(report.stillBad == 1)
        #expect(report.items.first?.outcome == .unrepaired)
        #expect(!Files.exists(store.path(of: blob.digest)))
        #expect(Files.exists(quarantined(blob)))
        let reason = try JSONValue.parse(file: FilePath(quarantined(blob).string + ".json"))
        #expect(reason["reason"]?.string == "its bytes do not match its name")
        #expect(reason["dataset"]?.string == "sample")
        // Good frames can still be read, and verify knows what happened.
        let reader = try store.dataset("sample")
        #expect(try reader.document(0) == sample.documents[0])
        let findings = try store.verify(level: .quick).findings
        #expect(findings.count == 1)
        #expect(findings.first?.message.contains("in quarantine: its bytes do not match") == true)
        // A commit of the same data heals it.
        var options = WriterOptions()
        options.frameBytes = 700
        options.shardBytes = 12_000
        options.dictionaryBytes = 2048
        try sample.commit(to: store, options: options)
        #expect(try isClean())
    }

    @Test func derivedBlobsAreMadeAgain() throws {
        let manifest = dataset.manifest
        let derived =
            [manifest.documents.idIndex, manifest.queries.idIndex] + manifest.documents.dictionaries
            + manifest.queries.dictionaries
        #expect(derived.count > 2)
        for blob in derived { try Files.remove(store.path(of: blob.digest)) }
        let image = try #require(
            try JSONValue.parse(file: store.root.appending("index.json"))["manifests"]?.array?.first?["digest"]?.string)
        try Files.remove(store.path(of: try #require(SHA256Digest(hex: image))))
        let report = try repair()
        #expect(report.stillBad == 0)
        #expect(report.items.count == derived.count + 1)
        #expect(report.items.dropLast().allSatisfy { $0.outcome == .rebuilt })
        #expect(try isClean())
        #expect(try store.dataset("sample").digest == dataset.digest)
    }

    /// A flip in what follows from the frames or from the manifest is undone without another store.
    @Test func whatSurroundsTheDataIsMadeAgain() throws {
        let manifest = dataset.manifest
        let shards = manifest.documents.shards
        try flip(shards[0].blob, at: -5)  // The seek table.
        try flip(shards[1].blob, at: 12)  // The header.
        try flip(shards[2].blob, at: 100)  // The dictionary.
        let trailer = 9 + (shards[3].frameCount + 5) * 8 + 8 + 20
        try flip(shards[3].blob, at: -trailer)  // The trailer.
        try flip(try #require(manifest.positives).blob, at: 20)  // A header.
        try flip(try #require(manifest.negatives).blob, at: -3)  // A page checksum.
        let report = try repair()
        #expect(report.items.map(\.outcome) == Array(repeating: .rebuilt, count: 6))
        #expect(try isClean())
    }

    @Test func salvageListsExactlyWhatIsLost() throws {
        let manifest = dataset.manifest
        // A frame in the middle of one shard, and all of another.
        let damaged = manifest.documents.shards[1]
        try flip(damaged.blob, at: 9000)
        let gone = manifest.documents.shards[3]
        try Files.remove(store.path(of: gone.blob.digest))
        // What a reader can still get, asked from the outside.
        let reader = try store.dataset("sample")
        var lost: Set<Int> = []
        for ordinal in 0..<250 where (try? reader.document(ordinal)) == nil { lost.insert(ordinal) }
        #expect(lost.count > gone.recordCount)
        #expect(lost.count < gone.recordCount + damaged.recordCount)

        let report = try repair("sample", salvage: "saved")
        #expect(report.stillBad == 2)
        let salvage = try #require(report.salvage)
        #expect(salvage.lostDocuments == lost.count)
        #expect(salvage.lostQueries == 0)
        let saved = try store.dataset("saved")
        #expect(saved.digest == salvage.digest)
        let kept = (0..<250).filter { !lost.contains($0) }
        #expect(saved.documentCount == kept.count)
        for (new, old) in kept.enumerated() {
            #expect(try saved.document(new) == sample.documents[old])
            #expect(try saved.documentOrdinal(id: sample.documents[old].id) == new)
        }
        let numbers = Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1, UInt32($0)) })
        func moved(_ targets: [UInt32]) -> [UInt32] { targets.compactMap { numbers[Int($0)] } }
        var lostLinks = 0
        for query in sample.queries.indices {
            #expect(try saved.query(query) == sample.queries[query])
            let positives = try #require(saved.positives)
            let negatives = try #require(saved.negatives)
            #expect(try Array(positives.targets(of: query)) == moved(sample.positives[query]))
            #expect(try Array(negatives.targets(of: query)) == moved(sample.negatives[query]))
            lostLinks += (sample.positives[query] + sample.negatives[query]).count { lost.contains(Int($0)) }
        }
        lostLinks += sample.judgements.count { lost.contains($0.2) }
        #expect(salvage.lostLinks == lostLinks)
        let listed = try Files.readAll(FilePath(salvage.lostList)).split(separator: 10)
            .map { try JSONValue.parse(Array($0), path: "lost") }
        #expect(
            Set(listed.filter { $0["kind"]?.string == "document" }.compactMap { $0["ordinal"]?.integer }) == lost)
        let listedLinks = listed.reduce(0) { $0 + ($1["documents"]?.array?.count ?? 0) }
        #expect(listedLinks == lostLinks)
        #expect(saved.manifest.provenance.parents == [dataset.digest])
        #expect(try store.verify("saved", level: .full).findings.isEmpty)
        #expect(try temporary.tmpIsEmpty())
    }

    /// An alias map names documents by ordinals that a salvaged version no longer has.
    @Test func salvageDropsTheAliasMap() throws {
        let aliases = try store.aliasMapWriter()
        try aliases.append(alias: 240, representative: 3)
        let marked = try store.derive(
            from: dataset, reference: "marked", aliases: aliases, provenance: Provenance(tool: "test 1"))
        #expect(marked.aliases?.count == 1)
        try Files.remove(store.path(of: dataset.manifest.documents.shards[0].blob.digest))
        let report = try repair("marked", salvage: "saved")
        #expect(try #require(report.salvage).lostDocuments > 3)
        let saved = try store.dataset("saved")
        #expect(saved.aliases == nil && saved.manifest.aliases == nil)
        #expect(try store.verify("saved", level: .full).findings.isEmpty)
    }

    @Test func salvageOfDamagedLinksAndQueries() throws {
        let manifest = dataset.manifest
        try flip(try #require(manifest.negatives).blob, at: 4300)
        try flip(manifest.queries.shards[0].blob, at: 56 + 60)
        let reader = try Store(opening: store.root).dataset("sample")
        let lost = sample.queries.indices.filter { (try? reader.query($0)) == nil }
        #expect(!lost.isEmpty)
        let report = try repair("sample", salvage: "saved")
        let salvage = try #require(report.salvage)
        #expect(salvage.lostQueries == lost.count)
        let saved = try store.dataset("saved")
        #expect(saved.negatives == nil)
        let kept = sample.queries.indices.filter { !lost.contains($0) }
        for (new, old) in kept.enumerated() {
            #expect(try saved.query(new) == sample.queries[old])
            #expect(try saved.positives.map { try Array($0.targets(of: new)) } == sample.positives[old])
        }
        #expect(try store.verify("saved", level: .full).findings.isEmpty)
    }

    /// Copies the store at every step of a repair: the next one ends the work, bit for bit.
    @Test func aKillOfARepairLosesNothing() throws {
        let other = try copy()
        let names = try temporary.blobs()
        try flip(dataset.manifest.documents.shards[0].blob, at: 3000)
        try flip(dataset.manifest.documents.idIndex, at: 4200)
        try flip(BlobDescriptor(digest: dataset.digest, size: 0), at: 70)
        let snapshots = Mutex<[(String, FilePath)]>([])
        let folder = temporary.folder
        let root = store.root
        let observed = try Store(opening: root) { step in
            snapshots.withLock { taken in
                let copy = folder("snapshot-\(taken.count)")
                try? FileManager.default.copyItem(atPath: root.string, toPath: copy.string)
                taken.append((step, copy))
            }
        }
        #expect(try observed.repair(from: [StoreSource(other)], tool: "test 1").stillBad == 0)
        let taken = snapshots.withLock { $0 }
        #expect(taken.count { $0.0 == "blob quarantined" } == 3)
        for (step, copy) in taken {
            let store = try Store(opening: copy)
            #expect(try store.repair(from: [StoreSource(other)], tool: "test 1").stillBad == 0, "\(step)")
            #expect(try store.verify(level: .full).findings.isEmpty, "\(step)")
            #expect(try Files.list(copy.appending("blobs").appending("sha256")) == names, "\(step)")
            #expect(try Files.list(copy.appending("tmp")) == ["gate"], "\(step)")
        }
    }

    @Test func aLostManifestIsSaidAndNothingElseBreaks() throws {
        try SampleData(documents: 10, queries: 2, seed: 82).commit(to: store, as: "other")
        try flip(BlobDescriptor(digest: dataset.digest, size: 0), at: 50)
        let report = try repair()
        #expect(report.stillBad == 1)
        #expect(report.items.first?.role == "manifest")
        #expect(try store.verify("other", level: .full).findings.isEmpty)
    }

    @Test func quarantineIsEmptiedByACollectionOnceItIsNotNeeded() throws {
        let other = try copy()
        let blob = dataset.manifest.documents.shards[0].blob
        try flip(blob, at: 3000)
        #expect(try repair().stillBad == 1)
        let late = GarbageTests.options(now: Clock.epochSeconds() + 30 * 86400)
        #expect(try store.collectGarbage(late).quarantined.count == 1)
        #expect(try repair(from: [StoreSource(other)]).stillBad == 0)
        #expect(try store.collectGarbage(late).quarantineDeleted.count == 1)
        #expect(try Files.list(store.root.appending("quarantine")).isEmpty)
    }

    @Test func subsetsCoverEverythingOnce() throws {
        let whole = try store.verify(level: .full)
        var blobCount = 0
        for number in 1...3 {
            let subset = try #require(VerifySubset("\(number)/3"))
            blobCount += try store.verify(level: .full, subset: subset).blobCount - 1
        }
        // The OCI manifest is checked in each.
        #expect(blobCount == whole.blobCount - 1)
        #expect(VerifySubset("0/3") == nil)
        #expect(VerifySubset("4/3") == nil)
        #expect(VerifySubset("1/") == nil)
        // A fault is found by exactly one.
        try flip(dataset.manifest.documents.shards[0].blob, at: 3000)
        let finding = try (1...3).map { number in
            try store.verify(level: .full, subset: VerifySubset("\(number)/3")).findings.contains { $0.blob != nil }
        }
        #expect(finding.count { $0 } == 1)
    }
}
