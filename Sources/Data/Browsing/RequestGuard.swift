internal import Base
internal import HTTPTypes
internal import Hummingbird
internal import JSON
internal import Logging

/// Stands before every route: lets in what a browser on this machine asks for this page, and sees to it that every answer
/// carries what keeps hostile data harmless. Errors become answers here.
struct RequestGuard: RouterMiddleware {
    typealias Context = BasicRequestContext

    /// Under which names the server may be asked.
    let hosts: HostNames

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            guard request.method == .get || request.method == .head else {
                throw BrowseError(405, "there is nothing to \(request.method.rawValue) here: data is read only")
            }
            guard hosts.contains(request.head.authority) else {
                throw BrowseError(
                    403, "this server is not asked under that name; use the address that it printed, or --host")
            }
            response = try await next(request, context)
        } catch let error as HTTPError {
            response = Self.response(BrowseError(error.status.code, "there is nothing here"), to: request)
        } catch {
            let error = BrowseError(error)
            if error.status >= 500 { log.warning("\(request.uri.path): \(error.message)") }
            response = Self.response(error, to: request)
        }
        response.headers[.contentSecurityPolicy] = Self.contentSecurityPolicy
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.crossOriginResourcePolicy] = "same-origin"
        response.headers[Self.referrerPolicy] = "no-referrer"
        return response
    }

    /// Scripts, styles, pictures and data from here and from nowhere else; nothing within the page, nobody around it.
    static let contentSecurityPolicy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "media-src 'self'",
        "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ].joined(separator: "; ")

    private static let referrerPolicy = HTTPField.Name("Referrer-Policy")!

    private static func response(_ error: BrowseError, to request: Request) -> Response {
        var response = jsonResponse(
            ["error": .string(error.message)], status: HTTPResponse.Status(code: error.status), to: request)
        if error.status == 405 { response.headers[.allow] = "GET, HEAD" }
        return response
    }
}

/// The names under which a server may be asked: a page of another site that has its name point at this machine is not
/// let in, since its requests carry that name.
struct HostNames: Sendable {
    private let names: Set<String>
    /// Where the server listens on all addresses, any of them may be asked for; an address is no name.
    private let takesAddresses: Bool

    /// - Parameter host: what the server listens on.
    init(listeningOn host: String) {
        names = ["localhost", "127.0.0.1", "::1", host.lowercased()]
        takesAddresses = ["0.0.0.0", "::"].contains(host)
    }

    /// - Parameter authority: the field `Host`: a name or an address, perhaps with a port.
    func contains(_ authority: String?) -> Bool {
        guard let authority, !authority.isEmpty else { return false }
        var name = authority.lowercased()[...]
        if name.first == "[", let end = name.firstIndex(of: "]") {
            guard Self.isPort(name[name.index(after: end)...]) else { return false }
            name = name[name.index(after: name.startIndex)..<end]
        } else if let colon = name.firstIndex(of: ":") {
            guard Self.isPort(name[colon...]) else { return false }
            name = name[..<colon]
        }
        return names.contains(String(name)) || takesAddresses && Self.isAddress(name)
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty || text.first == ":" && text.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func isAddress(_ name: Substring) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 4, parts.allSatisfy({ UInt8($0) != nil }) { return true }
        return name.contains(":") && name.allSatisfy { $0 == ":" || $0 == "." || $0.isHexDigit }
    }
}

func jsonResponse(_ json: JSONValue, status: HTTPResponse.Status = .ok, to request: Request) -> Response {
    var bytes: [UInt8] = []
    json.appendLine(to: &bytes)
    return response(
        bytes, headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"], status: status,
        to: request)
}

/// - Parameter request: HEAD gets the fields without the bytes.
func response(
    _ bytes: [UInt8], headers: HTTPFields, status: HTTPResponse.Status = .ok, to request: Request
) -> Response {
    var headers = headers
    headers[.contentLength] = String(bytes.count)
    return Response(
        status: status, headers: headers,
        body: request.method == .head ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
}
