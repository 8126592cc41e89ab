import Base
import Foundation
import Glibc
import JSON
import Records
import Store
import StoreFormat
import Synchronization
import SystemPackage
import Testing
import TestKit

/// Texts that would do harm as markup, or break what is written carelessly.
let hostileTexts = [
    "<script>document.title='owned'</script>", "</script><img src=x onerror=document.title='owned'>",
    "\" onmouseover=\"alert(1)", "' OR 1=1; --", "&lt;b&gt; &amp; <!-- -->", "\u{202E}gnp.exe\u{202C} \u{2066}",
    "a\u{0}b\u{1}\u{7F}\u{2028}\u{2029}", "{{7*7}} ${7*7}", "javascript:alert(1)", "\\\"\\\\n", "שלום — مرحبا",
    String(repeating: "🙂", count: 300),
]

/// Ids that are paths, addresses and escapes.
let hostileIDs = [
    "../../etc/passwd", "a/b?c=d&e#f", "100% %41%00 %2e%2e", " leading and trailing ", "<b>id</b>", "a+b", "\u{0}", "é",
    "e\u{301}",
    "'\"`", "\u{202E}drowssap",
]

@Suite("Answers of the browse server")
struct AnswerTests {
    @Test("ids and texts arrive as they are stored, whatever they hold")
    func hostileRecords() throws {
        let store = try BrowsedStore()
        let documents = hostileIDs.enumerated().map { number, id in
            Document(
                id: bytes(id), title: bytes(hostileTexts[number]), text: bytes(hostileTexts[number] + "!"),
                image: MediaReference(name: "javascript:alert(\(number))"),
                extras: [Extra(key: bytes(hostileTexts[number]), json: bytes("{\"a\":[1,\"<i>\"]}"))])
        }
        let queries = hostileIDs.enumerated().map { Query(id: bytes($1), text: bytes(hostileTexts[$0])) }
        try store.commit(
            documents, queries, positives: documents.indices.map { [.init(document: $0)] },
            judgements: [("<i>split</i>", 0, 1, 2)])
        let server = try store.serve()
        for (ordinal, id) in hostileIDs.enumerated() {
            let card = try server.json("/api/documents/\(ordinal)")
            #expect(card["id"] == .string(id) && card["title"] == .string(hostileTexts[ordinal]))
            #expect(card["text"] == .string(hostileTexts[ordinal] + "!"))
            let extra = try #require(card["extras"]?.array?.first)
            #expect(extra["key"] == .string(hostileTexts[ordinal]) && extra["value"] == "{\"a\":[1,\"<i>\"]}")
            let image = try #require(card["media"]?.array?.first)
            #expect(image["url"] == nil && image["name"] == .string("javascript:alert(\(ordinal))"))
            let escapedID = id.utf8.map { String(format: "%%%02x", $0) }.joined()
            for kind in ["queries", "documents"] {
                #expect(try server.json("/api/\(kind)/find?id=\(escapedID)")["ordinal"] == JSONValue(ordinal), "\(id)")
            }
            #expect(try server.json("/api/queries?search=\(escapedID)")["exact"]?["ordinal"] == JSONValue(ordinal))
        }
        let first = try server.json("/api/queries/0")
        #expect(first["lists"]?.array?.last?["split"] == "<i>split</i>")
    }

    @Test("a long text is cut between characters, its length said, and whole when it is asked for")
    func longText() throws {
        let text = String(repeating: "Grüße, 漢字 🙂. ", count: 60_000)
        let store = try BrowsedStore()
        try store.commit(
            [Document(id: bytes("long"), title: bytes("t"), text: bytes(text))],
            [Query(id: bytes("q"), text: bytes("?"))],
            positives: [[.init(document: 0)]])
        let server = try store.serve()
        #expect(text.utf8.count > 1_000_000)
        for card in [
            try server.json("/api/documents/0"),
            try #require(try server.json("/api/queries/0")["lists"]?.array?.first?["items"]?.array?.first),
        ] {
            let shown = try #require(card["text"]?.string)
            #expect(text.hasPrefix(shown) && (16_000...16_384).contains(shown.utf8.count))
            #expect(card["isCut"] == true && card["byteCount"] == JSONValue(text.utf8.count + 1))
        }
        let whole = try server.json("/api/documents/0?whole=1")
        #expect(whole["text"] == .string(text) && whole["isCut"] == false)
        let line = try #require(try server.json("/api/documents")["items"]?.array?.first?["line"]?.string)
        #expect(line.hasSuffix("…") && line.utf8.count < 260)
    }

