public import Base
package import JSON

/// A blob's name and size.
public struct BlobDescriptor: Hashable, Sendable {
    public let digest: SHA256Digest
    /// In bytes.
    public let size: Int

    public init(digest: SHA256Digest, size: Int) {
        self.digest = digest
        self.size = size
    }

    package var fields: [(String, JSONValue)] {
        [("digest", .string(digest.description)), ("size", JSONValue(size))]
    }
}
