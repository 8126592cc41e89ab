internal import Base
internal import CCurl
internal import Glibc
internal import Synchronization

/// Performs exchanges; keeps connections alive between them. May be used from any thread.
public final class HTTPClient: Sendable {
    public struct Options: Sendable {
        public var connectTimeoutSeconds = 15
        /// An exchange has failed in which less than ``minimumRate`` moved over so long a time.
        public var windowSeconds = 60
        /// Bytes a second, heads included. With 0 an exchange fails only where nothing moves at all.
        public var minimumRate = 1000
        public var userAgent = "tvt"
        /// File with the certificates that are trusted instead of the system's; `$CURL_CA_BUNDLE` by default.
        public var certificateFile: String? = getenv("CURL_CA_BUNDLE").flatMap {
            $0.pointee == 0 ? nil : String(cString: $0)
        }

        public init() {}
    }

    /// An easy handle; used by one thread at a time, between whiles parked in the client.
    private struct Handle: @unchecked Sendable {
        let pointer: UnsafeMutableRawPointer
    }

    private let options: Options
    private let parked = Mutex<[Handle]>([])

    /// Why libcurl cannot be used; nil once it was started, which it wants to be once, before any thread uses it.
    private static let obstacle: String? = {
        // libcurl writes to connections without raising SIGPIPE, but OpenSSL does not.
        signal(SIGPIPE, SIG_IGN)
        return tvt_curl_start().map { String(cString: $0) }
    }()

    /// - Throws: `Failure` with status 78 where libcurl cannot be loaded.
    public init(_ options: Options = Options()) throws {
        if let obstacle = Self.obstacle {
            throw Failure(
                .badConfiguration, "libcurl cannot be used: \(obstacle)",
                advice: "Servers are reached through it; Debian has it in libcurl4.")
        }
        self.options = options
    }

    deinit {
        // Ends the connections that were kept alive.
        parked.withLock { for handle in $0 { tvt_curl_free(handle.pointer) } }
    }

    private func takeHandle() throws -> Handle {
        if let handle = parked.withLock({ $0.popLast() }) { return handle }
        guard let pointer = tvt_curl_make() else { throw Failure(.io, "libcurl gives no handle: out of memory") }
        return Handle(pointer: pointer)
    }

    /// One exchange, without a second try. Redirects of GET and HEAD are followed unless the request is signed.
    ///
    /// - Parameters:
    ///   - receive: called with each piece of the body of a successful answer; what it throws ends the exchange.
    ///   - sending: called with the number of bytes of the body that were handed to libcurl so far.
    /// - Throws: `TransferError` where no whole answer came or its status is not success, what `receive` throws,
    ///   `Failure` with status 130 after a signal.
    @discardableResult
    public func perform(
        _ request: HTTPRequest, receive: (HTTPAnswer, UnsafeRawBufferPointer) throws -> Void = { _, _ in },
        sending: (Int) -> Void = { _ in }
    ) throws -> HTTPAnswer {
        let transfer = try exchange(request, sending: sending, receive: receive)
        let answer = transfer.answer
        guard answer.isSuccess else { throw Self.refusal(request, answer, transfer.complaint) }
        return answer
    }

    static func refusal(_ request: HTTPRequest, _ answer: HTTPAnswer, _ complaint: [UInt8]) -> TransferError {
        var message = "the server answers \(request.method.rawValue) with status \(answer.status)"
        // S3 says what it minds in an element of its XML.
        let text = String(decoding: complaint, as: UTF8.self)
        if let code = element("Code", in: text) {
            message += ", \(code)" + (element("Message", in: text).map { ": \($0)" } ?? "")
        }
        return TransferError(
            .status(answer.status), url: request.url, message,
            isTransient: TransferError.isTransient(status: answer.status),
            retryAfterSeconds: answer.headers["retry-after"].flatMap { Double($0) })
    }

    private static func element(_ name: String, in xml: String) -> String? {
        guard let start = xml.firstRange(of: "<\(name)>"), let end = xml.firstRange(of: "</\(name)>"),
            start.upperBound <= end.lowerBound
        else { return nil }
        return String(xml[start.upperBound..<end.lowerBound].prefix(200))
    }

    private func exchange(
        _ request: HTTPRequest, sending: (Int) -> Void, receive: (HTTPAnswer, UnsafeRawBufferPointer) throws -> Void
    ) throws -> Transfer {
        try withoutActuallyEscaping(sending) { sending in
            try withoutActuallyEscaping(receive) { receive in
                let transfer = try Transfer(
                    request, TransferRate(minimum: options.minimumRate, windowSeconds: options.windowSeconds),
                    receive: receive, sending: sending)
                defer { transfer.forgetClosures() }
                try exchange(request, transfer)
                return transfer
            }
        }
    }

