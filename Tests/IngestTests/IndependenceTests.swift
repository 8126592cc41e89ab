import Base
import Ingest
import JSON
import Store
import SystemPackage
import TestKit
import Testing

/// The result depends on the rows alone: not on workers, batches, packing, or the road that the bytes took.
@Suite struct IndependenceTests {
    let place: Workplace
    let lines = RandomRows(count: 120, seed: 7).lines
    let expected: Dataset
    let expectedReport: IngestReport

    init() throws {
        place = try Workplace()
        (expected, expectedReport) = try place.convert(lines)
    }

    /// What a report says of the data: no times, no paths.
    func counts(_ report: JSONValue) -> [JSONValue?] {
        [
            "queries", "documents", "positives", "negatives", "parsedBytes", "duplicatesMerged", "conflicts",
            "idsMadeFromContent", "rejects",
        ].map { report[$0] }
    }

    @Test(arguments: [0, 1, 2, 5], [1, 97, 4096, 1 << 20]) func workersAndBatches(workers: Int, batch: Int) throws {
        var options = IngestOptions()
        options.workers = workers
        options.batchByteCount = batch
        let (dataset, report) = try place.convert(lines, options: options)
        // Down to the last byte of the manifest: it names neither.
        #expect(dataset.digest == expected.digest)
        #expect(counts(report.json) == counts(expectedReport.json))
    }

    /// Every third row has other contents under the docids of the rows before, and some passages have no docid.
    @Test(arguments: [ConflictPolicy.first, .rename]) func conflicts(policy: ConflictPolicy) throws {
        var conflicting: [String] = []
        for round in 0..<3 {
            for (number, line) in lines.enumerated() {
                let other = number % 3 == 1 ? line.replacing(#""text":""#, with: #""text":"other "#) : line
                conflicting.append(other.replacing(#"{"query_id":""#, with: #"{"query_id":"\#(round)"#))
            }
            conflicting.append(
                #"{"query_id":"made \#(round)","query":"q","negative_passages":[],"#
                    + #""positive_passages":[{"text":"same"},{"docid":"d","text":"same"},{"text":"same"}]}"#)
        }
        var results: [(dataset: Dataset, report: IngestReport)] = []
        for (workers, batch) in [(0, 1 << 20), (1, 1), (2, 3000), (3, 40_000), (4, 500)] {
            var options = IngestOptions()
            options.conflictPolicy = policy
            options.workers = workers
            options.batchByteCount = batch
            results.append(try place.convert(conflicting, as: "conflicts", options: options))
        }
        for (dataset, report) in results {
            #expect(dataset.digest == results[0].dataset.digest)
            #expect(counts(report.json) == counts(results[0].report.json))
        }
        let report = results[0].report
        #expect(report.conflictCount > 100)
        #expect(report.madeIDCount == 6)
        // Every passage is a document, came again, or is in conflict, and then perhaps a document of its own.
        let sum = report.documentCount + report.duplicatesMerged + report.conflictCount
        let passageCount = report.positiveCount + report.negativeCount
        #expect(policy == .first ? sum == passageCount : sum > passageCount)
    }

    /// With many faults, it is always the first in the order of the input that is told.
    @Test(arguments: [0, 1, 3], [1, 500, 1 << 20]) func theFirstFaultIsTheOneThatIsTold(workers: Int, batch: Int) throws
    {
        var faulty = lines
        for position in [37, 38, 80, 119] { faulty[position] = "{\"query_id\":\(position)}" }
        var options = IngestOptions()
        options.workers = workers
        options.batchByteCount = batch
        let error = #expect(throws: InputError.self) { try place.convert(faulty, as: "faulty", options: options) }
        #expect(error?.place.line == 38)
        #expect(error?.place.byteOffset == lines[..<37].reduce(0) { $0 + $1.utf8.count + 1 })
    }

    /// The name says nothing: packed bytes are recognised by themselves.
    @Test(arguments: ["gz", "zst", "xz"]) func packing(kind: String) throws {
        let packed = try Files.readAll(place.write(lines, to: "rows.\(kind)"))
        let path = try place.folder.write(packed, to: "rows.jsonl")
        #expect(packed != (try Files.readAll(place.folder("sample.jsonl"))))
        let report = try Conversions.rows([path], into: place.store, reference: "packed")
        let dataset = try place.store.dataset("packed")
        #expect(dataset.manifest.logicalDigest == expected.manifest.logicalDigest)
        #expect(counts(report.json) == counts(expectedReport.json))
        // The manifest names the file as it lay there.
        let input = try #require(dataset.manifest.provenance.inputs.first)
        #expect(dataset.manifest.provenance.inputs.count == 1)
        #expect(input.uri == path.string && input.size == packed.count && input.sha256 == .of(packed))
    }

    @Test(arguments: ["", ".gz", ".zst", ".xz"]) func standardInput(ending: String) throws {
        let bytes = try Files.readAll(place.write(lines, to: "rows.jsonl\(ending)"))
        let result = try place.tool(["v1-to-v2", "-", "--dataset", "piped", "--json"], input: bytes)
        #expect(result.status == 0, "\(result.errorText)")
        let report = try JSONValue.parse(result.output, path: "stdout")
        #expect(counts(report) == counts(expectedReport.json))
        #expect(
            report["inputs"] == [
                [
                    "path": "standard input", "size": JSONValue(bytes.count),
                    "sha256": .string(SHA256Digest.of(bytes).hex),
                ]
            ])
        #expect(try place.store.dataset("piped").manifest.logicalDigest == expected.manifest.logicalDigest)
    }

    /// Rows in several files are as rows in one.
    @Test func severalFiles() throws {
        let parts = [0..<1, 1..<70, 70..<120].enumerated().map { (number: $0, lines: Array(lines[$1])) }
        let paths = try parts.map { try place.write($0.lines, to: "part\($0.number).jsonl") }
        _ = try Conversions.rows(paths, into: place.store, reference: "parts")
        #expect(try place.store.dataset("parts").manifest.logicalDigest == expected.manifest.logicalDigest)
    }
}
