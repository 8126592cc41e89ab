internal import Base
internal import JSON
internal import Store
internal import StoreFormat
internal import SystemPackage

/// Saves what can be read of a version whose blobs are damaged for good: a new version with the readable records and the
/// links between them, and a list of all that is lost.
///
/// Memory: that of writing the records, and one range for each run of lost records.
struct Salvage {
    let store: Store
    let manifest: Manifest
    let digest: SHA256Digest
    let scratch: ScratchFolder
    let tool: String

    func commit(as reference: String) throws -> SalvageReport {
        var report = SalvageReport(reference: reference)
        let listPath = scratch.path("lost.jsonl")
        try Files.remove(listPath)
        let list = LossList(try OutputFile(creating: listPath))
        let options = WriterOptions()
        let (documents, keptDocuments) = try records(.documents, manifest.documents, options, list)
        let (queries, keptQueries) = try records(.queries, manifest.queries, options, list)
        report.documents = documents.count
        report.queries = queries.count
        report.lostDocuments = manifest.documents.recordCount - documents.count
        report.lostQueries = manifest.queries.recordCount - queries.count

        var salvaged = manifest
        let documentIndex = try documents.buildIndex(scratch: scratch, reference: reference, options: options)
        let queryIndex = try queries.buildIndex(scratch: scratch, reference: reference, options: options)
        salvaged.name = reference
        salvaged.documents = documents.table(idIndex: documentIndex)
        salvaged.queries = queries.table(idIndex: queryIndex)
        var blobs = documents.blobs + queries.blobs + [documentIndex, queryIndex]
        let ids = queries.open(idIndex: nil)
        var tableCount = 0
        func links(_ table: Manifest.LinkTable?, _ role: LinkRole, _ name: String) throws -> Manifest.LinkTable? {
            guard let table else { return nil }
            tableCount += 1
            let writer = try LinksWriter(
                scratch: scratch, name: "salvaged-\(tableCount)", hasScores: table.hasScores)
            report.lostLinks += try copyLinks(
                table, name, keptQueries: keptQueries, keptDocuments: keptDocuments, ids: ids, to: writer, list)
            guard writer.linkCount > 0 else { return nil }
            let staged = try writer.finish(
                role: role, documentCount: documents.count, queriesDigest: salvaged.queries.logicalDigest,
                documentsDigest: salvaged.documents.logicalDigest)
            blobs.append(staged.blob)
            return staged.links
        }
        // It names documents by ordinals that are no longer theirs.
        salvaged.aliases = nil
        if let table = manifest.media {
            let media = try MediaSalvage(store: store, scratch: scratch, options: options).saved(table) { loss in
                report.lostMedia += loss.itemCount
                try list.add(loss.json)
            }
            for records in [documents, queries] { try media.recount(records.open(idIndex: nil)) }
            if let staged = try media.writer.finish() {
                salvaged.media = staged.table
                blobs += staged.blobs
            } else {
                salvaged.media = nil
            }
        }
        salvaged.positives = try links(manifest.positives, .positive, "positives")
        salvaged.negatives = try links(manifest.negatives, .negative, "negatives")
        salvaged.judgements = try manifest.judgements.compactMap { table in
            try links(table.links, .judgement, "judgements/\(table.split)").map {
                Manifest.JudgementTable(split: table.split, links: $0)
            }
        }
        salvaged.provenance = Provenance(
            tool: tool, options: ["salvage": true], parents: [digest],
            statistics: [
                "lostDocuments": JSONValue(report.lostDocuments), "lostLinks": JSONValue(report.lostLinks),
                "lostMedia": JSONValue(report.lostMedia), "lostQueries": JSONValue(report.lostQueries),
            ], licence: manifest.provenance.licence)
        // Before the version that it explains; a kill in between loses the version, which can be salvaged again.
        let kept = store.layout.quarantine.appending("lost-\(digest.hex.prefix(16)).jsonl")
        try list.close()
        try Files.makeDirectory(store.layout.quarantine)
        try Files.rename(listPath, to: kept)
        try Files.syncFolder(store.layout.quarantine)
        report.digest = try store.commit(
            salvaged, blobs: blobs, scratch: scratch, lockTimeoutSeconds: options.lockTimeoutSeconds
        ).digest
        report.lostList = kept.string
        return report
    }

    /// Copies the readable records of one kind.
    private func records(
        _ kind: RecordKind, _ table: Manifest.RecordTable, _ options: WriterOptions, _ list: LossList
    ) throws -> (StagedRecords, KeptOrdinals) {
        let writer = try RecordSetWriter(kind: kind, options: options, scratch: scratch)
        let records = RecordSet(
            kind: kind, shards: table.shards.map { (store.layout.blob($0.blob.digest), $0.recordCount) },
            indexPath: nil, recordsDigest: table.logicalDigest)
        var kept = KeptOrdinals(count: table.recordCount)
        let cursor = try FrameCursor()
        for (number, part) in records.parts.enumerated() {
            func lose(_ range: Range<Int>, _ reason: String) throws {
                let ordinals = part.firstOrdinal + range.lowerBound..<part.firstOrdinal + range.upperBound
                kept.lose(ordinals)
                for ordinal in ordinals {
                    try list.add([
                        "kind": .string(kind.singular), "ordinal": JSONValue(ordinal),
                        "blob": .string(table.shards[number].blob.digest.description), "reason": .string(reason),
                    ])
                }
            }
            let shard: ShardReader
            do {
                shard = try records.shard(number)
            } catch {
                guard let reason = Self.loss(error) else { throw error }
                try lose(0..<part.recordCount, reason)
                continue
            }
            var next = 0
            while next < part.recordCount {
                do {
                    try shard.forEachRecord(in: next..<part.recordCount, with: cursor) { record, bytes in
                        let line = try records.parsed(bytes, ordinal: part.firstOrdinal + record)
                        _ = try line.id.withUnsafeBytes { try writer.append(id: $0, record: bytes) }
                        next = record + 1
                    }
                } catch {
                    guard let reason = Self.loss(error) else { throw error }
                    let first = next
                    next = shard.end(ofFrameAt: first)
                    try lose(first..<next, reason)
                }
            }
        }
        return (try writer.finish(), kept)
    }

