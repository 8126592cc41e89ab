internal import Base
internal import JSON
package import Records

/// Finds what records say about images, videos and sounds.
///
/// Not Sendable: it holds a parser.
package final class MediaReferenceScanner {
    private let scanner: RecordScanner
    private let parser = JSONParser()

    package init(_ kind: RecordKind) { scanner = RecordScanner(kind == .documents ? .document : .query) }

    /// Calls `body` with each reference of a stored line.
    ///
    /// - Throws: `RecordFault` for a line that is no record.
    package func forEach(in line: UnsafeRawBufferPointer, _ body: (MediaKind, MediaReference) throws -> Void) throws {
        try scanner.scan(RecordScanner.root(of: line, padded: false, parser: parser))
        for kind in MediaKind.allCases {
            guard let reference = scanner.media(kind) else { continue }
            try body(kind, reference)
        }
    }
}