    @Test("a query's lists have scores, places, grades, and say where lists contradict each other")
    func lists() throws {
        let documents = (0..<60).map { Document(id: bytes("d\($0)"), text: bytes("document \($0)")) }
        let negatives = (10..<60).map { BrowsedStore.Link(document: $0, score: Float(60 - $0) / 4) }
        let store = try BrowsedStore()
        try store.commit(
            documents, [Query(id: bytes("q0"), text: bytes("first")), Query(id: bytes("q1"), text: bytes("second"))],
            positives: [[.init(document: 3), .init(document: 11)], []], negatives: [negatives, []],
            judgements: [
                ("dev", 0, 12, 1), ("test", 0, 3, 1), ("test", 0, 5, 3), ("test", 0, 4, 3), ("test", 0, 12, 0),
            ])
        let server = try store.serve()
        let lists = try #require(try server.json("/api/queries/0")["lists"]?.array)
        #expect(lists.map { $0["key"]?.string } == ["positives", "negatives", "judgements-0", "judgements-1"])
        #expect(lists.map { $0["total"]?.integer } == [2, 50, 1, 4])
        #expect(lists[3]["split"] == "test")
        #expect(lists[3]["items"]?.array?.map { $0["id"]?.string } == ["d4", "d5", "d3", "d12"])
        #expect(lists[0]["items"]?.array?.map { $0["isNegative"]?.bool } == [nil, true])
        #expect(lists[0]["items"]?.array?[0]["score"] == nil)

        // Lists that are longer than a page come in pages, whose union is the list.
        var cards = try #require(lists[1]["items"]?.array)
        #expect(cards.count == 20)
        var next = lists[1]["next"]?.integer
        while let from = next {
            let page = try server.json("/api/queries/0/negatives?from=\(from)&limit=7")
            cards += try #require(page["items"]?.array)
            next = page["next"]?.integer
        }
        #expect(cards.map { $0["ordinal"]?.integer } == negatives.map(\.document))
        #expect(cards.map { $0["score"]?.double } == negatives.map { $0.score.map(Double.init) })
        #expect(cards.map { $0["rank"]?.integer } == Array(1...50))
        #expect(cards[1]["isPositive"] == true && cards[0]["isPositive"] == nil)
        #expect(cards[2]["grades"] == [["split": "dev", "grade": 1.0], ["split": "test", "grade": 0.0]])
        #expect(try server.ask("/api/queries/0/judgements-2").status == 404)
        #expect(try server.json("/api/queries/1")["lists"]?.array?.map { $0["total"]?.integer } == [0, 0, 0, 0])
    }

    @Test("scores that are no numbers of JSON are words")
    func infiniteScores() throws {
        let store = try BrowsedStore()
        try store.commit(
            (0..<3).map { Document(id: bytes("d\($0)"), text: bytes("x")) }, [Query(id: bytes("q"), text: bytes("x"))],
            negatives: [
                [
                    .init(document: 0, score: .infinity), .init(document: 1, score: 0.1),
                    .init(document: 2, score: -.infinity),
                ]
            ])
        let cards = try store.serve().json("/api/queries/0")["lists"]?.array?.first { $0["key"] == "negatives" }?[
            "items"]
        #expect(cards?.array?.map { $0["score"] } == ["inf", 0.1, "-inf"])
    }

