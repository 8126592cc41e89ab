import Base
import SystemPackage
import TestKit
import Testing

@Suite struct InputFileTests {
    @Test(arguments: [0, 1, 1000, 1001]) func blocksAreTheFile(blockBytes: Int) throws {
        let folder = try TemporaryFolder()
        let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let file = try InputFile(folder.write(bytes, to: "file"))
        #expect(file.byteCount == 5000)
        #expect(try file.read(4000..<5000) == Array(bytes[4000...]))
        var read: [UInt8] = []
        var hash = XXH64Stream()
        try file.forEachBlock(of: blockBytes) {
            read.append(contentsOf: $0)
            hash.update($0)
        }
        #expect(read == bytes)
        #expect(hash.digest() == bytes.withUnsafeBytes { XXH64.hash($0) })
    }

    /// From the specification's own test vectors.
    @Test func xxh64IsTheStandardOne() {
        #expect([].withUnsafeBytes { XXH64.hash($0) } == 0xEF46_DB37_51D8_E999)
    }

    @Test func aFileThatShrankIsAnError() throws {
        let folder = try TemporaryFolder()
        let file = try InputFile(folder.write([1, 2, 3], to: "file"))
        #expect(throws: SystemError.self) { try file.read(0..<4) }
        #expect(throws: SystemError.self) { _ = try InputFile(folder.path) }
        #expect(throws: SystemError.self) { _ = try InputFile(folder("missing")) }
    }
}
