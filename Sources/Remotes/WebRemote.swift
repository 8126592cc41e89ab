internal import Base
internal import HTTP
internal import Store
internal import SystemPackage

/// A store behind any web server, to read from.
struct WebRemote: Remote {
    let address: String
    private let objects: ObjectAccess

    init(_ url: String, options: TransferOptions) throws {
        var url = url
        while url.hasSuffix("/") { url.removeLast() }
        guard !url.contains("?"), !url.contains("#") else {
            throw Failure(.usage, "\(url): the address of a store has no query and no fragment")
        }
        address = withoutSecrets(url)
        objects = try ObjectAccess(baseURL: url, signing: nil, options: options)
    }

    var retryCount: Int { objects.retryCount }

    func size(of digest: SHA256Digest) throws -> Int? { try objects.size(ObjectKeys.blob(digest)) }

    func get(
        _ digest: SHA256Digest, _ range: Range<Int>, _ receive: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws { try objects.get(ObjectKeys.blob(digest), range, receive) }

    func index() throws -> RemoteIndex? {
        guard let found = try objects.small(ObjectKeys.index) else { return nil }
        return try RemoteIndex(found.bytes, path: "\(address)/\(ObjectKeys.index)", entityTag: found.entityTag)
    }

    private var readOnly: Failure {
        Failure(
            .cannotCreate, "\(address) can only be read: a web server takes no pushes",
            advice: "Push to the folder that it serves, or to a bucket: s3://bucket/prefix.")
    }

    func prepareForWriting() throws { throw readOnly }
    func put(_ blob: BlobDescriptor, from path: FilePath, sent: (Int) -> Void) throws { throw readOnly }
    func replaceIndex(_ index: ReferenceIndex, changed: [Reference], expecting: RemoteIndex?) throws -> Bool {
        throw readOnly
    }
}

/// Where things are in a store, as the keys of objects.
enum ObjectKeys {
    static let layout = "oci-layout"
    static let index = "index.json"
    static func blob(_ digest: SHA256Digest) -> String { "blobs/sha256/\(digest.hex)" }
}
