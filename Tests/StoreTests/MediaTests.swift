import Base
import Foundation
import Records
import Store
import StoreFormat
import StoreMaintenance
import SystemPackage
import Testing
import TestKit

/// Items of all sorts: raw and compressible, known and unknown, small and larger than a block of zstd.
struct SampleMedia {
    var items: [[UInt8]] = []

    init(count: Int, seed: UInt64, largest: Int = 300_000) {
        var random = SplitMix64(seed: seed, 0x6D65_6469_61)
        for number in 0..<count {
            let size = 1 + Int(random.next(below: UInt64(number % 5 == 0 ? largest : 3000)))
            var bytes = [UInt8](repeating: 0, count: size)
            switch number % 4 {
            case 0, 1:
                for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
                if number % 4 == 0 { bytes = [0xFF, 0xD8, 0xFF] + bytes }
            case 2:
                bytes = Array("RIFF....WAVEfmt ".utf8)
                while bytes.count < size { bytes += [UInt8(truncatingIfNeeded: bytes.count / 50), 7, 7, 7] }
            default:
                bytes = Array("item \(number) ".utf8)
                while bytes.count < size { bytes += Array("again and again ".utf8) }
            }
            items.append(bytes + withUnsafeBytes(of: number) { Array($0) })
        }
    }

    /// Documents whose images are the items in turn, every third one that of the document before.
    func documents(_ count: Int) throws -> [Document] {
        try (0..<count).map { number in
            let item = try MediaItem(items[(number % 3 == 2 ? number - 1 : number) % items.count])
            return Document(id: Array("d\(number)".utf8), image: item.reference())
        }
    }

    @discardableResult
    func commit(
        to store: Store, as reference: String = "sample", documents count: Int, options: WriterOptions = WriterOptions()
    ) throws -> Dataset {
        let writer = try store.writer(reference: reference, provenance: Provenance(tool: "test 1"), options: options)
        for document in try documents(count) {
            try document.id.withUnsafeBytes { id in
                try SampleData.line(document).withUnsafeBytes { _ = try writer.appendDocument(id: id, record: $0) }
            }
        }
        for number in 0..<count {
            try writer.add(MediaItem(items[(number % 3 == 2 ? number - 1 : number) % items.count]), as: .image)
        }
        return try writer.commit()
    }
}

@Suite struct MediaTests {
    /// Shards of a few items.
    static var smallShards: WriterOptions {
        var options = WriterOptions()
        options.mediaShardBytes = 400_000
        return options
    }

    @Test func itemsAreReadAsTheyWere() throws {
        let temporary = try TemporaryStore()
        let sample = SampleMedia(count: 60, seed: 1)
        let written = try sample.commit(to: temporary.store, documents: 90, options: Self.smallShards)
        let dataset = try Store(opening: temporary.store.root).dataset("sample")
        #expect(dataset.digest == written.digest)
        let table = try #require(dataset.manifest.media)
        #expect(table.shards.count > 1)
        #expect(table.shards.allSatisfy { $0.blob.size <= 400_000 + 20_000 })
        var kept: Set<[UInt8]> = []
        for number in 0..<90 {
            let bytes = sample.items[(number % 3 == 2 ? number - 1 : number) % 60]
            kept.insert(bytes)
            let digest = SHA256Digest.of(bytes)
            #expect(try dataset.hasMedia(digest))
            #expect(try dataset.withMedia(digest) { Array($0) } == bytes)
            let item = try #require(try dataset.mediaNumber(of: digest))
            #expect(try dataset.mediaDigest(item) == digest)
            #expect(try dataset.mediaByteCount(item) == bytes.count)
            var buffer = [UInt8](repeating: 0, count: bytes.count + 7)
            #expect(try buffer.withUnsafeMutableBytes { try dataset.readMedia(item, into: $0) } == bytes.count)
            #expect(Array(buffer.prefix(bytes.count)) == bytes)
            var pieces: [UInt8] = []
            try dataset.forEachMediaPiece(of: item) { pieces.append(contentsOf: $0) }
            #expect(pieces == bytes)
            let reader = try dataset.mediaReader(item)
            let start = bytes.count / 3
            try reader.skip(start)
            var rest: [UInt8] = []
            while case let piece = try reader.read(upTo: 777), !piece.isEmpty { rest += piece }
            #expect(rest == Array(bytes[start...]))
            #expect(try dataset.document(number).image?.digest == digest)
        }
        #expect(dataset.mediaCount == kept.count)
        #expect(table.itemCount == kept.count)
        #expect(table.rawBytes == kept.reduce(0) { $0 + $1.count })
        #expect(table.countByKind == [.image: kept.count])
        #expect(table.externalCount == 0)
        #expect(try !dataset.hasMedia(.of([1])))
        #expect(try dataset.withMedia(SHA256Digest.of([1])) { $0.count } == nil)
        for level in VerifyLevel.allCases {
            #expect(try temporary.store.verify(level: level).findings.isEmpty, "\(level)")
        }
        #expect(try temporary.tmpIsEmpty())
    }