    @Test("lineage and statistics are those of the manifests")
    func overview() throws {
        let store = try BrowsedStore()
        let first = try store.commit(
            (0..<9).map { Document(id: bytes("d\($0)"), text: bytes("text \($0)")) },
            (0..<4).map { Query(id: bytes("q\($0)"), text: bytes("query \($0)")) },
            positives: (0..<4).map { [.init(document: $0)] })
        let links = try store.store.linksWriter(hasScores: true)
        for query in 0..<4 { try links.append(targets: [UInt32(query + 1), UInt32(query + 2)], scores: [2, 1]) }
        let mined = try store.store.derive(
            from: first, reference: "sample@mined", keepingQueries: nil, positives: nil, negatives: links,
            provenance: Provenance(
                tool: "tvt-mine negatives 0.1.0", options: ["strategy": "random", "seed": 42],
                inputs: [.init(uri: "train.run", size: 3, sha256: .of(bytes("run")))], parents: [first.digest],
                statistics: ["negatives": 8]))
        let server = try store.serve("sample@mined")
        let dataset = try server.json("/api/dataset")
        #expect(dataset["reference"] == "sample@mined" && dataset["digest"] == .string(mined.digest.description))
        #expect(dataset["negatives"] == 8 && dataset["mining"]?["options"]?["seed"] == 42)
        #expect(dataset["mining"]?["inputs"] == ["train.run"])
        let versions = try #require(try server.json("/api/lineage").array)
        #expect(versions.map { $0["digest"]?.string } == [mined.digest.description, first.digest.description])
        #expect(versions[0]["parents"] == [.string(first.digest.description)])
        #expect(versions[0]["statistics"] == ["negatives": 8] && versions[1]["tool"] == "tvt-convert v2 0.1.0")
        #expect(versions.map { $0["counts"]?["negatives"] } == [8, 0])
        let statistics = try server.json("/api/statistics")
        #expect(statistics["documents"]?["rawBytes"] == JSONValue(mined.manifest.documents.rawBytes))
        #expect(statistics["links"]?.array?.map { $0["name"]?.string } == ["positives", "negatives"])
        #expect(statistics["links"]?.array?[1]["queriesByLinkCount"]?.array?[2] == 4)
        // The parent has no negatives, so nothing was mined for it.
        #expect(try store.serve("sample").json("/api/dataset")["mining"] == .null)
    }

    @Test("what cannot be asked for is refused, with words")
    func refusals() throws {
        let store = try BrowsedStore()
        try store.commit([Document(id: bytes("d"), text: bytes("x"))], [Query(id: bytes("q"), text: bytes("x"))])
        let server = try store.serve()
        for (path, status) in [
            ("/api/queries/1", 404), ("/api/documents/1", 404), ("/api/queries/-1", 404), ("/api/queries/x", 404),
            ("/api/queries/99999999999999999999", 404), ("/api/documents/find?id=nobody", 404),
            ("/api/documents/find", 404),
            ("/api/queries?from=-1", 400), ("/api/queries?limit=x", 400), ("/api/queries?filter=all", 400),
            ("/api/queries?from=99999999999999999999", 400), ("/nothing", 404), ("/../../etc/passwd", 404),
            ("/%2e%2e/%2e%2e/etc/passwd", 404), ("//etc/passwd", 404), ("/app.js/../index.json", 404),
            ("/Page/app.js", 404), ("/index.html", 404), ("/api", 404),
        ] {
            let answer = try server.ask(path)
            #expect(answer.status == status, "\(path): \(answer.status)")
            #expect(try answer.json()["error"]?.string?.isEmpty == false, "\(path)")
            #expect(answer.headers["content-type"]?.hasPrefix("application/json") == true, "\(path)")
        }
        #expect(try server.json("/api/queries?from=7")["items"] == [])
    }

