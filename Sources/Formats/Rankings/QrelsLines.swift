internal import Base
internal import SystemPackage

/// The lines of a qrels file one by one, checked.
struct QrelsLines {
    private let source: LineSource
    private var scanner: FieldScanner
    private let escapedIDs: Bool
    private var isTREC = true
    /// Where the columns are; a header may give them in another order.
    private var columns = (query: 0, document: 2, grade: 3)
    private var unescapedQuery: [UInt8] = []
    private var unescapedDocument: [UInt8] = []
    /// Lines with a field in quotes.
    private var quotedCount = 0
    private var order = ColumnOrder()

    init(_ path: FilePath, escapedIDs: Bool) throws {
        source = try LineSource(path)
        scanner = FieldScanner(path: source.path)
        self.escapedIDs = escapedIDs
        guard let chunk = try source.next() else { return }
        scanner.feed(chunk)
        var probe = scanner
        guard probe.nextTabSeparated() == 3 else { return }
        isTREC = false
        columns = (0, 1, 2)
        let fields = (0..<3).map { QuotedField.contents(probe.field($0)) ?? Array(probe.field($0)) }
        func column(_ names: [String]) -> Int? {
            fields.firstIndex { $0.withUnsafeBytes { Qrels.isName($0, of: names) } }
        }
        guard let query = column(Qrels.queryColumn), let grade = column(Qrels.gradeColumn), query != grade else {
            return
        }
        let document = 3 - query - grade
        // The column of documents has many names; where it has none of them, only the usual order is a header.
        guard (query, grade) == (0, 2) || column(Qrels.documentColumn) == document else { return }
        columns = (query, document, grade)
        scanner = probe
    }

    var path: String { scanner.path }
    /// 1-based number of the line last read.
    var line: Int { scanner.line }

    /// Gives `body` the judgement of the next line; false at the end.
    @inline(__always)
    mutating func next(
        _ body: (_ query: UnsafeRawBufferPointer, _ document: UnsafeRawBufferPointer, _ grade: Int32) throws -> Void
    ) throws -> Bool {
        while true {
            guard let fields = isTREC ? scanner.nextBlankSeparated() : scanner.nextTabSeparated() else {
                guard let chunk = try source.next() else { return false }
                scanner.feed(chunk)
                continue
            }
            try scanner.requireBoundedLine()
            guard fields == (isTREC ? 4 : 3) else { throw wrongFieldCount(fields) }
            let grade = try parseGrade(columns.grade)
            let query = scanner.field(columns.query)
            let document = scanner.field(columns.document)
            guard query.count > 0, document.count > 0 else {
                throw InputError(
                    "an id is empty", at: scanner.place(at: query.count == 0 ? columns.query : columns.document))
            }
            if isTREC {
                order.take(iteration: scanner.field(1), document: document, line: scanner.line)
                try withUnescaped(query, document) { try body($0, $1, grade) }
            } else if query[0] == QuotedField.quote || document[0] == QuotedField.quote {
                try withUnquoted(query, document) { try body($0, $1, grade) }
            } else {
                try withUnescaped(query, document) { try body($0, $1, grade) }
            }
            return true
        }
    }

    /// To be called after the last line.
    ///
    /// - Throws: `InputError` where columns turn out to be swapped.
    func finish() throws {
        if let line = order.swappedSince {
            throw InputError(
                "the second and third columns are swapped: every document is \"0\" or \"Q0\"",
                at: Place(path: path, line: line, field: "docid"),
                advice: "TREC's qrels have qid, iteration, docid, grade, in this order")
        }
        if quotedCount > 0 {
            log.notice(
                "\(path): ids of \(quotedCount) lines are in quotes, which are taken off, as BEIR's loader does")
        }
    }

    @inline(__always)
    private mutating func withUnescaped(
        _ query: UnsafeRawBufferPointer, _ document: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard escapedIDs else { return try body(query, document) }
        unescapedQuery.removeAll(keepingCapacity: true)
        unescapedDocument.removeAll(keepingCapacity: true)
        guard IDEscaping.unescape(query, into: &unescapedQuery),
            IDEscaping.unescape(document, into: &unescapedDocument)
        else {
            throw InputError(
                "\"%\" is not followed by two hexadecimal digits", at: scanner.place(),
                offender: scanner.lineExcerpt, advice: "leave --escape-ids out if the file was written without it")
        }
        try unescapedQuery.withUnsafeBytes { query in
            try unescapedDocument.withUnsafeBytes { try body(query, $0) }
        }
    }

    private mutating func withUnquoted(
        _ query: UnsafeRawBufferPointer, _ document: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let contents = (QuotedField.contents(query), QuotedField.contents(document))
        if contents.0 != nil || contents.1 != nil { quotedCount += 1 }
        try (contents.0 ?? Array(query)).withUnsafeBytes { query in
            try (contents.1 ?? Array(document)).withUnsafeBytes { document in
                guard query.count > 0, document.count > 0 else {
                    throw InputError("an id is empty", at: scanner.place(), offender: scanner.lineExcerpt)
                }
                try withUnescaped(query, document, body)
            }
        }
    }

