internal import Base
internal import SystemPackage

/// The lines of a run file one by one, checked.
struct RunLines {
    let format: RunFormat
    private let file: FilePath
    private let source: LineSource
    private var scanner: FieldScanner
    private let escapedIDs: Bool
    /// Ids that are written otherwise than they are; counted where ids are escaped.
    private(set) var unescapedIDCount = 0
    private var rankOrder = RankOrder(.marco)
    private var unescapedQuery: [UInt8] = []
    private var unescapedDocument: [UInt8] = []

    /// - Parameter format: nil to decide it by the lines.
    init(_ path: FilePath, format: RunFormat?, escapedIDs: Bool) throws {
        file = path
        source = try LineSource(path)
        scanner = FieldScanner(path: source.path)
        self.escapedIDs = escapedIDs
        if let chunk = try source.next() {
            scanner.feed(chunk)
            self.format = try format ?? RunFormat.detect(scanner, of: path, source: source)
        } else {
            self.format = format ?? .trec
        }
        rankOrder = RankOrder(self.format)
    }

    var path: String { scanner.path }
    /// At the end of the run: whether the scores of every query rise with its ranks.
    var scoresRiseWithRanks: Bool { rankOrder.isRising }

    /// Lines of the file and bytes of its docids, judged by its first line, so that columns need not grow; nil where the
    /// size is not known.
    func estimatedSize() -> (lineCount: Int, idByteCount: Int)? {
        var probe = scanner
        guard let byteCount = source.byteCount,
            let fields = format == .trec ? probe.nextBlankSeparated() : probe.nextTabSeparated(),
            fields == format.fieldCount
        else { return nil }
        let lineCount = byteCount / (probe.lineByteCount + 1) + 1
        let perLine = probe.field(format == .trec ? 2 : 1).count
        return (lineCount + lineCount / 8, lineCount * perLine + lineCount * perLine / 8)
    }

    /// 1-based number of the line last read.
    var line: Int { scanner.line }

    func place(field: String? = nil) -> Place { scanner.place(field: field) }

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
            try scanner.requireBoundedLine()
            guard fields == format.fieldCount else { throw wrongFieldCount(fields) }
            let documentField = format == .trec ? 2 : 1
            let score = try parseScore()
            let query = scanner.field(0)
            let document = scanner.field(documentField)
            guard query.count > 0, document.count > 0 else { throw emptyID(query.count == 0 ? 0 : documentField) }
            if format == .trec { rankOrder.take(query, rank: scanner.field(3), score: score) }
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
            // Some programs write 1.0.
            let rank = DecimalScanner.integer(text) ?? DecimalScanner.double(text).flatMap { Int(exactly: $0) }
            guard let rank, rank > 0, rank < RunFormat.largestRank else {
                throw InputError(
                    "a rank is a whole number from 1", at: scanner.place(field: "rank", at: index),
                    offender: Array(text))
            }
            return -Float(rank)
        }
        guard let value = DecimalScanner.float(text) else {
            throw InputError(
                "not a finite number", at: scanner.place(field: "score", at: index), offender: Array(text.prefix(80)),
                advice: Qrels.isName(text, of: Qrels.gradeColumn)
                    ? "the header is that of judgements; is this a run?" : nil)
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
        if unescapedQuery.count != scanner.field(0).count { unescapedIDCount += 1 }
        if unescapedDocument.count != scanner.field(documentField).count { unescapedIDCount += 1 }
    }

    /// The error for a document that a query has twice. The file is read again for the numbers of the lines, unless it is
    /// stdin.
    func repeated(_ document: [UInt8], of query: [UInt8]) -> InputError {
        var lines: [Int] = []
        if file != "-", var again = try? RunLines(file, format: format, escapedIDs: escapedIDs) {
            var isMatch = false
            func readNext() -> Bool {
                let isLine = try? again.next { itsQuery, itsDocument, _ in
                    isMatch = query.elementsEqual(itsQuery) && document.elementsEqual(itsDocument)
                }
                return isLine == true
            }
            while lines.count < 2, readNext() {
                if isMatch { lines.append(again.line) }
            }
        }
        return InputError(
            "query \(escaped(query.prefix(80))) has a document twice"
                + (lines.count == 2 ? ", first in line \(lines[0])" : ""),
            at: Place(path: path, line: lines.count == 2 ? lines[1] : nil, field: "docid"), offender: document,
            advice: "a ranking names a document once; remove one of the lines")
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
        var advice: String?
        if format == .trec {
            advice =
                switch count {
                case 3: "a tevatron or marco run has tabs between its columns"
                case 4: "judgements have four columns (qid iteration docid grade); a run has six, or three with tabs"
                case 7...: "an id with a space in it must be escaped: write the run with --escape-ids"
                default: nil
                }
        }
        return InputError(
            "\(count) field\(count == 1 ? "" : "s") where a \(format.rawValue) run has \(format.fieldCount)"
                + " (\(format.layout))",
            at: scanner.place(), offender: scanner.lineExcerpt, advice: advice)
    }
}
