package import Base
internal import SystemPackage

/// Collects the links of one role, query by query; they wait on disk, not in memory.
///
/// Made by ``Store/linksWriter(hasScores:)`` for ``Store/derive(from:reference:keepingQueries:positives:negatives:judgements:aliases:provenance:options:)``.
public final class LinksWriter {
    /// Told by the first query with links, where it was left open.
    public private(set) var hasScores: Bool
    private var isOpen: Bool
    /// Queries so far, those without links included.
    public private(set) var queryCount = 0
    public private(set) var linkCount = 0
    /// The largest target so far; -1 for none.
    private(set) var largestTarget = -1
    private var queriesByLinkCount = [Int](repeating: 0, count: LinksFormat.linkCountsCount)
    package let scratch: ScratchFolder
    private let name: String
    private var offsets: SpillFile?
    private var targets: SpillFile?
    private var scores: SpillFile?
    private var pendingOffsets: [UInt64] = []
    private var pendingTargets: [UInt32] = []
    private var pendingScores: [Float] = []
    private static let pendingCount = 1 << 14

    /// - Parameter hasScores: nil leaves it to the first query with links.
    package init(scratch: ScratchFolder, name: String, hasScores: Bool?) throws {
        self.scratch = scratch
        self.name = name
        self.hasScores = hasScores ?? false
        isOpen = hasScores == nil
        offsets = try SpillFile(creating: scratch.path(name + ".offsets"))
        targets = try SpillFile(creating: scratch.path(name + ".targets"))
        if self.hasScores { try openScores() }
        pendingOffsets.append(0)
    }

    private func openScores() throws { scores = try SpillFile(creating: scratch.path(name + ".scores")) }

    /// Appends the links of the next query.
    ///
    /// - Parameters:
    ///   - targets: ordinals of documents, in the order in which they shall be given back.
    ///   - scores: one for each target if the writer has scores, else nil.
    public func append(targets: some Collection<UInt32>, scores: (some Collection<Float>)?) throws {
        if isOpen, !targets.isEmpty {
            isOpen = false
            hasScores = scores != nil
            if hasScores { try openScores() }
        }
        precondition(
            targets.isEmpty || (scores != nil) == hasScores && (scores?.count ?? targets.count) == targets.count,
            "a score a link")
        for target in targets {
            pendingTargets.append(target)
            largestTarget = max(largestTarget, Int(target))
        }
        if let scores { pendingScores.append(contentsOf: scores) }
        queryCount += 1
        linkCount += targets.count
        if targets.count < queriesByLinkCount.count { queriesByLinkCount[targets.count] += 1 }
        pendingOffsets.append(UInt64(linkCount))
        if pendingTargets.count >= Self.pendingCount || pendingOffsets.count >= Self.pendingCount { try spill() }
    }

    /// Appends the links of the next query, without scores.
    public func append(targets: some Collection<UInt32>) throws {
        try append(targets: targets, scores: [Float]?.none)
    }

    private func spill() throws {
        try offsets?.write(pendingOffsets)
        try targets?.write(pendingTargets)
        try scores?.write(pendingScores)
        pendingOffsets.removeAll(keepingCapacity: true)
        pendingTargets.removeAll(keepingCapacity: true)
        pendingScores.removeAll(keepingCapacity: true)
    }

    /// Writes the blob.
    ///
    /// - Throws: `Failure` with status 65 where a target lies outside the documents.
    package func finish(
        role: LinkRole, documentCount: Int, queriesDigest: SHA256Digest, documentsDigest: SHA256Digest
    ) throws -> StagedLinks {
        guard largestTarget < documentCount else {
            throw Failure(
                .badData, "a \(role) link points at document \(largestTarget), but there are \(documentCount) documents"
            )
        }
        try spill()
        var blob = try scratch.blob(name + ".links")
        try blob.write(
            LinksFormat.header(
                role: role, queryCount: queryCount, linkCount: linkCount, documentCount: documentCount,
                hasScores: hasScores, queriesDigest: queriesDigest, documentsDigest: documentsDigest,
                queriesByLinkCount: queriesByLinkCount))
        var body = PagedBody()
        // What the links say, apart from how they are stored.
        var logical = LinksFormat.logicalDigest(queryCount: queryCount, linkCount: linkCount, hasScores: hasScores)
        for part in [try offsets.take()?.finish(), try targets.take()?.finish(), try scores.take()?.finish()] {
            guard let part else { continue }
            try part.forEachBlock { block in
                logical.update(block)
                try body.write(block, to: &blob)
            }
            if part.byteCount % 8 != 0 {
                try [UInt8](repeating: 0, count: 8 - part.byteCount % 8).withUnsafeBytes {
                    try body.write($0, to: &blob)
                }
            }
            try part.remove()
        }
        try body.finish(to: &blob)
        let staged = try blob.finish()
        return StagedLinks(
            blob: staged,
            links: Manifest.LinkTable(
                blob: staged.descriptor, linkCount: linkCount, logicalDigest: logical.finalize(), hasScores: hasScores))
    }
}

/// A finished links blob that is not committed yet.
package struct StagedLinks: Sendable {
    package let blob: StagedBlob
    package let links: Manifest.LinkTable
}

/// Bytes on their way into a blob, with a checksum taken of every page.
struct PagedBody {
    private var page: [UInt8] = []
    private var checksums: [UInt8] = []

    mutating func write(_ bytes: UnsafeRawBufferPointer, to blob: inout BlobWriter) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(CheckedPages.pageBytes - page.count)
            page.append(contentsOf: part)
            rest = rest.dropFirst(part.count)
            if page.count == CheckedPages.pageBytes { try writePage(to: &blob) }
        }
    }

    private mutating func writePage(to blob: inout BlobWriter) throws {
        guard !page.isEmpty else { return }
        checksums += page.withUnsafeBytes { CheckedPages.checksums(of: $0) }
        try blob.write(page)
        page.removeAll(keepingCapacity: true)
    }

    mutating func finish(to blob: inout BlobWriter) throws {
        try writePage(to: &blob)
        try blob.write(checksums)
    }
}
