public import Base
internal import JSON
public import Store
public import StoreFormat

/// What compacting a dataset gains.
public struct CompactReport: Sendable, Equatable {
    /// The records of one kind.
    public struct Table: Sendable, Equatable {
        public let kind: String
        public let shardsBefore: Int
        public let dictionariesBefore: Int
        /// Shards and dictionaries.
        public let bytesBefore: Int
        /// Equal to what was before where the table stays as it is, and in a plan.
        public internal(set) var shardsAfter: Int
        public internal(set) var bytesAfter: Int
        /// Why it is rewritten; nil where it stays.
        public let reason: String?
    }

    public let before: SHA256Digest
    /// The new version; nil where nothing was written.
    public internal(set) var after: SHA256Digest?
    public let reference: String
    public internal(set) var tables: [Table]

    /// Whether there is anything to rewrite.
    public var isNeeded: Bool { tables.contains { $0.reason != nil } }
}

extension Store {
    /// Rewrites a dataset whose shards are many or small into full ones with a newly trained dictionary.
    ///
    /// The data stays the same: the same logical digest, the same ordinals, so links and id indexes are shared with the
    /// old version, which becomes the parent of the new one. Memory: that of writing the records.
    ///
    /// - Parameters:
    ///   - name: what to compact.
    ///   - reference: what the new version is called; nil moves `name`.
    ///   - isForced: rewrite even where nothing seems to be gained, as for another frame size.
    ///   - isDryRun: look only.
    ///   - progress: called with the raw bytes of each batch of records.
    /// - Throws: `Failure` with status 75 where `name` was moved meanwhile.
    public func compact(
        _ name: String, as reference: String? = nil, tool: String, isForced: Bool = false, isDryRun: Bool = false,
        options: WriterOptions = WriterOptions(), progress: (Int) -> Void = { _ in }
    ) throws -> CompactReport {
        let source = try dataset(name)
        let target = reference ?? name
        try checkNewName(target)
        let settings: JSONObject = [
            "dictionaryBytes": JSONValue(options.dictionaryBytes), "frameBytes": JSONValue(options.frameBytes),
            "level": JSONValue(Int(options.compressionLevel)), "recordsPerShard": JSONValue(options.recordsPerShard),
            "shardBytes": JSONValue(options.shardBytes),
        ]
        // Once more with the same settings gives the same bytes.
        let isDone = source.manifest.provenance.tool == tool && source.manifest.provenance.options == settings
        func plan(_ kind: RecordKind, _ table: Manifest.RecordTable) -> CompactReport.Table {
            let reason = isDone ? nil : Self.reasonToCompact(table, isForced: isForced, options: options)
            return CompactReport.Table(
                kind: "\(kind)", shardsBefore: table.shards.count, dictionariesBefore: table.dictionaries.count,
                bytesBefore: table.recordBytes, shardsAfter: table.shards.count, bytesAfter: table.recordBytes,
                reason: reason)
        }
        var report = CompactReport(
            before: source.digest, after: nil, reference: target,
            tables: [plan(.documents, source.manifest.documents), plan(.queries, source.manifest.queries)])
        guard report.isNeeded, !isDryRun else { return report }

        let scratch = try scratchFolder(for: "compacting \(name)")
        defer { withExtendedLifetime(scratch) {} }
        try keep(source.manifest.blobs)
        var manifest = source.manifest
        var blobs: [StagedBlob] = []
        func rewrite(_ records: RecordSet, _ table: inout Manifest.RecordTable, _ entry: inout CompactReport.Table)
            throws
        {
            guard entry.reason != nil else { return }
            let staged = try rewritten(records, scratch: scratch, options: options, progress)
            guard staged.logicalDigest == table.logicalDigest, staged.count == table.recordCount else {
                throw Failure(
                    .badData, "the \(records.kind) of \(name) are not what their manifest says",
                    advice: "`tvt-store verify` finds what is damaged, `tvt-store repair` restores it.")
            }
            // The index depends on ids and ordinals only.
            table.dictionaries = staged.dictionary.map { [$0.descriptor] } ?? []
            table.shards = staged.shards.map(\.shard)
            entry.shardsAfter = table.shards.count
            entry.bytesAfter = table.recordBytes
            blobs += staged.blobs
        }
        try rewrite(source.documents, &manifest.documents, &report.tables[0])
        try rewrite(source.queries, &manifest.queries, &report.tables[1])
        let isGain = report.tables.contains { $0.shardsAfter < $0.shardsBefore || $0.bytesAfter < $0.bytesBefore }
        guard isGain || isForced else { return report }

        manifest.name = target
        manifest.provenance = Provenance(
            tool: tool, options: settings, parents: [source.digest],
            statistics: .init(
                report.tables.map { table in
                    (
                        table.kind,
                        [
                            "bytesAfter": JSONValue(table.bytesAfter), "bytesBefore": JSONValue(table.bytesBefore),
                            "shardsAfter": JSONValue(table.shardsAfter),
                            "shardsBefore": JSONValue(table.shardsBefore),
                        ]
                    )
                }), licence: source.manifest.provenance.licence)
        // A name that we read and move must not have got a newer version meanwhile; a digest has no such name.
        let moves = target == name ? source.digest : nil
        report.after = try commit(
            manifest, blobs: blobs, scratch: scratch, lockTimeoutSeconds: options.lockTimeoutSeconds, replacing: moves
        ).digest
        return report
    }

    /// Why a table is worth rewriting; nil where it is not.
    private static func reasonToCompact(
        _ table: Manifest.RecordTable, isForced: Bool, options: WriterOptions
    ) -> String? {
        guard table.recordCount > 0 else { return nil }
        func parts(_ total: Int, of size: Int) -> Int { max(1, (total + size - 1) / max(1, size)) }
        let needed = max(
            parts(table.storedBytes, of: options.shardBytes), parts(table.recordCount, of: options.recordsPerShard))
        if table.shards.count > needed { return "\(table.shards.count) shards where \(needed) would do" }
        if table.dictionaries.count > 1 { return "\(table.dictionaries.count) dictionaries where one would do" }
        return isForced ? "asked for" : nil
    }

    private func rewritten(
        _ records: RecordSet, scratch: ScratchFolder, options: WriterOptions, _ progress: (Int) -> Void
    ) throws -> StagedRecords {
        let writer = try RecordSetWriter(kind: records.kind, options: options, scratch: scratch)
        var pending = 0
        try records.forEachRecord(in: 0..<records.count) { ordinal, record in
            let line = try records.parsed(record, ordinal: ordinal)
            if line.idHasEscapes {
                _ = try line.id.withUnsafeBytes { try writer.append(id: $0, record: record) }
            } else {
                _ = try writer.append(id: record.slice(line.quotedID), record: record)
            }
            pending += record.count + 1
            if pending > 1 << 20 {
                progress(pending)
                pending = 0
            }
        }
        progress(pending)
        return try writer.finish()
    }
}

extension Manifest.RecordTable {
    /// Shards and dictionaries.
    fileprivate var recordBytes: Int { storedBytes + dictionaries.reduce(0) { $0 + $1.size } }
}
