import Archives
import Base
import TestKit
import Testing

/// What lies in the place of data is named, and what to do about it.
@Suite struct MisplacedFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    static let pointer = """
        version https://git-lfs.github.com/spec/v1
        oid sha256:4665a5ea423c2713d436b5ee50593a9640e0018c1550b5a0002f74190d6caea8
        size 12345

        """

    @Test(arguments: [
        (pointer, "a pointer of Git LFS", "git lfs pull"), ("# xet version 0\nfilesize = 1\n", "git-xet", "Fetch"),
        ("/annex/objects/SHA256E-s1--00.parquet\n", "git-annex", "git annex get"),
        ("<!DOCTYPE html>\n<html>", "a page of HTML", "fetch the file again"),
        ("\n <HTML lang=en>", "a page of HTML", "fetch the file again"),
        ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>", "a text of XML", "fetch the file again"),
        ("PARE....", "an encrypted Parquet file", "without encryption"), ("PAR1....", "a Parquet file", "tevatron"),
        ("ARROW1\0\0", "an Arrow file", "Parquet"), ("PK\u{3}\u{4}....", "a zip", "Unpack"),
        ("%PDF-1.7", "a PDF", "records"),
    ]) func isNamed(text: String, what: String, advice: String) throws {
        let path = try folder.write(text, to: "data")
        func read(_ stream: InputStream) throws { _ = try LineReader(stream).nextBatch() }
        let error = #expect(throws: InputError.self) { try read(InputStream(path)) }
        #expect(
            error?.reason.contains(what) == true && error?.advice?.contains(advice) == true,
            "\(String(describing: error))")
        #expect(error?.place.path == path.string && error?.exitStatus == .badData)
        // Packed as well, and as a member of an archive.
        #expect(try runShell("cd \(folder.path) && gzip -k data && tar cf set.tar data").status == 0)
        #expect(throws: InputError.self) { try read(InputStream(path, hashing: true)) }
        #expect(throws: InputError.self) { try read(InputStream(folder("data.gz"))) }
        let members = try MemberReader(folder("set.tar"))
        _ = try members.next()
        #expect(throws: InputError.self) { try read(InputStream(memberOf: members)) }
    }

    @Test(arguments: [pointer, "<html>"]) func inThePlaceOfAnArchive(text: String) throws {
        let path = try folder.write(text, to: "set.tar")
        let error = #expect(throws: InputError.self) { _ = try MemberReader(path) }
        #expect(error?.reason.contains("not the file itself") == true)
    }

    @Test(arguments: ["version 1\n", "<a>b</a>\n", "PK\n", "{\"html\":\"<html>\"}\n", "1\t<html>\n"])
    func textsThatOnlyLookLikeIt(text: String) throws {
        let batch = try #require(try LineReader(InputStream(folder.write(text, to: "data"))).nextBatch())
        #expect(batch.byteCount == text.utf8.count)
    }

    @Test(arguments: [(9, "Deflate64"), (1, "Shrink"), (6, "Implode"), (97, "WavPack"), (77, "an unknown method")])
    func methodsOfZipsThatAreNotReadAreNamed(method: Int, name: String) throws {
        var bytes = ZipFile([(name: "corpus.jsonl", contents: Array("{}\n".utf8))]).bytes
        let directory = try #require(bytes.firstRange(of: [0x50, 0x4B, 1, 2])?.lowerBound)
        bytes[8] = UInt8(method)
        bytes[directory + 10] = UInt8(method)
        let path = try folder.write(bytes, to: "set.zip")
        let error = #expect(throws: InputError.self) { _ = try MemberReader(path) }
        #expect(error?.reason == "the member is packed with \(name) (method \(method)), which is not read")
        #expect(error?.place.path == path.string + "/corpus.jsonl")
        #expect(error?.advice?.contains("pack it anew") == true)
    }

    @Test func hiddenFilesAreKnownByTheirNames() {
        for name in [
            ".x", "a/.git/config", "__MACOSX/a.txt", "a/Thumbs.db", "DESKTOP.INI", "a~", "._a", "__pycache__/a",
        ] {
            #expect(HiddenFile.isHidden(path: name), "\(name)")
        }
        for name in ["a.txt", "a/b.c/d", "a..b", "~a", "macosx", "thumbs.dbx"] {
            #expect(!HiddenFile.isHidden(path: name), "\(name)")
        }
    }
}
