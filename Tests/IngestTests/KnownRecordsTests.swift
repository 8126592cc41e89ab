import Archives
import Base
import Ingest
import SystemPackage
import TestKit
import Testing

/// The table of what was accepted: right against a dictionary, and no larger than it promises.
@Suite struct KnownRecordsTests {
    /// Random additions and removals of the last, across the growth of slots and the seam of segments.
    @Test(arguments: 0..<6) func itKnowsWhatADictionaryKnows(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let known = KnownRecords()
        var expected: [ContentHash: (ordinal: Int, content: ContentHash)] = [:]
        var order: [(id: ContentHash, input: Int, line: Int)] = []
        // From a few thousand slots to beyond a segment; low bits that collide.
        let rounds = seed < 3 ? 12_000 : 90_000
        // Counted, because an expectation for each of a million would take longer than all else.
        var wrongCount = 0
        func hash(_ bits: UInt64) -> ContentHash {
            let number = random.next(below: bits)
            return ContentHash(high: number, low: number % 3 == 0 ? number / 7 : SplitMix64.mix(number))
        }
        for round in 0..<rounds {
            if random.next(below: 8) == 0 {
                for _ in 0..<min(order.count, Int(random.next(below: 6))) {
                    known.removeLast()
                    expected[order.removeLast().id] = nil
                }
                continue
            }
            let id = hash(UInt64(rounds * 4))
            let content = ContentHash(high: random.next(below: 2), low: 0)
            let outcome = known.add(id, content: content, input: round % 3, line: round)
            if let (ordinal, before) = expected[id] {
                if outcome != (before == content ? .same(ordinal) : .different(ordinal)) { wrongCount += 1 }
            } else {
                if outcome != .added(order.count) { wrongCount += 1 }
                expected[id] = (order.count, content)
                order.append((id, round % 3, round))
            }
        }
        #expect(known.count == order.count)
        #expect(order.count > rounds / 3)
        for (ordinal, (id, input, line)) in order.enumerated()
        where known.ordinal(of: id) != ordinal || known.place(of: ordinal) != (input, line) {
            wrongCount += 1
        }
        for _ in 0..<1000 {
            let id = hash(UInt64(rounds * 4))
            if known.ordinal(of: id) != expected[id]?.ordinal { wrongCount += 1 }
        }
        #expect(wrongCount == 0)
    }

    /// Peak memory of the tool over two corpora that differ by half a million documents.
    ///
    /// Of what a document costs, `KnownRecords` promises to take less than 64 bytes. The store's writer takes 24 for
    /// each record of the shard that is open (docs/formats.md, "Memory"); that is a bound of its own, 2 Mi records, but
    /// these corpora are below it. 12 bytes are slack, for arrays that double. The first 70 MiB of long lines fill the
    /// store's sample, a constant; the corpora end in a fault, so that no index is built. Measured: 54 to 68 bytes.
    @Test func aDocumentCostsLessThan64Bytes() throws {
        let place = try Workplace()
        let counts = [1_000_000, 1_500_000]
        let peaks = try counts.map { count in
            let path = place.folder("corpus-\(count).zst")
            let output = try CompressedOutput(path)
            let long = String(repeating: "abcdefgh", count: 1 << 13)
            for number in 0..<1120 {
                try output.write(Array("{\"docid\":\"long \(number)\",\"text\":\"\(long)\"}\n".utf8))
            }
            var lines: [UInt8] = []
            for number in 0..<count {
                lines += Array("{\"docid\":\"\(number)\",\"text\":\"\"}\n".utf8)
                if lines.count > 1 << 20 || number == count - 1 {
                    try output.write(lines)
                    lines.removeAll(keepingCapacity: true)
                }
            }
            try output.write(Array("no record\n".utf8))
            try output.commit()
            // What else is in flight at the peak differs from run to run, and only adds.
            return try (0..<3).map { _ in
                let tool = try ToolProcess(
                    [
                        "v2", "--corpus", path.string, "--queries", "none", "--dataset", "x", "--workers", "1",
                        "--store",
                        place.store.root.string,
                    ],
                    // Large blocks go back to the system when they are freed: a peak is one of memory in use.
                    environment: ["MALLOC_MMAP_THRESHOLD_=131072", "MALLOC_ARENA_MAX=1"])
                let end = tool.finish()
                #expect(end.status == 65)
                return end.peakMemoryBytes
            }.min() ?? 0
        }
        let bytesPerDocument = Double(peaks[1] - peaks[0]) / Double(counts[1] - counts[0])
        #expect(bytesPerDocument < 64 + 24 + 12, "\(peaks)")
        // The corpora are large enough for the table to be seen above the sample: otherwise nothing was measured.
        #expect(bytesPerDocument > 20, "\(peaks)")
    }
}
