import Base
import Encoding
import Models
import SystemPackage
import TestKit
import Testing

struct ReferenceCheckTests {
    let data: SampleData
    let encoder: DatasetEncoder
    let folder: FilePath

    init() throws {
        data = try SampleData(documentCount: 60)
        let model = try SampleData.model()
        var options = DatasetEncoder.Options()
        options.recordsPerPart = 25
        encoder = DatasetEncoder(try RecordSource(data.commit(), .corpus, model), model, options)
        folder = data.temporary("v")
        options.recordsPerPart = 100
        let whole = DatasetEncoder(encoder.source, model, options)
        _ = try whole.run(
            into: folder, whole.description(identity: SHA256Digest.of(Array("tiny".utf8))), progress: nil)
    }

    var reference: FilePath { folder.appending("part-00000.npy") }

    @Test(arguments: [1, 7])
    func ownVectorsPass(stride: Int) throws {
        var seen = 0
        let report = try ReferenceCheck(encoder).run(against: reference, stride: stride) { seen += $0 }
        #expect(report.comparedCount == (60 + stride - 1) / stride)
        #expect(seen == report.comparedCount)
        #expect(report.leastCosine > 0.999999)
        #expect(report.greatestDifference < 1e-5)
    }

    @Test func aWrongRowIsFound() throws {
        var bytes = try Files.readAll(reference)
        // The header is padded to 64; row 41 begins 41 × 32 floats after it. Its sign changes.
        let start = bytes.count - 60 * 32 * 4 + 41 * 32 * 4
        for offset in stride(from: start + 3, to: start + 128, by: 4) { bytes[offset] ^= 0x80 }
        let path = try data.temporary.write(bytes, to: "wrong.npy")
        let report = try ReferenceCheck(encoder).run(against: path, stride: 1) { _ in }
        #expect(report.leastCosine < -0.999)
        #expect(report.worst.first.map { Array($0.id) } == data.documents[41].id)
        #expect(report.worst.count == 10)
        // NaN is worse than any number.
        for offset in start..<(start + 4) { bytes[offset] = 0xFF }
        let nan = try data.temporary.write(bytes, to: "nan.npy")
        #expect(try ReferenceCheck(encoder).run(against: nan, stride: 1) { _ in }.leastCosine.isNaN)
    }

    @Test func otherFilesAreRefused() throws {
        let bytes = try Files.readAll(reference)
        var cases: [[UInt8]] = [
            [], Array(bytes.dropLast()), bytes + [0], Array(bytes.prefix(50)), Array(bytes.prefix(9)),
        ]
        for (from, to) in [
            ("<f4", ">f4"), ("<f4", "<f8"), ("False", "True "), ("(60, 32)", "(60, 31)"), ("(60, 32)", "(1920,) "),
        ] {
            cases.append(replacing(from, with: to, in: bytes))
        }
        for (index, faulty) in cases.enumerated() {
            let path = try data.temporary.write(faulty, to: "faulty\(index).npy")
            #expect(throws: InputError.self, "case \(index)") {
                try ReferenceCheck(encoder).run(against: path, stride: 1) { _ in }
            }
        }
    }

    private func replacing(_ old: String, with new: String, in bytes: [UInt8]) -> [UInt8] {
        let (old, new) = (Array(old.utf8), Array(new.utf8))
        let at = (0..<128).first { Array(bytes[$0..<($0 + old.count)]) == old }!
        return Array(bytes[..<at]) + new + Array(bytes[(at + old.count)...])
    }
}
