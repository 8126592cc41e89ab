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

    private func answer<Result>(_ line: [UInt8], _ body: (String) throws -> Result) throws -> Result {
        most.max(running.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
        defer { running.wrappingSubtract(1, ordering: .relaxed) }
        // Long enough for another one to come.
        usleep(2000)
        let text = try JSONValue.parse(line, path: "line")["text"]?.string ?? ""
        guard text != "broken" else { throw ModelViewError("<i>its image</i> cannot be used") }
        guard text != "damaged" else { throw Failure(.badData, "the store is damaged") }
        return try body(text)
    }

    func preview(of line: [UInt8], _ role: Role) throws -> ModelPreview {
        try answer(line) { text in
            ModelPreview(
                parts: [.init("\(role): \(text)"), .init(String(repeating: "x", count: 5000), isCut: true)],
                tokenCount: 1234, mediaTokenCount: 34, notes: ["a <u>note</u>"],
                items: text.hasPrefix("three")
                    ? [.init(kind: .video, summary: "a film", captions: (0..<40).map { "frame \($0)" })] : [])
        }
    }

    func picture(_ picture: ModelPicture, of line: [UInt8], _ role: Role) throws -> [UInt8] {
        try answer(line) { _ in
            asked.withLock { $0.append(picture) }
            guard picture.item == 0, picture.number < 40 else {
                throw ModelViewError("there is no such picture", isMissing: true)
            }
            return self.picture
        }
    }
}

@Suite("What a model is given, on HTTP and on the page")
struct ModelViewTests {
    /// A server in this process, which listens as long as the process lives.
    struct Served {
        let store: BrowsedStore
        let view: FakeView
        let client: Client

        init(_ documents: [Document], _ queries: [Query], positives: [[BrowsedStore.Link]] = []) throws {
            store = try BrowsedStore()
            let dataset = try store.commit(documents, queries, positives: positives)
            view = try FakeView()
            let server = BrowseServer(
                try BrowsedDataset(dataset, in: store.store), model: view, host: "127.0.0.1", port: 0)
            let listening = Listening()
            Thread.detachNewThread {
                try? server.run { _, port in listening.report(port) }
            }
            client = Client(port: UInt16(listening.wait()))
        }
    }

    /// Hands a port from one thread to another.
    final class Listening: Sendable {
        private let port = Mutex(0)
        private let signal = DispatchSemaphore(value: 0)

        func report(_ port: Int) {
            self.port.withLock { $0 = port }
            signal.signal()
        }

        func wait() -> Int {
            signal.wait()
            return port.withLock { $0 }
        }
    }

    static func texts(_ texts: String...) -> [Document] {
        texts.enumerated().map { Document(id: bytes("d\($0)"), text: bytes($1)) }
    }

    @Test("a preview is JSON, a picture PNG; long parts are cut, and how much is left out is said")
    func answers() throws {
        let served = try Served(Self.texts("three", "plain"), [Query(id: bytes("q"), text: bytes("why"))])
        #expect(try served.client.json("/api/dataset")["model"] == "<b>tiny</b>")
        let json = try served.client.json("/api/model/documents/0")
        #expect(json["tokens"] == 1234 && json["mediaTokens"] == 34)
        #expect(json["parts"]?.array?[0]["text"] == "document: three")
        let cut = try #require(json["parts"]?.array?[1])
        #expect(cut["isCut"] == true && cut["text"]?.string?.utf8.count == 2048 && cut["leftOut"] == 2952)
        #expect(json["items"]?.array?[0]["captions"]?.array?.count == 40)
        #expect(try served.client.json("/api/model/queries/0")["parts"]?.array?[0]["text"] == "query: why")
        let picture = try served.client.ask("/model/documents/0/0/7?lines=1")
        #expect(picture.status == 200 && picture.body == served.view.picture)
        #expect(picture.headers["content-type"] == "image/png" && picture.headers["cache-control"] == "no-store")
        #expect(picture.headers["content-security-policy"]?.contains("default-src 'none'") == true)
        _ = try served.client.ask("/model/documents/0/0/7")
        #expect(served.view.asked.withLock { $0.map(\.hasLines) } == [true, false])
    }

