import Base
import Store
import SystemPackage
import TestKit
import Testing

/// Damage of every kind must be an error that is thrown, never a trap and never wrong bytes.
@Suite struct CorruptionTests {
    /// A committed sample and copies of it whose blobs may be changed.
    struct Fixture {
        let temporary: TemporaryStore
        let sample: SampleData
        let dataset: Dataset

        init(documents: Int = 250, queries: Int = 12) throws {
            temporary = try TemporaryStore()
            sample = SampleData(documents: documents, queries: queries, seed: 11)
            var options = WriterOptions()
            options.frameBytes = 700
            options.shardBytes = documents > 100 ? 30_000 : 2000
            options.dictionaryBytes = 2048
            dataset = try sample.commit(to: temporary.store, options: options)
        }

        func path(_ blob: BlobDescriptor) -> FilePath { temporary.store.path(of: blob.digest) }

        func overwrite(_ path: FilePath, with bytes: [UInt8]) throws {
            try Files.remove(path)
            var file = try OutputFile(creating: path)
            try file.write(bytes)
            try file.close()
        }

        /// Opens the dataset afresh and reads all of it; equal to the sample or an error.
        func readAll() throws {
            let dataset = try Store(opening: temporary.store.root).dataset("sample")
            for (ordinal, document) in sample.documents.enumerated() {
                guard try dataset.document(ordinal) == document else { throw WrongBytes() }
                guard try dataset.documentOrdinal(id: document.id) == ordinal else { throw WrongBytes() }
            }
            for (ordinal, query) in sample.queries.enumerated() {
                guard try dataset.query(ordinal) == query else { throw WrongBytes() }
                guard try dataset.queryOrdinal(id: query.id) == ordinal else { throw WrongBytes() }
                guard try dataset.positives.map({ try Array($0.targets(of: ordinal)) }) == sample.positives[ordinal]
                else { throw WrongBytes() }
                for (_, links) in dataset.judgements {
                    _ = try links.targets(of: ordinal)
                    _ = try links.scores(of: ordinal)
                }
            }
        }
    }

    /// Not a `StatusError`, so that no test mistakes it for a reported fault.
    struct WrongBytes: Error {}

    static func blobs(_ manifest: Manifest) -> [(String, BlobDescriptor)] {
        var all: [(String, BlobDescriptor)] = []
        for (kind, table) in [("documents", manifest.documents), ("queries", manifest.queries)] {
            all += table.shards.map { (kind + " shard", $0.blob) }
            all += table.dictionaries.map { (kind + " dictionary", $0) }
            all.append((kind + " index", table.idIndex))
        }
        all.append(("positives", manifest.positives!.blob))
        all.append(("negatives", manifest.negatives!.blob))
        all += manifest.judgements.map { ($0.split, $0.links.blob) }
        return all
    }

    @Test func theFixtureIsCleanAndHasAllKinds() throws {
        let fixture = try Fixture()
        try fixture.readAll()
        #expect(fixture.dataset.manifest.documents.shards.count > 1)
        #expect(!fixture.dataset.manifest.documents.dictionaries.isEmpty)
        for level in VerifyLevel.allCases {
            #expect(try fixture.temporary.store.verify(level: level).findings.isEmpty, "\(level)")
        }
    }

    @Test func everyTruncationIsAnErrorAndIsFound() throws {
        let fixture = try Fixture(documents: 12, queries: 5)
        for (name, blob) in Self.blobs(fixture.dataset.manifest) {
            let path = fixture.path(blob)
            let whole = try Files.readAll(path)
            // Every length near the ends of sections, and a sample of the rest.
            let lengths = Set(0..<min(100, whole.count)).union(stride(from: 0, to: whole.count, by: 37))
                .union(max(0, whole.count - 300)..<whole.count)
            for length in lengths.sorted() {
                try fixture.overwrite(path, with: Array(whole.prefix(length)))
                if !name.hasSuffix("dictionary") {
                    #expect(throws: DamagedBlob.self, "\(name) cut to \(length)") { try fixture.readAll() }
                }
                let report = try fixture.temporary.store.verify("sample", level: .quick)
                #expect(!report.findings.isEmpty, "\(name) cut to \(length)")
            }
            try fixture.overwrite(path, with: whole)
        }
        try fixture.readAll()
    }

    @Test(arguments: 0..<4) func bitFlipsNeverGiveWrongBytesAndAreFound(seed: Int) throws {
        let fixture = try Fixture()
        var random = SplitMix64(seed: UInt64(seed), 0xF11B)
        let blobs = Self.blobs(fixture.dataset.manifest)
        for flip in 0..<120 {
            // Every blob in turn, so that small ones are hit as well.
            let (name, blob) = blobs[flip % blobs.count]
            let path = fixture.path(blob)
            let whole = try Files.readAll(path)
            var damaged = whole
            let bit = Int(random.next(below: UInt64(whole.count * 8)))
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            try fixture.overwrite(path, with: damaged)
            // A read may miss the flip where it does not need the byte; it must not return something else.
            do {
                try fixture.readAll()
            } catch is WrongBytes {
                Issue.record("\(name): bit \(bit) gave wrong bytes")
            } catch {
                #expect(error is any StatusError, "\(name): bit \(bit) gave \(error)")
            }
            let report = try fixture.temporary.store.verify("sample", level: .data)
            #expect(!report.findings.isEmpty, "\(name): bit \(bit) of byte \(bit / 8) of \(whole.count) was not found")
            try fixture.overwrite(path, with: whole)
        }
    }

    @Test func manifestsAreCheckedAgainstTheirNames() throws {
        let fixture = try Fixture()
        let path = fixture.temporary.store.path(of: fixture.dataset.digest)
        var bytes = try Files.readAll(path)
        bytes[bytes.count / 2] ^= 1
        try fixture.overwrite(path, with: bytes)
        #expect(throws: DamagedBlob.self) { try fixture.readAll() }
        #expect(try !fixture.temporary.store.verify(level: .quick).findings.isEmpty)
    }

    @Test func aMissingBlobIsNamed() throws {
        let fixture = try Fixture()
        let blob = fixture.dataset.manifest.documents.shards[1].blob
        try Files.remove(fixture.path(blob))
        let report = try fixture.temporary.store.verify(level: .quick)
        #expect(report.findings.count == 1)
        #expect(report.findings.first?.blob == blob.digest)
        #expect(throws: SystemError.self) { try fixture.readAll() }
    }

    @Test func aDamagedFrameNamesWhatWasRead() throws {
        let fixture = try Fixture()
        let blob = fixture.dataset.manifest.documents.shards[0].blob
        var bytes = try Files.readAll(fixture.path(blob))
        // In the first frame, behind header and dictionary.
        let dictionary = fixture.dataset.manifest.documents.dictionaries.first?.size ?? 0
        bytes[56 + (dictionary > 0 ? 8 + dictionary : 0) + 20] ^= 0x10
        try fixture.overwrite(fixture.path(blob), with: bytes)
        let dataset = try Store(opening: fixture.temporary.store.root).dataset("sample")
        let error = #expect(throws: DamagedBlob.self) { try dataset.document(0) }
        #expect(error?.description.contains("document 0 of sample") == true)
        #expect(error?.description.contains(blob.digest.hex) == true)
        #expect(error?.exitStatus == .badData)
    }
}