    /// - Returns: how many links are lost.
    private func copyLinks(
        _ table: Manifest.LinkTable, _ name: String, keptQueries: KeptOrdinals, keptDocuments: KeptOrdinals,
        ids: RecordSet, to writer: LinksWriter, _ list: LossList
    ) throws -> Int {
        let old: Links
        do {
            old = try Links(store.layout.blob(table.blob.digest))
            // What follows indexes by these counts.
            guard old.queryCount == manifest.queries.recordCount, old.linkCount == table.linkCount,
                old.hasScores == table.hasScores
            else { throw DamagedBlob(old.path, "it holds the links of other records") }
        } catch {
            guard let reason = Self.loss(error) else { throw error }
            try list.add([
                "kind": .string(name), "links": JSONValue(table.linkCount),
                "blob": .string(table.blob.digest.description), "reason": .string(reason),
            ])
            return table.linkCount
        }
        // Links whose number is unknown, because their offsets are damaged, are the rest of the table.
        var seen = 0
        var lostCount = 0
        var hasUnknown = false
        for query in 0..<manifest.queries.recordCount {
            let new = keptQueries.position(of: query)
            do {
                let targets = try old.targets(of: query)
                seen += targets.count
                let scores = try old.scores(of: query)
                guard let new else {
                    lostCount += targets.count
                    continue
                }
                var keptTargets: [UInt32] = []
                var keptScores: [Float] = []
                var lost: [JSONValue] = []
                for (position, target) in targets.enumerated() {
                    guard Int(target) < keptDocuments.count, let moved = keptDocuments.position(of: Int(target)) else {
                        lost.append(JSONValue(Int(target)))
                        continue
                    }
                    keptTargets.append(UInt32(moved))
                    if let scores { keptScores.append(scores[position]) }
                }
                try writer.append(targets: keptTargets, scores: table.hasScores ? keptScores : nil)
                guard !lost.isEmpty else { continue }
                lostCount += lost.count
                let id = String(decoding: try ids.id(of: new), as: UTF8.self)
                try list.add([
                    "kind": .string(name), "query": JSONValue(query), "query_id": .string(id),
                    "documents": .array(lost), "reason": "the documents are lost",
                ])
            } catch {
                guard let reason = Self.loss(error) else { throw error }
                hasUnknown = true
                guard let new else { continue }
                try writer.append(targets: [UInt32](), scores: table.hasScores ? [Float]() : nil)
                let id = String(decoding: try ids.id(of: new), as: UTF8.self)
                try list.add([
                    "kind": .string(name), "query": JSONValue(query), "query_id": .string(id),
                    "reason": .string(reason),
                ])
            }
        }
        return lostCount + (hasUnknown ? table.linkCount - seen : 0)
    }

    /// What an error says about the stored bytes; nil for one that is about something else.
    static func loss(_ error: any Error) -> String? {
        if let damaged = error as? DamagedBlob { return damaged.reason }
        if let system = error as? SystemError, system.exitStatus == .missingInput { return "the blob is missing" }
        return nil
    }
}

/// Which ordinals are left, and their new numbers.
struct KeptOrdinals {
    let count: Int
    /// Ascending, not touching.
    private(set) var lost: [Range<Int>] = []
    /// How many are lost before each range.
    private var lostBefore: [Int] = []

    init(count: Int) { self.count = count }

    /// - Precondition: behind all that was lost before.
    mutating func lose(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        if let last = lost.last, last.upperBound == range.lowerBound {
            lost[lost.count - 1] = last.lowerBound..<range.upperBound
        } else {
            lostBefore.append((lostBefore.last ?? 0) + (lost.last?.count ?? 0))
            lost.append(range)
        }
    }

    /// The new ordinal; nil for a lost one.
    func position(of ordinal: Int) -> Int? {
        var low = 0
        var high = lost.count
        while low < high {
            let middle = (low + high) / 2
            if lost[middle].lowerBound <= ordinal { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return ordinal }
        if lost[low - 1].contains(ordinal) { return nil }
        return ordinal - lostBefore[low - 1] - lost[low - 1].count
    }
}

/// The list of what is lost, one JSON line each.
private final class LossList {
    private var output: OutputFile?

    init(_ output: consuming OutputFile) { self.output = consume output }

    func add(_ fields: JSONObject) throws {
        try output?.write(JSONValue.object(fields).canonical() + [UInt8(ascii: "\n")])
    }

    func close() throws {
        guard var finished = output.take() else { return }
        try finished.sync()
        try finished.close()
    }
}

extension ShardReader {
    /// The first record behind the frame that holds `record`; where a damaged index does not tell, behind the records
    /// that it does not tell of.
    fileprivate func end(ofFrameAt record: Int) -> Int {
        let frame = try? location(of: record).frame
        var next = record + 1
        while next < recordCount {
            let found = try? location(of: next).frame
            guard found == frame else { break }
            next += 1
        }
        return next
    }
}
