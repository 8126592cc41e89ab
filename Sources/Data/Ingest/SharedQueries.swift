internal import Base
internal import Records

/// Queries whose links come in several rows, and so are known when all rows are read.
///
/// Memory: the ids and records of the queries, 8 bytes a link and 4 more where links have scores.
struct SharedQueries {
    /// Links of one role, in the order of the rows.
    struct LinkList {
        private(set) var queries: [UInt32] = []
        private(set) var documents: [UInt32] = []
        /// Empty where links have none.
        private(set) var scores: [Float] = []

        var count: Int { queries.count }

        mutating func append(_ query: Int, _ targets: [UInt32], _ scores: ArraySlice<Float>?) {
            queries.append(contentsOf: repeatElement(UInt32(query), count: targets.count))
            documents += targets
            if let scores { self.scores += scores }
        }

        func score(of link: Int) -> Float? { scores.isEmpty ? nil : scores[link] }
    }

    struct Judgement {
        let split: String
        let query: Int
        let document: Int
        let grade: Float
    }

    private(set) var ids = ByteColumn()
    private(set) var records = ByteColumn()
    private(set) var positives = LinkList()
    private(set) var negatives = LinkList()
    var judgements: [Judgement] = []
    /// Rows whose query came before.
    private(set) var mergedCount = 0
    /// Of those, the ones that say other things of the query than the first.
    private(set) var differingCount = 0

    var count: Int { ids.count }

    /// Adds a query that did not come before, or further links of one that did.
    ///
    /// - Parameter query: its ordinal.
    mutating func add(
        _ query: Int, isSame: Bool, _ targets: Conversion.Targets, id: UnsafeRawBufferPointer,
        record: UnsafeRawBufferPointer
    ) {
        if query == count {
            ids.append(id)
            records.append(record)
        } else {
            mergedCount += 1
            if !isSame { differingCount += 1 }
        }
        positives.append(query, targets.positives, targets.scores.positives)
        negatives.append(query, targets.negatives, targets.scores.negatives)
    }

    /// The links of each query as positions in a list, in the order of the rows.
    struct Grouped {
        /// `queryCount + 1` offsets into ``links``.
        let offsets: [Int]
        let links: [Int]

        init(_ list: LinkList, queryCount: Int) {
            var next = Array(repeating: 0, count: queryCount + 1)
            for query in list.queries { next[Int(query) + 1] += 1 }
            for query in 0..<queryCount { next[query + 1] += next[query] }
            offsets = next
            var links = Array(repeating: 0, count: list.count)
            for (link, query) in list.queries.enumerated() {
                links[next[Int(query)]] = link
                next[Int(query)] += 1
            }
            self.links = links
        }

        subscript(_ query: Int) -> ArraySlice<Int> { links[offsets[query]..<offsets[query + 1]] }
    }
}

extension Conversion {
    /// Finds a query that rows share, or makes it known.
    ///
    /// - Throws: `RecordFault` where its id was given, and stands for another query.
    func addSharedQuery(
        _ batch: ScannedBatch, _ links: ScannedBatch.Links, line: Int
    ) throws(RecordFault) -> (ordinal: Int, isNew: Bool, isSame: Bool) {
        let record = batch.records[links.first]
        switch queries.add(record.idHash, content: record.contentHash, input: currentInput, line: line) {
        case .added(let ordinal): return (ordinal, true, true)
        case .same(let ordinal): return (ordinal, false, true)
        case .different(let ordinal):
            guard links.hasMadeID else {
                throw RecordFault(
                    "the query \(escaped(batch.id(of: record))) differs from the one at "
                        + describe(queries.place(of: ordinal)),
                    advice: "One id is one query: leave fields that vary from row to row out, or give the query "
                        + "another id.", kind: .duplicate)
            }
            return (ordinal, false, false)
        }
    }

    /// Takes the links that a row has of a query.
    func share(
        _ batch: ScannedBatch, _ links: ScannedBatch.Links, _ targets: Targets, as query: Int, isSame: Bool
    ) throws {
        let record = batch.records[links.first]
        if query == shared.count { try appendMedia(batch, record) }
        batch.withID(of: record) { id in
            batch.withLine(of: record) { shared.add(query, isSame: isSame, targets, id: id, record: $0) }
        }
        report.lostLinkCount += targets.lostCount
    }

