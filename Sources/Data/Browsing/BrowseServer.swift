internal import Base
internal import Glibc
internal import HTTPTypes
internal import Hummingbird
internal import JSON
internal import NIOCore
internal import Synchronization

/// Serves a dataset to browsers until the process is interrupted.
public struct BrowseServer: Sendable {
    private let browsed: BrowsedDataset
    private let host: String
    private let port: Int
    private let model: (any ModelView)?

    /// - Parameters:
    ///   - model: what shows beside each record what a model is given of it; nil shows records alone.
    ///   - host: the address or name to listen on.
    ///   - port: 0 takes any that is free.
    public init(_ browsed: BrowsedDataset, model: (any ModelView)? = nil, host: String, port: Int) {
        self.browsed = browsed
        self.model = model
        self.host = host
        self.port = port
    }

    /// Makes sure that the process may open as many files as a server needs: NIO ends it where it gets none.
    ///
    /// - Throws: `Failure` with status 73.
    public static func checkOpenFiles() throws {
        // Three a thread of NIO, and a few for the store; then one a connection.
        try OpenFileLimit.ensure(3 * NIOSingletons.groupLoopCountSuggestion + 64, for: "the server")
    }

    /// Whether only this machine can reach an address.
    public static func isLoopback(_ host: String) -> Bool {
        host.lowercased() == "localhost" || host == "::1" || host.hasPrefix("127.") && !host.contains { $0.isLetter }
    }

    /// Listens, and returns when a signal asks the process to end; open connections are dropped.
    ///
    /// - Parameter onListening: called once, with the page's address and the port.
    /// - Throws: `Failure` with status 73 where nobody can listen there; what `onListening` throws.
    public func run(onListening: @escaping @Sendable (_ address: String, _ port: Int) throws -> Void) throws {
        let failure = Mutex<(any Error)?>(nil)
        let host = self.host
        let application = Application(
            router: router(),
            configuration: ApplicationConfiguration(address: .hostname(host, port: port)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? 0
                let name = host.contains(":") ? "[\(host)]" : host
                do {
                    try onListening("http://\(name):\(port)/", port)
                } catch {
                    failure.withLock { $0 = error }
                }
            },
            logger: log)
        let port = self.port
        Task.detached {
            do {
                try await application.run()
                failure.withLock { $0 = $0 ?? Failure(.bug, "the server stopped by itself") }
            } catch {
                failure.withLock { $0 = Self.explained(error, host: host, port: port) }
            }
        }
        // This thread has nothing to do but to notice the end; signals may reach any other.
        while !Interruption.isRequested {
            if let error = failure.withLock({ $0 }) { throw error }
            usleep(50_000)
        }
    }

    private static func explained(_ error: any Error, host: String, port: Int) -> any Error {
        if let error = error as? IOError {
            let isTaken = error.errnoCode == EADDRINUSE
            return Failure(
                .cannotCreate, "cannot listen on \(host), port \(port): \(String(cString: strerror(error.errnoCode)))",
                advice: isTaken ? "Choose another port with --port; without it, any that is free is taken." : nil)
        }
        return Failure(.cannotCreate, "cannot listen on \(host), port \(port): \(error)")
    }

    // MARK: Routes

