public import Base
package import SystemPackage

/// Links from queries to documents by ordinal: one list of targets for each query, in two or three mapped arrays.
///
/// Opening reads the header only; pages are checked when they are first used.
public final class Links: Sendable {
    public let queryCount: Int
    public let linkCount: Int
    public let documentCount: Int
    public let role: LinkRole
    public let hasScores: Bool
    /// Logical digests of the record sets on both sides.
    public let queriesDigest: SHA256Digest
    public let documentsDigest: SHA256Digest
    /// How many queries have 0, 1, 2, … links, as far as the header tells; empty where it does not.
    ///
    /// Queries with as many links as there are entries, or more, are not counted.
    public let queriesByLinkCount: [Int]
    package let path: FilePath
    private let pages: CheckedPages
    private let sections: LinksFormat.Sections
    // The arrays lie in the mapping that `pages` holds.
    private nonisolated(unsafe) let offsets: UnsafePointer<UInt64>
    private nonisolated(unsafe) let targets: UnsafePointer<UInt32>
    private nonisolated(unsafe) let scores: UnsafePointer<Float>

    /// - Throws: `DamagedBlob` for a file that is no whole links blob; `Failure` for a newer format version.
    package init(_ path: FilePath, origin: any BlobOrigin = LocalBlobs()) throws {
        self.path = path
        let file = try origin.map(path)
        let bytes = file.bytes
        func damaged(_ reason: String) -> DamagedBlob { DamagedBlob(path, reason) }
        guard bytes.count >= LinksFormat.headerBytes else {
            throw damaged("\(bytes.count) bytes are too few for links")
        }
        try file.ensure(0..<LinksFormat.headerBytes)
        guard bytes[0..<8].elementsEqual(LinksFormat.signature) else { throw damaged("it holds no links") }
        let version = bytes.integer(at: 8, as: UInt16.self)
        guard version == LinksFormat.version else {
            throw Failure(.badData, "\(path): links version \(version) is not known", advice: "Use a newer tvt.")
        }
        let flags = bytes.integer(at: 12, as: UInt32.self)
        guard
            bytes.integer(at: LinksFormat.headerBytes - 8, as: UInt64.self)
                == XXH3.hash64(bytes.slice(0..<LinksFormat.headerBytes - 8)),
            let role = LinkRole(rawValue: bytes.integer(at: 10, as: UInt16.self)),
            flags & ~LinksFormat.hasScores == 0,
            let queryCount = Int(exactly: bytes.integer(at: 16, as: UInt64.self)),
            let linkCount = Int(exactly: bytes.integer(at: 24, as: UInt64.self)),
            let documentCount = Int(exactly: bytes.integer(at: 32, as: UInt64.self)),
            let sections = LinksFormat.Sections(
                queryCount: queryCount, linkCount: linkCount, hasScores: flags & LinksFormat.hasScores != 0)
        else { throw damaged("its header is damaged") }
        guard sections.fileSize == bytes.count else {
            throw damaged("it has \(bytes.count) bytes instead of \(sections.fileSize)")
        }
        let countedCount = bytes.integer(at: LinksFormat.linkCountsOffset, as: UInt64.self)
        guard countedCount <= UInt64(LinksFormat.linkCountsCount) else { throw damaged("its header is damaged") }
        queriesByLinkCount = (0..<Int(countedCount)).map {
            Int(clamping: bytes.integer(at: LinksFormat.linkCountsOffset + 8 + $0 * 8, as: UInt64.self))
        }
        self.role = role
        self.queryCount = queryCount
        self.linkCount = linkCount
        self.documentCount = documentCount
        self.sections = sections
        hasScores = flags & LinksFormat.hasScores != 0
        queriesDigest = SHA256Digest(bytes: Array(bytes[40..<72]))
        documentsDigest = SHA256Digest(bytes: Array(bytes[72..<104]))
        pages = CheckedPages(
            file, path: path, region: sections.body, checksumOffset: sections.checksumOffset, name: "links")
        // Sections start at multiples of 8 of a page-aligned mapping, and the format is little-endian as this machine.
        let base = bytes.baseAddress!
        offsets = (base + sections.offsets.lowerBound).assumingMemoryBound(to: UInt64.self)
        targets = (base + sections.targets.lowerBound).assumingMemoryBound(to: UInt32.self)
        scores = (base + sections.scores.lowerBound).assumingMemoryBound(to: Float.self)
    }