    /// Writes the queries that were shared by rows, each once, with all of their links, and then their judgements.
    ///
    /// - Parameter holdOut: which of them are set aside; nil for none.
    /// - Throws: `Failure` with status 64 where fewer queries have positives than are to be held out.
    func appendSharedQueries(holdOut: HoldOut?) throws {
        let positives = SharedQueries.Grouped(shared.positives, queryCount: shared.count)
        let negatives = SharedQueries.Grouped(shared.negatives, queryCount: shared.count)
        let heldOut = try holdOut.map { try shared.heldOut($0) { !positives[$0].isEmpty } } ?? []
        note(
            "queries held out beyond --hold-out, since they ask what a held-out one asks",
            heldOut.count - (holdOut?.queryCount ?? 0))
        var judgements = shared.judgements
        var seen = Set<UInt32>()
        var (repeats, contradictions) = (0, 0)
        for query in 0..<shared.count {
            try Interruption.check()
            var relevant = SharedLinks(shared.positives)
            var opposed = SharedLinks(shared.negatives)
            seen.removeAll(keepingCapacity: true)
            for link in positives[query] {
                if seen.insert(shared.positives.documents[link]).inserted {
                    relevant.add(link)
                } else {
                    repeats += 1
                }
            }
            let positiveCount = seen.count
            var among = seen
            for link in negatives[query] {
                let document = shared.negatives.documents[link]
                if positiveCount > 0, seen.contains(document) {
                    contradictions += 1
                } else if among.insert(document).inserted {
                    opposed.add(link)
                } else {
                    repeats += 1
                }
            }
            if let holdOut, heldOut.contains(query) {
                for (links, grade) in [(relevant, 1), (opposed, 0)] as [(SharedLinks, Float)] {
                    for document in links.documents {
                        judgements.append(
                            .init(split: holdOut.split, query: query, document: Int(document), grade: grade))
                    }
                }
                relevant = SharedLinks(shared.positives)
                opposed = SharedLinks(shared.negatives)
            }
            try shared.ids.withBytes(at: query) { id in
                try shared.records.withBytes(at: query) { record in
                    try target.appendQuery(
                        id: id, record: record, positives: relevant.documents,
                        positiveScores: relevant.scores.map { $0[...] }, negatives: opposed.documents,
                        negativeScores: opposed.scores.map { $0[...] })
                }
            }
            report.positiveCount += relevant.documents.count
            report.negativeCount += opposed.documents.count
        }
        report.sameQueryCount += shared.mergedCount
        note("queries whose kept fields differ from row to row, the first row's kept", shared.differingCount)
        note("links that came again, merged", repeats)
        note(RowRecords.negativesThatArePositives, contradictions)
        try append(judgements)
    }

    private func note(_ what: String, _ count: Int) {
        if count > 0 { report.sourceCounts[what, default: 0] += count }
    }

    /// Adds judgements, of which one that comes again counts once, with its highest grade.
    private func append(_ judgements: [SharedQueries.Judgement]) throws {
        struct Pair: Hashable {
            let split: String
            let query: Int
            let document: Int
        }
        var positions: [Pair: Int] = [:]
        var kept: [SharedQueries.Judgement] = []
        var (repeats, differing) = (0, 0)
        for judgement in judgements {
            let pair = Pair(split: judgement.split, query: judgement.query, document: judgement.document)
            guard let position = positions[pair] else {
                positions[pair] = kept.count
                kept.append(judgement)
                continue
            }
            repeats += 1
            if kept[position].grade != judgement.grade { differing += 1 }
            if kept[position].grade < judgement.grade { kept[position] = judgement }
        }
        note("judgements that came again, merged", repeats)
        note("of these with another grade, the highest kept", differing)
        for judgement in kept {
            try target.addJudgement(
                split: judgement.split, query: judgement.query, document: judgement.document, grade: judgement.grade)
            report.countJudgements(in: judgement.split)
        }
    }
}

/// Links of one query on their way to the destination.
private struct SharedLinks {
    private let list: SharedQueries.LinkList
    private(set) var documents: [UInt32] = []
    /// Nil where links have none.
    private(set) var scores: [Float]?

    init(_ list: SharedQueries.LinkList) {
        self.list = list
        scores = list.scores.isEmpty ? nil : []
    }

    mutating func add(_ link: Int) {
        documents.append(list.documents[link])
        if let score = list.score(of: link) { scores?.append(score) }
    }
}
