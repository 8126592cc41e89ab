import Base
import JSON
import Store
import StoreFormat
import StoreMaintenance
import SystemPackage
import Testing
import TestKit

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
                guard try dataset.negatives.map({ try Array($0.targets(of: ordinal)) }) == sample.negatives[ordinal]
                else { throw WrongBytes() }
                for (split, links) in dataset.judgements {
                    let expected = sample.judgements.filter { $0.0 == split && $0.1 == ordinal }
                        .sorted { $0.2 < $1.2 }
                    guard try links.targets(of: ordinal).elementsEqual(expected.map { UInt32($0.2) }),
                        try links.scores(of: ordinal)?.elementsEqual(expected.map(\.3)) == true
                    else { throw WrongBytes() }
                }
            }
            // The other ways to the same bytes.
            try dataset.forEachDocumentRecord(in: 0..<dataset.documentCount) { ordinal, record in
                guard record.elementsEqual(SampleData.line(sample.documents[ordinal])) else { throw WrongBytes() }
            }
            try dataset.forEachQueryID(in: 0..<dataset.queryCount) { ordinal, id in
                guard id.elementsEqual(sample.queries[ordinal].id) else { throw WrongBytes() }
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

    /// A part of a blob that has a format, and its own way to be checked.
    struct Section {
        let name: String
        let path: FilePath
        let range: Range<Int>
    }

    /// All sections of all blobs, those of JSON included, as docs/formats.md has them.
    static func sections(_ fixture: Fixture) throws -> [Section] {
        var sections: [Section] = []
        func add(_ blob: String, _ path: FilePath, _ parts: [(String, Range<Int>)]) {
            for (part, range) in parts where !range.isEmpty {
                sections.append(Section(name: "\(blob): \(part)", path: path, range: range))
            }
        }
        func integer(_ bytes: [UInt8], _ offset: Int, _ width: Int) -> Int {
            bytes[offset..<offset + width].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        for (name, blob) in blobs(fixture.dataset.manifest) {
            let path = fixture.path(blob)
            let bytes = try Files.readAll(path)
            switch bytes.prefix(8) {
            case _ where name.hasSuffix("dictionary"): add(name, path, [("all of it", 0..<bytes.count)])
            case _ where name.hasSuffix("shard"):
                let seekTable = bytes.count - 17 - 8 * integer(bytes, bytes.count - 9, 4)
                let trailer = seekTable - 64
                let (index, hashes) = (integer(bytes, trailer + 24, 8), integer(bytes, trailer + 32, 8))
                let data = integer(bytes, 20, 4) & 1 == 1 ? 64 + integer(bytes, 60, 4) : 56
                add(
                    name, path,
                    [
                        ("header", 0..<56), ("dictionary", 56..<data), ("frames", data..<index),
                        ("record index", index..<hashes), ("content hashes", hashes..<trailer - 8),
                        ("trailer", trailer - 8..<seekTable), ("seek table", seekTable..<bytes.count),
                    ])
            case _ where name.hasSuffix("index"):
                let end = 4096 + 64 * integer(bytes, bytes.count - 32, 8)
                add(
                    name, path,
                    [
                        ("header", 0..<104), ("rest of the header", 104..<4096), ("buckets", 4096..<end),
                        ("checksums", end..<bytes.count - 32), ("trailer", bytes.count - 32..<bytes.count),
                    ])
            default:
                let (queries, links) = (integer(bytes, 16, 8), integer(bytes, 24, 8))
                let list = (links * 4 + 7) / 8 * 8
                let end = 4096 + 8 * (queries + 1) + list * (integer(bytes, 12, 4) & 1 == 1 ? 2 : 1)
                add(
                    name, path,
                    [
                        ("header", 0..<104), ("rest of the header", 104..<4096),
                        ("lists", 4096..<end), ("checksums", end..<bytes.count),
                    ])
            }
        }
        let store = fixture.temporary.store
        let index = try JSONValue.parse(file: store.root.appending("index.json"))
        let image = try #require(index["manifests"]?.array?.first?["digest"]?.string.flatMap { SHA256Digest(hex: $0) })
        for (name, path) in [
            ("manifest", store.path(of: fixture.dataset.digest)), ("OCI manifest", store.path(of: image)),
        ] {
            add(name, path, [("all of it", 0..<(try Files.size(path)))])
        }
        return sections
    }

    /// 1,000 flips, each section of each blob in turn, so that small ones are hit as often as large ones.
    @Test(arguments: 0..<4) func bitFlipsNeverGiveWrongBytesAndAreFound(part: Int) throws {
        let fixture = try Fixture()
        var random = SplitMix64(seed: UInt64(part), 0xF11B)
        let sections = try Self.sections(fixture)
        #expect(Set(sections.map(\.name)).count >= 38)
        var readCount = 0
        for flip in 0..<250 {
            let section = sections[(part * 250 + flip) % sections.count]
            let whole = try Files.readAll(section.path)
            var damaged = whole
            let bit = section.range.lowerBound * 8 + Int(random.next(below: UInt64(section.range.count * 8)))
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            try fixture.overwrite(section.path, with: damaged)
            let what = "\(section.name): bit \(bit % 8) of byte \(bit / 8) of \(whole.count)"
            // A read may miss the flip where it does not need the byte; it must not return something else.
            do {
                try fixture.readAll()
                readCount += 1
            } catch is WrongBytes {
                Issue.record("\(what) gave wrong bytes")
            } catch {
                #expect(error is any StatusError, "\(what) gave \(error)")
            }
            let report = try fixture.temporary.store.verify("sample", level: .data)
            #expect(!report.findings.isEmpty, "\(what) was not found")
            try fixture.overwrite(section.path, with: whole)
        }
        // Neither all flips matter to a read nor none.
        #expect(readCount > 0 && readCount < 250)
        try fixture.readAll()
    }

    /// Two whole blobs, each under the other's name.
    @Test func swappedBlobsAreFound() throws {
        let fixture = try Fixture()
        let blobs = Self.blobs(fixture.dataset.manifest)
        for (number, (name, blob)) in blobs.enumerated() {
            for (otherName, other) in blobs[(number + 1)...] where other != blob {
                let (left, right) = (fixture.path(blob), fixture.path(other))
                let (leftBytes, rightBytes) = (try Files.readAll(left), try Files.readAll(right))
                try fixture.overwrite(left, with: rightBytes)
                try fixture.overwrite(right, with: leftBytes)
                let report = try fixture.temporary.store.verify("sample", level: .data)
                #expect(!report.findings.isEmpty, "\(name) and \(otherName)")
                // A read looks at a blob's size and kind, not at its name.
                let error = #expect(throws: (any Error).self, "\(name) and \(otherName)") { try fixture.readAll() }
                #expect(error is any StatusError || blob.size == other.size, "\(name) and \(otherName)")
                try fixture.overwrite(left, with: leftBytes)
                try fixture.overwrite(right, with: rightBytes)
            }
        }
        try fixture.readAll()
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
