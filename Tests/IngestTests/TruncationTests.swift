import Base
import Ingest
import JSON
import Store
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
        for count in 0..<bytes.count {
            let path = try place.folder.write(Array(bytes[..<count]), to: "cut.jsonl")
            let error = #expect(throws: InputError.self, "\(count) bytes") {
                try Conversions.rows([path], into: place.store, reference: "cut", options: options)
            }
            #expect(error?.place.path == path.string)
        }
        #expect(try place.nothingIsCommitted())
    }

    /// Seeded damage of single bytes: an error or a dataset, never a trap, and the store stays clean.
    @Test(arguments: 0..<3) func ofNothingButASingleByte(seed: UInt64) throws {
        let bytes: [UInt8] = lines.flatMap { Array($0.utf8) + [0x0A] }
        var random = SplitMix64(seed: seed)
        var options = IngestOptions()
        options.workers = 0
        for _ in 0..<40 {
            var damaged = bytes
            damaged[Int(random.next(below: UInt64(bytes.count)))] ^= UInt8(1 + random.next(below: 255))
            let path = try place.folder.write(damaged, to: "damaged.jsonl")
            do {
                _ = try Conversions.rows([path], into: place.store, reference: "damaged", options: options)
                let back = try place.rows(of: place.store.dataset("damaged"))
                for line in back { #expect(throws: Never.self) { try json(line) } }
            } catch let error as InputError {
                #expect(error.place.line != nil, "\(error)")
            }
        }
        #expect(try place.nothingIsHalfDone())
    }
}
