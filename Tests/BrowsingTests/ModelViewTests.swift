import Base
import Browsing
import Foundation
import JSON
import Records
import Store
import StoreFormat
import Synchronization
import TestKit
import Testing

/// Shows what a test says: `broken` as a text cannot be shown, `three` have three pictures.
final class FakeView: ModelView {
    let modelName = "<b>tiny</b>"
    let picture: [UInt8]
    private let running = Atomic<Int>(0)
    /// The most requests that were there at once.
    let most = Atomic<Int>(0)
    let asked = Mutex<[ModelPicture]>([])

    init() throws { picture = try KnownFiles.read("rgb.png")[0] }

    private func answer<Result>(
        _ line: [UInt8], _ role: Role, _ body: (String) throws -> Result
    ) throws -> Result {
        most.max(running.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
        defer { running.wrappingSubtract(1, ordering: .relaxed) }
        // Long enough for another one to come.
        usleep(2000)
        let place = Place(path: "line")
        let bytes = try line.withUnsafeBytes {
            try role == .query ? Query(jsonLine: $0, at: place).text : Document(jsonLine: $0, at: place).text
        }
        let text = String(decoding: bytes ?? [], as: UTF8.self)
        guard text != "broken" else { throw ModelViewError("<i>its image</i> cannot be used") }
        guard text != "damaged" else { throw Failure(.badData, "the store is damaged") }
        return try body(text)
    }

    func preview(of line: [UInt8], _ role: Role) throws -> ModelPreview {
        try answer(line, role) { text in
            ModelPreview(
                parts: [.init("\(role): \(text)"), .init(String(repeating: "x", count: 5000), isCut: true)],
                tokenCount: 1234, mediaTokenCount: 34, notes: ["a <u>note</u>"],
                items: text.hasPrefix("three")
                    ? [.init(kind: .video, summary: "a film", captions: (0..<40).map { "frame \($0)" })] : [])
        }
    }

    func picture(_ picture: ModelPicture, of line: [UInt8], _ role: Role) throws -> [UInt8] {
        try answer(line, role) { _ in
            asked.withLock { $0.append(picture) }
            guard picture.item == 0, picture.number < 40 else {
                throw ModelViewError("there is no such picture", isMissing: true)
            }
            return self.picture
        }
    }
}

/// Does what waits on a thread of its own: those of tasks belong to the server, which runs in this process.
private func apart<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Swift.Result { try body() }) }
    }
}

@Suite("What a model is given, on HTTP and on the page")
struct ModelViewTests {
    /// A server in this process, which listens as long as the process lives.
    struct Served {
        let store: BrowsedStore
        let view: FakeView
        let client: Client

        init(_ documents: [Document], _ queries: [Query], positives: [[BrowsedStore.Link]] = []) async throws {
            store = try BrowsedStore()
            let dataset = try store.commit(documents, queries, positives: positives)
            view = try FakeView()
            let server = BrowseServer(
                try BrowsedDataset(dataset, in: store.store), model: view, host: "127.0.0.1", port: 0)
            let port = try await withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread {
                    do {
                        try server.run { _, port in continuation.resume(returning: port) }
                    } catch {
                        // It ends with the process; before that only where it cannot listen.
                        Issue.record(error)
                    }
                }
            }
            client = Client(port: UInt16(port))
        }

        func ask(_ target: String, method: String = "GET") async throws -> Client.Answer {
            let client = self.client
            return try await apart { try client.ask(target, method: method) }
        }

