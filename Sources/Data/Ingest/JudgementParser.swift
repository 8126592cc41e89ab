internal import Base
internal import JSON
internal import Rankings
internal import Records

/// One line of a file of judgements, as ranges of bytes.
struct JudgementLine {
    let query: UnsafeRawBufferPointer
    let document: UnsafeRawBufferPointer
    let grade: Float
}

/// Parses the lines of one file of judgements, which its name or its first line tells the form of:
///
/// - columns between tabs: BEIR's `query-id corpus-id score`, in any order that a header gives; a field may stand in quotes, as
///   BEIR's own reader has it
/// - `query 0 document grade`, separated by spaces or tabs: TREC's
/// - JSON objects with the ids and the score under one of their usual names
///
/// Not Sendable: it has a position.
final class JudgementParser {
    private enum Form {
        case table(Columns)
        case trec
        case objects
    }

    /// Where in a line of a table what is.
    private struct Columns {
        var query = 0
        var document = 1
        var grade = 2
        var count = 3
    }

    private static let queryNames: [StaticString] = ["query-id", "query_id", "qid", "query"]
    private static let documentNames: [StaticString] = [
        "corpus-id", "corpus_id", "docid", "doc-id", "doc_id", "document_id", "pid",
    ]
    private static let gradeNames: [StaticString] = ["score", "grade", "relevance", "label"]

