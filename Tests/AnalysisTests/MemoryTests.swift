import Base
import Foundation
import JSON
import Records
import Store
import StoreFormat
import Testing
import TestKit

/// The bounds of `docs/formats.md`, under a limit that the system enforces.
///
/// The limit is on what a process may write to besides files (`ulimit -d`): pages of mapped files may be dropped at any
/// time and do not count. `TVT_SOAK=1` takes ten times as many documents under the same limits.
@Suite struct MemoryTests {
    static let documentCount = ProcessInfo.processInfo.environment["TVT_SOAK"] == nil ? 600_000 : 6_000_000

    /// Tiny documents; every tenth has the text of the one before it, every thousandth is changed. And queries, one for a
    /// hundred documents, ten of which are its positives.
    static func commit(to store: Store, as reference: String, isChanged: Bool) throws {
        let writer = try store.writer(reference: reference, provenance: Provenance(tool: "test"))
        for number in 0..<documentCount {
            let id = Array("document-\(number)".utf8)
            var random = SplitMix64(seed: 21, UInt64(number % 10 == 9 ? number - 1 : number))
            var text = (0..<6).map { _ in "w\(random.next(below: 100_000))" }.joined(separator: " ")
            if isChanged, number % 1000 == 0 { text += " changed" }
            let line = Array("{\"docid\":\"".utf8) + id + Array("\",\"document_text\":\"\(text)\"}".utf8)
            _ = try id.withUnsafeBytes { id in
                try line.withUnsafeBytes { try writer.appendDocument(id: id, record: $0) }
            }
        }
        for number in 0..<documentCount / 100 {
            let id = Array("query-\(number)".utf8)
            let line = Array("{\"query_id\":\"query-\(number)\",\"query_text\":\"what is \(number)\"}".utf8)
            let positives = (0..<10).map { UInt32(number * 100 + 7 * $0) }
            _ = try id.withUnsafeBytes { id in
                try line.withUnsafeBytes {
                    try writer.appendQuery(id: id, record: $0, positives: positives, negatives: [])
                }
            }
        }
        try writer.commit()
    }

    @Test func memoryDoesNotGrowWithTheDocuments() throws {
        let temporary = try TemporaryStore()
        try Self.commit(to: temporary.store, as: "old", isChanged: false)
        try Self.commit(to: temporary.store, as: "new", isChanged: true)
        func tool(_ limitMiB: Int, _ arguments: String...) throws -> (status: Int32, output: JSONValue) {
            let output = temporary.folder("output")
            let command = "ulimit -d \(limitMiB << 10) && exec \"$@\" >\(output)"
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/bash")
            process.arguments =
                ["-c", command, "bash", builtProducts.appending("tvt-store").string] + arguments
                + ["--json", "--store", temporary.store.root.string]
            try process.run()
            process.waitUntilExit()
            return (process.terminationStatus, (try? JSONValue.parse(file: output)) ?? .null)
        }
        let diff = try tool(40, "diff", "old", "new", "--limit", "100")
        #expect(diff.status == 1)
        #expect(diff.output["documents"]?["changed"]?.integer == Self.documentCount / 1000)
        #expect(
            diff.output["documents"]?["examples"]?["changed"]?.array
                == (0..<100).map { .string("document-\($0 * 1000)") })
        let near = try tool(190, "dedup", "new", "--near", "--as", "unique")
        #expect(near.status == 0)
        #expect(near.output["aliases"]?.integer == Self.documentCount / 10)
        let stats = try tool(72, "stats", "new")
        #expect(stats.status == 0)
        #expect(stats.output["documents"]?["duplicates"]?["records"]?.integer == Self.documentCount / 10)
        let overlap = try tool(112, "overlap", "old", "new")
        #expect(overlap.status == 0)
        let compared = overlap.output["evaluations"]?.array?.first?["documents"]
        #expect(compared?["count"]?.integer == Self.documentCount / 10)
        // One in a thousand is changed: of the positives, those of every tenth query that end in three zeros.
        #expect(compared?["shared"]?.integer == Self.documentCount / 10 - Self.documentCount / 1000)
        let similar = try tool(160, "overlap", "old", "new", "--near")
        #expect(similar.status == 0)
        #expect(similar.output["evaluations"]?.array?.first?["documents"]?["shared"]?.integer ?? 0 > 0)
        // The limit holds: with less, nothing is done.
        #expect(try tool(20, "stats", "new").status != 0)
    }
}
