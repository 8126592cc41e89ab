import Base
import JSON
import Records
import Store
import StoreFormat
import Testing
import TestKit

/// The page in a browser. One browser for each test, because starting one takes seconds.
@Suite(
    "The page in Chromium", .serialized,
    .enabled(if: Browser.isInstalled, "there is no chromium; make setup installs it where it can be had"))
struct PageTests {
    private static func text(_ selector: String) -> String {
        "document.querySelector(\(quoted(selector)))?.textContent ?? null"
    }

    private static func texts(_ selector: String) -> String {
        "[...document.querySelectorAll(\(quoted(selector)))].map((element) => element.textContent)"
    }

    private static func quoted(_ text: String) -> String {
        String(decoding: JSONValue.string(text).canonical(), as: UTF8.self)
    }

    private static func store() throws -> BrowsedStore {
        let files = try KnownFiles.read("rgb.png", "mono-8k.wav", "clip.mp4", "clip.webm")
        let svg = bytes("<svg xmlns='http://www.w3.org/2000/svg'><script>top.document.title='owned'</script></svg>")
        let documents = [
            Document(
                id: bytes("picture"), title: bytes("A picture"), text: bytes("What it shows."),
                image: named(files[0], format: "png"), extras: [Extra(key: bytes("licence"), json: bytes("\"CC0\""))]),
            Document(id: bytes("sound"), text: bytes("What is heard."), audio: named(files[1], format: "wav")),
            Document(id: bytes("film"), title: bytes("A film"), video: named(files[2], format: "mp4")),
            Document(id: bytes("film 2"), title: bytes("Another film"), video: named(files[3], format: "webm")),
            Document(id: bytes("drawing"), title: bytes("A drawing"), image: named(svg, format: "png")),
            Document(
                id: bytes("elsewhere"), title: bytes("Elsewhere"),
                image: MediaReference(name: "https://elsewhere.example/picture.png")),
            Document(id: bytes("long"), title: bytes("Long"), text: bytes(String(repeating: "word ", count: 50_000))),
        ]
        let queries =
            [Query(id: bytes("q0"), text: bytes("Show me pictures"), image: named(files[0], format: "png"))]
            + (1..<120).map { Query(id: bytes("q\($0)"), text: bytes("Question number \($0)")) }
        let store = try BrowsedStore()
        try store.commit(
            documents, queries,
            positives: [[.init(document: 0), .init(document: 1), .init(document: 2), .init(document: 3)]],
            negatives: [
                [.init(document: 4, score: 12.25), .init(document: 5, score: 7.5), .init(document: 0, score: 1)]
            ],
            judgements: [("test", 0, 4, 2)], media: files + [svg])
        return store
    }

