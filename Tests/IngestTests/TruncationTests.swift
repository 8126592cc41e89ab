import Base
import Store
import Ingest
import JSON
import SystemPackage
import TestKit
import Testing

/// A file that ends too early is refused at every byte, or is the whole lines that it has; nothing ever traps.
@Suite struct TruncationTests {
    let place: Workplace
    let lines = [
        #"{"query_id":"1é","query":"\"q\u00e9\\","positive_passages":[{"docid":"a","title":"T","text":"🙂"}],"#
            + #""negative_passages":[{"text":"b"}],"x":[1.5e3,null,{"y":true}]}"#,
        row("2", positives: ["b"]), row("3", negatives: ["b", "c"]),
    ]

    init() throws { place = try Workplace() }

    @Test func ofPlainRows() throws {
        let bytes: [UInt8] = lines.flatMap { Array($0.utf8) + [0x0A] }
        // The number of whole lines at each length that ends with one, newline or not.
        var wholeLines: [Int: Int] = [:]
        var digests: [Int: SHA256Digest] = [:]
        var end = 0
        for (number, line) in lines.enumerated() {
            end += line.utf8.count
            wholeLines[end] = number + 1
            wholeLines[end + 1] = number + 1
            end += 1
            digests[number + 1] =
                try place.convert(Array(lines[...number]), as: "lines\(number + 1)").dataset.manifest.logicalDigest
        }
        #expect(end == bytes.count)
        var options = IngestOptions()
        options.workers = 1
        for count in 0...bytes.count {
            let path = try place.folder.write(Array(bytes[..<count]), to: "cut.jsonl")
            do {
                _ = try Conversions.rows([path], into: place.store, reference: "cut", options: options)
                let dataset = try place.store.dataset("cut")
                #expect(wholeLines[count] == dataset.queryCount, "\(count) bytes")
                #expect(dataset.manifest.logicalDigest == digests[dataset.queryCount], "\(count) bytes")
                try place.store.remove("cut")
            } catch let error as InputError {
                #expect(wholeLines[count] == nil, "\(count) bytes: \(error)")
                #expect(error.place.path == path.string)
                #expect(count == 0 || error.place.line == 1 + bytes[..<count].count { $0 == 0x0A }, "\(count) bytes")
                #expect(try place.store.references().count == 3)
            }
        }
        #expect(try place.nothingIsHalfDone())
    }

    @Test(arguments: ["gz", "zst", "xz"]) func ofPackedRows(kind: String) throws {
        let bytes = try Files.readAll(place.write(lines, to: "rows.\(kind)"))
        var options = IngestOptions()
        options.workers = 0
        // Every byte where the kind is told and where the stream ends; ArchivesTests cuts at all of them.
        for count in 0..<bytes.count where count < 20 || count % 4 == 0 || count > bytes.count - 20 {
            let path = try place.folder.write(Array(bytes[..<count]), to: "cut.jsonl")
            let error = #expect(throws: InputError.self, "\(count) bytes") {
                try Conversions.rows([path], into: place.store, reference: "cut", options: options)
            }
            #expect(error?.place.path == path.string)
        }
        #expect(try place.nothingIsCommitted())
    }

    /// Seeded damage of single bytes, mostly in the structure: an error, or the rows that a strict parser sees.
    @Test(arguments: 0..<3) func ofNothingButASingleByte(seed: UInt64) throws {
        let whole: [UInt8] = [
            row("1", positives: ["a", "b"], negatives: ["c"]), row("2", positives: ["b"], negatives: ["a", "c"]),
            #"{ "x": {"positive_passages":[{}]}, "negative_passages" : [ ], "query_id":"3","query":"\"]}", "#
                + #""positive_passages": [ {"docid":"a","text":"text of a"} , {"docid":"c", "text":"text of c"}]}"#,
        ].flatMap { Array($0.utf8) + [0x0A] }
        var random = SplitMix64(seed: seed)
        let structure = Array("{}[],:\"\\ \n0".utf8)
        var options = IngestOptions()
        options.workers = 0
        var acceptedCount = 0
        for trial in 0..<100 {
            var bytes = whole
            let position = Int(random.next(below: UInt64(bytes.count)))
            bytes[position] =
                trial % 3 == 0
                ? bytes[position] ^ UInt8(1 + random.next(below: 255))
                : structure[Int(random.next(below: UInt64(structure.count)))]
            let path = try place.folder.write(bytes, to: "damaged.jsonl")
            let report: IngestReport
            do {
                report = try Conversions.rows([path], into: place.store, reference: "damaged", options: options)
            } catch let error as InputError {
                #expect(error.place.line != nil, "\(error)")
                continue
            }
            acceptedCount += 1
            // Ids that were made would be in the rows that come back only.
            guard report.madeIDCount == 0 else { continue }
            let back = try place.rows(of: place.store.dataset("damaged"))
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
            #expect(try back.map { try json($0) } == lines.map { try json($0) }, "trial \(trial), byte \(position)")
        }
        #expect(acceptedCount > 0 && acceptedCount < 60)
        #expect(try place.nothingIsHalfDone())
    }
}
