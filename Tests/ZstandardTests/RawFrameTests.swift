import Base
import Testing
import Zstandard

/// Frames in pieces, compressed and as they are.
@Suite struct RawFrameTests {
    /// Blocks are cut as ``RawFrame`` has them.
    func rawFrame(_ content: [UInt8]) -> [UInt8] {
        var frame = RawFrame.header(contentSize: content.count)
        var start = 0
        repeat {
            let end = min(start + RawFrame.blockBytes, content.count)
            frame += RawFrame.blockHeader(byteCount: end - start, isLast: end == content.count) + content[start..<end]
            start = end
        } while start < content.count
        return frame + RawFrame.checksum(content.withUnsafeBytes { XXH64.hash($0) })
    }

    func pieces(_ frame: [UInt8]) throws -> [UInt8] {
        var decompressor = try Decompressor()
        var content: [UInt8] = []
        try frame.withUnsafeBytes { try decompressor.forEachPiece(of: $0) { content.append(contentsOf: $0) } }
        return content
    }

    /// What a stream gives that is asked for so many bytes at a time, until it has none.
    func streamed(_ frame: [UInt8], by byteCount: Int = 1000) throws -> [UInt8] {
        try frame.withUnsafeBytes { frame in
            var stream = try FrameStream(frame)
            var buffer = [UInt8](repeating: 0, count: byteCount)
            var content: [UInt8] = []
            while true {
                let count = try buffer.withUnsafeMutableBytes { try stream.read(into: $0) }
                if count == 0 { break }
                content += buffer[..<count]
            }
            #expect(try buffer.withUnsafeMutableBytes { try stream.read(into: $0) } == 0)
            return content
        }
    }

    static let sizes = [0, 1, 255, 256, 131_071, 131_072, 131_073, 262_144, 400_000]

    @Test(arguments: sizes) func libzstdReadsThem(byteCount: Int) throws {
        let content = FrameTests.text(byteCount, seed: 5)
        let frame = rawFrame(content)
        #expect(frame.count == RawFrame.byteCount(of: byteCount))
        #expect(try FrameTests().decompress(frame) == content)
        #expect(try pieces(frame) == content)
        for amount in [1000, 131_072, 1 << 20] { #expect(try streamed(frame, by: amount) == content) }
        #expect(try frame.withUnsafeBytes { try Frame.compressedSize($0) } == frame.count)
    }

    @Test(arguments: sizes.dropFirst()) func compressedPiecesAreOneFrame(byteCount: Int) throws {
        let content = FrameTests.text(byteCount, seed: 6)
        var frame: [UInt8] = []
        var compressor = try Compressor(level: 3)
        // Twice: a context is good for many frames.
        for _ in 0..<2 {
            frame = []
            try compressor.beginFrame(byteCount: byteCount)
            var start = 0
            while start < byteCount {
                let end = min(start + 50_000, byteCount)
                try content[start..<end].withUnsafeBytes { piece in
                    try compressor.compress(piece: piece, isLast: end == byteCount) { frame.append(contentsOf: $0) }
                }
                start = end
            }
        }
        #expect(try frame.withUnsafeBytes { try Frame.contentSize($0) } == byteCount)
        #expect(try FrameTests().decompress(frame) == content)
        #expect(try pieces(frame) == content)
    }

    @Test func damageAndTruncationThrow() throws {
        let content = FrameTests.text(300, seed: 7)
        let frame = rawFrame(content)
        for count in 0..<frame.count {
            #expect(throws: ZstandardError.self, "cut to \(count)") { try pieces(Array(frame.prefix(count))) }
            #expect(throws: ZstandardError.self, "cut to \(count)") { try streamed(Array(frame.prefix(count))) }
        }
        for byte in frame.indices {
            var damaged = frame
            damaged[byte] ^= 0x10
            #expect((try? streamed(damaged)) == (try? pieces(damaged)), "byte \(byte)")
            // An unused bit of the descriptor, and the window's size, matter to nobody.
            guard (try? pieces(damaged)) == content else { continue }
            #expect(byte == 4 || byte == 5)
        }
        #expect(throws: ZstandardError.self) { try pieces(frame + [0]) }
        #expect(throws: ZstandardError.self) { try streamed(frame + [0]) }
    }
}
