import Archives
import Base
import SystemPackage
import TestKit
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// Members of zips, tars and folders: equal ones from each, and what is refused.
@Suite struct MemberReaderTests {
    let golden = Golden()
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    static let expected: [String: [UInt8]] = [
        "a/grün.txt": Array("Grün.\n".utf8),
        "a/lines.txt": (0..<2000).flatMap { Array("line \($0)\n".utf8) },
        "a/nothing": [],
        "b.bin": (0..<5000).map { UInt8(truncatingIfNeeded: (7 * $0 * $0) >> 3) },
    ]

    static let archives = [
        "tree.tar.gz", "tree.tar.xz", "tree.tar.bz2", "tree.tar.zst", "gnu.tar.gz", "deflated.zip", "stored.zip",
        "bzip2.zip", "lzma.zip", "zip64.zip", "descriptors.zip",
    ]

    func members(of path: FilePath, limits: ArchiveLimits = ArchiveLimits()) throws -> [(String, [UInt8])] {
        let reader = try MemberReader(path, limits: limits)
        var members: [(String, [UInt8])] = []
        while let name = try reader.next() { members.append((name, try reader.readAll(limit: 1 << 30)!)) }
        return members
    }

    func error(of path: FilePath, limits: ArchiveLimits = ArchiveLimits()) -> InputError? {
        #expect(throws: InputError.self) { try members(of: path, limits: limits) }
    }

    func zip(_ members: [ZipFile.Member], isZip64: Bool = false) throws -> FilePath {
        try folder.write(ZipFile(members, isZip64: isZip64).bytes, to: "made.zip")
    }

    @Test(arguments: archives) func allMembersAreRead(name: String) throws {
        // The name says nothing: content decides.
        let path = try folder.write(golden.bytes(name), to: "data")
        let reader = try MemberReader(path, hashing: true)
        #expect(!reader.isFolder)
        var names: [String] = []
        while let name = try reader.next() {
            names.append(name)
            #expect(reader.memberPath == "\(path)/\(name)")
            #expect(reader.memberByteCount == Self.expected[name]?.count)
            // In pieces of odd sizes.
            var bytes: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 7)
            bytes += piece[..<(try piece.withUnsafeMutableBytes { try reader.read(into: $0) })]
            bytes += try reader.readAll(limit: 1 << 20)!
            #expect(bytes == Self.expected[name])
            #expect(try piece.withUnsafeMutableBytes { try reader.read(into: $0) } == 0)
        }
        #expect(names == ["a/grün.txt", "a/lines.txt", "a/nothing", "b.bin"])
        #expect(try reader.next() == nil)
        let source = try reader.finish()
        #expect(source?.size == (try Files.size(path)))
        #expect(source?.sha256 == (try SHA256Digest.ofFile(path)))
        let tree = try SourceTree(path)
        #expect(tree.names == names)
        for name in names.reversed() { #expect(try tree.open(name).readAll() == Self.expected[name]) }
    }

    @Test func aFolderIsReadInTheOrderOfItsNames() throws {
        for name in ["b/x", "b.txt", "a/2", "a/10", "a/c/d", "Z", "ü"] { try folder.write(name, to: "tree/" + name) }
        let sorted = ["Z", "a/10", "a/2", "a/c/d", "b.txt", "b/x", "ü"]
        let read = try members(of: folder("tree"))
        #expect(read.map(\.0) == sorted)
        #expect(read.map(\.1) == sorted.map { Array($0.utf8) })
        #expect(try SourceTree(folder("tree")).names == sorted)
        let reader = try MemberReader(folder("tree"), hashing: true)
        #expect(reader.isFolder)
        _ = try reader.next()
        #expect(reader.memberPath == folder("tree/Z").string)
        #expect(try reader.finish() == nil)
    }

