internal import Base
internal import JSON
internal import Logging
public import Records
public import StoreFormat
internal import SystemPackage

/// Collects the records, links and judgements of a new version, and commits them at once.
///
/// Documents come first or at any time; links point at documents by ordinal. Nothing is visible before ``commit()``,
/// and a writer that goes away without it leaves nothing. Memory does not grow with the number of records.
public final class DatasetWriter {
    public let store: Store
    public let reference: String
    /// May be completed until the commit, when the statistics are known.
    public var provenance: Provenance
    private let options: WriterOptions
    private let scratch: ScratchFolder
    private let documents: RecordSetWriter
    private let queries: RecordSetWriter
    private var positives: LinksWriter
    private var negatives: LinksWriter
    private var judgements: [JudgementCollector] = []
    private let media: MediaWriter
    private var sealedDocuments: (staged: StagedRecords, index: StagedBlob, records: RecordSet)?
    private var isCommitted = false

    init(store: Store, reference: String, provenance: Provenance, options: WriterOptions) throws {
        try store.checkNewName(reference)
        self.store = store
        self.reference = reference
        self.provenance = provenance
        self.options = options
        scratch = try store.scratchFolder(for: "writing \(reference)")
        documents = try RecordSetWriter(kind: .documents, options: options, scratch: scratch)
        queries = try RecordSetWriter(kind: .queries, options: options, scratch: scratch)
        media = try MediaWriter(options: options, scratch: scratch)
        positives = try LinksWriter(scratch: scratch, name: "positives", hasScores: nil)
        negatives = try LinksWriter(scratch: scratch, name: "negatives", hasScores: nil)
    }

    public var documentCount: Int { documents.count }
    public var queryCount: Int { queries.count }

    /// - Parameters:
    ///   - id: the docid as it is, without JSON escapes.
    ///   - record: the stored line, without a newline, as `Document.appendJSONLine` writes it.
    /// - Returns: the document's ordinal.
    @discardableResult
    public func appendDocument(id: UnsafeRawBufferPointer, record: UnsafeRawBufferPointer) throws -> Int {
        precondition(sealedDocuments == nil, "no document may follow the sealing of the documents")
        return try documents.append(id: id, record: record)
    }

    /// - Parameters:
    ///   - positives: ordinals of documents, kept in this order; they may belong to documents that are yet to come.
    ///   - positiveScores: one for each positive, or nil; for all queries that have positives or for none. The same
    ///     holds for `negativeScores`.
    /// - Returns: the query's ordinal.
    @discardableResult
    public func appendQuery(
        id: UnsafeRawBufferPointer, record: UnsafeRawBufferPointer, positives: some Collection<UInt32>,
        positiveScores: ArraySlice<Float>? = nil, negatives: some Collection<UInt32>,
        negativeScores: ArraySlice<Float>? = nil
    ) throws -> Int {
        let ordinal = try queries.append(id: id, record: record)
        try self.positives.append(targets: positives, scores: positiveScores)
        try self.negatives.append(targets: negatives, scores: negativeScores)
        return ordinal
    }

    /// Adds a graded judgement; judgements may come in any order. Splits appear in the order of their names.
    public func addJudgement(split: String, query: Int, document: Int, grade: Float) throws {
        let name = Array(split.utf8)
        let collector: JudgementCollector
        // A handful of splits, and mostly the last one again.
        if let last = judgements.last, last.name == name {
            collector = last
        } else if let known = judgements.first(where: { $0.name == name }) {
            collector = known
        } else {
            collector = try JudgementCollector(
                split: split, number: judgements.count, scratch: scratch, entriesPerRun: options.judgementsPerRun)
            judgements.append(collector)
        }
        try collector.add(query: query, document: document, grade: grade)
    }

    /// Adds an item that records name by its digest, in whatever order; an item is stored once.
    ///
    /// - Parameter kind: of the field that names it.
    /// - Returns: false where the item is there already.
    @discardableResult
    public func add(_ item: MediaItem, as kind: MediaKind) throws -> Bool { try media.add(item, as: kind) }

