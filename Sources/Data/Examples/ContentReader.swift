internal import Base
internal import JSON
internal import Records
internal import Store

/// Tells stored documents, or queries, apart by what a model could read and see in them; one for each thread.
///
/// Not Sendable: it holds the tape of its last line.
final class ContentReader {
    private let parser = JSONParser()
    private let scanner: RecordScanner
    private let kind: Kind
    private let readsMedia: Bool
    private var content: [UInt8] = []

    enum Kind: String { case document, query }

    init(_ kind: Kind, readsMedia: Bool) {
        self.kind = kind
        scanner = RecordScanner(kind == .document ? .document : .query)
        self.readsMedia = readsMedia
    }

    /// Hash of title and text as `RecordText` joins them, and of media where they are read.
    func hash(of line: UnsafeRawBufferPointer, _ ordinal: Int, in dataset: Dataset) throws -> ContentHash {
        try withExtendedLifetime(parser) {
            do throws(RecordFault) {
                try scanner.scan(RecordScanner.root(of: line, padded: false, parser: parser))
            } catch {
                throw error.error(at: Place(path: "\(dataset.reference), \(kind.rawValue) \(ordinal)"), line: line)
            }
            content.removeAll(keepingCapacity: true)
            let title = kind == .document ? scanner.node(.title)?.string : nil
            RecordText.append(title: title, text: scanner.node(.text)?.string, to: &content)
            for kind in MediaKind.allCases where readsMedia {
                guard let media = scanner.media(kind) else { continue }
                // No text holds this byte, so that a reference is never taken for the end of one.
                content.append(0xFF)
                content += Array(kind.rawValue.utf8)
                // What is in an image counts, not how it was named or measured.
                content += media.digest.map { Array($0.bytes) } ?? media.json
            }
            return ContentHash.of(content)
        }
    }
}
