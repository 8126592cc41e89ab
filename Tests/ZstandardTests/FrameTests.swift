import Base
import Testing
import Zstandard

@Suite struct FrameTests {
    static func text(_ byteCount: Int, seed: UInt64) -> [UInt8] {
        var random = SplitMix64(seed: seed)
        let words = (0..<50).map { _ in (0..<6).map { _ in UInt8(97 + random.next(below: 26)) } }
        var bytes: [UInt8] = []
        while bytes.count < byteCount { bytes += words[Int(random.next(below: 50))] + [32] }
        return Array(bytes.prefix(byteCount))
    }

    @Test(arguments: [0, 1, 100, 4096, 1 << 20]) func roundTrip(byteCount: Int) throws {
        let bytes = Self.text(byteCount, seed: 1)
        var compressor = try Compressor(level: 3)
        var frame: [UInt8] = [7]
        let size = try bytes.withUnsafeBytes { try compressor.compress($0, appendingTo: &frame) }
        #expect(frame.count == size + 1)
        #expect(frame[0] == 7)
        frame.removeFirst()
        #expect(try decompress(frame) == bytes)
        #expect(try frame.withUnsafeBytes { try Frame.compressedSize($0) } == frame.count)
    }

    func decompress(_ frame: [UInt8], dictionary: DecompressionDictionary? = nil) throws -> [UInt8] {
        var decompressor = try Decompressor()
        return try frame.withUnsafeBytes { frame in
            let size = try Frame.contentSize(frame)
            let output = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, size), alignment: 1)
            defer { output.deallocate() }
            let count = try decompressor.decompress(frame, into: output, dictionary: dictionary)
            return Array(output[0..<count])
        }
    }

    @Test func everyTruncationThrows() throws {
        var compressor = try Compressor(level: 3)
        var frame: [UInt8] = []
        try Self.text(2000, seed: 2).withUnsafeBytes { _ = try compressor.compress($0, appendingTo: &frame) }
        for count in 0..<frame.count {
            #expect(throws: ZstandardError.self) { try decompress(Array(frame[0..<count])) }
        }
    }

    @Test func aFlippedBitOfTheContentIsNoticed() throws {
        var compressor = try Compressor(level: 3)
        var frame: [UInt8] = []
        // Incompressible, so that the block is stored as it is and only the checksum can tell.
        var random = SplitMix64(seed: 3)
        let bytes = (0..<500).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        try bytes.withUnsafeBytes { _ = try compressor.compress($0, appendingTo: &frame) }
        frame[frame.count / 2] ^= 1
        #expect(throws: ZstandardError.self) { try decompress(frame) }
    }

    @Test func dictionariesHelpAndAreNeeded() throws {
        let samples = (0..<400).map { Self.text(300, seed: 4) + Self.text(30, seed: UInt64($0)) }
        let all = samples.flatMap { $0 }
        func train() -> [UInt8]? {
            all.withUnsafeBytes {
                trainDictionary(samples: $0, sampleSizes: samples.map(\.count), capacity: 4096, level: 3)
            }
        }
        let dictionary = try #require(train())
        #expect(dictionary.count <= 4096)
        #expect(train() == dictionary, "training must be reproducible")
        var plain = try Compressor(level: 3)
        var withDictionary = try Compressor(level: 3, dictionary: CompressionDictionary(dictionary, level: 3))
        var large: [UInt8] = []
        var small: [UInt8] = []
        try samples[7].withUnsafeBytes {
            _ = try plain.compress($0, appendingTo: &large)
            _ = try withDictionary.compress($0, appendingTo: &small)
        }
        #expect(small.count < large.count)
        let ready = try dictionary.withUnsafeBytes { try DecompressionDictionary($0) }
        #expect(try decompress(small, dictionary: ready) == samples[7])
        #expect(throws: ZstandardError.self) { try decompress(small) }
    }

    @Test func tooFewSamplesGiveNoDictionary() {
        let samples = Self.text(100, seed: 5)
        #expect(
            samples.withUnsafeBytes { trainDictionary(samples: $0, sampleSizes: [100], capacity: 4096, level: 3) }
                == nil)
    }
}
