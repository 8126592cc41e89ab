public import Base
package import SystemPackage

/// Which documents of a dataset are duplicates, and of which document: pairs of ordinals, in the order of the aliases.
///
/// The documents themselves stay in the dataset; its links point at representatives. Opening reads the header only.
public final class AliasMap: Sendable {
    public let count: Int
    /// Logical digest and number of the documents that the ordinals are of.
    public let documentsDigest: SHA256Digest
    public let documentCount: Int
    package let path: FilePath
    private let pages: CheckedPages

    /// - Throws: `DamagedBlob` for a file that is no whole alias map; `Failure` for a newer format version.
    package init(_ path: FilePath, origin: any BlobOrigin = LocalBlobs()) throws {
        self.path = path
        let file = try origin.map(path)
        let bytes = file.bytes
        func damaged(_ reason: String) -> DamagedBlob { DamagedBlob(path, reason) }
        guard bytes.count >= AliasMapFormat.headerBytes else {
            throw damaged("\(bytes.count) bytes are too few for an alias map")
        }
        try file.ensure(0..<AliasMapFormat.headerBytes)
        guard bytes[0..<8].elementsEqual(AliasMapFormat.signature) else { throw damaged("it is no alias map") }
        let version = bytes.integer(at: 8, as: UInt16.self)
        guard version == AliasMapFormat.version else {
            throw Failure(.badData, "\(path): alias map version \(version) is not known", advice: "Use a newer tvt.")
        }
        guard
            bytes.integer(at: AliasMapFormat.headerBytes - 8, as: UInt64.self)
                == XXH3.hash64(bytes.slice(0..<AliasMapFormat.headerBytes - 8)),
            let count = Int(exactly: bytes.integer(at: 16, as: UInt64.self)),
            let documentCount = Int(exactly: bytes.integer(at: 24, as: UInt64.self)),
            count <= documentCount, documentCount <= Int(UInt32.max)
        else { throw damaged("its header is damaged") }
        let body = AliasMapFormat.headerBytes..<AliasMapFormat.headerBytes + count * AliasMapFormat.pairBytes
        guard body.upperBound + CheckedPages.checksumBytes(for: body.count) == bytes.count else {
            throw damaged("its size does not fit its number of aliases")
        }
        self.count = count
        self.documentCount = documentCount
        documentsDigest = SHA256Digest(bytes: Array(bytes[32..<64]))
        pages = CheckedPages(file, path: path, region: body, checksumOffset: body.upperBound, name: "aliases")
    }

    /// The alias at a position, and the document that stands for it.
    ///
    /// - Precondition: the position is below ``count``.
    /// - Throws: `DamagedBlob` where a page does not match its checksum.
    public func pair(at position: Int) throws -> (alias: Int, representative: Int) {
        precondition(position >= 0 && position < count, "an alias of the map")
        let offset = position * AliasMapFormat.pairBytes
        try pages.check(offset..<offset + AliasMapFormat.pairBytes)
        let alias = Int(pages.bytes.integer(at: offset, as: UInt32.self))
        let representative = Int(pages.bytes.integer(at: offset + 4, as: UInt32.self))
        guard representative < alias, alias < documentCount else {
            throw DamagedBlob(path, "alias \(position) points outside the documents, or forwards")
        }
        return (alias, representative)
    }

    /// The document that stands for a document: itself, unless it is an alias.
    ///
    /// - Complexity: O(log ``count``).
    public func representative(of document: Int) throws -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            let (alias, representative) = try pair(at: middle)
            if alias == document { return representative }
            if alias < document { low = middle + 1 } else { high = middle }
        }
        return document
    }

    /// Whether the aliases are those of a manifest's documents.
    package func fits(_ manifest: Manifest) -> Bool {
        documentsDigest == manifest.documents.logicalDigest && documentCount == manifest.documents.recordCount
    }

    /// Checks every page, the order of the aliases, and that no representative is an alias.
    package func checkAll() throws {
        try pages.check(0..<pages.bytes.count)
        var last = -1
        for position in 0..<count {
            let (alias, representative) = try pair(at: position)
            guard alias > last else { throw DamagedBlob(path, "alias \(position) is out of order") }
            last = alias
            guard try self.representative(of: representative) == representative else {
                throw DamagedBlob(path, "document \(representative) stands for another and is an alias itself")
            }
        }
    }
}

/// Constants of an alias map; see `docs/formats.md`.
enum AliasMapFormat {
    static let version: UInt16 = 1
    static let headerBytes = 4096
    static let pairBytes = 8
    static let signature = Array("TVTALI1\0".utf8)

    static func header(count: Int, documentCount: Int, documentsDigest: SHA256Digest) -> [UInt8] {
        var bytes = signature
        bytes.append(littleEndian: version)
        bytes += [UInt8](repeating: 0, count: 6)
        bytes.append(littleEndian: UInt64(count))
        bytes.append(littleEndian: UInt64(documentCount))
        bytes += documentsDigest.bytes
        bytes += [UInt8](repeating: 0, count: headerBytes - 8 - bytes.count)
        bytes.append(littleEndian: bytes.withUnsafeBytes { XXH3.hash64($0) })
        return bytes
    }
}
