import Archives
import Base
import SystemPackage
import TestKit
import Testing

@Suite struct InputStreamTests {
    let golden = Golden()
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: [
        ("lines.jsonl", Compression.none), ("lines.gz", .gzip), ("lines.zst", .zstd), ("lines.xz", .xz),
        ("lines.bz2", .bzip2), ("members.bz2", .bzip2),
        ("members.gz", .gzip), ("members.zst", .zstd), ("members.xz", .xz),
    ])
    func filesOfTheStockToolsAreRead(name: String, compression: Compression) throws {
        // The name says nothing: content decides.
        let path = try folder.write(golden.bytes(name), to: "data")
        let stream = try InputStream(path, hashing: true)
        #expect(stream.compression == compression)
        #expect(try stream.readAll() == golden.bytes("lines.jsonl"))
        let source = try stream.finish()
        #expect(source?.size == (try Files.size(path)))
        #expect(source?.sha256 == (try SHA256Digest.ofFile(path)))
    }

    @Test(arguments: [
        "lines.gz", "lines.zst", "lines.xz", "lines.bz2", "members.gz", "members.zst", "members.xz", "members.bz2",
    ])
    func everyTruncationThrows(name: String) throws {
        let bytes = try golden.bytes(name)
        var wholeCount = 0
        // Shorter than its signature, it cannot be told from plain bytes.
        for count in (name.hasSuffix("bz2") ? 10 : 6)..<bytes.count {
            let path = try folder.write(Array(bytes[..<count]), to: "data")
            do {
                _ = try InputStream(path).readAll()
                wholeCount += 1
            } catch let error as InputError {
                #expect(error.place.path == path.string)
                #expect(error.exitStatus == .badData)
            }
        }
        // Cut exactly between two members it is a shorter, whole stream.
        #expect(wholeCount == (name.hasPrefix("members") ? 1 : 0))
    }

    /// All four carry checksums; libarchive does not look at gzip's.
    @Test(arguments: ["lines.gz", "lines.zst", "lines.xz", "lines.bz2"])
    func damageIsNoticed(name: String) throws {
        let bytes = try golden.bytes(name)
        let whole = try golden.bytes("lines.jsonl")
        // Before, it is the signature, without which it is plain bytes.
        for position in (name.hasSuffix("bz2") ? 10 : 6)..<bytes.count {
            var damaged = bytes
            damaged[position] ^= 1 << UInt8(position % 8)
            let read = try? InputStream(folder.write(damaged, to: "data")).readAll()
            // The header has bytes that say nothing of the data, as the time.
            #expect(read == nil || read == whole, "byte \(position)")
        }
    }

    @Test(arguments: ["lines.gz", "lines.zst", "lines.xz", "lines.bz2"])
    func bytesBehindTheEndAreNoticed(name: String) throws {
        for excess: [UInt8] in [[0], [1, 2, 3], Array("not packed".utf8)] {
            let path = try folder.write(golden.bytes(name) + excess, to: "data")
            #expect(throws: InputError.self) { try InputStream(path).readAll() }
        }
    }

    @Test func whatIsNoFileIsRefused() throws {
        #expect(throws: SystemError.self) { try InputStream(folder("missing")) }
        let error = #expect(throws: Failure.self) { try InputStream(folder.path) }
        #expect(error?.exitStatus == .missingInput)
        #expect(try InputStream(folder.write("", to: "empty")).readAll() == [])
    }

    @Test(arguments: ["out.jsonl", "out.jsonl.zst", "out.jsonl.gz", "out.jsonl.xz"])
    func whatIsWrittenIsReadBack(name: String) throws {
        let bytes = try golden.bytes("lines.jsonl")
        let path = folder(name)
        let output = try CompressedOutput(path)
        for _ in 0..<50 { try output.write(bytes) }
        #expect(!Files.exists(path))
        let size = try output.commit()
        #expect(try Files.size(path) == size)
        let stream = try InputStream(path)
        #expect((stream.compression == .none) == (name == "out.jsonl"))
        #expect(try stream.readAll() == Array(repeatElement(bytes, count: 50).joined()))
    }

    @Test(arguments: ["out.jsonl", "out.jsonl.zst"])
    func anAbandonedOutputLeavesNothing(name: String) throws {
        do {
            let output = try CompressedOutput(folder(name))
            try output.write([1, 2, 3])
        }
        #expect(try Files.list(folder.path) == [])
    }

    @Test func aZipIsAFolder() throws {
        let tree = try SourceTree(sourceRoot.appending("datasets/nave/nave-beir.zip"))
        #expect(!tree.isFolder)
        #expect(
            tree.names == [
                "beir/corpus.jsonl", "beir/qrels/dev.tsv", "beir/qrels/test.tsv", "beir/qrels/train.tsv",
                "beir/queries.jsonl",
            ])
        #expect(try tree.open("beir/corpus.jsonl").readAll().count == 5_828_508)
        #expect(throws: Failure.self) { try tree.open("corpus.jsonl") }
        #expect(throws: InputError.self) { try SourceTree(golden("lines.jsonl")) }
        #expect(throws: Failure.self) { try SourceTree("/nowhere") }
        try folder.write("x", to: "a/b/c.txt")
        try folder.write("yy", to: "d.txt")
        let plain = try SourceTree(folder.path)
        #expect(plain.names == ["a/b/c.txt", "d.txt"])
        #expect(try plain.open("a/b/c.txt").readAll() == [0x78])
    }
}
