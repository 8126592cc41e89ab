internal import Base
internal import JSON
internal import Records
internal import Store

/// Stored lines to what an example holds of them; one for each thread.
///
/// Not Sendable: it holds the tape of its last line.
final class RecordRendering {
    private let contents: ExampleOptions.Contents
    private let parser = JSONParser()
    private let documents = RecordScanner(.document)
    private let queries = RecordScanner(.query)

    init(_ contents: ExampleOptions.Contents) { self.contents = contents }

    /// The document's text, or the line as it is.
    func document(_ line: UnsafeRawBufferPointer, _ ordinal: Int, of dataset: Dataset) throws -> [UInt8] {
        guard contents == .texts else { return Array(line) }
        return try scan(line, with: documents, "document", ordinal, dataset) { record in
            let title = record.node(.title)?.string
            let text = record.node(.text)?.string
            if text == nil, title?.isEmpty ?? true { return nil }
            var rendered: [UInt8] = []
            rendered.reserveCapacity((title?.count ?? 0) + 1 + (text?.count ?? 0))
            RecordText.append(title: title, text: text, to: &rendered)
            return rendered
        }
    }

    func query(_ line: UnsafeRawBufferPointer, _ ordinal: Int, of dataset: Dataset) throws -> [UInt8] {
        guard contents == .texts else { return Array(line) }
        return try scan(line, with: queries, "query", ordinal, dataset) { $0.node(.text)?.string.map { Array($0) } }
    }

    private func scan(
        _ line: UnsafeRawBufferPointer, with scanner: RecordScanner, _ kind: String, _ ordinal: Int,
        _ dataset: Dataset, _ render: (RecordScanner) -> [UInt8]?
    ) throws -> [UInt8] {
        try withExtendedLifetime(parser) {
            do {
                try scanner.scan(RecordScanner.root(of: line, padded: false, parser: parser))
            } catch let fault as RecordFault {
                throw fault.error(at: Place(path: "\(dataset.reference), \(kind) \(ordinal)"), line: line)
            }
            guard let text = render(scanner) else {
                let id = scanner.id.map { Array($0) } ?? []
                throw Failure(
                    .badData, "dataset \(dataset.reference): \(kind) \(escaped(id)) has no text",
                    advice: "This model reads texts only.")
            }
            return text
        }
    }
}
