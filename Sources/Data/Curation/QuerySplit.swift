internal import Archives
internal import Base
public import JSON
public import Store
internal import StoreFormat
public import SystemPackage

/// Puts queries into splits: their judgements stand under the names of these from then on.
public struct QuerySplit: Sendable {
    /// Which queries a split gets.
    public enum Rule: Sendable {
        /// Files of ids, one a line.
        case files([(split: String, path: FilePath)])
        /// Drawn by seed, one split after the other.
        case drawn([(split: String, amount: Amount)], seed: UInt64)
    }

    /// Where the judgements come from.
    public enum Judgements: Sendable, Equatable {
        /// An existing split, which loses them; nil for the only one that there is.
        case split(String?)
        /// The queries' positives, with grade 1.
        case positives
    }

    public struct Report: Sendable, Equatable {
        /// Queries and judgements of each new split.
        public var splits: [(name: String, queries: Int, judgements: Int)] = []
        /// Queries with judgements that no new split got.
        public var leftCount = 0
        /// Queries of files that have no judgement to be put anywhere.
        public var withoutJudgementsCount = 0
        public var unknownCount = 0
        /// Links that the training set lost.
        public var removedPositives = 0
        public var removedNegatives = 0
        /// Queries left in the training set whose content is that of a query in a new split.
        public var equalQueriesCount = 0

        public static func == (left: Self, right: Self) -> Bool { left.json == right.json }

        public var json: JSONObject {
            [
                "splits": .object(
                    JSONObject(
                        splits.map {
                            ($0.name, ["queries": JSONValue($0.queries), "judgements": JSONValue($0.judgements)])
                        })),
                "left": JSONValue(leftCount), "withoutJudgements": JSONValue(withoutJudgementsCount),
                "unknown": JSONValue(unknownCount), "removedPositives": JSONValue(removedPositives),
                "removedNegatives": JSONValue(removedNegatives), "equalQueries": JSONValue(equalQueriesCount),
            ]
        }
    }

    public var rule: Rule
    public var judgements = Judgements.split(nil)
    /// Takes the links of the chosen queries out of the training set.
    public var leavesTraining = false
    /// Leaves out ids of files that the dataset does not have, instead of failing.
    public var ignoresUnknown = false

    public init(_ rule: Rule) { self.rule = rule }

    /// - Throws: `InputError` for a malformed file; `Failure` with status 65 where a split would be empty, an id is unknown or
    ///   comes twice, 78 where the dataset has a split of a new one's name, or several to take the judgements from.
    public func derive(from dataset: Dataset, as reference: String, in store: Store, tool: String) throws
        -> (dataset: Dataset, report: Report)
    {
        var report = Report()
        var tables = try dataset.judgementTables()
        for name in names {
            try checkSplit(name)
            guard !tables.contains(where: { $0.split == name }) else {
                throw Failure(
                    .badConfiguration, "\(dataset.reference) has a split \(name) already",
                    advice: "Name another, or take the judgements of one with --from.")
            }
        }
        guard Set(names).count == names.count else {
            throw Failure(.badConfiguration, "a split is named twice: \(names.joined(separator: ", "))")
        }
        let source = try source(dataset, tables)
        var judged = [Bool](repeating: false, count: dataset.queryCount)
        for entry in source.table.entries { judged[Int(entry.query)] = true }
        var inputs: [Provenance.Input] = []
        let assigned = try assignment(dataset, judged, &report, &inputs)
        for (number, name) in names.enumerated() {
            let table = source.table.filter { assigned[Int($0.query)] == number }
            guard !table.isEmpty else {
                throw Failure(.badData, "the split \(name) would have no judgements")
            }
            report.splits.append((name, assigned.count { $0 == number }, table.count))
            tables.append((name, table))
        }
        for query in judged.indices {
            switch (judged[query], assigned[query]) {
            case (true, nil): report.leftCount += 1
            case (false, .some): report.withoutJudgementsCount += 1
            default: break
            }
        }
        if let position = source.position {
            tables[position].table = source.table.filter { assigned[Int($0.query)] == nil }
        }
        tables.sort { $0.split.utf8.lexicographicallyPrecedes($1.split.utf8) }

        var links: (positives: LinksWriter?, negatives: LinksWriter?)
        if leavesTraining {
            links.positives = try remaining(dataset.positives, assigned, in: store, &report.removedPositives)
            links.negatives = try remaining(dataset.negatives, assigned, in: store, &report.removedNegatives)
            report.equalQueriesCount = try equalQueries(dataset, assigned)
        }
        let derived = try store.derive(
            from: dataset, reference: reference, positives: links.positives, negatives: links.negatives,
            judgements: try tables.map { ($0.split, try $0.table.links(queryCount: dataset.queryCount, in: store)) },
            provenance: Provenance(
                tool: tool, options: options(source.name), inputs: inputs, parents: [dataset.digest],
                statistics: report.json, licence: dataset.manifest.provenance.licence))
        return (derived, report)
    }

    private var names: [String] {
        switch rule {
        case .files(let files): files.map(\.split)
        case .drawn(let amounts, _): amounts.map(\.split)
        }
    }

