public import SystemPackage

/// What is asked of a server.
public struct HTTPRequest: Sendable {
    public enum Method: String, Sendable {
        case get = "GET"
        case head = "HEAD"
        case put = "PUT"
    }

    /// What a PUT sends.
    public enum Body: Sendable {
        case bytes([UInt8])
        /// The first `size` bytes of a file, streamed.
        case file(FilePath, size: Int)

        public var size: Int {
            switch self {
            case .bytes(let bytes): bytes.count
            case .file(_, let size): size
            }
        }
    }

    public var method: Method
    /// Absolute and percent-encoded.
    public var url: String
    /// Sent as they are. Values must not be empty.
    public var headers: [(name: String, value: String)] = []
    /// The bytes of the resource that are wanted; a server may answer with all of them nevertheless.
    public var range: Range<Int>?
    public var body: Body?
    public var signing: AWSSigning?

    public init(_ method: Method, _ url: String) {
        self.method = method
        self.url = url
    }
}

/// Credentials of a service that checks AWS signatures, version 4.
public struct AWSSigning: Sendable {
    public let region: String
    public let service: String
    public let accessKey: String
    public let secretKey: String
    /// Of temporary credentials.
    public let sessionToken: String?

    public init(region: String, service: String, accessKey: String, secretKey: String, sessionToken: String?) {
        self.region = region
        self.service = service
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = sessionToken
    }
}

/// The head of an answer.
public struct HTTPAnswer: Sendable {
    public internal(set) var status = 0
    /// By lower-case name; of repeated headers the last.
    public internal(set) var headers: [String: String] = [:]

    public var isSuccess: Bool { 200..<300 ~= status }

    /// Whether the protocol says where a body ends that has no length: HTTP/2 does.
    var isFramed = false

    private var isChunked: Bool { headers["transfer-encoding"] != nil }

    /// The size of the body; nil where the server does not tell.
    public var contentLength: Int? { isChunked ? nil : headers["content-length"].flatMap { Int($0) } }

    /// Whether a body that arrives without an error is whole. Otherwise it ends where the connection does, for whatever
    /// reason.
    public var showsEnd: Bool { isFramed || isChunked || contentLength != nil }

    /// Where the body starts in the resource: 0 unless the server answered with a part.
    ///
    /// - Returns: nil for a part that does not say where it belongs.
    public var bodyOffset: Int? { status == 206 ? contentRange?.first : 0 }

    /// The size of the whole resource, where the server tells.
    public var resourceSize: Int? { status == 206 ? contentRange?.total : contentLength }

    /// `bytes 200-999/1000`, or `…/*`.
    private var contentRange: (first: Int, total: Int?)? {
        guard let range = headers["content-range"], range.lowercased().hasPrefix("bytes ") else { return nil }
        let parts = range.dropFirst(6).split(separator: "/")
        let bounds = (parts.first ?? "").split(separator: "-")
        guard parts.count == 2, bounds.count == 2, let first = Int(bounds[0]), let last = Int(bounds[1]),
            0 <= first, first <= last, last < Int.max
        else { return nil }
        guard parts[1] != "*" else { return (first, nil) }
        guard let total = Int(parts[1]), last < total else { return nil }
        return (first, total)
    }
}
