internal import Base
internal import CCurl
internal import Glibc
internal import SystemPackage

/// What libcurl's callbacks work on during one exchange. Belongs to the thread that performs it.
final class Transfer {
    var answer = HTTPAnswer()
    /// The start of a body that tells of a failure.
    private(set) var complaint: [UInt8] = []
    /// Whether the exchange was ended because the complaint is long enough.
    private(set) var hasHeardEnough = false
    /// Thrown by the caller's closures, or a fault of the answer; the exchange ends with it.
    private(set) var callerError: (any Error)?
    private let url: String
    private var rate: TransferRate
    /// Of all heads of the exchange: of redirects, and of answers before the answer.
    private var headBytes = 0
    private(set) var sentBytes = 0
    private var source: Source?
    private var receive: (HTTPAnswer, UnsafeRawBufferPointer) throws -> Void
    private var sending: (Int) -> Void

    private static let longestComplaint = 4096
    private static let longestHead = 1 << 20

    /// What is sent, read at any position, because libcurl may have to begin again.
    private enum Source {
        case bytes([UInt8])
        case file(descriptor: Int32, size: Int)
    }

    init(
        _ request: HTTPRequest, _ rate: TransferRate,
        receive: @escaping (HTTPAnswer, UnsafeRawBufferPointer) throws -> Void, sending: @escaping (Int) -> Void
    ) throws {
        url = request.url
        self.rate = rate
        self.receive = receive
        self.sending = sending
        switch request.body {
        case nil: break
        case .bytes(let bytes): source = .bytes(bytes)
        case .file(let path, let size):
            let descriptor = open(path.string, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw SystemError.last("open", path) }
            source = .file(descriptor: descriptor, size: size)
        }
    }

    deinit { if case .file(let descriptor, _) = source { close(descriptor) } }

    /// The caller's closures end with the exchange.
    func forgetClosures() {
        receive = { _, _ in }
        sending = { _ in }
    }

    private func fail(_ message: String, as reason: TransferError.Reason = .body, isTransient: Bool = false) -> Bool {
        callerError = callerError ?? TransferError(reason, url: url, message, isTransient: isTransient)
        return false
    }

    /// A status line begins a new head: of the answer to a redirect, or after `100 Continue`.
    ///
    /// - Returns: false to end the exchange.
    func takeHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        rate.add(line.count)
        headBytes += line.count
        guard headBytes <= Self.longestHead else { return fail("the head of the answer has no end") }
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            answer = HTTPAnswer()
            complaint = []
            answer.status = text.split(separator: " ").dropFirst().first.flatMap { Int($0.prefix(3)) } ?? 0
            answer.isFramed = !text.hasPrefix("HTTP/1")
        } else if let colon = text.firstIndex(of: ":") {
            let name = text[..<colon].lowercased()
            let value = trimmed(text[text.index(after: colon)...])
            if name == "content-length" {
                guard answer.headers[name] == nil, !value.isEmpty, value.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
                    Int(value) != nil
                else { return fail("the answer has two lengths, or one that is no number") }
            }
            answer.headers[name] = value
        }
        return true
    }

    private func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    /// - Returns: false to end the exchange.
    func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        rate.add(bytes.count)
        guard answer.isSuccess else {
            complaint.append(contentsOf: bytes.prefix(Self.longestComplaint - complaint.count))
            hasHeardEnough = complaint.count == Self.longestComplaint
            return !hasHeardEnough
        }
        do {
            let start = Clock.seconds()
            try receive(answer, bytes)
            rate.pass(over: Clock.seconds() - start)
            return true
        } catch {
            callerError = error
            return false
        }
    }

    /// - Returns: the number of bytes, or nil to end the exchange.
    func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int? {
        let count: Int
        switch source {
        case nil: return 0
        case .bytes(let bytes):
            count = min(buffer.count, bytes.count - sentBytes)
            bytes.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[sentBytes..<sentBytes + count]))
            }
        case .file(let descriptor, let size):
            count = pread(descriptor, buffer.baseAddress, min(buffer.count, size - sentBytes), sentBytes)
            guard count >= 0 else {
                callerError = SystemError.last("read", "the blob being sent")
                return nil
            }
        }
        sentBytes += count
        rate.add(count)
        sending(sentBytes)
        return count
    }

    func rewind(to offset: Int) { sentBytes = offset }

    /// - Returns: false to end the exchange.
    func goesOn() -> Bool {
        if Interruption.isRequested { return false }
        guard let moved = rate.check() else { return true }
        let window = duration(Double(rate.windowSeconds))
        return fail(
            moved == 0
                ? "nothing came for \(window)" : "only \(moved) bytes in \(window), less than \(rate.minimum) a second",
            as: .tooSlow, isTransient: true)
    }

    // MARK: libcurl's side

    static func of(_ context: UnsafeMutableRawPointer?) -> Transfer {
        Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
    }

    static let headerCallback: tvt_curl_transfer = { bytes, size, count, context in
        Transfer.of(context).takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
    }

    static let bodyCallback: tvt_curl_transfer = { bytes, size, count, context in
        Transfer.of(context).takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
    }

    static let sendCallback: tvt_curl_transfer = { bytes, size, count, context in
        let buffer = UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
        return Transfer.of(context).fill(buffer) ?? Int(CURL_READFUNC_ABORT)
    }

    static let seekCallback: tvt_curl_seek = { context, offset, origin in
        guard origin == SEEK_SET else { return CURL_SEEKFUNC_CANTSEEK }
        Transfer.of(context).rewind(to: Int(offset))
        return CURL_SEEKFUNC_OK
    }

    static let progressCallback: tvt_curl_progress = { context, _, _, _, _ in Transfer.of(context).goesOn() ? 0 : 1 }
}