    private func exchange(_ request: HTTPRequest, _ transfer: Transfer) throws {
        let handle = try takeHandle()
        // Keeps its connections.
        defer {
            tvt_curl_reset(handle.pointer)
            parked.withLock { $0.append(handle) }
        }
        let curl = handle.pointer
        var headers: UnsafeMutablePointer<curl_slist>?
        defer { tvt_curl_list_free(headers) }
        var lines = request.headers.map { "\($0.name): \($0.value)" }
        if let token = request.signing?.sessionToken { lines.append("x-amz-security-token: \(token)") }
        for line in lines { headers = tvt_curl_list_append(headers, line) }
        let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        defer { message.deallocate() }

        var failed = false
        func set(_ code: CURLcode) { if code != CURLE_OK { failed = true } }
        set(tvt_curl_set_pointer(curl, CURLOPT_ERRORBUFFER, message))
        set(tvt_curl_set_text(curl, CURLOPT_URL, request.url))
        set(tvt_curl_set_text(curl, CURLOPT_USERAGENT, options.userAgent))
        set(tvt_curl_set_text(curl, CURLOPT_PROTOCOLS_STR, "http,https"))
        set(tvt_curl_set_list(curl, CURLOPT_HTTPHEADER, headers))
        if let file = options.certificateFile { set(tvt_curl_set_text(curl, CURLOPT_CAINFO, file)) }
        set(tvt_curl_set_long(curl, CURLOPT_NOSIGNAL, 1))
        set(tvt_curl_set_long(curl, CURLOPT_CONNECTTIMEOUT, options.connectTimeoutSeconds))
        set(tvt_curl_set_long(curl, CURLOPT_BUFFERSIZE, 1 << 18))
        if request.signing == nil, request.method != .put {
            set(tvt_curl_set_long(curl, CURLOPT_FOLLOWLOCATION, 1))
            set(tvt_curl_set_long(curl, CURLOPT_MAXREDIRS, 8))
            set(tvt_curl_set_text(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https"))
        }
        if request.method == .head { set(tvt_curl_set_long(curl, CURLOPT_NOBODY, 1)) }
        if let body = request.body {
            set(tvt_curl_set_long(curl, CURLOPT_UPLOAD, 1))
            set(tvt_curl_set_long(curl, CURLOPT_UPLOAD_BUFFERSIZE, 1 << 18))
            set(tvt_curl_set_size(curl, CURLOPT_INFILESIZE_LARGE, curl_off_t(body.size)))
        }
        if let range = request.range {
            set(tvt_curl_set_text(curl, CURLOPT_RANGE, "\(range.lowerBound)-\(range.upperBound - 1)"))
        }
        if let signing = request.signing {
            set(tvt_curl_set_text(curl, CURLOPT_AWS_SIGV4, "aws:amz:\(signing.region):\(signing.service)"))
            set(tvt_curl_set_text(curl, CURLOPT_USERNAME, signing.accessKey))
            set(tvt_curl_set_text(curl, CURLOPT_PASSWORD, signing.secretKey))
        }
        let context = Unmanaged.passUnretained(transfer).toOpaque()
        set(tvt_curl_set_transfer(curl, CURLOPT_HEADERFUNCTION, Transfer.headerCallback))
        set(tvt_curl_set_pointer(curl, CURLOPT_HEADERDATA, context))
        set(tvt_curl_set_transfer(curl, CURLOPT_WRITEFUNCTION, Transfer.bodyCallback))
        set(tvt_curl_set_pointer(curl, CURLOPT_WRITEDATA, context))
        set(tvt_curl_set_transfer(curl, CURLOPT_READFUNCTION, Transfer.sendCallback))
        set(tvt_curl_set_pointer(curl, CURLOPT_READDATA, context))
        set(tvt_curl_set_seek(curl, Transfer.seekCallback))
        set(tvt_curl_set_pointer(curl, CURLOPT_SEEKDATA, context))
        set(tvt_curl_set_long(curl, CURLOPT_NOPROGRESS, 0))
        set(tvt_curl_set_progress(curl, Transfer.progressCallback))
        set(tvt_curl_set_pointer(curl, CURLOPT_XFERINFODATA, context))
        guard !failed else { throw Failure(.io, "\(request.url): this libcurl lacks an option that tvt needs") }

        let code = withExtendedLifetime(transfer) { tvt_curl_perform(curl) }
        if let error = transfer.callerError { throw error }
        try Interruption.check()
        // An upload that is refused before its end, or a refusal of more words than are listened to: the answer says why.
        if code == CURLE_OK || transfer.hasHeardEnough
            || !transfer.answer.isSuccess && transfer.answer.status >= 300 && code == CURLE_SEND_ERROR
        {
            return
        }
        let reason = message.pointee == 0 ? String(cString: tvt_curl_describe(code)) : String(cString: message)
        throw TransferError(
            .connection(code: Int(code.rawValue)), url: request.url, reason, isTransient: Self.isTransient(code))
    }

    private static func isTransient(_ code: CURLcode) -> Bool {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_PARTIAL_FILE,
            CURLE_OPERATION_TIMEDOUT, CURLE_SSL_CONNECT_ERROR, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
            CURLE_HTTP2, CURLE_HTTP2_STREAM, CURLE_WEIRD_SERVER_REPLY, CURLE_UPLOAD_FAILED, CURLE_AGAIN:
            true
        default: false
        }
    }
}