    private func options(_ source: String?) -> JSONObject {
        var options: JSONObject = [
            "splits": .array(names.map { .string($0) }), "from": .string(source ?? "positives"),
            "ignoreUnknown": .bool(ignoresUnknown),
        ]
        if case .drawn(let amounts, let seed) = rule {
            options["seed"] = JSONValue(Int(seed))
            options["amounts"] = .array(
                amounts.map {
                    switch $0.amount {
                    case .count(let count): JSONValue(count)
                    case .share(let share): .number(share)
                    }
                })
        }
        return options
    }

    // MARK: Judgements

    private func source(_ dataset: Dataset, _ tables: [(split: String, table: JudgementTable)]) throws -> (
        table: JudgementTable, position: Int?, name: String?
    ) {
        switch judgements {
        case .positives:
            guard let positives = dataset.positives else {
                throw Failure(.badData, "\(dataset.reference) has no positives to make judgements of")
            }
            let graded = try JudgementTable(positives).entries.map {
                JudgementTable.Entry(query: $0.query, document: $0.document, grade: 1)
            }
            return (JudgementTable(graded), nil, nil)
        case .split(let name):
            let known = tables.map(\.split).joined(separator: ", ")
            guard !tables.isEmpty else {
                throw Failure(
                    .badData, "\(dataset.reference) has no judgements",
                    advice: "--from-positives makes them of the queries' positives.")
            }
            guard
                let position = name.map({ name in tables.firstIndex { $0.split == name } })
                    ?? (tables.count == 1 ? 0 : nil)
            else {
                throw Failure(
                    .badConfiguration,
                    name.map { "\(dataset.reference) has no split \(excerpt($0))" }
                        ?? "\(dataset.reference) has several splits to take judgements from",
                    advice: "--from names one of: \(known).")
            }
            return (tables[position].table, position, tables[position].split)
        }
    }

    // MARK: Queries

    /// The number of the split of each query.
    private func assignment(
        _ dataset: Dataset, _ judged: [Bool], _ report: inout Report, _ inputs: inout [Provenance.Input]
    ) throws -> [Int?] {
        var assigned = [Int?](repeating: nil, count: dataset.queryCount)
        switch rule {
        case .drawn(let amounts, let seed):
            let order = try Drawing.queries(of: dataset, seed: seed) { judged[$0] }
            var next = 0
            for (number, (split, amount)) in amounts.enumerated() {
                let count = try amount.resolved(of: order.count, "queries with judgements")
                guard next + count <= order.count else {
                    throw Failure(
                        .badData,
                        "for the split \(split) only \(order.count - next) queries with judgements are left, and \(count) are asked for"
                    )
                }
                for query in order[next..<next + count] { assigned[query] = number }
                next += count
            }
        case .files(let files):
            for (number, (_, path)) in files.enumerated() {
                var unknown = UnknownIDs()
                inputs.append(
                    try forEachID(of: path) { id, place in
                        guard let query = try dataset.queryOrdinal(id: id) else { return unknown.note("query", id, 1) }
                        guard assigned[query] == nil || assigned[query] == number else {
                            throw InputError(
                                "the query is in another split as well", at: place, offender: id,
                                advice: "A query belongs to one split.")
                        }
                        assigned[query] = number
                    })
                report.unknownCount += unknown.count
                try unknown.check(ignoring: ignoresUnknown, path: path, dataset: dataset)
            }
        }
        return assigned
    }

    private func forEachID(of path: FilePath, _ body: ([UInt8], Place) throws -> Void) throws -> Provenance.Input {
        let stream = try InputStream(path, hashing: true)
        let reader = LineReader(stream)
        while let batch = try reader.nextBatch() {
            try Interruption.check()
            try batch.forEachLine { line in
                guard !line.isBlank else { return }
                let id = line.bytes.last == 0x0D ? line.bytes.dropLast() : line.bytes[...]
                try body(Array(id), Place(path: path.string, line: line.number, byteOffset: line.byteOffset))
            }
        }
        guard let source = try stream.finish() else {
            return Provenance.Input(
                uri: path.string, size: try Files.size(path), sha256: try SHA256Digest.ofFile(path))
        }
        return Provenance.Input(uri: path.string, size: source.size, sha256: source.sha256)
    }

    // MARK: Training

    private func remaining(
        _ links: Links?, _ assigned: [Int?], in store: Store, _ removed: inout Int
    ) throws -> LinksWriter? {
        guard let links else { return nil }
        let writer = try store.linksWriter(hasScores: links.hasScores)
        for query in 0..<links.queryCount {
            let targets = try links.targets(of: query)
            if assigned[query] != nil {
                removed += targets.count
                try writer.append(targets: [UInt32](), scores: links.hasScores ? [Float]() : nil)
            } else {
                try writer.append(targets: targets, scores: links.scores(of: query))
            }
        }
        return writer
    }

    private func equalQueries(_ dataset: Dataset, _ assigned: [Int?]) throws -> Int {
        guard let positives = dataset.positives else { return 0 }
        var chosen: Set<ContentHash> = []
        for query in assigned.indices where assigned[query] != nil {
            chosen.insert(try dataset.queryContentHash(query))
        }
        return try assigned.indices.count { query in
            try assigned[query] == nil && !positives.targets(of: query).isEmpty
                && chosen.contains(dataset.queryContentHash(query))
        }
    }
}
