internal import Base
internal import Records
internal import StoreFormat
internal import SystemPackage

/// Takes the images, videos and sounds of records into the store: reads, hashes, looks into and frames them, on the workers
/// that scan the records, and puts their digests in the place of their names.
public struct MediaIntake: Sendable {
    public var source: any MediaSource
    /// Whether a name is kept beside the digest. Without it equal images make equal records, whatever they are called.
    public var keepsNames: Bool
    /// Looks into the items; nil takes any bytes. Conversions set it to that of their options.
    var probe: (any MediaProbe)?

    public init(_ source: any MediaSource, keepsNames: Bool = false) {
        self.source = source
        self.keepsNames = keepsNames
    }

    /// Bytes of lines that a worker gets at once: few records, because each may name items of many bytes. Fewer still where
    /// they are decoded, which keeps a worker busy; what is encoded anew is kept in memory.
    var batchByteCount: Int { probe?.decodes == true ? 1 << 10 : 1 << 14 }
    /// Bytes of items that a batch holds; files beyond that are read once more when they are written.
    static let heldByteCount = 16 << 20

    /// An item as it will be written, and what the record then says of it.
    struct Taken {
        let item: MediaItem
        let reference: MediaReference
        /// Of the bytes that it was made of, where it was encoded anew.
        var sourceByteCount: Int?
        /// Whether it is a file that the record names.
        var isFile = false
    }

    /// The item that a reference names.
    ///
    /// - Parameter heldByteCount: what the batch holds already.
    /// - Returns: nil for a reference that stays as it is.
    /// - Throws: `RecordFault` with the item, without a field; `SystemError` where the machine and not the record is at
    ///   fault.
    func item(of reference: MediaReference, as kind: MediaKind, heldByteCount: Int) throws -> Taken? {
        var broken = BrokenMedia(.missing)
        broken.name = reference.path ?? reference.name ?? reference.item?.name
        broken.digest = reference.digest
        do {
            guard let content = try source.content(of: reference, as: kind) else { return nil }
            if case .carried(_, let own) = content { broken.name = own }
            if case .carriedFile(_, let own) = content { broken.name = own }
            let bytes = try Self.bytes(of: content, heldByteCount: heldByteCount)
            let item = try bytes.item()
            broken.digest = item.digest
            if let digest = reference.digest {
                guard item.digest == digest, reference.size ?? item.byteCount == item.byteCount else {
                    throw RecordFault(
                        .changed,
                        "\(Self.name(of: content)) is not what the record says: it has \(item.byteCount) bytes and the digest \(item.digest)",
                        advice: "The file was changed or damaged after it was written: fetch it again.")
                }
            }
            let findings = try bytes.withItemBytes { try probe?.findings(in: $0, item.header, as: kind) }
            var taken = try taken(item, findings, of: reference, name: broken.name)
            if case .file = content { taken.isFile = true }
            return taken
        } catch var fault as RecordFault {
            broken.reason = fault.media?.reason ?? .missing
            if let name = broken.name, case let shown = escaped(name.utf8.prefix(200)), !fault.reason.contains(name),
                !fault.reason.contains(shown)
            {
                fault.reason = "\(shown): \(fault.reason)"
            }
            fault.media = broken
            throw fault
        }
    }

    /// - Parameter name: what the item was called where it came from.
    private func taken(
        _ item: MediaItem, _ findings: MediaFindings?, of reference: MediaReference, name: String?
    ) throws -> Taken {
        let isName = reference.name != nil || reference.path != nil
        // A name that is a digest says no more than the digest.
        let ownName = keepsNames && reference.digest == nil ? name : nil
        if let encoded = findings?.encoded {
            let made = try MediaItem(encoded)
            var said = made.said(name: isName ? ownName : reference.item?.name)
            said.sourceDigest = reference.item?.sourceDigest ?? item.digest
            return Taken(item: made, reference: MediaReference(said), sourceByteCount: item.byteCount)
        }
        // An object says all there is to say, and perhaps more than we know.
        if reference.digest != nil, !isName { return Taken(item: item, reference: reference) }
        var said = item.said(name: ownName)
        if let findings {
            said.width = findings.width ?? said.width
            said.height = findings.height ?? said.height
            said.duration = findings.duration
            said.sampleRate = findings.sampleRate
            said.channelCount = findings.channelCount
            said.frameCount = findings.frameCount
        }
        return Taken(item: item, reference: MediaReference(said))
    }

    /// The bytes of an item: in memory, or where there are many in their file.
    private enum Bytes {
        case memory([UInt8])
        case file(FilePath, byteCount: Int)

        func item() throws -> MediaItem {
            do {
                switch self {
                case .memory(let bytes): return try MediaItem(bytes)
                case .file(let path, _): return try MediaItem(contentsOf: path, isKept: false)
                }
            } catch let error as Failure where error.exitStatus == .badData {
                throw RecordFault(.badData, error.message, advice: error.advice)
            }
        }

        func withItemBytes<Result>(_ body: (ItemBytes) throws -> Result) throws -> Result {
            switch self {
            case .memory(let bytes): try bytes.withUnsafeBytes { try body(.memory($0)) }
            case .file(let path, let byteCount): try body(.file(path, byteCount: byteCount))
            }
        }
    }

    private static func bytes(of content: MediaContent, heldByteCount: Int) throws -> Bytes {
        switch content {
        case .bytes(let bytes), .carried(let bytes, _): return .memory(bytes)
        case .file(let path), .carriedFile(let path, _):
            guard !Files.isStream(path) else {
                throw RecordFault(
                    .missing, "\(path) is a pipe, a socket or a device",
                    advice: "The record names something that is no file: write its bytes to one.")
            }
            do {
                let file = try InputFile(path)
                let isKept = heldByteCount + file.byteCount <= Self.heldByteCount
                // An empty file is left to be named.
                guard isKept, 1...MediaItem.largestInMemory ~= file.byteCount else {
                    return .file(path, byteCount: file.byteCount)
                }
                return .memory(try file.read(0..<file.byteCount))
            } catch let error as SystemError where Self.recordErrors.contains(error.errno) {
                throw RecordFault(
                    .missing, "\(error)", advice: "The record names a file that is not there or cannot be read.")
            }
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
        case .bytes, .carried, .carriedFile: "the item"
        }
    }
}
