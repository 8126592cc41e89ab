internal import Base
internal import SystemPackage

/// Collects the judgements of one split, which may come in any order, and hands them out query by query.
///
/// They wait on disk. Judgements that come in the order of queries are streamed; others are cut into ranges of queries
/// that are sorted one at a time in bounded memory.
package final class JudgementCollector {
    package let split: String
    package let name: [UInt8]
    private let number: Int
    private let scratch: ScratchFolder
    private var file: PartitionFile
    private var count = 0
    private var lastQuery = 0
    private var isOrdered = true
    /// Entries that are sorted at once, of 16 bytes each.
    private let entriesPerRun: Int

    /// Query in the high half, document in the low half: ordered as judgements are stored.
    private struct Entry: BitwiseCopyable {
        var key: UInt64
        var grade: Float

        var query: Int { Int(key >> 32) }
        var document: UInt32 { UInt32(truncatingIfNeeded: key) }
    }

    package init(split: String, number: Int, scratch: ScratchFolder, entriesPerRun: Int) throws {
        self.split = split
        self.number = number
        self.scratch = scratch
        self.entriesPerRun = entriesPerRun
        name = Array(split.utf8)
        file = try PartitionFile(creating: scratch.path("judgements-\(number)"))
    }

    package func add(query: Int, document: Int, grade: Float) throws {
        guard let query32 = UInt32(exactly: query), let document = UInt32(exactly: document), grade.isFinite else {
            throw Failure(.badData, "a judgement of \(grade) for query \(query) and document \(document) is impossible")
        }
        isOrdered = isOrdered && query >= lastQuery
        lastQuery = query
        try file.append(UInt64(query32) << 32 | UInt64(document), grade.bitPattern)
        count += 1
    }

    /// The judgements as links of all queries, documents ascending within each.
    ///
    /// - Parameter describe: names a query and a document for an error.
    /// - Returns: the links, and the number of judgements that merely repeated an earlier one.
    /// - Throws: `Failure` with status 65 where a query is out of range or a pair has two grades.
    package func finish(
        queryCount: Int, describe: (Int, Int) throws -> String
    ) throws -> (links: LinksWriter, repeats: Int) {
        let writer = try LinksWriter(scratch: scratch, name: "judgements-\(number)", hasScores: true)
        var repeats = 0
        let spilled = try file.finish()
        // The open query's judgements.
        var pending: [Entry] = []
        func flush(before next: Int) throws {
            if !pending.isEmpty {
                try writer.append(targets: pending.map(\.document), scores: pending.map(\.grade))
            }
            pending.removeAll(keepingCapacity: true)
            while writer.queryCount < next { try writer.append(targets: [UInt32](), scores: [Float]()) }
        }
        func take(_ entry: Entry) throws {
            guard entry.query < queryCount else { throw rangeError(entry.query, queryCount) }
            if let last = pending.last {
                if last.query != entry.query {
                    try flush(before: entry.query)
                } else if last.key == entry.key {
                    guard last.grade == entry.grade else {
                        throw Failure(
                            .badData,
                            "\(split): \(try describe(entry.query, Int(entry.document))) has two grades, "
                                + "\(last.grade) and \(entry.grade)")
                    }
                    repeats += 1
                    return
                }
            } else {
                try flush(before: entry.query)
            }
            pending.append(entry)
        }
        if isOrdered {
            // Documents are in any order within a query, so a query's entries are sorted before they are taken.
            var group: [Entry] = []
            func takeGroup() throws {
                for entry in group.sorted(by: Self.isBefore) { try take(entry) }
                group.removeAll(keepingCapacity: true)
            }
            try Self.forEachEntry(of: spilled) { entry in
                if let first = group.first, first.query != entry.query { try takeGroup() }
                group.append(entry)
            }
            try takeGroup()
        } else {
            for run in try runs(of: spilled, queryCount: queryCount) {
                var entries: [Entry] = []
                entries.reserveCapacity(run.byteCount / 12)
                try Self.forEachEntry(of: run) { entries.append($0) }
                entries.sort(by: Self.isBefore)
                for entry in entries { try take(entry) }
                if run.path != spilled.path { try run.remove() }
            }
        }
        try flush(before: queryCount)
        try spilled.remove()
        return (writer, repeats)
    }

    private static func isBefore(_ left: Entry, _ right: Entry) -> Bool {
        (left.key, left.grade) < (right.key, right.grade)
    }

    private static func forEachEntry(of data: SpilledData, _ body: (Entry) throws -> Void) throws {
        try data.forEachBlock(of: 12 << 14) { block in
            for offset in stride(from: 0, to: block.count, by: 12) {
                try body(
                    Entry(
                        key: block.integer(at: offset, as: UInt64.self),
                        grade: Float(bitPattern: block.integer(at: offset + 8, as: UInt32.self))))
            }
        }
    }

    /// Cuts the entries into ranges of queries of about `entriesPerRun` entries; a query is never divided.
    private func runs(of spilled: SpilledData, queryCount: Int) throws -> [SpilledData] {
        guard count > entriesPerRun else { return [spilled] }
        let bins = 1 << 16
        let queriesPerBin = max(1, (queryCount + bins - 1) / bins)
        var histogram = [Int](repeating: 0, count: bins)
        try Self.forEachEntry(of: spilled) { entry in
            guard entry.query < queryCount else { throw rangeError(entry.query, queryCount) }
            histogram[entry.query / queriesPerBin] += 1
        }
        var runOfBin = [Int](repeating: 0, count: bins)
        var run = 0
        var filled = 0
        for bin in 0..<bins {
            if filled > 0, filled + histogram[bin] > entriesPerRun {
                run += 1
                filled = 0
            }
            runOfBin[bin] = run
            filled += histogram[bin]
        }
        let files = try (0...run).map {
            try PartitionFile(creating: scratch.path("judgements-\(number)-\($0)"))
        }
        try Self.forEachEntry(of: spilled) { entry in
            try files[runOfBin[entry.query / queriesPerBin]].append(entry.key, entry.grade.bitPattern)
        }
        return try files.map { try $0.finish() }
    }

    private func rangeError(_ query: Int, _ queryCount: Int) -> Failure {
        Failure(.badData, "\(split): a judgement is about query \(query), but there are \(queryCount) queries")
    }
}