    @Test("every answer forbids what the page does not need")
    func securityHeaders() throws {
        let store = try BrowsedStore()
        try store.commit(
            [Document(id: bytes("d"), audio: named(MediaAnswerTests.item))], [], media: [MediaAnswerTests.item])
        let server = try store.serve()
        for path in [
            "/", "/app.js", "/style.css", "/icon.svg", "/api/dataset", "/nothing", MediaAnswerTests.path,
            "/api/queries/7",
        ] {
            let headers = try server.ask(path).headers
            let policy = try #require(headers["content-security-policy"]).components(separatedBy: "; ")
            #expect(
                policy == [
                    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "media-src 'self'",
                    "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
                ], "\(path)")
            #expect(headers["x-content-type-options"] == "nosniff" && headers["referrer-policy"] == "no-referrer")
            #expect(headers["cross-origin-resource-policy"] == "same-origin", "\(path)")
        }
        let page = try server.ask("/").text
        #expect(
            !page.contains("http://") && !page.contains("https://") && !page.contains("style=")
                && !page.contains("onclick"))
    }

    @Test("only names of this machine are answered: a site that points its own name here learns nothing")
    func hosts() throws {
        let store = try BrowsedStore()
        try store.commit([Document(id: bytes("d"), text: bytes("x"))], [])
        let server = try store.serve()
        for host in ["127.0.0.1", "127.0.0.1:80", "localhost", "LOCALHOST:\(server.port)", "[::1]:\(server.port)"] {
            #expect(try server.ask("/api/dataset", host: host).status == 200, "\(host)")
        }
        for host in [
            "evil.example", "evil.example:\(server.port)", "127.0.0.1.evil.example", "localhost.evil.example", "",
            "127.0.0.1@evil.example", "10.0.0.7", "[::1].evil.example", "localhost:x",
        ] {
            for path in ["/api/dataset", "/", "/nothing"] {
                #expect(try server.ask(path, host: host).status == 403, "\(host) \(path)")
            }
        }
        let open = try store.serve("sample", ["--host", "0.0.0.0"])
        #expect(open.errorText.contains("warning: ") && open.errorText.contains("no password"))
        #expect(try open.ask("/api/dataset", host: "10.0.0.7:1").status == 200)
        #expect(try open.ask("/api/dataset", host: "evil.example").status == 403)
        #expect(try open.ask("/api/dataset", host: "1.2.3").status == 403)
    }

    @Test("nothing but GET and HEAD", arguments: ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
    func methods(_ method: String) throws {
        let store = try BrowsedStore()
        try store.commit([Document(id: bytes("d"), text: bytes("x"))], [])
        let server = try store.serve()
        for path in ["/", "/api/dataset", "/nothing"] {
            let answer = try server.ask(path, method: method)
            #expect(answer.status == 405 && answer.headers["allow"] == "GET, HEAD", "\(path)")
        }
        let head = try server.ask("/api/dataset", method: "HEAD")
        #expect(head.status == 200 && head.body.isEmpty)
        #expect(try head.headers["content-length"] == "\(server.ask("/api/dataset").body.count)")
    }

    @Test("bytes that are no request are refused, and the server lives on")
    func rubbish() throws {
        let store = try BrowsedStore()
        try store.commit([Document(id: bytes("d"), text: bytes("x"))], [])
        let server = try store.serve()
        let long = "GET /" + String(repeating: "a", count: 1 << 20) + " HTTP/1.1\r\n\r\n"
        for text in ["nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", long] {
            if let answer = try? server.answer(toRaw: bytes(text)) {
                #expect(answer.status >= 400, "\(text.prefix(20))")
            }
            #expect(try server.ask("/api/dataset").status == 200)
        }
    }

    @Test("fifty requests at once get what one alone gets")
    func concurrency() throws {
        let store = try BrowsedStore()
        let documents = (0..<500).map { Document(id: bytes("d\($0)"), text: bytes("document \($0)")) }
        try store.commit(
            documents + [Document(id: bytes("m"), audio: named(MediaAnswerTests.item))],
            (0..<500).map { Query(id: bytes("q\($0)"), text: bytes("query \($0)")) },
            positives: (0..<500).map { [.init(document: $0)] }, media: [MediaAnswerTests.item])
        let server = try store.serve()
        let client = server.client
        let paths = (0..<50).map { number in
            switch number % 5 {
            case 0: "/api/queries/\(number)"
            case 1: "/api/documents?search=\(number)"
            case 2: MediaAnswerTests.path
            case 3: "/api/lineage"
            default: "/api/queries?from=\(number)&filter=positives"
            }
        }
        let alone = try paths.map { try server.ask($0).body }
        let together = Mutex<[Int: [UInt8]]>([:])
        DispatchQueue.concurrentPerform(iterations: paths.count) { number in
            let body = (try? client.ask(paths[number]).body) ?? []
            together.withLock { $0[number] = body }
        }
        let answers = together.withLock { $0 }
        for (number, body) in alone.enumerated() { #expect(answers[number] == body, "\(paths[number])") }
        #expect(server.isRunning)
    }
}
