internal import Base
internal import SystemPackage

/// The lines of a run file one by one, checked.
struct RunLines {
    let format: RunFormat
    private let source: LineSource
    private var scanner: FieldScanner
    private let escapedIDs: Bool
    private var unescapedQuery: [UInt8] = []
    private var unescapedDocument: [UInt8] = []

    /// - Parameter format: nil to tell it from the first line.
    init(_ path: FilePath, format: RunFormat?, escapedIDs: Bool) throws {
        source = try LineSource(path)
        scanner = FieldScanner(path: source.path)
        self.escapedIDs = escapedIDs
        if let chunk = try source.next() {
            scanner.feed(chunk)
            self.format = try format ?? RunLines.detectFormat(scanner)
        } else {
            self.format = format ?? .trec
        }
    }

    var path: String { scanner.path }

    /// Lines of the file and bytes of its docids, judged by its first line, so that columns need not grow; nil where the
    /// size is not known.
    func estimatedSize() -> (lineCount: Int, idByteCount: Int)? {
        var probe = scanner
        guard let byteCount = source.byteCount,
            let fields = format == .trec ? probe.nextBlankSeparated() : probe.nextTabSeparated(),
            fields == format.fieldCount
        else { return nil }
        let lineCount = byteCount / (probe.wholeLine.count + 1) + 1
        let perLine = probe.field(format == .trec ? 2 : 1).count
        return (lineCount + lineCount / 8, lineCount * perLine + lineCount * perLine / 8)
    }

    /// 1-based number of the line last read.
    var line: Int { scanner.line }

    func place(field: String? = nil) -> Place { scanner.place(field: field) }

    private static func detectFormat(_ scanner: FieldScanner) throws -> RunFormat {
        var probe = scanner
        if probe.nextTabSeparated() == 3 {
            let third = probe.field(2)
            // "1" may be the first rank as well as a score, and the two rank in opposite directions.
            if third.count == 1, third[0] == UInt8(ascii: "1") {
                throw InputError(
                    "the third column may be a rank or a score", at: probe.place(at: 2), offender: probe.wholeLine,
                    advice: "say which it is: --run-format marco (ranks) or --run-format tevatron (scores)")
            }
            return .tevatron
        }
        return .trec
    }

    /// Reads the next line and gives `body` its query, document and score; false at the end.
    @inline(__always)
    mutating func next(
        _ body: (_ query: UnsafeRawBufferPointer, _ document: UnsafeRawBufferPointer, _ score: Float) throws -> Void
    ) throws -> Bool {
        while true {
            let fields = format == .trec ? scanner.nextBlankSeparated() : scanner.nextTabSeparated()
            guard let fields else {
                guard let chunk = try source.next() else { return false }
                scanner.feed(chunk)
                continue
            }
            guard fields == format.fieldCount else { throw wrongFieldCount(fields) }
            let documentField = format == .trec ? 2 : 1
            let score = try parseScore()
            let query = scanner.field(0)
            let document = scanner.field(documentField)
            guard query.count > 0, document.count > 0 else { throw emptyID(query.count == 0 ? 0 : documentField) }
            if escapedIDs {
                try unescape(documentField)
                try unescapedQuery.withUnsafeBytes { query in
                    try unescapedDocument.withUnsafeBytes { try body(query, $0, score) }
                }
            } else {
                try body(query, document, score)
            }
            return true
        }
    }

    @inline(__always)
    private func parseScore() throws -> Float {
        let index = format == .trec ? 4 : 2
        let text = scanner.field(index)
        if format == .marco {
            guard let rank = DecimalScanner.integer(text), rank > 0, rank < 1 << 24 else {
                throw InputError(
                    "a rank is a whole number from 1", at: scanner.place(field: "rank", at: index),
                    offender: Array(text))
            }
            return -Float(rank)
        }
        guard let value = DecimalScanner.float(text) else {
            throw InputError(
                "not a finite number", at: scanner.place(field: "score", at: index), offender: Array(text))
        }
        return value
    }

    private mutating func unescape(_ documentField: Int) throws {
        unescapedQuery.removeAll(keepingCapacity: true)
        unescapedDocument.removeAll(keepingCapacity: true)
        guard IDEscaping.unescape(scanner.field(0), into: &unescapedQuery) else { throw badEscape(0) }
        guard IDEscaping.unescape(scanner.field(documentField), into: &unescapedDocument) else {
            throw badEscape(documentField)
        }
    }

    private func badEscape(_ index: Int) -> InputError {
        InputError(
            "\"%\" is not followed by two hexadecimal digits",
            at: scanner.place(field: index == 0 ? "qid" : "docid", at: index), offender: Array(scanner.field(index)),
            advice: "leave --escape-ids out if the file was written without it")
    }

    private func emptyID(_ index: Int) -> InputError {
        InputError("an id is empty", at: scanner.place(field: index == 0 ? "qid" : "docid", at: index))
    }

    private func wrongFieldCount(_ count: Int) -> InputError {
        InputError(
            "\(count) field\(count == 1 ? "" : "s") where a \(format.rawValue) run has \(format.fieldCount)"
                + " (\(format.layout))",
            at: scanner.place(), offender: scanner.wholeLine,
            advice: count > format.fieldCount && format == .trec
                ? "an id with a space in it must be escaped: write the run with --escape-ids" : nil)
    }
}
