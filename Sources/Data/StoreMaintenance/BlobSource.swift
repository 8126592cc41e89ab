internal import Base
public import Store
public import StoreFormat
internal import SystemPackage

/// Somewhere else that the bytes of a blob can be had from: another folder, a server.
public protocol BlobSource {
    /// For messages.
    var name: String { get }

    func has(_ blob: BlobDescriptor) throws -> Bool

    /// Hands the blob's bytes to `receive`, in order, piece by piece. The receiver checks them against the digest.
    ///
    /// - Returns: false where the source does not have it; `receive` was not called then.
    func read(_ blob: BlobDescriptor, _ receive: (UnsafeRawBufferPointer) throws -> Void) throws -> Bool
}

/// Another store in a folder.
public struct StoreSource: BlobSource {
    private let store: Store
    private static let pieceBytes = 1 << 20

    public init(_ store: Store) { self.store = store }

    public var name: String { store.root.string }

    public func has(_ blob: BlobDescriptor) throws -> Bool {
        Files.exists(store.located(blob.digest))
    }

    public func read(_ blob: BlobDescriptor, _ receive: (UnsafeRawBufferPointer) throws -> Void) throws -> Bool {
        guard try has(blob) else { return false }
        let file = try LocalBlobs().map(store.layout.blob(blob.digest))
        file.advise(.sequential)
        var start = 0
        while start < file.count {
            let end = min(start + Self.pieceBytes, file.count)
            try receive(file.bytes.slice(start..<end))
            start = end
        }
        return true
    }
}

extension ScratchFolder {
    /// Writes a blob of a source into the folder.
    ///
    /// - Returns: nil where the source lacks it, or has other bytes under its name.
    func fetch(_ wanted: BlobDescriptor, from source: any BlobSource) throws -> StagedBlob? {
        let name = "fetched-\(wanted.digest.hex)"
        // An earlier try may have ended in the middle.
        try Files.remove(path(name))
        guard try source.has(wanted) else { return nil }
        var output = try blob(name)
        guard try source.read(wanted, { try output.write($0) }) else { return nil }
        let staged = try output.finish()
        guard staged.descriptor.digest == wanted.digest else {
            try Files.remove(staged.path)
            return nil
        }
        return staged
    }
}