    @inline(__always)
    private func parseGrade(_ index: Int) throws -> Int32 {
        let text = scanner.field(index)
        if let grade = DecimalScanner.integer(text), let grade = Int32(exactly: grade) { return grade }
        return try parseOtherGrade(index)
    }

    private func parseOtherGrade(_ index: Int) throws -> Int32 {
        let text = scanner.field(index)
        // Some BEIR exports write 1.0, some put everything in quotes.
        if let grade = DecimalScanner.double(text), let grade = Int32(exactly: grade) { return grade }
        let unquoted = isTREC ? nil : QuotedField.contents(text)
        if let grade = unquoted?.withUnsafeBytes(DecimalScanner.double), let grade = Int32(exactly: grade) {
            return grade
        }
        let isSwapped =
            DecimalScanner.double(text) == nil && DecimalScanner.integer(scanner.field(columns.document)) != nil
        let order = isTREC ? "qid, iteration, docid, grade" : "query-id, corpus-id, score"
        let swapped =
            isSwapped ? "the document's column holds a whole number: are the two swapped? The order is \(order)" : nil
        throw InputError(
            "a grade is a whole number", at: scanner.place(field: isTREC ? "grade" : "score", at: index),
            offender: Array(text.prefix(80)),
            advice: swapped ?? (scanner.line == 1 && DecimalScanner.double(text) == nil ? headerAdvice : nil))
    }

    private var headerAdvice: String {
        isTREC
            ? "is the line a header? TREC's judgements have none: leave it out"
            : "is the line a header? Its names are query-id (or \(Qrels.queryColumn[1...].joined(separator: ", "))), corpus-id, "
                + "score (or \(Qrels.gradeColumn[1...].joined(separator: ", "))); rename them, or leave the line out"
    }

    private func wrongFieldCount(_ count: Int) -> InputError {
        var advice: String?
        if isTREC, count < 3, scanner.lineExcerpt.count(where: { $0 == UInt8(ascii: ",") }) > 1 {
            advice = "its columns are separated by commas: write tabs in their place, as BEIR has them"
        }
        if isTREC, count == 3 { advice = "BEIR's qrels have tabs between their columns, and a header" }
        if isTREC, count == 6 { advice = "a run has six columns (qid Q0 docid rank score tag); are these judgements?" }
        return InputError(
            "\(count) field\(count == 1 ? "" : "s") where "
                + (isTREC
                    ? "TREC qrels have 4 (qid iteration docid grade)"
                    : "BEIR qrels have 3 (query-id, corpus-id, score separated by tabs)"),
            at: scanner.place(), offender: scanner.lineExcerpt, advice: advice)
    }
}

/// A field of a table as CSV's rules have it: in quotes, with two quotes for one.
package enum QuotedField {
    static let quote = UInt8(ascii: "\"")

    /// What stands between the quotes of a field; nil for a field that is not in quotes.
    package static func contents(_ field: UnsafeRawBufferPointer) -> [UInt8]? {
        guard field.count >= 2, field[0] == quote, field[field.count - 1] == quote else { return nil }
        var contents: [UInt8] = []
        var index = 1
        while index < field.count - 1 {
            contents.append(field[index])
            guard field[index] == quote else {
                index += 1
                continue
            }
            // A single quote within would end the field.
            guard index + 1 < field.count - 1, field[index + 1] == quote else { return nil }
            index += 2
        }
        return contents
    }
}

/// Whether TREC's second and third columns have changed places: every document is the "0" or "Q0" of an iteration, and
/// what stands in the iteration's place differs from line to line, or is no number.
private struct ColumnOrder {
    private var firstLine: Int?
    private var iteration: [UInt8] = []
    private var isPlausible = true
    private var isSuspicious = false

    /// The first line of a file whose columns are swapped.
    var swappedSince: Int? { isPlausible && isSuspicious ? firstLine : nil }

    @inline(__always)
    mutating func take(iteration field: UnsafeRawBufferPointer, document: UnsafeRawBufferPointer, line: Int) {
        guard isPlausible else { return }
        examine(field, document, line)
    }

    private mutating func examine(_ field: UnsafeRawBufferPointer, _ document: UnsafeRawBufferPointer, _ line: Int) {
        guard document.elementsEqual("0".utf8) || document.elementsEqual("Q0".utf8) else {
            isPlausible = false
            return
        }
        if firstLine == nil {
            firstLine = line
            iteration = Array(field)
            isSuspicious = !(field.elementsEqual("Q0".utf8) || DecimalScanner.integer(field) != nil)
        } else if !iteration.elementsEqual(field) {
            isSuspicious = true
        }
    }
}