    @Test("a query stands beside its positives and negatives; images are shown, sounds and videos are played")
    func media() throws {
        let server = try Self.store().serve()
        let browser = try Browser()
        try browser.visit(server.address)
        #expect(try browser.evaluate("location.hash") == "#/queries/0")
        #expect(try browser.evaluate(Self.text("main h2")) == "Show me pictures")
        #expect(
            try browser.evaluate(Self.texts("[data-list=positives] h4"))
                == ["A picture", "sound", "A film", "Another film"])
        #expect(try browser.evaluate(Self.texts("[data-list=negatives] .rank")) == ["1", "2", "3"])
        #expect(
            try browser.evaluate(Self.texts("[data-list=negatives] .score")) == ["score 12.25", "score 7.5", "score 1"])
        #expect(try browser.evaluate(Self.texts("[data-list=negatives] .alarm")) == ["a positive"])
        #expect(try browser.evaluate(Self.texts("[data-list=negatives] .grade")) == ["test 2"])
        #expect(try browser.evaluate(Self.texts("[data-list=judgements-0] h4")) == ["A drawing"])
        #expect(try browser.evaluate(Self.texts("[data-list=positives] dl")) == ["licenceCC0"])
        // Side by side.
        #expect(
            try browser.evaluate(
                """
                (() => { const [a, b] = ["positives", "negatives"].map((key) => document.querySelector(`[data-list=${key}]`).getBoundingClientRect());
                return Math.abs(a.top - b.top) < 2 && a.right <= b.left; })()
                """) == true)
        try browser.wait(
            until: "document.querySelectorAll('[data-list=positives] figure[data-state=loaded]').length === 4")
        #expect(try browser.evaluate("document.querySelector('[data-list=positives] img').naturalWidth > 0") == true)
        #expect(try browser.evaluate("document.querySelector('audio').duration > 0.25") == true)
        #expect(
            try browser.evaluate(
                "[...document.querySelectorAll('video')].every((video) => video.videoWidth > 0 && video.duration > 0)")
                == true)
        // They play, and can be gone through: that takes ranges.
        for kind in ["audio", "video"] {
            try browser.evaluate("document.querySelector('\(kind)').play().then(() => true)")
            try browser.wait(until: "document.querySelector('\(kind)').currentTime > 0")
            try browser.evaluate(
                "(() => { const medium = document.querySelector('\(kind)'); medium.pause(); medium.currentTime = medium.duration / 2; })()"
            )
            try browser.wait(until: "!document.querySelector('\(kind)').seeking")
        }
        // What claims to be a picture and is none is not shown; what is elsewhere is not fetched.
        try browser.wait(until: "document.querySelector('[data-list=negatives] figure[data-state=failed]')")
        #expect(try browser.evaluate("document.title").string?.contains("owned") == false)
        #expect(
            try browser.evaluate(Self.texts("[data-list=negatives] .missing")).array?.contains {
                $0.string?.contains("https://elsewhere.example/picture.png") == true
            } == true)
        #expect(
            try browser.evaluate(
                "performance.getEntriesByType('resource').every((entry) => entry.name.startsWith(location.origin))")
                == true)
        #expect(try browser.evaluate("document.querySelectorAll('img:not([alt]), img[alt=\"\"]').length") == 0)

        // Long texts are folded, cut, and there as a whole on demand.
        try browser.visit(server.address + "/#/documents/6")
        #expect(try browser.evaluate("document.querySelector('.text').textContent.length") == 16_384)
        try browser.evaluate("document.querySelector('main button').click()")
        try browser.wait(until: "document.querySelector('.text').textContent.length === 250000")
        try browser.visit(server.address + "/#/lineage")
        #expect(try browser.evaluate(Self.texts(".version h3")) == ["sample"])
        #expect(try browser.evaluate(Self.text(".version")).string?.contains("corpus.jsonl") == true)
        try browser.visit(server.address + "/#/statistics")
        #expect(try browser.evaluate(Self.texts(".tile strong")).array?.prefix(4) == ["7", "120", "4", "3"])
        // An image that the browser cannot show is the one error that the page expects.
        #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }

    @Test("a search goes on until the page is full or all was looked at, and says how far it got")
    func longSearch() throws {
        let server = try SearchTests.store().serve()
        let browser = try Browser()
        try browser.visit(server.address + "/#/queries?search=the%20river%20id")
        #expect(try browser.evaluate("location.hash") == "#/queries/44321?search=the+river+id")
        #expect(try browser.evaluate(Self.text("#progress")) == "1 found · searched 45,000 of 45,000")
        try browser.visit(server.address + "/#/queries?search=not%20there")
        #expect(try browser.evaluate(Self.text("#progress")) == "0 found · searched 45,000 of 45,000")
        #expect(try browser.evaluate(Self.text("main")) == "Nothing here.")
        try browser.visit(server.address + "/#/queries?filter=negatives")
        #expect(try browser.evaluate(Self.texts("#items .id")) == ["q19999", "q39999"])
        // A full page stops, and the next begins behind it.
        try browser.visit(server.address + "/#/queries?search=number%2044")
        let first = try browser.evaluate(Self.texts("#items .id")).array ?? []
        #expect(first.count == 50 && first.last == "q4438")
        try browser.press("n")
        try browser.wait(until: "location.hash.includes('from=') && " + Browser.isReady)
        #expect(try browser.evaluate(Self.text("#items .id")) == "q4439")
        try browser.press("p")
        try browser.wait(until: "!location.hash.includes('from=') && " + Browser.isReady)
        #expect(try browser.evaluate(Self.texts("#items .id")).array == first)
        #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }

    @Test("hostile data is text")
    func hostile() throws {
        let store = try BrowsedStore()
        let documents = hostileIDs.enumerated().map {
            Document(
                id: bytes($1), title: bytes(hostileTexts[$0]), text: bytes(hostileTexts[$0]),
                extras: [Extra(key: bytes(hostileTexts[$0]), json: JSONValue.string(hostileTexts[$0]).canonical())])
        }
        let queries = hostileIDs.enumerated().map { Query(id: bytes($1), text: bytes(hostileTexts[$0])) }
        try store.commit(
            documents, queries, positives: queries.map { _ in documents.indices.map { .init(document: $0) } },
            negatives: queries.map { _ in [.init(document: 0, score: .infinity)] },
            judgements: [("<img src=x onerror=alert(1)>", 0, 1, 1)])
        let sample = try store.store.dataset("sample")
        let links = try store.store.linksWriter(hasScores: true)
        for _ in queries { try links.append(targets: [0], scores: [.infinity]) }
        _ = try store.store.derive(
            from: sample, reference: "sample@mined", keepingQueries: nil, positives: nil, negatives: links,
            provenance: Provenance(
                tool: "tvt-mine negatives 0.1.0", options: ["strategy": "<b>top</b>", "depth": 7, "seed": "42"],
                inputs: [.init(uri: "<img src=x>.run", size: 3, sha256: .of(bytes("run")))], parents: [sample.digest]))
        let server = try store.serve("sample@mined")
        let browser = try Browser()
        try browser.visit("\(server.address)/#/lineage")
        let lineage = try #require(try browser.evaluate(Self.text("main")).string)
        #expect(lineage.contains("<img src=x>.run") && lineage.contains("<b>top</b>") && !lineage.contains("[object"))
        #expect(lineage.contains("from " + sample.digest.hex.prefix(12)))
        for (ordinal, text) in hostileTexts.prefix(hostileIDs.count).enumerated() {
            try browser.visit("\(server.address)/#/queries/\(ordinal)")
            #expect(try browser.evaluate(Self.text("main h2")) == .string(text))
            #expect(try browser.evaluate(Self.text("main .where .id")) == .string(hostileIDs[ordinal]))
        }
        try browser.visit("\(server.address)/#/queries/0")
        #expect(
            try browser.evaluate(Self.text("[data-list=negatives] .note"))
                == "tvt-mine negatives 0.1.0: strategy <b>top</b>, depth 7, seed 42 from <img src=x>.run · all options")
        #expect(try browser.evaluate(Self.text("[data-list=negatives] .score")) == "score inf")
        #expect(
            try browser.evaluate(Self.texts("[data-list=positives] h4"))
                == .array(hostileTexts.prefix(hostileIDs.count).map { .string($0) }))
        #expect(
            try browser.evaluate(Self.texts("[data-list=positives] .fields dd"))
                == .array(hostileTexts.prefix(hostileIDs.count).map { .string($0) }))
        #expect(
            try browser.evaluate(
                "document.querySelectorAll('main script, main img, main b, main i, main [onmouseover]').length") == 0)
        // Text that turns its direction stays within its element.
        #expect(
            try browser.evaluate(
                "[...document.querySelectorAll('main h2, main h4 a, main dd, main code.id')].every((element) => element.dir === 'auto')"
            ) == true)
        // Pluses and percents are what they are.
        for (text, ordinal) in [("a%2Bb", 5), ("100%25%20%2541%2500%20%252e%252e", 2)] {
            try browser.visit("\(server.address)/#/queries?search=\(text)")
            #expect(try browser.evaluate("location.hash").string?.hasPrefix("#/queries/\(ordinal)?") == true)
        }
        // A search for markup, out of a link.
        let search = "%3Cscript%3E%22'"
        try browser.visit("\(server.address)/#/queries?search=\(search)")
        #expect(try browser.evaluate("document.getElementById('text').value") == "<script>\"'")
        try browser.visit("\(server.address)/#/documents?search=%3Cimg")
        #expect(try browser.evaluate(Self.texts("#items mark")).array?.first == "<img")
        #expect(try browser.evaluate("document.title").string?.hasSuffix("tvt") == true)
        #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }

    @Test("the keyboard reaches all of it, links lead to views, and Back works")
    func keyboard() throws {
        let server = try Self.store().serve()
        let browser = try Browser()
        func hash(_ hash: String) throws {
            try browser.wait(until: "location.hash === \(Self.quoted(hash)) && \(Browser.isReady)")
        }
        try browser.visit(server.address)
        try browser.press("j")
        try hash("#/queries/1")
        try browser.press("ArrowDown")
        try hash("#/queries/2")
        #expect(try browser.evaluate(Self.text("main h2")) == "Question number 2")
        #expect(try browser.evaluate("document.querySelector('#items [aria-current]').dataset.ordinal") == "2")
        try browser.press("k")
        try hash("#/queries/1")
        try browser.press("n")
        try hash("#/queries/50?from=50")
        #expect(try browser.evaluate(Self.text("#progress")) == "51 – 100 of 120")
        try browser.press("k")
        try hash("#/queries/0")
        // Search: / goes there, Enter searches, the page says how far it looked.
        try browser.press("/")
        try browser.wait(until: "document.activeElement.id === 'text'")
        try browser.type("number 11")
        try browser.press("Enter")
        try hash("#/queries/11?search=number+11")
        #expect(try browser.evaluate(Self.text("#progress")) == "11 found · searched 120 of 120")
        #expect(try browser.evaluate(Self.texts("#items .line mark")).array?.count == 11)
        try browser.press("j")
        try hash("#/queries/110?search=number+11")
        try browser.evaluate("history.back()")
        try hash("#/queries/11?search=number+11")
        try browser.evaluate("history.back()")
        try hash("#/queries/0")
        #expect(try browser.evaluate("document.getElementById('text').value") == "")
        // An id.
        try browser.press("/")
        try browser.type("q77")
        try browser.press("Escape")
        #expect(try browser.evaluate("document.activeElement.id") == "main")
        try browser.press("/")
        try browser.type("q77")
        try browser.press("Enter")
        try hash("#/queries/77?search=q77")
        for (key, view) in [("2", "#/documents/0"), ("3", "#/lineage"), ("4", "#/statistics"), ("1", "#/queries/0")] {
            try browser.press(key)
            try hash(view)
            let name = view.split(separator: "/")[1]
            #expect(
                try browser.evaluate("document.querySelector('#views [aria-current]').getAttribute('href')")
                    == .string("#/\(name)"))
        }
        try browser.press("?")
        #expect(try browser.evaluate("document.getElementById('keys').open") == true)
        try browser.press("j")
        #expect(try browser.evaluate("location.hash") == "#/queries/0")
        try browser.press("Escape")
        try browser.wait(until: "!document.getElementById('keys').open")
        // Tab reaches everything in the order of reading, and what has the focus is seen.
        try browser.visit(server.address)
        try browser.evaluate("window.reached = []")
        for _ in 0..<12 {
            try browser.press("Tab")
            try browser.evaluate("window.reached.push(document.activeElement.id || document.activeElement.textContent)")
            #expect(try browser.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'") == true)
        }
        let reached = try #require(try browser.evaluate("window.reached").array?.compactMap { $0.string })
        #expect(
            Array(reached.prefix(8)) == [
                "skip", "Queries", "Documents", "Lineage", "Statistics", "help", "text", "filter",
            ])
        // What a screen reader is told.
        let tree = try browser.send("Accessibility.getFullAXTree")["nodes"]?.array ?? []
        let roles = Set(tree.compactMap { $0["role"]?["value"]?.string })
        #expect(
            roles.isSuperset(of: [
                "banner", "navigation", "main", "search", "searchbox", "status", "heading", "list", "link", "button",
            ]))
        let nameless = tree.filter {
            ["button", "link", "searchbox", "combobox"].contains($0["role"]?["value"]?.string)
                && $0["ignored"] != true && ($0["name"]?["value"]?.string ?? "").isEmpty
        }
        #expect(nameless.isEmpty, "\(nameless)")
        // Dark where the reader wants it dark: text stays lighter than what is behind it.
        for (scheme, isDark) in [("dark", true), ("light", false)] {
            try browser.send(
                "Emulation.setEmulatedMedia",
                ["features": [["name": "prefers-color-scheme", "value": .string(scheme)]]])
            let light = try browser.evaluate(
                "['color', 'backgroundColor'].map((key) => getComputedStyle(document.body)[key].match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0))"
            )
            let sums = try #require(light.array?.compactMap { $0.integer })
            #expect((sums[0] > sums[1]) == isDark && abs(sums[0] - sums[1]) > 400, "\(scheme)")
        }
        #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }
}
