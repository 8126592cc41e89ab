package import Base

/// Constants of a links blob; see `docs/formats.md`.
package enum LinksFormat {
    package static let version: UInt16 = 1
    package static let headerBytes = 4096
    package static let signature = Array("TVTLNK1\0".utf8)
    package static let hasScores: UInt32 = 1
    /// Where the header says how many queries have 0, 1, 2, … links.
    static let linkCountsOffset = 104
    /// Up to 254 links; it fits the header.
    package static let linkCountsCount = 255

    /// Where the sections of a blob are; each begins at a multiple of 8.
    package struct Sections {
        package let offsets: Range<Int>
        package let targets: Range<Int>
        /// Empty without scores.
        package let scores: Range<Int>
        /// What the page checksums cover.
        package var body: Range<Int> { headerBytes..<scores.upperBound }
        package let checksumOffset: Int
        package let fileSize: Int

        /// Nil where the counts are too large for any file.
        package init?(queryCount: Int, linkCount: Int, hasScores: Bool) {
            let limit = 1 << 48
            guard queryCount >= 0, queryCount < limit, linkCount >= 0, linkCount < limit else { return nil }
            offsets = headerBytes..<headerBytes + (queryCount + 1) * 8
            targets = offsets.upperBound..<offsets.upperBound + (linkCount * 4 + 7) / 8 * 8
            scores = targets.upperBound..<targets.upperBound + (hasScores ? (linkCount * 4 + 7) / 8 * 8 : 0)
            checksumOffset = scores.upperBound
            fileSize = checksumOffset + CheckedPages.checksumBytes(for: scores.upperBound - headerBytes)
        }
    }

    /// Begins the logical digest of links, which goes on with their offsets, targets and scores, without padding.
    static func logicalDigest(queryCount: Int, linkCount: Int, hasScores: Bool) -> SHA256Stream {
        var digest = SHA256Stream()
        var preamble = Array("tvt-links-1\0".utf8)
        preamble.append(littleEndian: UInt64(queryCount))
        preamble.append(littleEndian: UInt64(linkCount))
        preamble.append(littleEndian: hasScores ? UInt64(1) : 0)
        preamble.withUnsafeBytes { digest.update($0) }
        return digest
    }

    package static func header(
        role: LinkRole, queryCount: Int, linkCount: Int, documentCount: Int, hasScores: Bool,
        queriesDigest: SHA256Digest, documentsDigest: SHA256Digest, queriesByLinkCount: [Int]
    ) -> [UInt8] {
        var bytes = signature
        bytes.append(littleEndian: version)
        bytes.append(littleEndian: role.rawValue)
        bytes.append(littleEndian: hasScores ? Self.hasScores : UInt32(0))
        bytes.append(littleEndian: UInt64(queryCount))
        bytes.append(littleEndian: UInt64(linkCount))
        bytes.append(littleEndian: UInt64(documentCount))
        bytes += queriesDigest.bytes
        bytes += documentsDigest.bytes
        bytes.append(littleEndian: UInt64(queriesByLinkCount.count))
        for count in queriesByLinkCount { bytes.append(littleEndian: UInt64(count)) }
        bytes += [UInt8](repeating: 0, count: headerBytes - 8 - bytes.count)
        bytes.append(littleEndian: bytes.withUnsafeBytes { XXH3.hash64($0) })
        return bytes
    }
}

/// What a link from a query to a document says.
public enum LinkRole: UInt16, Sendable {
    case positive = 1
    case negative = 2
    /// Graded: the score is the grade.
    case judgement = 3
}
