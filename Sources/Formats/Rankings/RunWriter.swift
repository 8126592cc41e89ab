internal import Archives
internal import Base
public import JSON
public import SystemPackage

/// Writes a run query by query; the file appears under its name when it is complete.
///
/// The file is compressed as its name says (`.zst`, `.gz`, `.xz`). Not Sendable: it has a position.
public final class RunWriter {
    public let path: FilePath
    public let format: RunFormat
    private let tag: [UInt8]
    private let escapeIDs: Bool
    private let output: CompressedOutput
    /// Ids that are written otherwise than they are; counted with `escapeIDs` only.
    public private(set) var escapedIDCount = 0
    private var buffer: [UInt8] = []
    private static let flushedByteCount = 1 << 20

    /// - Parameters:
    ///   - path: `-` for stdout.
    ///   - tag: the last field of a TREC line, the name of the system.
    ///   - escapeIDs: whether ids are percent-escaped (``IDEscaping``).
    /// - Throws: `Failure` where the tag is empty or holds whitespace.
    public init(_ path: FilePath, format: RunFormat, tag: String = "tvt", escapeIDs: Bool = false) throws {
        guard !tag.isEmpty, tag.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw Failure(.usage, "the tag of a run is one word without whitespace")
        }
        self.path = path
        self.format = format
        self.tag = Array(tag.utf8)
        self.escapeIDs = escapeIDs
        output = try CompressedOutput(path)
    }

    /// Writes a query's results, best first, numbering ranks from 1. A query without results leaves no line.
    ///
    /// - Throws: `Failure` where an id cannot be written in this format; nothing of the file remains.
    public func write(_ list: RankedList) throws {
        // A local buffer: each access to one of the object's would be checked for exclusivity.
        var text = buffer
        buffer = []
        try list.query.withUnsafeBytes { query in
            try requireWritable(query, "query")
            for index in 0..<list.count {
                try list.documents.withBytes(at: index) { document in
                    try requireWritable(document, "document")
                    appendLine(query, document, rank: index + 1, score: list.scores[index], to: &text)
                }
            }
        }
        buffer = text
        text = []
        if buffer.count >= RunWriter.flushedByteCount { try flush() }
    }

    /// Makes the run durable under its name, with its ``RunSidecar``, unless it went to stdout.
    ///
    /// The sidecar comes first: a kill in between leaves one that is known, by its digest, to be that of another file,
    /// and never a run whose escaped ids would be taken as they are.
    ///
    /// - Parameter origin: what the run was made from.
    public func commit(origin: JSONObject = [:]) throws {
        try flush()
        try output.commit { file in
            let sidecar = RunSidecar(
                format: format, hasEscapedIDs: escapeIDs, digest: try SHA256Digest.ofFile(file), origin: origin)
            try Files.replace(RunSidecar.path(of: path), with: JSONValue.object(sidecar.fields).pretty())
        }
    }

    private func flush() throws {
        try output.write(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    private func appendLine(
        _ query: UnsafeRawBufferPointer, _ document: UnsafeRawBufferPointer, rank: Int, score: Float,
        to buffer: inout [UInt8]
    ) {
        appendID(query, to: &buffer)
        switch format {
        case .trec:
            buffer.append(contentsOf: " Q0 ".utf8)
            appendID(document, to: &buffer)
            buffer.append(0x20)
            buffer.append(contentsOf: String(rank).utf8)
            buffer.append(0x20)
            buffer.append(contentsOf: score.description.utf8)
            buffer.append(0x20)
            buffer.append(contentsOf: tag)
        case .tevatron, .marco:
            buffer.append(0x09)
            appendID(document, to: &buffer)
            buffer.append(0x09)
            buffer.append(contentsOf: (format == .marco ? String(rank) : score.description).utf8)
        }
        buffer.append(0x0A)
    }

    private func appendID(_ id: UnsafeRawBufferPointer, to buffer: inout [UInt8]) {
        if escapeIDs {
            let start = buffer.count
            IDEscaping.escape(id, into: &buffer)
            if buffer.count - start != id.count { escapedIDCount += 1 }
        } else {
            buffer.append(contentsOf: id)
        }
    }

    /// Requires that a run of this format can hold the id, so that a search may fail before it has begun.
    ///
    /// - Parameter side: what the id names, for the message: "query" or "document".
    /// - Throws: `Failure` that says what to do about it.
    public func requireWritable(_ id: UnsafeRawBufferPointer, _ side: String) throws {
        guard !id.isEmpty else {
            throw Failure(.badData, "\(path): a \(side) has an empty id, which a run cannot hold")
        }
        if escapeIDs { return }
        let isFine =
            switch format {
            case .trec: !id.contains { $0 == 0x20 || ($0 >= 0x09 && $0 <= 0x0D) }
            // A reader takes a carriage return before the line feed for a part of the line's end.
            case .tevatron, .marco: !id.contains { $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
            }
        guard isFine else {
            throw Failure(
                .badData,
                "\(path): the \(side) id \(escaped(id.prefix(80))) holds whitespace that ends a field of a "
                    + "\(format.rawValue) run",
                advice:
                    "--escape-ids writes such ids percent-escaped, and RUN.json records that for the tools that read the run"
                    + (format == .trec && !id.contains { $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
                        ? "; or write --format tevatron, where ids may hold spaces" : ""))
        }
    }
}
