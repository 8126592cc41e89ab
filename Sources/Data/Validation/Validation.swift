internal import Analysis
public import Base
public import Ingest
internal import JSON
public import Records
public import StoreFormat
internal import SystemPackage

/// A destination of conversions that keeps no record and notes what is wrong.
///
/// Not Sendable: it is filled by the conversion's own thread.
public final class Validation: ConversionDestination, ConversionTarget {
    /// What is known of the records of one side.
    struct Side {
        let name: String
        var count = 0
        var texts = TextStatistics()
        var languages = LanguageSample()
        var fields = FieldStatistics()
    }

    /// How many problems of each kind are kept with their places; all are counted.
    private let keptCount: Int
    private var problems: [Problem] = []
    private var counts: [ProblemKind: Int] = [:]
    private var documents = Side(name: "documents")
    private var queries = Side(name: "queries")
    private var linkedQueryCount = 0
    private var judgementCount = 0
    private var media = MediaStatistics()
    /// References to records that have a fault of their own.
    private var consequenceCount = 0
    /// What adapters counted, by their words for it.
    private var sourceCounts: [String: Int] = [:]
    private let parser = JSONParser()

    public init(keptCount: Int = 20) { self.keptCount = keptCount }

    public func target(
        reference: String, provenance: Provenance, options: IngestOptions
    ) throws -> any ConversionTarget { self }

    // MARK: - What a conversion accepts

    public func begin(input path: String) {
        documents.fields.begin(path)
        queries.fields.begin(path)
    }

    public func appendDocument(id: UnsafeRawBufferPointer, record: UnsafeRawBufferPointer) throws {
        look(at: record, id: id, "document_text", "title", side: &documents)
    }

    public func appendQuery(
        id: UnsafeRawBufferPointer, record: UnsafeRawBufferPointer, positives: [UInt32],
        positiveScores: ArraySlice<Float>?, negatives: [UInt32], negativeScores: ArraySlice<Float>?
    ) throws {
        look(at: record, id: id, "query_text", nil, side: &queries)
        if !positives.isEmpty { linkedQueryCount += 1 }
    }

    public func addJudgement(split: String, query: Int, document: Int, grade: Float) throws { judgementCount += 1 }
    public func add(_ item: MediaItem, as kind: MediaKind) throws -> Bool {
        media.add(item, as: kind)
        return true
    }

    public func noteExternalMedia(_ count: Int) { media.externalCount += count }

    /// Notes what is doubtful in a record that is accepted.
    private func look(
        at record: UnsafeRawBufferPointer, id: UnsafeRawBufferPointer, _ textField: StaticString,
        _ titleField: StaticString?,
        side: inout Side
    ) {
        side.count += 1
        // The line is our own; it cannot fail to be read.
        guard let root = try? parser.parse(record) else { return }
        side.fields.add(root)
        let title = titleField.flatMap { root[$0]?.string }
        guard let text = root[textField]?.string else { return }
        let isBlank = BlankTexts.isBlank(title: title, text: text)
        var doubts = TextStatistics.doubts(in: text)
        if let title { doubts.formUnion(TextStatistics.doubts(in: title)) }
        side.texts.add(byteCount: text.count, isBlank: isBlank, doubts)
        if !isBlank { side.languages.add(id: id, text: text) }
        let what = side.name.dropLast() == "querie" ? "query" : "document"
        if isBlank {
            note(
                .emptyText,
                "\(what) \(escaped(id)): the text is blank; encoding and training take it as it is by default"
            )
        }
        if !doubts.isEmpty {
            note(.doubtfulText, "\(what) \(escaped(id)): \(doubts.names.joined(separator: ", "))")
        }
    }

    // MARK: - What a conversion would stop at

    public func reject(_ error: InputError, as kind: RecordFault.Kind, line: UnsafeRawBufferPointer) throws {
        let kind: ProblemKind? =
            switch kind {
            case .record: .badRecord
            case .duplicate: .duplicateID
            case .reference: .danglingReference
            case .media: .badMedia
            case .consequence: nil
            }
        guard let kind else {
            consequenceCount += 1
            return
        }
        note(kind, "\(error)")
    }

    public func warn(_ warning: SourceWarning, _ messages: [String]) {
        let kind: ProblemKind =
            switch warning {
            case .unreadFile: .unreadFile
            case .missingPart: .missingPart
            case .leftOutColumn: .leftOutColumn
            case .missingFile: .missingFile
            case .outsideMedia: .outsideMedia
            case .unusedAssets: .unusedAssets
            }
        for message in messages { note(kind, message) }
    }

    public func abandonInput(_ error: any Error) throws {
        // Whatever it is: what was asked for is a list of all that is wrong.
        note(.unreadable, "\(error)")
    }

    private func note(_ kind: ProblemKind, _ message: @autoclosure () -> String) {
        let count = counts[kind, default: 0]
        counts[kind] = count + 1
        if count < keptCount { problems.append(Problem(kind: kind, message: message())) }
    }

    public func finish(_ report: inout IngestReport, beforeCommit: () throws -> Void) throws {
        for side in [documents, queries] {
            for difference in side.fields.differences(of: side.name) { note(.schema, difference) }
        }
        report.documentCount = documents.count
        report.queryCount = queries.count
        report.rejectCount = ProblemKind.allCases.filter(\.isError).reduce(0) { $0 + counts[$1, default: 0] }
        report.mediaItemCount = media.itemCount
        sourceCounts = report.sourceCounts
    }

    /// What was found, once a conversion into this has ended.
    public var report: ValidationReport {
        ValidationReport(
            problems: problems, counts: counts, documents: documents, queries: queries,
            linkedQueryCount: linkedQueryCount, judgementCount: judgementCount, media: media,
            consequenceCount: consequenceCount, sourceCounts: sourceCounts)
    }
}
