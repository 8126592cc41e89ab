import Base
import TestKit
import Testing

@Suite struct DigestTests {
    /// FIPS 180-2, appendix B.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ])
    func sha256(text: String, hex: String) throws {
        let bytes = Array(text.utf8)
        #expect(SHA256Digest.of(bytes).hex == hex)
        var stream = SHA256Stream()
        for byte in bytes { withUnsafeBytes(of: byte) { stream.update($0) } }
        #expect(stream.finalize().hex == hex)
        #expect(SHA256Digest(hex: "sha256:" + hex) == SHA256Digest.of(bytes))
        let folder = try TemporaryFolder()
        #expect(try SHA256Digest.ofFile(folder.write(bytes, to: "file")).hex == hex)
    }

    @Test(arguments: ["", "abc", "sha256:", String(repeating: "g", count: 64), String(repeating: "A", count: 64)])
    func badHexIsRefused(text: String) {
        #expect(SHA256Digest(hex: text) == nil)
    }

    /// Values printed by `xxhsum -H3` and `xxhsum -H2`.
    @Test func xxh3() {
        let text = Array("tvt".utf8)
        #expect(text.withUnsafeBytes { XXH3.hash64($0) } == 0x5bf6_39f8_1763_0b87)
        #expect(ContentHash.of(text).hex == "7d2350062dfc41ff5bf639f817630b87")
        var stream = ContentHashStream()
        for byte in text { withUnsafeBytes(of: byte) { stream.update($0) } }
        #expect(stream.digest() == ContentHash.of(text))
    }
}
