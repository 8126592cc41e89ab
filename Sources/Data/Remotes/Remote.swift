package import Base
internal import JSON
package import Store
package import StoreFormat
package import SystemPackage

/// A place that holds a store's blobs and references: a folder, a bucket, a web server.
///
/// It is laid out as a store is, so that whatever was pushed can be read as a store. Every method retries what may pass;
/// what it throws is final. All may be called from any thread.
package protocol Remote: Sendable {
    /// How people name it; without credentials.
    var address: String { get }
    /// Exchanges that were tried again so far.
    var retryCount: Int { get }

    /// The size of a blob; nil where there is none.
    func size(of digest: SHA256Digest) throws -> Int?

    /// Streams a range of a blob, in order.
    ///
    /// - Parameter receive: bytes with their offset in the blob. The first may lie before the range, where the server
    ///   sends whole blobs only, and after a broken connection bytes may come again.
    func get(
        _ digest: SHA256Digest, _ range: Range<Int>, _ receive: (Int, UnsafeRawBufferPointer) throws -> Void) throws

    /// The bytes of a small blob, checked against its digest.
    func bytes(of blob: BlobDescriptor) throws -> [UInt8]

    /// Makes ready for writing, and finds out what the place can do.
    ///
    /// - Throws: `Failure` with status 73 where it can only be read.
    func prepareForWriting() throws

    /// Writes a blob; one that is there already with its size need not be sent.
    ///
    /// - Parameter sent: called with the number of bytes that are on their way; falls where a try begins again.
    func put(_ blob: BlobDescriptor, from path: FilePath, sent: (Int) -> Void) throws

    /// The references; nil where nothing was ever pushed.
    func index() throws -> RemoteIndex?

    /// Whether a name is known to have pointed at a version once; false also where nobody keeps a record.
    func hasNamed(_ name: String, _ version: SHA256Digest) throws -> Bool

    /// Replaces the references if they are still those of `expected`.
    ///
    /// - Parameter changed: those among `index` that are new or moved.
    /// - Returns: false where somebody else was quicker.
    /// - Throws: `TransferError` also where the answer got lost: the change may have been made.
    func replaceIndex(_ index: ReferenceIndex, changed: [Reference], expecting expected: RemoteIndex?) throws -> Bool
}

/// References of a remote as they were at one moment.
package struct RemoteIndex: Sendable {
    package let references: ReferenceIndex
    /// SHA-256 of its bytes.
    package let digest: SHA256Digest
    /// The server's word for this state, where it has one.
    package let entityTag: String?

    package init(_ bytes: [UInt8], path: String, entityTag: String? = nil) throws {
        references = try ReferenceIndex(bytes, path: path)
        digest = SHA256Digest.of(bytes)
        self.entityTag = entityTag
    }
}

extension Remote {
    /// Servers have no reflog.
    package func hasNamed(_ name: String, _ version: SHA256Digest) throws -> Bool { false }

    /// A dataset's manifest; nil where it is not there.
    func manifest(_ digest: SHA256Digest) throws -> Manifest? {
        guard let size = try size(of: digest) else { return nil }
        let bytes = try bytes(of: BlobDescriptor(digest: digest, size: size))
        let path = "\(address), the manifest \(digest)"
        return try Manifest(JSONValue.parse(bytes, path: path), path: path)
    }

    package func bytes(of blob: BlobDescriptor) throws -> [UInt8] {
        guard blob.size <= RemoteLimits.smallBlobBytes else {
            throw Failure(.badData, "\(address): \(blob.digest) claims \(blob.size) bytes, too many for a manifest")
        }
        for _ in 0..<RemoteLimits.wrongAnswerCount {
            var bytes: [UInt8] = []
            try get(blob.digest, 0..<blob.size) { offset, piece in
                guard offset + piece.count <= blob.size else { throw wrongBytes(blob) }
                guard offset <= bytes.count, offset + piece.count > bytes.count else { return }
                bytes += piece.dropFirst(bytes.count - offset)
            }
            if SHA256Digest.of(bytes) == blob.digest { return bytes }
        }
        throw wrongBytes(blob)
    }

    package func wrongBytes(_ blob: BlobDescriptor) -> Failure {
        Failure(
            .badData, "\(address): what is stored as \(blob.digest) does not have that digest",
            advice: "The remote is damaged: push the dataset again from a store that has it, after removing that blob.")
    }
}

/// Bounds that all remotes share.
package enum RemoteLimits {
    /// A manifest of 100,000 shards has about 20 MiB.
    package static let smallBlobBytes = 64 << 20
    /// What a server may say that a blob has; shards have about 1 GiB.
    package static let largestBlobBytes = 1 << 40
    /// How often wrong bytes are asked for again.
    package static let wrongAnswerCount = 3
}
