internal import Base
public import SystemPackage

/// A run file query by query, in bounded memory. The lines of a query must stand together.
public struct RunReader {
    private var lines: RunLines
    private var file: RunFile?
    private var seen = ByteTable()
    private var seenQueries = ByteColumn()
    private var duplicates = DuplicateFinder()
    /// The line behind the last of a query; it begins the next.
    private var pending = RankedList()

    /// - Parameters:
    ///   - format: nil to decide it by the lines.
    ///   - escapedIDs: whether ids were percent-escaped when the run was written.
    public init(_ path: FilePath, format: RunFormat? = nil, escapedIDs: Bool = false) throws {
        lines = try RunLines(path, format: format, escapedIDs: escapedIDs)
    }

    public init(_ file: RunFile) throws {
        try self.init(file.path, format: file.format, escapedIDs: file.hasEscapedIDs)
        self.file = file
    }

    /// Replaces what `list` holds with the next query and its results; false at the end.
    ///
    /// - Throws: `InputError` for a line that is not of the format, a query whose lines are not together, or a docid
    ///   that a query has twice; at the end of a `RunFile`, where its scores rise with its ranks.
    public mutating func next(into list: inout RankedList) throws -> Bool {
        if pending.count == 0 {
            guard try readPending() else {
                file?.noteUnescapedIDs(lines.unescapedIDCount)
                try file?.checkScores(lines)
                file = nil
                return false
            }
        }
        swap(&list, &pending)
        try remember(list.query)
        pending.scores.removeAll(keepingCapacity: true)
        var isSameQuery = true
        while isSameQuery {
            let hasLine = try lines.next { query, document, score in
                if list.query.elementsEqual(query) {
                    list.append(document, score)
                } else {
                    pending.restart(query: query)
                    pending.append(document, score)
                    isSameQuery = false
                }
            }
            if !hasLine { break }
        }
        if let index = duplicates.duplicate(in: list.documents, 0..<list.count) {
            throw lines.repeated(list.documents[index], of: list.query)
        }
        return true
    }

    private mutating func readPending() throws -> Bool {
        try lines.next { query, document, score in
            pending.restart(query: query)
            pending.append(document, score)
        }
    }

    private mutating func remember(_ query: [UInt8]) throws {
        let known = seenQueries.count
        _ = query.withUnsafeBytes { seen.index(of: $0, in: &seenQueries) }
        guard seenQueries.count > known else {
            throw InputError(
                "the lines of this query are not together", at: lines.place(field: "qid"), offender: query,
                advice: "sort the run by query: sort -s -k1,1 RUN")
        }
    }
}
