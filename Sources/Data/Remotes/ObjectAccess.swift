internal import Base
internal import HTTP
internal import Synchronization
internal import SystemPackage

/// A remote whose blobs and references are objects below one address.
protocol ObjectRemote: Remote {
    var objects: ObjectAccess { get }
}

extension ObjectRemote {
    var retryCount: Int { objects.retryCount }

    func size(of digest: SHA256Digest) throws -> Int? { try objects.size(ObjectKeys.blob(digest)) }

    func get(
        _ digest: SHA256Digest, _ range: Range<Int>, _ receive: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws { try objects.get(ObjectKeys.blob(digest), range, receive) }

    func index() throws -> RemoteIndex? {
        guard let found = try objects.small(ObjectKeys.index) else { return nil }
        return try RemoteIndex(found.bytes, path: "\(address)/\(ObjectKeys.index)", entityTag: found.entityTag)
    }
}

/// Where things are in a store, as the keys of objects.
enum ObjectKeys {
    static let layout = "oci-layout"
    static let index = "index.json"
    static func blob(_ digest: SHA256Digest) -> String { "blobs/sha256/\(digest.hex)" }
}

/// GET, HEAD and PUT of objects below one address, tried again where that may help.
final class ObjectAccess: Sendable {
    /// Without a slash at its end.
    let baseURL: String
    private let client: HTTPClient
    private let policy: RetryPolicy
    private let signing: AWSSigning?
    private let retries = Atomic<Int>(0)

    init(baseURL: String, signing: AWSSigning?, options: TransferOptions) throws {
        self.baseURL = baseURL
        self.signing = signing
        client = try HTTPClient(options.client)
        policy = options.retries
    }

    var retryCount: Int { retries.load(ordering: .relaxed) }

    /// SHA-256 of nothing.
    private static let emptyDigest = SHA256Digest.of([]).hex

    private func request(_ method: HTTPRequest.Method, _ key: String, bodyDigest: String = emptyDigest) -> HTTPRequest {
        var request = HTTPRequest(method, "\(baseURL)/\(key)")
        request.signing = signing
        if signing != nil { request.headers.append(("x-amz-content-sha256", bodyDigest)) }
        return request
    }

    private func retrying<Result>(_ body: (inout RetryPolicy.Attempt) throws -> Result) throws -> Result {
        try policy.run(noting: { _ in retries.add(1, ordering: .relaxed) }, body)
    }

    /// Size of an object; nil where there is none.
    func size(_ key: String) throws -> Int? {
        try retrying { _ in
            let request = request(.head, key)
            let answer: HTTPAnswer
            do {
                answer = try client.perform(request)
            } catch let error as TransferError where error.status == 404 {
                return nil
            }
            guard let size = answer.contentLength, size <= RemoteLimits.largestBlobBytes else {
                throw TransferError(
                    .body, url: request.url, "the server tells no size, or one that no blob has", isTransient: false)
            }
            return size
        }
    }

    /// Streams a range; goes on where a connection broke.
    func get(_ key: String, _ range: Range<Int>, _ receive: (Int, UnsafeRawBufferPointer) throws -> Void) throws {
        guard !range.isEmpty else { return }
        var position = range.lowerBound
        try retrying { attempt in
            let start = position
            var request = request(.get, key)
            request.range = position..<range.upperBound
            var offset: Int?
            _ = try client.perform(request) { answer, piece in
                if offset == nil {
                    guard let start = answer.bodyOffset, start <= position else {
                        throw TransferError(
                            .body, url: request.url, "the server answers with another range", isTransient: false)
                    }
                    offset = start
                }
                guard let at = offset else { return }
                guard answer.status != 206 || at + piece.count <= range.upperBound else {
                    throw TransferError(
                        .body, url: request.url, "the server sends more than was asked for", isTransient: false)
                }
                try receive(at, piece)
                offset = at + piece.count
                position = max(position, at + piece.count)
                if position - start >= 1 << 16 { attempt.hasProgressed = true }
            }
            guard position >= range.upperBound else {
                throw TransferError(
                    .body, url: request.url, "the answer ends after \(position) of \(range.upperBound) bytes",
                    isTransient: true)
            }
        }
    }

    /// A whole small object with its entity tag; nil where there is none.
    func small(_ key: String) throws -> (bytes: [UInt8], entityTag: String?)? {
        try retrying { _ in
            var request = request(.get, key)
            request.headers.append(("Cache-Control", "no-cache"))
            var bytes: [UInt8] = []
            do {
                let answer = try client.perform(request) { _, piece in
                    guard bytes.count + piece.count <= RemoteLimits.smallBlobBytes else {
                        throw Failure(.badData, "\(request.url) is too large to be what it should be")
                    }
                    bytes.append(contentsOf: piece)
                }
                return (bytes, answer.headers["etag"])
            } catch let error as TransferError where error.status == 404 {
                return nil
            }
        }
    }

    func put(
        _ key: String, _ body: HTTPRequest.Body, digest: SHA256Digest, sent: (Int) -> Void = { _ in }
    ) throws {
        try retrying { _ in
            _ = try client.perform(putRequest(key, body, digest: digest, condition: nil), sending: sent)
        }
    }

    /// One try of a PUT under a condition.
    ///
    /// - Returns: the status: success, or 404, 409, 412 or 501, which say that the condition does not hold or is not
    ///   known.
    func putOnce(
        _ key: String, _ bytes: [UInt8], condition: (name: String, value: String)?
    ) throws -> Int {
        let request = putRequest(key, .bytes(bytes), digest: SHA256Digest.of(bytes), condition: condition)
        do {
            return try client.perform(request).status
        } catch let error as TransferError {
            guard let status = error.status, [404, 409, 412, 501].contains(status), condition != nil else {
                throw error
            }
            return status
        }
    }

    /// Runs an exchange of several requests that may be repeated as a whole.
    func repeating<Result>(_ body: () throws -> Result) throws -> Result { try retrying { _ in try body() } }

    private func putRequest(
        _ key: String, _ body: HTTPRequest.Body, digest: SHA256Digest, condition: (name: String, value: String)?
    ) -> HTTPRequest {
        var request = request(.put, key, bodyDigest: digest.hex)
        request.body = body
        if let condition { request.headers.append(condition) }
        return request
    }
}
