internal import Base
internal import Store
internal import StoreFormat

/// Judgements of one split in memory, 16 bytes each.
struct JudgementTable {
    struct Entry {
        var query: UInt32
        var document: UInt32
        var grade: Float

        var pair: UInt64 { UInt64(query) << 32 | UInt64(document) }
    }

    /// By query, then document.
    private(set) var entries: [Entry] = []

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }

    init(_ entries: [Entry] = []) { self.entries = entries.sorted { $0.pair < $1.pair } }

    /// Those of a version.
    init(_ links: Links) throws {
        var entries: [Entry] = []
        entries.reserveCapacity(links.linkCount)
        for query in 0..<links.queryCount {
            try Interruption.check()
            let targets = try links.targets(of: query)
            guard !targets.isEmpty else { continue }
            let grades = try links.scores(of: query)
            for (position, document) in targets.enumerated() {
                entries.append(
                    Entry(query: UInt32(query), document: document, grade: grades.map { $0[position] } ?? 1))
            }
        }
        self.init(entries)
    }

    func filter(_ isKept: (Entry) -> Bool) -> JudgementTable {
        var table = JudgementTable()
        table.entries = entries.filter(isKept)
        return table
    }

    /// The judgements of both, each pair once.
    ///
    /// - Parameter merge: the grade of a pair that both have.
    func adding(_ other: JudgementTable, merge: (Entry, Entry) throws -> Float) rethrows -> JudgementTable {
        var table = JudgementTable()
        table.entries.reserveCapacity(count + other.count)
        var rest = other.entries[...]
        for entry in entries {
            while let next = rest.first, next.pair < entry.pair { table.entries.append(rest.removeFirst()) }
            var entry = entry
            while let next = rest.first, next.pair == entry.pair {
                entry.grade = try merge(entry, next)
                rest.removeFirst()
            }
            table.entries.append(entry)
        }
        table.entries += rest
        return table
    }

    /// As links, for a version.
    func links(queryCount: Int, in store: Store) throws -> LinksWriter {
        let writer = try store.linksWriter(hasScores: true)
        var rest = entries[...]
        for query in 0..<queryCount {
            let own = rest.prefix { $0.query == query }
            rest = rest[own.endIndex...]
            try writer.append(targets: own.map(\.document), scores: own.map(\.grade))
        }
        return writer
    }
}

extension Dataset {
    /// Every split with its judgements.
    func judgementTables() throws -> [(split: String, table: JudgementTable)] {
        try judgements.map { ($0.split, try JudgementTable($0.links)) }
    }
}

/// A name that a split can have: it becomes the name of a file in exports.
func checkSplit(_ name: String) throws {
    guard !name.isEmpty, name.utf8.count <= 100, name != ".", name != "..",
        name.utf8.allSatisfy({
            0x30...0x39 ~= $0 || 0x41...0x5A ~= $0 || 0x61...0x7A ~= $0 || [0x2D, 0x2E, 0x5F].contains($0)
        })
    else {
        throw Failure(
            .usage, "\(excerpt(name)) cannot name a split",
            advice: "A split has letters, digits, '-', '_' and '.', up to 100 of them.")
    }
}