    /// Items so far.
    public var mediaCount: Int { media.itemCount }

    /// Counts references of records to items that are not added.
    public func noteExternalMedia(_ count: Int) { media.externalCount += count }

    /// Ends the appending of documents and builds their id index.
    ///
    /// - Throws: `DuplicateIDs`.
    private func sealDocuments() throws {
        guard sealedDocuments == nil else { return }
        let staged = try documents.finish()
        let index = try staged.buildIndex(scratch: scratch, reference: reference, options: options)
        sealedDocuments = (staged, index, staged.open(idIndex: index))
    }

    /// Writes what is left, gives the blobs their names and moves the reference, all or nothing.
    ///
    /// - Throws: `DuplicateIDs`; `Failure` with status 65 for a link that points outside the documents, with status 75
    ///   where another writer holds the lock.
    @discardableResult
    public func commit() throws -> Dataset {
        precondition(!isCommitted, "a writer commits once")
        isCommitted = true
        try sealDocuments()
        guard let (staged, documentIndex, records) = sealedDocuments else { throw Failure(.bug, "unsealed documents") }
        let stagedQueries = try queries.finish()
        let queryIndex = try stagedQueries.buildIndex(scratch: scratch, reference: reference, options: options)
        var blobs = staged.blobs + [documentIndex] + stagedQueries.blobs + [queryIndex]
        var manifest = Manifest(
            name: reference, documents: staged.table(idIndex: documentIndex),
            queries: stagedQueries.table(idIndex: queryIndex), positives: nil, negatives: nil, judgements: [],
            provenance: provenance)
        if let staged = try media.finish() {
            manifest.media = staged.table
            blobs += staged.blobs
        }
        func finish(_ writer: LinksWriter, _ role: LinkRole) throws -> Manifest.LinkTable {
            let staged = try writer.finish(
                role: role, documentCount: documents.count, queriesDigest: manifest.queries.logicalDigest,
                documentsDigest: manifest.documents.logicalDigest)
            blobs.append(staged.blob)
            return staged.links
        }
        if positives.linkCount > 0 { manifest.positives = try finish(positives, .positive) }
        if negatives.linkCount > 0 { manifest.negatives = try finish(negatives, .negative) }
        let queryRecords = stagedQueries.open(idIndex: nil)
        var repeatedJudgements = 0
        for collector in judgements.sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) {
            let (writer, repeats) = try collector.finish(queryCount: queries.count) { query, document in
                let documentID = document < documents.count ? escaped(try records.id(of: document)) : "\(document)"
                return "the pair of query \(escaped(try queryRecords.id(of: query))) and document \(documentID)"
            }
            repeatedJudgements += repeats
            let links = try finish(writer, .judgement)
            manifest.judgements.append(Manifest.JudgementTable(split: collector.split, links: links))
        }
        if repeatedJudgements > 0 {
            manifest.provenance.statistics["repeatedJudgements"] = JSONValue(repeatedJudgements)
            log.notice("\(repeatedJudgements) judgements repeat an equal one and are kept once")
        }
        return try store.commit(
            manifest, blobs: blobs, scratch: scratch, lockTimeoutSeconds: options.lockTimeoutSeconds)
    }
}

extension Store {
    /// A writer of a new version that `reference` will point at.
    public func writer(
        reference: String, provenance: Provenance, options: WriterOptions = WriterOptions()
    ) throws -> DatasetWriter {
        try DatasetWriter(store: self, reference: reference, provenance: provenance, options: options)
    }

    /// Collects links for ``derive(from:reference:keepingQueries:positives:negatives:judgements:aliases:provenance:options:)``.
    public func linksWriter(hasScores: Bool) throws -> LinksWriter {
        try LinksWriter(scratch: scratchFolder(for: "writing links"), name: "links", hasScores: hasScores)
    }

    /// Collects the aliases of a version that is derived.
    public func aliasMapWriter() throws -> AliasMapWriter {
        try AliasMapWriter(scratch: scratchFolder(for: "writing aliases"))
    }
}
