public import Records
public import SystemPackage
internal import Archives
internal import Base

/// What stands behind the names by which records call for images, videos and sounds.
///
/// Asked by several workers at once, in no order.
public protocol MediaSource: Sendable {
    /// The bytes that a reference names.
    ///
    /// - Returns: nil where the reference is not the source's to answer: it stays as it is, and is counted as external.
    /// - Throws: `RecordFault` where the bytes should be there and are not; other errors end the conversion.
    func content(of reference: MediaReference, as kind: MediaKind) throws -> MediaContent?
}

/// Where the bytes of an item are.
public enum MediaContent: Sendable {
    /// A file that stays as it is until the conversion has ended.
    case file(FilePath)
    /// In memory; for items that are not large.
    case bytes([UInt8])
    /// In memory, as it came with the record, and what it was called there.
    case carried([UInt8], name: String?)
    /// The same in a file without a name of its own.
    case carriedFile(FilePath, name: String?)
}

/// A folder with the files that records name by their paths in it, or by digests as `media/<2 digits>/<hex>.<ext>`.
///
/// A structure of `path` and empty `bytes` names a file as its path does. Names with a scheme (`https:`) and digests without
/// a file are not answered. A path that leaves the folder, by itself or by a link, and a file that is missing, are faults of
/// the record.
public struct AssetFolder: MediaSource {
    public let root: FilePath

    /// - Throws: `Failure` with status 66 where there is no such folder.
    public init(_ root: FilePath) throws {
        guard Files.isDirectory(root) else {
            throw Failure(
                .missingInput, "\(root) is no folder", advice: "--assets takes the folder that names begin in.")
        }
        self.root = root
    }

    public func content(of reference: MediaReference, as kind: MediaKind) throws -> MediaContent? {
        if let digest = reference.digest { return file(of: digest, format: reference.format).map { .file($0) } }
        guard !reference.holdsBytes else {
            throw RecordFault(
                "the structure holds bytes, and JSON has none",
                advice:
                    "Take the table that it was written from (Parquet, Arrow), or write the bytes to a file and name it."
            )
        }
        guard let name = reference.path ?? reference.name, !Self.hasScheme(name) else { return nil }
        guard !name.isEmpty, !name.utf8.contains(0) else {
            throw RecordFault(
                "\(escaped(Array(name.utf8))) is no path", advice: "The field names a file in \(root), or an address.")
        }
        guard let path = Self.path(of: name, in: root) else {
            throw RecordFault(
                "\(escaped(Array(name.utf8))) lies outside \(root)",
                advice:
                    "Names are paths in the folder of --assets: name a folder that holds all files, and shorten the names."
            )
        }
        guard !FolderLinks.leadsOut(path, of: root) else {
            throw RecordFault(
                "\(escaped(Array(name.utf8))) is, or lies behind, a symbolic link that leads out of \(root)",
                advice: "Links may lead anywhere: copy the folder with cp -rL, or name one that holds all files.")
        }
        return .file(path)
    }

    /// The file that a name means in a folder; nil for a name that leads out of it.
    package static func path(of name: String, in root: FilePath) -> FilePath? {
        var depth = 0
        for part in name.split(separator: "/") where part != "." {
            depth += part == ".." ? -1 : 1
            if depth < 0 { return nil }
        }
        return name.isEmpty || name.hasPrefix("/") || name.utf8.contains(0) ? nil : root.appending(name)
    }

    /// As an export lays them out, whatever the extension.
    private func file(of digest: SHA256Digest, format: MediaFormat?) -> FilePath? {
        let folder = root.appending("media").appending(String(digest.hex.prefix(2)))
        let extensions = [format].compactMap { $0?.fileExtension } + ["bin"] + MediaFormat.allCases.map(\.fileExtension)
        return (extensions.map { digest.hex + "." + $0 } + [digest.hex]).lazy.map { folder.appending($0) }
            .first { Files.exists($0) }
    }

    /// Whether a name is an address, such as `https://…`, and no path: RFC 3986, section 3.1.
    package static func hasScheme(_ name: String) -> Bool {
        guard let colon = name.utf8.firstIndex(of: UInt8(ascii: ":")) else { return false }
        let scheme = name.utf8[..<colon]
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
        guard let first = scheme.first, isLetter(first) else { return false }
        return scheme.allSatisfy { byte in
            isLetter(byte) || (0x30...0x39).contains(byte) || [0x2B, 0x2D, 0x2E].contains(byte)
        }
    }
}
