package import Base
internal import SystemPackage

/// Collects aliases in ascending order; they wait on disk, not in memory.
///
/// Made by ``Store/aliasMapWriter()`` for
/// ``Store/derive(from:reference:keepingQueries:positives:negatives:judgements:aliases:provenance:options:)``.
public final class AliasMapWriter {
    public private(set) var count = 0
    private let scratch: ScratchFolder
    private var pairs: SpillFile?
    private var lastAlias = -1

    package init(scratch: ScratchFolder) throws {
        self.scratch = scratch
        pairs = try SpillFile(creating: scratch.path("aliases"))
    }

    /// - Precondition: aliases ascend, and a representative precedes its aliases.
    public func append(alias: Int, representative: Int) throws {
        precondition(alias > lastAlias && representative < alias && alias <= Int(UInt32.max), "aliases ascend")
        lastAlias = alias
        count += 1
        try pairs?.write(UInt32(alias).littleEndian)
        try pairs?.write(UInt32(representative).littleEndian)
    }

    package func finish(documentCount: Int, documentsDigest: SHA256Digest) throws -> StagedBlob {
        guard lastAlias < documentCount else {
            throw Failure(.bug, "document \(lastAlias) is an alias, but there are \(documentCount) documents")
        }
        guard let spilled = try pairs.take()?.finish() else { throw Failure(.bug, "the aliases were finished twice") }
        var blob = try scratch.blob("aliases.map")
        try blob.write(
            AliasMapFormat.header(count: count, documentCount: documentCount, documentsDigest: documentsDigest))
        var body = PagedBody()
        try spilled.forEachBlock { try body.write($0, to: &blob) }
        try body.finish(to: &blob)
        try spilled.remove()
        return try blob.finish()
    }
}
