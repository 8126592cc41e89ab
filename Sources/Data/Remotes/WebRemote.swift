internal import Base
internal import HTTP
internal import Store
internal import StoreFormat
internal import SystemPackage

/// A store behind any web server, to read from.
struct WebRemote: ObjectRemote {
    let address: String
    let objects: ObjectAccess

    init(_ url: String, options: TransferOptions) throws {
        var url = url
        while url.hasSuffix("/") { url.removeLast() }
        guard !url.contains("?"), !url.contains("#") else {
            throw Failure(.usage, "\(url): the address of a store has no query and no fragment")
        }
        address = withoutSecrets(url)
        objects = try ObjectAccess(baseURL: url, signing: nil, options: options)
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
