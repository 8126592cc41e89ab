import Archives
import Base
import SystemPackage
import TestKit
import Testing

@Suite struct LineReaderTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    struct SeenLine: Equatable {
        var bytes: [UInt8]
        var number: Int
        var byteOffset: Int
        var hasNewline: Bool
    }

    func lines(of bytes: [UInt8], batchByteCount: Int) throws -> [SeenLine] {
        let reader = try LineReader(InputStream(folder.write(bytes, to: "data")), batchByteCount: batchByteCount)
        var lines: [SeenLine] = []
        while let batch = try reader.nextBatch() {
            #expect(batch.byteCount > 0)
            batch.forEachLine { line in
                lines.append(
                    SeenLine(
                        bytes: Array(line.bytes), number: line.number, byteOffset: line.byteOffset,
                        hasNewline: line.hasNewline))
            }
        }
        return lines
    }

    @Test(arguments: 0..<30)
    func linesDoNotDependOnTheBatchSize(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        var bytes: [UInt8] = []
        var expected: [SeenLine] = []
        for number in 1...Int.random(in: 1...40, using: &random) {
            let length = Int.random(in: 0..<[2, 20, 300].randomElement(using: &random)!, using: &random)
            let line = (0..<length).map { _ in UInt8.random(in: 11...255, using: &random) }
            expected.append(SeenLine(bytes: line, number: number, byteOffset: bytes.count, hasNewline: true))
            bytes += line + [0x0A]
        }
        if Bool.random(using: &random), expected.last?.bytes.isEmpty == false {
            bytes.removeLast()
            expected[expected.count - 1].hasNewline = false
        }
        for batchByteCount in [1, 2, 3, 7, 64, 1000, 1 << 20] {
            #expect(try lines(of: bytes, batchByteCount: batchByteCount) == expected)
        }
    }

    @Test func aByteOrderMarkIsSkipped() throws {
        let seen = try lines(of: [0xEF, 0xBB, 0xBF, 0x61, 0x0A, 0x62], batchByteCount: 4)
        #expect(seen.map(\.bytes) == [[0x61], [0x62]])
        #expect(seen.map(\.byteOffset) == [3, 5])
        #expect(seen.map(\.hasNewline) == [true, false])
    }

    /// Whatever a batch holds, a line beyond the limit is passed over and told, and the others keep their places.
    @Test(arguments: 0..<40) func linesThatAreTooLongAreFaults(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let limit = Int.random(in: 1...50, using: &random)
        var bytes: [UInt8] = []
        var expected: [SeenLine] = []
        var expectedFaults: [Place] = []
        for number in 1...Int.random(in: 1...30, using: &random) {
            let length = Int.random(in: 0...limit * 2, using: &random)
            let line = (0..<length).map { _ in UInt8.random(in: 0x61...0x7A, using: &random) }
            if length > limit {
                expectedFaults.append(Place(path: folder("data").string, line: number, byteOffset: bytes.count))
            } else {
                expected.append(SeenLine(bytes: line, number: number, byteOffset: bytes.count, hasNewline: true))
            }
            bytes += line + [0x0A]
        }
        for batchByteCount in [1, 7, 64, 1 << 20] {
            let reader = try LineReader(
                InputStream(folder.write(bytes, to: "data")), batchByteCount: batchByteCount, lineLimit: limit)
            var lines: [SeenLine] = []
            var faults: [Place] = []
            while let batch = try reader.nextBatch() {
                faults += batch.faults.map(\.error.place)
                batch.forEachLine {
                    lines.append(
                        SeenLine(
                            bytes: Array($0.bytes), number: $0.number, byteOffset: $0.byteOffset,
                            hasNewline: $0.hasNewline))
                }
            }
            #expect(lines == expected && faults == expectedFaults)
        }
    }

    @Test func aFileWithoutLineFeedsIsOneFault() throws {
        let reader = try LineReader(
            InputStream(folder.write([UInt8](repeating: 0x78, count: 3 << 20), to: "data")), lineLimit: 1 << 20)
        let batch = try #require(try reader.nextBatch())
        #expect(batch.byteCount == 0 && batch.faults.count == 1 && batch.faults[0].line.count == 1024)
        #expect(batch.faults[0].error.reason == "a line longer than 1048576 bytes")
        #expect(try reader.nextBatch() == nil)
    }

    @Test func aStreamWithoutAnEndIsLeft() throws {
        let reader = LineReader(try InputStream("/dev/zero"), lineLimit: 1 << 20)
        #expect(try reader.nextBatch()?.faults.count == 1)
        let error = #expect(throws: InputError.self) { try reader.nextBatch() }
        #expect(error?.reason == "a line longer than \(1 << 30) bytes" && error?.place.line == 1)
    }

    @Test func anEmptyFileHasNoLines() throws {
        #expect(try lines(of: [], batchByteCount: 10).isEmpty)
    }
}
