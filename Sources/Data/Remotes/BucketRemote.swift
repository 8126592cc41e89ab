internal import Base
internal import Glibc
internal import HTTP
internal import Store
internal import StoreFormat
internal import Synchronization
internal import SystemPackage

/// A store in a bucket of Amazon S3, or of a server that speaks its protocol.
///
/// A blob is one PUT, signed with the blob's own digest, so that a server that checks signatures refuses wrong bytes.
/// Servers take up to 5 GiB in one PUT; the largest shards have about 1 GiB, so multipart uploads are not needed.
final class BucketRemote: ObjectRemote {
    let address: String
    let objects: ObjectAccess
    /// Whether the server refuses a PUT whose condition does not hold. Known once ``prepareForWriting()`` has run.
    private let knowsConditions = Mutex<Bool>(false)

    private static let largestPutBytes = 5 << 30

    /// - Parameter url: `s3://bucket/prefix`.
    init(_ url: String, options: TransferOptions) throws {
        let settings = try BucketSettings(url, endpoint: options.endpoint)
        address = settings.address
        objects = try ObjectAccess(baseURL: settings.baseURL, signing: settings.signing, options: options)
    }

    /// Writes `oci-layout`, which always has the same bytes, under conditions that do not hold: a server that takes it all
    /// the same knows no conditions.
    func prepareForWriting() throws {
        let isKnown = try objects.repeating {
            // The first makes the file where there is none; no file ever has the last one's tag.
            for condition in [("If-None-Match", "*"), ("If-None-Match", "*"), ("If-Match", "\"none\"")] {
                switch try objects.putOnce(ObjectKeys.layout, StoreLayoutFile.contents, condition: condition) {
                case 409, 412: if condition.0 == "If-Match" { return true }
                case 404:
                    throw Failure(
                        .missingInput, "\(address): there is no such bucket", advice: "Make the bucket first.")
                case 501:
                    _ = try objects.putOnce(ObjectKeys.layout, StoreLayoutFile.contents, condition: nil)
                    return false
                default: continue
                }
            }
            return false
        }
        knowsConditions.withLock { $0 = isKnown }
        if !isKnown {
            log.notice(
                "\(address): the server knows no conditional PUT; of two pushes in the same moment one may be lost")
        }
    }

    func put(_ blob: BlobDescriptor, from path: FilePath, sent: (Int) -> Void) throws {
        guard blob.size <= Self.largestPutBytes else {
            throw Failure(.badData, "\(blob.digest) has \(blob.size) bytes; a bucket takes 5 GiB in one piece")
        }
        try objects.put(ObjectKeys.blob(blob.digest), .file(path, size: blob.size), digest: blob.digest, sent: sent)
        // Not every server checks what it was sent.
        guard try size(of: blob.digest) == blob.size else {
            throw Failure(.unavailable, "\(address): \(blob.digest) did not arrive whole")
        }
    }

    func replaceIndex(_ index: ReferenceIndex, changed: [Reference], expecting expected: RemoteIndex?) throws -> Bool {
        let bytes = index.canonicalBytes
        guard knowsConditions.withLock({ $0 }), expected == nil || expected?.entityTag != nil else {
            // As near as one can come: look, write, look again.
            guard try self.index()?.digest == expected?.digest else { return false }
            _ = try objects.putOnce(ObjectKeys.index, bytes, condition: nil)
            return try self.index()?.digest == SHA256Digest.of(bytes)
        }
        let condition = expected?.entityTag.map { ("If-Match", $0) } ?? ("If-None-Match", "*")
        return try 200..<300 ~= objects.putOnce(ObjectKeys.index, bytes, condition: condition)
    }
}

/// Where a bucket is and how to get in, from the address, the environment and `--endpoint`.
struct BucketSettings {
    let address: String
    let baseURL: String
    let signing: AWSSigning?

    /// The bucket's address with its server, which tells it from one of the same name elsewhere.
    ///
    /// - Returns: the address itself where it is not that of a bucket.
    static func serverAddress(_ address: String, endpoint: String?) throws -> String {
        address.hasPrefix("s3://") ? try BucketSettings(address, endpoint: endpoint).baseURL : address
    }

    init(_ url: String, endpoint: String?) throws {
        let parts = url.dropFirst("s3://".count).split(separator: "/").map(String.init)
        guard let bucket = parts.first else {
            throw Failure(.usage, "\(url) names no bucket", advice: "Write s3://bucket/prefix.")
        }
        address = "s3://" + parts.joined(separator: "/")
        func environment(_ names: String...) -> String? {
            for name in names {
                if let value = getenv(name), value.pointee != 0 { return String(cString: value) }
            }
            return nil
        }
        let region = environment("AWS_REGION", "AWS_DEFAULT_REGION") ?? "us-east-1"
        var server =
            endpoint ?? environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") ?? "https://s3.\(region).amazonaws.com"
        while server.hasSuffix("/") { server.removeLast() }
        guard server.hasPrefix("http://") || server.hasPrefix("https://") else {
            throw Failure(.usage, "\(server) is not the address of a server", advice: "Write http://host:port.")
        }
        baseURL = server + "/" + ([bucket] + parts.dropFirst()).map(percentEncoded).joined(separator: "/")
        switch (environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY")) {
        case (let access?, let secret?):
            signing = AWSSigning(
                region: region, service: "s3", accessKey: access, secretKey: secret,
                sessionToken: environment("AWS_SESSION_TOKEN"))
        case (nil, nil): signing = nil
        default:
            throw Failure(.badConfiguration, "of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set")
        }
    }
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
private func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        default: encoded += "%" + hexadecimal([byte]).uppercased()
        }
    }
    return encoded
}
