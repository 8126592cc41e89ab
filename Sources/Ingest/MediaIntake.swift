internal import Base
internal import Records
internal import Store
internal import SystemPackage

/// Takes the images, videos and sounds of records into the store: reads, hashes and frames them, on the workers that
/// scan the records, and puts their digests in the place of their names.
public struct MediaIntake: Sendable {
    public var source: any MediaSource
    /// Whether a name is kept beside the digest. Without it equal images make equal records, whatever they are called.
    public var keepsNames: Bool

    public init(_ source: any MediaSource, keepsNames: Bool = false) {
        self.source = source
        self.keepsNames = keepsNames
    }

    /// Bytes of lines that a worker gets at once: few records, because each may name items of many bytes.
    static let batchByteCount = 1 << 14
    /// Bytes of items that a batch holds; files beyond that are read once more when they are written.
    static let heldByteCount = 16 << 20

    /// The item that a reference names, and what the record then says of it.
    ///
    /// - Parameter heldByteCount: what the batch holds already.
    /// - Returns: nil for a reference that stays as it is.
    /// - Throws: `RecordFault` without a field; `SystemError` where the machine and not the record is at fault.
    func item(
        of reference: MediaReference, as kind: MediaKind, heldByteCount: Int
    ) throws -> (item: MediaItem, reference: MediaReference)? {
        guard let content = try source.content(of: reference, as: kind) else { return nil }
        let item = try Self.item(content, heldByteCount: heldByteCount)
        if let digest = reference.digest {
            guard item.digest == digest, reference.size ?? item.byteCount == item.byteCount else {
                throw RecordFault(
                    "\(Self.name(of: content)) is not what the record says: it has \(item.byteCount) bytes and the digest \(item.digest)",
                    advice: "The file was changed or damaged after it was written: fetch it again.")
            }
            // An object says all there is to say, and perhaps more than we know.
            if reference.name == nil { return (item, reference) }
        }
        var name = reference.digest == nil ? reference.name : nil
        if case .carried(_, let own) = content { name = own }
        return (item, item.reference(name: keepsNames ? name : nil))
    }

    private static func item(_ content: MediaContent, heldByteCount: Int) throws -> MediaItem {
        do {
            switch content {
            case .bytes(let bytes), .carried(let bytes, _): return try MediaItem(bytes)
            case .file(let path):
                return try MediaItem(
                    contentsOf: path, isKept: heldByteCount + Files.size(path) <= Self.heldByteCount)
            }
        } catch let error as SystemError where Self.recordErrors.contains(error.errno) {
            throw RecordFault("\(error)", advice: "The record names a file that is not there or cannot be read.")
        } catch let error as Failure where error.exitStatus == .badData {
            throw RecordFault(error.message, advice: error.advice)
        }
    }

    /// What a wrong name leads to; anything else (a dying disk, too many open files) is no record's fault.
    private static let recordErrors: Set<Int32> = [
        Errno.noSuchFileOrDirectory, .notDirectory, .isDirectory, .permissionDenied, .fileNameTooLong,
        .tooManySymbolicLinkLevels,
    ].reduce(into: []) { $0.insert($1.rawValue) }

    private static func name(of content: MediaContent) -> String {
        switch content {
        case .file(let path): path.string
        case .bytes, .carried: "the item"
        }
    }
}