        func json(_ target: String) async throws -> JSONValue {
            let client = self.client
            return try await apart { try client.json(target) }
        }
    }

    static func texts(_ texts: String...) -> [Document] {
        texts.enumerated().map { Document(id: bytes("d\($0)"), text: bytes($1)) }
    }

    @Test("a preview is JSON, a picture PNG; long parts are cut, and how much is left out is said")
    func answers() async throws {
        let served = try await Served(Self.texts("three", "plain"), [Query(id: bytes("q"), text: bytes("why"))])
        #expect(try await served.json("/api/dataset")["model"] == "<b>tiny</b>")
        let json = try await served.json("/api/model/documents/0")
        #expect(json["tokens"] == 1234 && json["mediaTokens"] == 34)
        #expect(json["parts"]?.array?.first?["text"] == "document: three")
        let cut = try #require(json["parts"]?.array?.last)
        #expect(cut["isCut"] == true && cut["text"]?.string?.utf8.count == 2048 && cut["leftOut"] == 2952)
        #expect(json["items"]?.array?.first?["captions"]?.array?.count == 40)
        #expect(try await served.json("/api/model/queries/0")["parts"]?.array?.first?["text"] == "query: why")
        let picture = try await served.ask("/model/documents/0/0/7?lines=1")
        #expect(picture.status == 200 && picture.body == served.view.picture)
        #expect(picture.headers["content-type"] == "image/png" && picture.headers["cache-control"] == "no-store")
        #expect(picture.headers["content-security-policy"]?.contains("default-src 'none'") == true)
        _ = try await served.ask("/model/documents/0/0/7")
        #expect(served.view.asked.withLock { $0.map(\.hasLines) } == [true, false])
    }

    @Test("what cannot be shown is an answer in its place, and nothing else is served under other names")
    func errors() async throws {
        let served = try await Served(Self.texts("broken", "three", "damaged"), [])
        let broken = try await served.ask("/api/model/documents/0")
        #expect(broken.status == 422)
        #expect(try broken.json()["error"] == "<i>its image</i> cannot be used")
        #expect(try await served.ask("/model/documents/0/0/0").status == 422)
        #expect(try await served.ask("/api/model/documents/2").status == 500)
        for path in [
            "/api/model/documents/3", "/api/model/documents/-1", "/api/model/documents/x", "/api/model/others/0",
            "/api/model/queries/0", "/model/documents/1/0/40", "/model/documents/1/1/0", "/model/documents/1/0/-1",
            "/model/documents/1/x/0", "/model/documents/1/0", "/model/../index.html",
        ] {
            let answer = try await served.ask(path)
            #expect(answer.status == 404, "\(path)")
            #expect(try answer.json()["error"]?.string?.isEmpty == false, "\(path)")
        }
        #expect(try await served.ask("/api/model/documents/1", method: "POST").status == 405)
        #expect(try await served.json("/api/model/documents/1")["tokens"] == 1234)
    }

    @Test("without a model there is nothing behind the addresses")
    func withoutModel() async throws {
        let store = try BrowsedStore()
        try store.commit(Self.texts("three"), [])
        let server = try store.serve()
        #expect(try server.json("/api/dataset")["model"] == .null)
        for path in ["/api/model/documents/0", "/model/documents/0/0/0"] {
            #expect(try server.ask(path).status == 404)
        }
    }

    @Test("one request is answered at a time, however many come")
    func oneAtATime() async throws {
        let served = try await Served(Self.texts("three"), [])
        let client = served.client
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<24 {
                group.addTask { try await apart { try client.ask("/model/documents/0/0/\(number)").status } }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses == Array(repeating: 200, count: 24))
        #expect(served.view.most.load(ordering: .relaxed) == 1)
    }

    @Test(
        "the page shows it beside the record, as text", .enabled(if: Browser.isInstalled, "there is no chromium"))
    func page() async throws {
        let served = try await Served(
            Self.texts("three", "broken"), [Query(id: bytes("q"), text: bytes("<script>three</script>"))],
            positives: [[.init(document: 0), .init(document: 1)]])
        let port = served.client.port
        let seen = try await apart { try Self.visit("http://127.0.0.1:\(port)") }
        // That of the record that was chosen is open; those of others wait until they are.
        #expect(seen["title"] == "What <b>tiny</b> is given")
        #expect(seen["tokens"] == "1,234 tokens: 34 of media, 1,200 of prompt and text")
        #expect(seen["text"] == "query: <script>three</script>")
        #expect(seen["left out"] == " … 2,952 bytes that are not shown")
        #expect(seen["note"] == "a <u>note</u>")
        #expect(seen["opened cards"] == 0)
        // A document: its pictures come a page at a time, with lines and without.
        #expect(seen["first pictures"] == 16 && seen["with lines"] == 16)
        #expect(seen["all pictures"] == 32 && seen["more"] == "Show more (8 left)")
        #expect(seen["with lines, taken away"] == 0 && seen["caption"] == "frame 0")
        // A record that the model is not given says why.
        #expect(seen["error"] == "<i>its image</i> cannot be used")
        #expect(seen["complaints"] == [])
    }

    /// What a browser shows of the pages.
    private static func visit(_ address: String) throws -> [String: JSONValue] {
        let browser = try Browser()
        var seen: [String: JSONValue] = [:]
        func note(_ name: String, _ expression: String) throws { seen[name] = try browser.evaluate(expression) }
        func text(_ name: String, of selector: String) throws {
            try note(name, "document.querySelector(\"\(selector)\")?.textContent ?? null")
        }
        try browser.visit(address)
        try browser.wait(until: "document.querySelector('.record > .model .body')?.dataset.state === 'ready'")
        try text("title", of: ".record > .model summary")
        try text("tokens", of: ".record > .model .tokens")
        try text("text", of: ".record > .model .written span")
        try text("left out", of: ".record > .model .written del + del")
        try text("note", of: ".record > .model .note")
        try note("opened cards", "document.querySelectorAll('.card .model .body > *').length")
        try browser.visit("\(address)/#/documents/0")
        try browser.wait(until: "document.querySelectorAll('.model figure[data-state=loaded]').length > 0")
        let images = "[...document.querySelectorAll('.model img')]"
        let withLines = "\(images).filter((image) => image.src.endsWith('?lines=1')).length"
        try note("first pictures", "\(images).length")
        try note("with lines", withLines)
        try browser.evaluate("document.querySelector('.model .item > button').click()")
        try note("all pictures", "\(images).length")
        try text("more", of: ".model .item > button")
        try browser.evaluate("document.querySelector('.model button[aria-pressed]').click()")
        try note("with lines, taken away", withLines)
        try text("caption", of: ".model figcaption")
        try browser.visit("\(address)/#/documents/1")
        try browser.wait(until: "document.querySelector('.model .body')?.dataset.state === 'error'")
        try text("error", of: ".model .error")
        // That the server refused is one of them, and meant.
        seen["complaints"] = .array(browser.complaints.filter { !$0.contains("422") }.map { .string($0) })
        return seen
    }
}