    /// The documents that a query points at, in the order in which they were given.
    ///
    /// The buffer is valid as long as the links are. Every target is below ``documentCount``.
    ///
    /// - Throws: `DamagedBlob` where a page does not match its checksum.
    public func targets(of query: Int) throws -> UnsafeBufferPointer<UInt32> {
        let range = try range(of: query)
        return UnsafeBufferPointer(start: targets + range.lowerBound, count: range.count)
    }

    /// The scores or grades of a query's targets, in the same order; nil where the links have none.
    public func scores(of query: Int) throws -> UnsafeBufferPointer<Float>? {
        guard hasScores else { return nil }
        let range = try range(of: query)
        let start = sections.scores.lowerBound - LinksFormat.headerBytes
        try pages.check(start + range.lowerBound * 4..<start + range.upperBound * 4)
        return UnsafeBufferPointer(start: scores + range.lowerBound, count: range.count)
    }

    /// The offsets of a range of queries and the end of the last: `result[i + 1] - result[i]` links each.
    ///
    /// For counting: touches no target. The buffer is valid as long as the links are.
    ///
    /// - Throws: `DamagedBlob` where a page does not match its checksum.
    public func offsets(of queries: Range<Int>) throws -> UnsafeBufferPointer<UInt64> {
        precondition(queries.lowerBound >= 0 && queries.upperBound <= queryCount, "queries of the dataset")
        try pages.check(queries.lowerBound * 8..<queries.upperBound * 8 + 8)
        return UnsafeBufferPointer(start: offsets + queries.lowerBound, count: queries.count + 1)
    }

    /// Where a query's links are among all.
    public func range(of query: Int) throws -> Range<Int> {
        precondition(query >= 0 && query < queryCount, "a query of the dataset")
        try pages.check(query * 8..<query * 8 + 16)
        let start = UInt64(littleEndian: offsets[query])
        let end = UInt64(littleEndian: offsets[query + 1])
        guard start <= end, end <= UInt64(linkCount) else {
            throw DamagedBlob(path, "the links of query \(query) lie outside the table")
        }
        let range = Int(start)..<Int(end)
        let base = sections.targets.lowerBound - LinksFormat.headerBytes
        try pages.check(base + range.lowerBound * 4..<base + range.upperBound * 4)
        return range
    }

    /// Whether these are the links that a manifest says they are.
    package func fits(_ table: Manifest.LinkTable, as role: LinkRole, of manifest: Manifest) -> Bool {
        self.role == role && queryCount == manifest.queries.recordCount
            && documentCount == manifest.documents.recordCount && linkCount == table.linkCount
            && queriesDigest == manifest.queries.logicalDigest && documentsDigest == manifest.documents.logicalDigest
            && hasScores == table.hasScores
    }

    /// The logical digest of what is stored; reads all of it.
    package func computedDigest() throws -> SHA256Digest {
        try pages.check(0..<pages.bytes.count)
        var digest = LinksFormat.logicalDigest(queryCount: queryCount, linkCount: linkCount, hasScores: hasScores)
        digest.update(UnsafeRawBufferPointer(start: offsets, count: (queryCount + 1) * 8))
        digest.update(UnsafeRawBufferPointer(start: targets, count: linkCount * 4))
        if hasScores { digest.update(UnsafeRawBufferPointer(start: scores, count: linkCount * 4)) }
        return digest.finalize()
    }

    /// Checks every page, the order of the offsets and the range of every target.
    package func checkAll() throws {
        try pages.check(0..<pages.bytes.count)
        var last = 0
        var counted = [Int](repeating: 0, count: queriesByLinkCount.count)
        for query in 0..<queryCount {
            let range = try range(of: query)
            guard range.lowerBound == last else {
                throw DamagedBlob(path, "the links of query \(query) overlap others")
            }
            last = range.upperBound
            if range.count < counted.count { counted[range.count] += 1 }
            for target in try targets(of: query) where Int(target) >= documentCount {
                throw DamagedBlob(path, "query \(query) points at document \(target) of \(documentCount)")
            }
        }
        guard counted == queriesByLinkCount else {
            throw DamagedBlob(path, "its header miscounts how many links queries have")
        }
        guard last == linkCount else { throw DamagedBlob(path, "\(linkCount - last) links belong to no query") }
    }
}