    @Test func whatIsLeftUnreadIsPassedOver() throws {
        for name in Self.archives {
            let reader = try MemberReader(golden(name), hashing: true)
            var names: [String] = []
            while let name = try reader.next() {
                names.append(name)
                if names.count == 2 { #expect(try reader.readAll(limit: 100) == nil) }
            }
            #expect(names.count == 4, "\(name)")
            #expect(try reader.finish()?.sha256 == .ofFile(golden(name)))
        }
    }

    @Test func aMemberIsAStream() throws {
        let reader = try MemberReader(golden("tree.tar.zst"))
        while let name = try reader.next(), name != "a/lines.txt" {}
        let lines = LineReader(InputStream(memberOf: reader), batchByteCount: 100)
        var count = 0
        var path = ""
        while let batch = try lines.nextBatch() {
            batch.forEachLine { _ in count += 1 }
            path = batch.path
        }
        #expect(count == 2000)
        #expect(path.hasSuffix("tree.tar.zst/a/lines.txt"))
        #expect(try reader.next() == "a/nothing")
    }

    // MARK: - What is refused

    @Test(arguments: [
        ("refused-symlink.tar.gz", "is a link", "link"), ("refused-hardlink.tar.gz", "is a link", "link"),
        ("refused-symlink.zip", "is a link", "link"), ("refused-fifo.tar.gz", "is a device", "pipe"),
        ("refused-device.tar.gz", "is a device", "disk"), ("refused-sparse.tar.gz", "file with holes", "holes"),
        ("refused-encrypted.zip", "is encrypted", "first"),
        ("refused-twice.tar.gz", "two members of this name", "first"),
        ("refused-dotted.tar.gz", "two members of this name", "first"),
        ("refused-absolute.tar.gz", "absolute path", nil), ("refused-above.tar.gz", "leads out of the archive", nil),
        ("refused-backslash.tar.gz", "backslash", nil), ("refused-drive.tar.gz", "drive letter", nil),
        ("refused-latin1.tar.gz", "not valid UTF-8", nil),
    ])
    func membersThatNoArchiveShouldHave(name: String, reason: String, member: String?) throws {
        let error = error(of: golden(name))
        #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
        #expect(error?.place.path == golden(name).string + (member.map { "/" + $0 } ?? ""))
        #expect(error?.advice != nil)
        #expect(throws: InputError.self) { try SourceTree(golden(name)) }
    }

    @Test(arguments: [
        ("/etc/passwd", "absolute path"), ("../up", "leads out"), ("a/..", "leads out"), ("a//b", "no plain path"),
        ("a/./b", "no plain path"), ("C:\\b", "drive letter"), ("c:b", "drive letter"), ("a\0b", "NUL"),
        ("", "no name"),
        ("a\\..\\..\\b", "leads out"),
    ])
    func namesOfAZip(name: String, reason: String) throws {
        let error = try error(of: zip([.init("first", [1]), .init(name, [2])]))
        #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
    }

    @Test func aNameInAnotherEncodingIsRefused() throws {
        for flags in [0, 0x0800] {
            var member = ZipFile.Member("x", [1])
            member.name = [0x67, 0x72, 0x81, 0x6E]
            member.flags = flags
            #expect(try error(of: zip([member]))?.reason.contains("not valid UTF-8") == true)
        }
        // Some tools write UTF-8 and do not say so.
        var member = ZipFile.Member("grün", [1])
        member.flags = 0
        #expect(try members(of: zip([member])).map(\.0) == ["grün"])
    }

    @Test func kindsOfFilesInAZip() throws {
        for mode in [S_IFLNK, S_IFIFO, S_IFBLK, S_IFSOCK] {
            var member = ZipFile.Member("odd", Array("/etc".utf8))
            member.mode = Int(mode) | 0o777
            let error = try error(of: zip([.init("first", [1]), member]))
            #expect(error?.place.path.hasSuffix("made.zip/odd") == true)
        }
    }

    @Test func linksInAFolderAreRefused() throws {
        try folder.write("x", to: "tree/a")
        try folder.write("secret", to: "outside")
        for target in ["../outside", "a", "/etc/passwd", "nowhere", ".."] {
            #expect(symlink(target, folder("tree/link").string) == 0)
            let error = error(of: folder("tree"))
            #expect(error?.reason == "the file is a symbolic link")
            #expect(error?.place.path == folder("tree/link").string)
            try Files.remove(folder("tree/link"))
        }
        #expect(mkfifo(folder("tree/pipe").string, 0o600) == 0)
        #expect(error(of: folder("tree"))?.reason == "this is neither a file nor a folder")
    }

    @Test func aZipIsNoStream() throws {
        #expect(mkfifo(folder("pipe").string, 0o600) == 0)
        let bytes = try golden.bytes("deflated.zip")
        let pipe = folder("pipe").string
        let writer = open(pipe, O_RDWR)
        defer { close(writer) }
        #expect(bytes.withUnsafeBytes { write(writer, $0.baseAddress, $0.count) } == bytes.count)
        let error = #expect(throws: InputError.self) { try MemberReader(FilePath(pipe)) }
        #expect(error?.reason == "a zip cannot be read from a stream")
    }

    @Test func whatIsNoArchive() throws {
        #expect(error(of: golden("lines.jsonl")) != nil)
        #expect(error(of: golden("lines.gz")) != nil)
        #expect(try error(of: folder.write("", to: "empty"))?.reason == "the file is empty, and no archive")
        #expect(throws: SystemError.self) { try MemberReader(folder("missing")) }
        let empty = try folder.write(ZipFile([] as [ZipFile.Member]).bytes, to: "empty.zip")
        #expect(error(of: empty)?.reason == "the zip has no members")
    }

    // MARK: - Limits

    @Test func bombsEndEarly() throws {
        let zeros = CompressedZeros(folder: folder, byteCount: 64 << 20)
        let paths = [golden("zeros.zip")] + (try ["gz", "zst", "xz"].map { try zeros.tar(packed: $0) })
        for path in paths {
            let isZip = path.extension == "zip"
            #expect(try members(of: path).map(\.1.count) == [isZip ? 4 << 20 : 64 << 20])
            for limits in [
                ArchiveLimits(totalByteCount: 3 << 20), ArchiveLimits(memberByteCount: 3 << 20),
                ArchiveLimits(ratio: 100, ratioFloor: 1 << 20),
            ] {
                let reader = try? MemberReader(path, limits: limits)
                let error = error(of: path, limits: limits)
                #expect(error?.reason.contains("unpacks to more than") == true, "\(String(describing: error))")
                guard let reader else { continue }
                // Also for those who only look for a name.
                if limits.memberByteCount > 3 << 20 {
                    #expect(throws: InputError.self) { while try reader.next() != nil {} }
                }
            }
        }
        let plain = try zeros.tar(packed: "tar")
        #expect(try members(of: plain, limits: ArchiveLimits(ratio: 2, ratioFloor: 1000)).count == 1)
    }

    @Test func membersAreCounted() throws {
        for path in [golden("deflated.zip"), golden("tree.tar.gz")] {
            let error = error(of: path, limits: ArchiveLimits(memberCount: 3))
            #expect(error?.reason == "it has more than 3 members")
        }
    }

    @Test func membersThatLieOnTopOfEachOther() throws {
        var twin = ZipFile.Member("b", [1, 2, 3])
        twin.sharesBytesOf = 0
        let error = try error(of: zip([.init("a", [1, 2, 3]), twin, .init("c", [])]))
        #expect(error?.reason == "two members lie on top of each other")
    }

    @Test func moreMembersThan65535() throws {
        let many = (0..<70_000).map { ZipFile.Member("\($0)", [UInt8(truncatingIfNeeded: $0)]) }
        let read = try members(of: zip(many, isZip64: true))
        #expect(read.count == 70_000)
        #expect(read.last?.0 == "69999")
        #expect(read.last?.1 == [UInt8(truncatingIfNeeded: 69_999)])
    }

    // MARK: - Damage

    @Test(arguments: archives) func everyTruncationThrows(name: String) throws {
        let bytes = try golden.bytes(name)
        for count in stride(from: 0, to: bytes.count, by: bytes.count > 3000 ? 7 : 1) {
            let path = try folder.write(Array(bytes[..<count]), to: "cut")
            #expect(throws: InputError.self, "\(count) bytes") { try members(of: path) }
        }
    }

    @Test func bytesBehindTheEndAreNoticed() throws {
        for name in Self.archives {
            let path = try folder.write(golden.bytes(name) + [1, 2, 3, 4], to: "more")
            #expect(throws: InputError.self, "\(name)") { try members(of: path) }
        }
    }

    /// What is read out of a damaged archive is right or an error: it is covered by checksums, apart from names.
    @Test(arguments: ["tree.tar.gz", "tree.tar.zst", "tree.tar.xz", "tree.tar.bz2", "deflated.zip", "stored.zip"])
    func flippedBitsAreNoticed(name: String) throws {
        let bytes = try golden.bytes(name)
        var random = SplitMix64(seed: 1)
        for _ in 0..<300 {
            var damaged = bytes
            damaged[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            guard let read = try? members(of: folder.write(damaged, to: "damaged")) else { continue }
            for (name, content) in read where content != Self.expected[name] {
                #expect(Self.expected.values.contains(content))
            }
        }
    }

    @Test func aWrongChecksumOfAZipIsNoticed() throws {
        var member = ZipFile.Member("a", [1, 2, 3])
        member.checksum = 0
        let error = try error(of: zip([member]))
        #expect(error?.place.path.hasSuffix("made.zip/a") == true)
        var longer = ZipFile.Member("a", [1, 2, 3])
        longer.unpackedByteCount = 4
        #expect(throws: InputError.self) { try members(of: zip([longer])) }
    }
}

/// Tars of zeros, which pack well.
private struct CompressedZeros {
    let folder: TemporaryFolder
    let byteCount: Int

    func tar(packed ending: String) throws -> FilePath {
        let plain = folder("zeros.tar")
        let writer = try TarWriter(plain)
        try writer.begin("zeros", byteCount: byteCount)
        let piece = [UInt8](repeating: 0, count: 1 << 20)
        for _ in 0..<byteCount >> 20 { try piece.withUnsafeBytes { try writer.write($0) } }
        try writer.commit()
        guard ending != "tar" else { return plain }
        let path = folder("zeros.tar." + ending)
        let output = try CompressedOutput(path)
        let input = try Base.InputFile(plain)
        try input.forEachBlock { try output.write($0) }
        try output.commit()
        return path
    }
}