    @Test("what cannot be shown is an answer in its place, and nothing else is served under other names")
    func errors() throws {
        let served = try Served(Self.texts("broken", "three", "damaged"), [])
        let broken = try served.client.ask("/api/model/documents/0")
        #expect(broken.status == 422)
        #expect(try broken.json()["error"] == "<i>its image</i> cannot be used")
        #expect(try served.client.ask("/model/documents/0/0/0").status == 422)
        #expect(try served.client.ask("/api/model/documents/2").status == 500)
        for path in [
            "/api/model/documents/3", "/api/model/documents/-1", "/api/model/documents/x", "/api/model/others/0",
            "/api/model/queries/0", "/model/documents/1/0/40", "/model/documents/1/1/0", "/model/documents/1/0/-1",
            "/model/documents/1/x/0", "/model/documents/1/0", "/model/../index.html",
        ] {
            let answer = try served.client.ask(path)
            #expect(answer.status == 404, "\(path)")
            #expect(try answer.json()["error"]?.string?.isEmpty == false, "\(path)")
        }
        #expect(try served.client.ask("/api/model/documents/1", method: "POST").status == 405)
        #expect(try served.client.json("/api/model/documents/1")["tokens"] == 1234)
    }

    @Test("without a model there is nothing behind the addresses")
    func withoutModel() throws {
        let store = try BrowsedStore()
        try store.commit(Self.texts("three"), [])
        let server = try store.serve()
        #expect(try server.json("/api/dataset")["model"] == .null)
        for path in ["/api/model/documents/0", "/model/documents/0/0/0"] {
            #expect(try server.ask(path).status == 404)
        }
    }

    @Test("one request is answered at a time, and other pages do not wait for it")
    func oneAtATime() throws {
        let served = try Served(Self.texts("three"), [])
        let (client, done) = (served.client, DispatchGroup())
        let statuses = Mutex<[Int]>([])
        for number in 0..<24 {
            DispatchQueue.global().async(group: done) {
                let status = (try? client.ask("/model/documents/0/0/\(number)").status) ?? 0
                statuses.withLock { $0.append(status) }
            }
        }
        done.wait()
        #expect(statuses.withLock { $0 } == Array(repeating: 200, count: 24))
        #expect(served.view.most.load(ordering: .relaxed) == 1)
    }

    @Test(
        "the page shows it beside the record, as text", .enabled(if: Browser.isInstalled, "there is no chromium"))
    func page() throws {
        let served = try Served(
            Self.texts("three", "broken"), [Query(id: bytes("q"), text: bytes("<script>three</script>"))],
            positives: [[.init(document: 0), .init(document: 1)]])
        let browser = try Browser()
        let address = "http://127.0.0.1:\(served.client.port)"
        try browser.visit(address)
        func text(_ selector: String) throws -> JSONValue {
            try browser.evaluate("document.querySelector(\"\(selector)\")?.textContent ?? null")
        }
        // That of the record that was chosen is open; those of others wait until they are.
        try browser.wait(until: "document.querySelector('.record > .model .body')?.dataset.state === 'ready'")
        #expect(try text(".record > .model summary") == "What <b>tiny</b> is given")
        #expect(
            try text(".record > .model .tokens") == "1,234 tokens: 34 of media, 1,200 of prompt and text")
        #expect(try text(".record > .model .written span") == "query: <script>three</script>")
        #expect(try text(".record > .model .written del + del") == " … 2,952 bytes that are not shown")
        #expect(try text(".record > .model .note") == "a <u>note</u>")
        #expect(try browser.evaluate("document.querySelectorAll('.card .model .body > *').length") == 0)
        // A document: its pictures come a page at a time, with lines and without.
        try browser.visit("\(address)/#/documents/0")
        let loaded = "document.querySelectorAll('.model figure[data-state=loaded]').length"
        try browser.wait(until: "\(loaded) > 0")
        let images = "[...document.querySelectorAll('.model img')]"
        #expect(try browser.evaluate("\(images).length") == 16)
        #expect(try browser.evaluate("\(images).every((image) => image.src.endsWith('?lines=1'))") == true)
        try browser.evaluate("document.querySelector('.model .item > button').click()")
        #expect(try browser.evaluate("\(images).length") == 32)
        #expect(try text(".model .item > button") == "Show more (8 left)")
        try browser.evaluate("document.querySelector('.model button[aria-pressed]').click()")
        #expect(try browser.evaluate("\(images).some((image) => image.src.includes('lines'))") == false)
        #expect(try text(".model figcaption") == "frame 0")
        // A record that the model is not given says why.
        try browser.visit("\(address)/#/documents/1")
        try browser.wait(until: "document.querySelector('.model .body')?.dataset.state === 'error'")
        #expect(try text(".model .error") == "<i>its image</i> cannot be used")
        let complaints = browser.complaints.filter { !$0.contains("422") }
        #expect(complaints.isEmpty, "\(complaints)")
    }
}
