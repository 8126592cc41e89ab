import Archives
import Export
import StoreMaintenance
import Store
import Base
import Ingest
import JSON
import SystemPackage
import TestKit
import Testing

/// v1 → v2 → v1 gives equal rows; v2 → v1 → v2 gives the equal dataset.
@Suite struct RoundTripTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    func check(_ lines: [String], options: IngestOptions = IngestOptions()) throws {
        let (dataset, report) = try place.convert(lines, options: options)
        #expect(report.queryCount == lines.count)
        let back = try place.rows(of: dataset)
        #expect(back.count == lines.count)
        for (number, (line, original)) in zip(back, lines).enumerated() {
            let isEqual = try json(line) == json(original)
            #expect(isEqual, "row \(number): \(original) came back as \(line)")
            if !isEqual { break }
        }
        let again = try place.convert(back, as: "again").dataset
        #expect(again.manifest.logicalDigest == dataset.manifest.logicalDigest)
        #expect(try place.store.verify("sample", level: .full).findings.isEmpty)
    }

    @Test(arguments: 0..<24) func randomRows(seed: UInt64) throws {
        var options = IngestOptions()
        options.workers = Int(seed % 4)
        options.batchByteCount = [1 << 20, 1, 300, 5000][Int(seed / 4 % 4)]
        try check(RandomRows(count: 50, seed: seed).lines, options: options)
    }

    @Test func rowsOfNave() throws {
        let path = sourceRoot.appending("datasets/nave/train.v1.jsonl.zst")
        let reader = LineReader(try InputStream(path))
        var lines: [String] = []
        while lines.count < 300, let batch = try reader.nextBatch() {
            batch.forEachLine { lines.append(String(decoding: $0.bytes, as: UTF8.self)) }
        }
        try check(Array(lines.prefix(300)))
    }

    /// A passage without docid comes back with the id that it was given, and is then the same dataset.
    @Test func madeIdsStay() throws {
        let line =
            #"{"query_id":"1","query":"q","positive_passages":[{"text":"t","title":"T"}],"negative_passages":[]}"#
        let (dataset, _) = try place.convert([line])
        let back = try place.rows(of: dataset)
        let passage = try json(back[0])["positive_passages"]?.array?.first
        #expect(passage?["docid"]?.string == String(decoding: try dataset.documentID(0), as: UTF8.self))
        #expect(try place.convert(back, as: "again").dataset.manifest.logicalDigest == dataset.manifest.logicalDigest)
    }

    /// Every query is exported from some batch, in its place, whatever the sizes.
    @Test(arguments: [(0, 512), (1, 1), (3, 7), (2, 50)]) func exportsDoNotDependOnWorkers(workers: Int, batch: Int)
        throws
    {
        let (dataset, _) = try place.convert(RandomRows(count: 50, seed: 99).lines)
        let path = place.folder("other")
        let report = try Conversions.export(dataset, to: path, workers: workers, queriesPerBatch: batch)
        let expected = try place.rows(of: dataset)
        #expect(try Files.readAll(path) == expected.flatMap { Array($0.utf8) + [10] })
        #expect(report.rowCount == 50)
        #expect(report.rawBytes == (try Files.size(path)))
        #expect(
            report.passageCount == (try dataset.positiveTargets + dataset.negativeTargets).reduce(0) { $0 + $1.count })
    }
}