    private func router() -> Router<BasicRequestContext> {
        let browsed = self.browsed
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: RequestGuard(hosts: HostNames(listeningOn: host)))
        func route(
            _ path: RouterPath, _ answer: @escaping @Sendable (Request, BasicRequestContext) async throws -> Response
        ) {
            for method in [HTTPRequest.Method.get, .head] { router.on(path, method: method, use: answer) }
        }
        func json(_ path: RouterPath, _ answer: @escaping @Sendable (Parameters) throws -> JSONValue) {
            route(path) { request, context in
                let parameters = Parameters(request, context)
                return jsonResponse(try await readingStore { try answer(parameters) }, to: request)
            }
        }
        for file in PageFile.all {
            route(RouterPath(file.path)) { request, _ in
                response(
                    file.bytes, headers: [.contentType: file.contentType, .cacheControl: "no-cache"], to: request)
            }
        }
        let modelName = model?.modelName
        json("/api/dataset") { _ in browsed.overview(model: modelName) }
        json("/api/lineage") { _ in browsed.lineage }
        json("/api/statistics") { _ in browsed.statistics }
        for kind in [RecordList.Kind.queries, .documents] {
            json(RouterPath("/api/\(kind.rawValue)")) { try $0.list(of: kind).json(of: browsed) }
            json(RouterPath("/api/\(kind.rawValue)/find")) { try browsed.find(kind, id: Array($0.text("id").utf8)) }
        }
        json("/api/queries/:ordinal") { try browsed.query($0.ordinal(), isWhole: $0.flag("whole")) }
        json("/api/queries/:ordinal/:list") {
            try browsed.links(
                of: $0.ordinal(), list: $0.path("list"), from: $0.number("from") ?? 0,
                limit: $0.limit(default: 20))
        }
        json("/api/documents/:ordinal") { .object(try browsed.document($0.ordinal(), isWhole: $0.flag("whole"))) }
        let media = MediaItems(browsed.dataset)
        route("/media/:digest") { request, context in
            try await media.respond(context.parameters.get("digest") ?? "", to: request)
        }
        addModel(to: route)
        return router
    }

    /// Without a model there is nothing behind these addresses.
    private func addModel(
        to route: (
            RouterPath, @escaping @Sendable (Request, BasicRequestContext) async throws -> Response
        ) -> Void
    ) {
        guard let model else { return }
        let answers = ModelAnswers(model, browsed.dataset)
        route("/api/model/:kind/:ordinal") { request, context in
            try await answers.preview(of: Parameters(request, context).record(), to: request)
        }
        route("/model/:kind/:ordinal/:item/:number") { request, context in
            let parameters = Parameters(request, context)
            return try await answers.picture(parameters.picture(), of: parameters.record(), to: request)
        }
    }
}

/// The parts of a request's address, checked.
private struct Parameters: Sendable {
    private let query: [(name: Substring, value: Substring)]
    private let words: [String: String]

    init(_ request: Request, _ context: BasicRequestContext) {
        query = request.uri.queryParameters.map { ($0.key, $0.value) }
        var words: [String: String] = [:]
        for name in ["ordinal", "list", "kind", "item", "number"] { words[name] = context.parameters.get(name) }
        self.words = words
    }

    func path(_ name: String) -> String { words[name] ?? "" }

    /// Empty where it is not given.
    func text(_ name: String) -> String { query.first { $0.name == name[...] }.map { String($0.value) } ?? "" }

    func flag(_ name: String) -> Bool { text(name) == "1" }

    /// Nil where it is not given.
    func number(_ name: String) throws -> Int? {
        let text = text(name)
        guard !text.isEmpty else { return nil }
        guard let number = Int(text), (0..<Int(UInt32.max)).contains(number) else {
            throw BrowseError(400, "\(name) is a number from 0")
        }
        return number
    }

    func limit(default standard: Int) throws -> Int {
        min(max(1, try number("limit") ?? standard), RecordList.largestLimit)
    }

    func ordinal() throws -> Int {
        guard let ordinal = Int(path("ordinal")), ordinal >= 0 else {
            throw BrowseError(404, "a record is named by its ordinal, a number from 0")
        }
        return ordinal
    }

    func record() throws -> ModelAnswers.RecordName {
        try ModelAnswers.RecordName(kind: path("kind"), ordinal: path("ordinal"))
    }

    func picture() throws -> ModelPicture {
        guard let item = Int(path("item")), let number = Int(path("number")), item >= 0, number >= 0 else {
            throw BrowseError(404, "a picture is named by two numbers from 0")
        }
        return ModelPicture(item: item, number: number, hasLines: flag("lines"))
    }

    func list(of kind: RecordList.Kind) throws -> RecordList {
        var list = RecordList(kind: kind)
        list.search = Search(text("search"))
        let filter = text("filter")
        if !filter.isEmpty {
            guard let known = RecordList.Filter(rawValue: filter) else {
                let names = RecordList.Filter.allCases.map(\.rawValue).joined(separator: ", ")
                throw BrowseError(400, "filter is one of \(names)")
            }
            list.filter = known
        }
        list.from = try number("from") ?? 0
        list.limit = try limit(default: 50)
        return list
    }
}