    /// The same items in the same order are the same blobs, whether they came from memory or from files.
    @Test func theirFramesDependOnTheirBytesOnly() throws {
        let temporary = try TemporaryStore()
        let sample = SampleMedia(count: 24, seed: 2)
        func commit(_ name: String, _ make: (Int, [UInt8]) throws -> MediaItem) throws -> [BlobDescriptor] {
            let writer = try temporary.store.writer(reference: name, provenance: Provenance(tool: "test 1"))
            for (number, bytes) in sample.items.enumerated() { try writer.add(make(number, bytes), as: .video) }
            let media = try #require(try writer.commit().manifest.media)
            return media.shards.map(\.blob) + [media.index]
        }
        func file(_ number: Int, _ bytes: [UInt8]) throws -> FilePath {
            try temporary.folder.write(bytes, to: "item-\(number)")
        }
        let inMemory = try commit("memory") { try MediaItem($1) }
        #expect(try commit("file") { try MediaItem(contentsOf: file($0, $1)) } == inMemory)
        #expect(try commit("later") { try MediaItem(contentsOf: file($0, $1), isKept: false) } == inMemory)
    }

    /// What is compressed already is stored as it is; what shrinks is made smaller.
    @Test func onlyWhatShrinksIsCompressed() throws {
        let temporary = try TemporaryStore()
        var random = SplitMix64(seed: 3)
        let noise = (0..<200_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        // Zeros that claim to be a picture: the format decides, so that no read of one is slow.
        let claimed: [UInt8] = [0xFF, 0xD8, 0xFF] + [UInt8](repeating: 0, count: 200_000)
        let sound = Array("RIFF....WAVE".utf8) + [UInt8](repeating: 9, count: 200_000)
        func storedBytes(_ bytes: [UInt8]) throws -> Int {
            let writer = try temporary.store.writer(reference: "one", provenance: Provenance(tool: "test 1"))
            try writer.add(MediaItem(bytes), as: .audio)
            return try #require(try writer.commit().manifest.media).storedBytes
        }
        #expect(try storedBytes(noise) > noise.count)
        #expect(try storedBytes(claimed) > claimed.count)
        #expect(try storedBytes(sound) < 2000)
    }

    @Test func anItemLargerThanAShardHasItsOwn() throws {
        let temporary = try TemporaryStore()
        var options = WriterOptions()
        options.mediaShardBytes = 1000
        let writer = try temporary.store.writer(
            reference: "large", provenance: Provenance(tool: "test 1"), options: options)
        for size in [10, 20, 5000, 30, 40] {
            var random = SplitMix64(seed: UInt64(size))
            let noise = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            try writer.add(MediaItem(noise), as: .image)
        }
        let media = try #require(try writer.commit().manifest.media)
        #expect(media.shards.map(\.recordCount) == [2, 1, 2])
    }

    @Test func zstdReadsAShardOfMedia() throws {
        let temporary = try TemporaryStore()
        let sample = SampleMedia(count: 9, seed: 4)
        let dataset = try sample.commit(to: temporary.store, documents: 9)
        let media = try #require(dataset.manifest.media)
        let output = temporary.folder("plain")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", "zstd -dc < \(temporary.store.path(of: media.shards[0].blob.digest)) > \(output)",
        ]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        // Every third document has the image of the one before it.
        let expected = (0..<9).filter { $0 % 3 != 2 }.flatMap { sample.items[$0] }
        #expect(try Files.readAll(output) == expected)
    }

    @Test func derivedVersionsShareThem() throws {
        let temporary = try TemporaryStore()
        let sample = SampleMedia(count: 12, seed: 5)
        let dataset = try sample.commit(to: temporary.store, documents: 12)
        let derived = try temporary.store.derive(
            from: dataset, reference: "derived", keepingQueries: [], provenance: Provenance(tool: "test 1"))
        #expect(derived.manifest.media == dataset.manifest.media)
        #expect(try derived.withMedia(.of(sample.items[0])) { Array($0) } == sample.items[0])
        #expect(derived.manifest.blobs.contains(try #require(derived.manifest.media).index))
    }

    @Test func mediaAreNoPartOfTheLogicalDigest() throws {
        let temporary = try TemporaryStore()
        let sample = SampleMedia(count: 3, seed: 6)
        let with = try sample.commit(to: temporary.store, documents: 3)
        let writer = try temporary.store.writer(reference: "without", provenance: Provenance(tool: "test 1"))
        for document in try sample.documents(3) {
            try document.id.withUnsafeBytes { id in
                try SampleData.line(document).withUnsafeBytes { _ = try writer.appendDocument(id: id, record: $0) }
            }
        }
        writer.noteExternalMedia(3)
        let without = try writer.commit()
        #expect(without.manifest.logicalDigest == with.manifest.logicalDigest)
        #expect(without.manifest.media?.externalCount == 3)
        #expect(without.manifest.media?.itemCount == 0)
        #expect(without.mediaCount == 0)
        #expect(try !without.hasMedia(.of(sample.items[0])))
        #expect(try temporary.store.verify(level: .full).findings.isEmpty)
    }