    private let path: String
    private let hasObjects: Bool
    private let parser = JSONParser()
    private var form: Form?
    /// Ids that do not stand in the line as they are.
    private var scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 10, alignment: 1)
    private var scratchCount = 0

    /// - Parameter hasObjects: whether each line is an object, whatever the name says.
    init(path: String, hasObjects: Bool) {
        self.path = path
        self.hasObjects = hasObjects
    }

    deinit { scratch.deallocate() }

    /// - Parameter line: followed by at least `JSONParser.padding` readable bytes.
    /// - Returns: valid until the next call and as long as the line; nil for a header.
    func parse(_ line: UnsafeRawBufferPointer) throws(RecordFault) -> JudgementLine? {
        reserveScratch(line.count + 64)
        if let form { return try parse(line, as: form) }
        let (form, isHeader) = firstForm(line)
        self.form = form
        return isHeader ? nil : try parse(line, as: form, isFirst: true)
    }

    private func firstForm(_ line: UnsafeRawBufferPointer) -> (Form, isHeader: Bool) {
        let name = path.split(separator: "/").last?.lowercased() ?? ""
        if hasObjects || name.split(separator: ".").suffix(2).contains("jsonl") { return (.objects, false) }
        let fields = Self.columns(line) { $0 == 0x09 }.map { unquoted($0) }
        func position(_ names: [StaticString]) -> Int? {
            fields.firstIndex { field in names.contains { field.isEqual(to: $0) } }
        }
        if let query = position(Self.queryNames), let document = position(Self.documentNames),
            let grade = position(Self.gradeNames)
        {
            return (
                .table(Columns(query: query, document: document, grade: grade, count: fields.count)), true
            )
        }
        guard fields.count == 3 else {
            return (line.first(where: { $0 > 0x20 }) == 0x7B ? .objects : .trec, false)
        }
        return (.table(Columns()), Qrels.isHeader(first: fields[0], third: fields[2]))
    }

    private func parse(
        _ line: UnsafeRawBufferPointer, as form: Form, isFirst: Bool = false
    ) throws(RecordFault) -> JudgementLine {
        switch form {
        case .objects: return try parse(object: line)
        case .table(let columns):
            let fields = Self.columns(line) { $0 == 0x09 }
            return try judgement(fields.map { unquoted($0) }, columns, Self.tableAdvice(isFirst), isFirst: isFirst)
        case .trec:
            let fields = Self.columns(line) { $0 == 0x09 || $0 == 0x20 }.filter { !$0.isEmpty }
            if fields.count < 3, line.count(where: { $0 == UInt8(ascii: ",") }) > 1 {
                throw RecordFault(
                    "the columns are separated by commas",
                    advice: "Write tabs in their place, or name the file .csv where it is one of BEIR's qrels/.")
            }
            let advice =
                isFirst
                ? Self.tableAdvice(true) : "A line is: query 0 document grade."
            return try judgement(fields, Columns(query: 0, document: 2, grade: 3, count: 4), advice, isFirst: isFirst)
        }
    }

    private static func tableAdvice(_ isFirst: Bool) -> String {
        let table = "A line is: query-id, corpus-id, score, separated by tabs"
        return isFirst
            ? table + ", with a header of these names; or, without one, query 0 document grade." : table + "."
    }

    private func judgement(
        _ fields: [UnsafeRawBufferPointer], _ columns: Columns, _ advice: String, isFirst: Bool
    ) throws(RecordFault) -> JudgementLine {
        guard fields.count == columns.count else {
            throw RecordFault(
                "\(fields.count) column\(fields.count == 1 ? "" : "s") instead of \(columns.count)", advice: advice)
        }
        guard let grade = Self.grade(fields[columns.grade]) else {
            if isFirst, !fields.contains(where: { Self.grade($0) != nil }) {
                throw RecordFault(
                    "the grade \(escaped(Array(fields[columns.grade]))) is not a number", field: "score",
                    advice: "Is the line a header of other names? " + advice)
            }
            let other = fields.indices.last { $0 != columns.grade && Self.grade(fields[$0]) != nil }
            let swapped = other.map {
                "Column \($0 + 1) of this line is a number: do the columns stand in another order? "
            }
            throw RecordFault(
                "the grade \(escaped(Array(fields[columns.grade]))) is not a number", field: "score",
                advice: (swapped ?? "") + advice)
        }
        guard !fields[columns.query].isEmpty, !fields[columns.document].isEmpty else {
            throw RecordFault("an id is empty", advice: "An id has at least one byte.")
        }
        return JudgementLine(query: fields[columns.query], document: fields[columns.document], grade: grade)
    }

    private static func grade(_ text: UnsafeRawBufferPointer) -> Float? {
        guard text.count <= 64, let grade = Float(String(decoding: text, as: UTF8.self)), grade.isFinite else {
            return nil
        }
        return grade
    }

    private static func columns(
        _ line: UnsafeRawBufferPointer, isSeparator: (UInt8) -> Bool
    ) -> [UnsafeRawBufferPointer] {
        var columns: [UnsafeRawBufferPointer] = []
        var start = 0
        let end = line.last == 0x0D ? line.count - 1 : line.count
        for position in 0..<end where isSeparator(line[position]) {
            columns.append(UnsafeRawBufferPointer(rebasing: line[start..<position]))
            start = position + 1
        }
        columns.append(UnsafeRawBufferPointer(rebasing: line[start..<end]))
        return columns
    }

    // MARK: - Objects

    private func parse(object line: UnsafeRawBufferPointer) throws(RecordFault) -> JudgementLine {
        let root = try RecordScanner.root(of: line, padded: true, parser: parser)
        let query = try id(of: root, Self.queryNames, "query_id", "id of a query")
        let document = try id(of: root, Self.documentNames, "docid", "id of a document")
        guard let node = Self.gradeNames.lazy.compactMap({ root[$0] }).first,
            let grade = node.double.map({ Float($0) }) ?? node.string.flatMap({ Self.grade($0) }), grade.isFinite
        else { throw missing("score", "number") }
        return JudgementLine(query: query, document: document, grade: grade)
    }

    private func id(
        of root: JSONNode, _ names: [StaticString], _ field: StaticString, _ wanted: String
    ) throws(RecordFault) -> UnsafeRawBufferPointer {
        guard let node = names.lazy.compactMap({ root[$0] }).first else { throw missing(field, wanted) }
        if let text = node.string, !text.isEmpty { return text }
        if let number = node.integer { return kept(String(number).utf8) }
        if let number = node.unsigned { return kept(String(number).utf8) }
        throw missing(field, wanted)
    }

    private func missing(_ field: StaticString, _ wanted: String) -> RecordFault {
        RecordFault(
            "there is no \(wanted)", field: "\(field)",
            advice: #"A line is: {"query_id":"…","docid":"…","score":1}."#)
    }

    // MARK: - Ids that do not stand in the line as they are

    /// A field without the quotes around it, and with single ones for doubled ones.
    private func unquoted(_ field: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard field.count >= 2, field.first == 0x22, field.last == 0x22 else { return field }
        let content = UnsafeRawBufferPointer(rebasing: field[1..<field.count - 1])
        guard content.contains(0x22) else { return content }
        var isBehindQuote = false
        return kept(
            content.filter { byte in
                isBehindQuote = byte == 0x22 && !isBehindQuote
                return byte != 0x22 || isBehindQuote
            })
    }

    /// Of a line nothing longer is made than it is, and the digits of two numbers.
    private func reserveScratch(_ count: Int) {
        scratchCount = 0
        guard scratch.count < count else { return }
        scratch.deallocate()
        scratch = .allocate(byteCount: count, alignment: 1)
    }

    private func kept(_ bytes: some Collection<UInt8>) -> UnsafeRawBufferPointer {
        let target = UnsafeMutableRawBufferPointer(rebasing: scratch[scratchCount..<scratchCount + bytes.count])
        target.copyBytes(from: bytes)
        scratchCount += bytes.count
        return UnsafeRawBufferPointer(target)
    }
}
