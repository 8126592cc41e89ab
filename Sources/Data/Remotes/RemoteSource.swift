internal import Base
package import StoreFormat
internal import StoreMaintenance

/// A remote as a place to fetch blobs from that are damaged or missing here.
package struct RemoteSource: BlobSource {
    private let remote: any Remote

    package init(_ remote: any Remote) { self.remote = remote }

    package var name: String { remote.address }

    package func has(_ blob: BlobDescriptor) throws -> Bool { try remote.size(of: blob.digest) == blob.size }

    package func read(_ blob: BlobDescriptor, _ receive: (UnsafeRawBufferPointer) throws -> Void) throws -> Bool {
        guard try has(blob) else { return false }
        var position = 0
        try remote.get(blob.digest, 0..<blob.size) { offset, piece in
            guard offset + piece.count <= blob.size else { throw remote.wrongBytes(blob) }
            // After a broken connection, bytes may come again.
            let fresh = piece.dropFirst(min(piece.count, position - offset))
            guard !fresh.isEmpty else { return }
            try receive(UnsafeRawBufferPointer(rebasing: fresh))
            position += fresh.count
        }
        return true
    }
}