    @Test func emptyAndChangedFilesAreRefused() throws {
        let folder = try TemporaryFolder()
        let temporary = try TemporaryStore()
        let empty = try folder.write([UInt8](), to: "empty.jpg")
        let error = #expect(throws: Failure.self) { try MediaItem(contentsOf: empty) }
        #expect(error?.description.contains("empty.jpg is empty") == true)
        #expect(throws: SystemError.self) { try MediaItem(contentsOf: folder("missing.jpg")) }
        #expect(throws: SystemError.self) { try MediaItem(contentsOf: folder.path) }
        for changed in [[1, 2, 3, 5], [1, 2, 3], [1, 2, 3, 4, 5]] as [[UInt8]] {
            let path = try folder.write([1, 2, 3, 4], to: "changing.bin")
            let item = try MediaItem(contentsOf: path, isKept: false)
            try folder.write(changed, to: "changing.bin")
            let writer = try temporary.store.writer(reference: "x", provenance: Provenance(tool: "test 1"))
            let error = #expect(throws: Failure.self) { try writer.add(item, as: .image) }
            #expect(error?.description.contains("changed while it was read") == true)
        }
    }

    /// A flip anywhere in a shard or the index gives the bytes or an error, and `verify --level data` finds it.
    @Test(arguments: 0..<2) func bitFlipsNeverGiveWrongBytesAndAreFound(part: Int) throws {
        let temporary = try TemporaryStore()
        let sample = SampleMedia(count: 25, seed: 7, largest: 12_000)
        var options = WriterOptions()
        options.mediaShardBytes = 15_000
        let media = try #require(
            try sample.commit(to: temporary.store, documents: 25, options: options).manifest.media)
        let blobs = media.shards.map(\.blob) + [media.index]
        #expect(blobs.count > 2)
        var random = SplitMix64(seed: 8, UInt64(part))
        for flip in 0..<60 {
            let path = temporary.store.path(of: blobs[flip % blobs.count].digest)
            let whole = try Files.readAll(path)
            var damaged = whole
            // The tail as often as the frames.
            let tail = min(whole.count, 700)
            let byte =
                flip % 2 == 0
                ? Int(random.next(below: UInt64(whole.count))) : whole.count - 1 - Int(random.next(below: UInt64(tail)))
            damaged[byte] ^= 1 << UInt8(random.next(below: 8))
            try Files.remove(path)
            try Files.replace(path, with: damaged)
            do {
                let dataset = try Store(opening: temporary.store.root).dataset("sample")
                for bytes in sample.items {
                    let digest = SHA256Digest.of(bytes)
                    guard let number = try dataset.mediaNumber(of: digest) else { continue }
                    #expect(try dataset.withMedia(number) { Array($0) } == bytes, "byte \(byte)")
                    let reader = try dataset.mediaReader(number)
                    #expect(try reader.read(upTo: bytes.count + 1) == bytes, "byte \(byte)")
                }
            } catch {
                #expect(error is any StatusError, "byte \(byte) of \(path) gave \(error)")
            }
            let report = try temporary.store.verify("sample", level: .data)
            #expect(!report.findings.isEmpty, "byte \(byte) of \(whole.count) of \(path) was not found")
            try Files.remove(path)
            try Files.replace(path, with: whole)
        }
        #expect(try temporary.store.verify("sample", level: .full).findings.isEmpty)
    }

    @Test func everyTruncationIsAnErrorAndIsFound() throws {
        let temporary = try TemporaryStore()
        let sample = SampleMedia(count: 4, seed: 9, largest: 900)
        let media = try #require(try sample.commit(to: temporary.store, documents: 4).manifest.media)
        for blob in media.shards.map(\.blob) + [media.index] {
            let path = temporary.store.path(of: blob.digest)
            let whole = try Files.readAll(path)
            for length in Set(stride(from: 0, to: whole.count, by: 61)).union([whole.count - 1, whole.count - 9]) {
                try Files.remove(path)
                try Files.replace(path, with: Array(whole.prefix(length)))
                #expect(throws: DamagedBlob.self, "\(length) of \(whole.count)") {
                    let dataset = try Store(opening: temporary.store.root).dataset("sample")
                    for bytes in sample.items[..<2] { try dataset.withMedia(SHA256Digest.of(bytes)) { _ in } }
                }
                #expect(try !temporary.store.verify("sample", level: .quick).findings.isEmpty)
            }
            try Files.remove(path)
            try Files.replace(path, with: whole)
        }
    }
}
