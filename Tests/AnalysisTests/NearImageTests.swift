import Analysis
import Base
import JSON
import Media
import Records
import Store
import StoreFormat
import SystemPackage
import TestKit
import Testing

/// `dedup --near-images`: documents that show the same, with texts that say the same.
@Suite struct NearImageTests {
    /// A document; its image is a file, or a name of something elsewhere.
    struct Page {
        var id: String
        var image: [UInt8]?
        var name: String?
        var kind = MediaKind.image
        var title: String?
        var text: String?
    }

    /// Bars and blocks at random places.
    static func picture(_ seed: UInt64) -> Bitmap {
        let (width, height) = (160, 120)
        var random = SplitMix64(seed: seed)
        func number(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
        var pixels = [UInt8](repeating: 128, count: width * height * 3)
        for _ in 0..<10 {
            let (left, top, side) = (number(130), number(90), 15 + number(40))
            let grey = UInt8(number(256))
            for y in top..<min(height, top + side) {
                for x in left..<min(width, left + side) {
                    for channel in 0..<3 { pixels[(y * width + x) * 3 + channel] = grey }
                }
            }
        }
        return Bitmap(width: width, height: height, channelCount: 3, pixels: pixels)
    }

    static func png(_ seed: UInt64) throws -> [UInt8] { try picture(seed).encoded(as: .png) }
    static func jpeg(_ seed: UInt64, quality: Int = 50) throws -> [UInt8] {
        try picture(seed).scaled(toWidth: 120, height: 90).encoded(as: .jpeg, quality: quality)
    }
    static func blank(_ grey: UInt8) throws -> [UInt8] {
        try Bitmap(width: 50, height: 70, channelCount: 3, pixels: .init(repeating: grey, count: 50 * 70 * 3))
            .encoded(as: .png)
    }

    @discardableResult
    static func commit(_ pages: [Page], to store: Store, as reference: String = "pages") throws -> Dataset {
        let writer = try store.writer(reference: reference, provenance: Provenance(tool: "test 1"))
        for page in pages {
            var media: MediaReference?
            if let bytes = page.image {
                let item = try bytes.withUnsafeBytes { try MediaItem($0) }
                try writer.add(item, as: page.kind)
                media = MediaReference(MediaReference.Item(digest: item.digest, size: item.byteCount))
            } else if let name = page.name {
                media = MediaReference(name: name)
            }
            var document = Document(
                id: Array(page.id.utf8), title: page.title.map { Array($0.utf8) },
                text: page.text.map { Array($0.utf8) },
                image: page.kind == .image ? media : nil)
            if page.kind == .audio { document.audio = media }
            var line: [UInt8] = []
            document.appendJSONLine(to: &line)
            _ = try Array(page.id.utf8).withUnsafeBytes { id in
                try line.withUnsafeBytes { try writer.appendDocument(id: id, record: $0) }
            }
        }
        let query = Array(#"{"query_id":"q","query_text":"which"}"#.utf8)
        _ = try Array("q".utf8).withUnsafeBytes { id in
            try query.withUnsafeBytes {
                try writer.appendQuery(
                    id: id, record: $0, positives: [0], negatives: (1..<UInt32(pages.count)).map { $0 })
            }
        }
        return try writer.commit()
    }

    static func options(near: Bool = false, workers: Int = 2) -> DeduplicationOptions {
        var options = DeduplicationOptions()
        options.nearImages = .init()
        options.isNear = near
        options.workers = workers
        return options
    }

    static let text = "in the beginning was the word and the word was with god and the word was god"

    @Test func imagesAreEqualWhereTheirTextsAre() throws {
        let temporary = try TemporaryStore()
        let dataset = try Self.commit(
            [
                Page(id: "a", image: Self.png(1)), Page(id: "a again", image: Self.jpeg(1)),
                Page(id: "b", image: Self.png(2)), Page(id: "a with text", image: Self.png(1), text: Self.text),
                Page(id: "a, other case", image: Self.jpeg(1), text: Self.text.uppercased()),
                Page(id: "a, one word more", image: Self.jpeg(1, quality: 70), text: Self.text + " indeed"),
                Page(id: "b with text", image: Self.jpeg(2), text: Self.text),
                Page(id: "a with title", image: Self.jpeg(1), title: "Word", text: Self.text),
                Page(id: "dots", image: Self.png(1), text: "…"), Page(id: "more dots", image: Self.jpeg(1), text: "……"),
            ], to: temporary.store)
        let equal = try Deduplication(of: dataset, options: Self.options())
        #expect(
            try DeduplicationTests.aliases(equal) == ["a again": "a", "a, other case": "a with text"])
        #expect(equal.report.nearImageCount == 2 && equal.report.exactCount == 0)
        #expect(equal.report.images?.documentCount == 10)
        var options = Self.options(near: true)
        #expect(
            try DeduplicationTests.aliases(Deduplication(of: dataset, options: options)) == [
                "a again": "a", "a, other case": "a with text", "a, one word more": "a with text",
                "a with title": "a with text",
            ])
        options.isNear = false
        options.isTextOnly = true
        #expect(
            try DeduplicationTests.aliases(Deduplication(of: dataset, options: options)) == [
                "a again": "a", "a, other case": "a with text", "a with title": "a with text",
            ])
        options.nearImages = nil
        #expect(try DeduplicationTests.aliases(Deduplication(of: dataset, options: options)).isEmpty)
    }

    @Test func whatCannotBeComparedIsCounted() throws {
        let temporary = try TemporaryStore()
        let pages = [
            Page(id: "white", image: try Self.blank(255)), Page(id: "nearly white", image: try Self.blank(254)),
            Page(id: "a", image: try Self.png(1)), Page(id: "a again", image: try Self.jpeg(1)),
            Page(id: "sound", image: Array("RIFF".utf8), kind: .audio),
        ]
        let clean = try Self.commit(pages, to: temporary.store)
        let report = try Deduplication(of: clean, options: Self.options()).report
        #expect(report.images?.flatCount == 2 && report.images?.recordingCount == 1 && report.aliasCount == 1)
        let broken = Page(id: "cut off", image: Array(try Self.png(7).prefix(200)))
        let absent = Page(id: "elsewhere", name: "photos/7.png")
        for (page, words) in [(broken, "cannot be decoded"), (absent, "not in the dataset")] {
            let dataset = try Self.commit(pages + [page], to: temporary.store, as: "more")
            let error = #expect(throws: InputError.self) { try Deduplication(of: dataset, options: Self.options()) }
            let text = error?.description ?? ""
            #expect(text.contains("\"\(page.id)\"") && text.contains(words) && text.contains("--broken-images skip"))
            var options = Self.options()
            options.nearImages?.skipsBroken = true
            let report = try Deduplication(of: dataset, options: options).report
            #expect(report.aliasCount == 1)
            #expect(report.images?.brokenCount == (page.name == nil ? 1 : 0))
            #expect(report.images?.absentCount == (page.name == nil ? 0 : 1))
        }
    }

    /// Against a comparison of all pairs, whatever the threads and the memory; links point at what stands for the rest.
    @Test func allNearPairsAreFound() throws {
        let temporary = try TemporaryStore()
        var pages: [Page] = []
        for seed in 0..<40 {
            pages.append(Page(id: "p\(seed)", image: try Self.png(UInt64(seed))))
            if seed % 2 == 0 { pages.append(Page(id: "p\(seed) again", image: try Self.jpeg(UInt64(seed)))) }
            if seed % 5 == 0 {
                pages.append(Page(id: "p\(seed) once more", image: try Self.jpeg(UInt64(seed), quality: 30)))
            }
        }
        let dataset = try Self.commit(pages, to: temporary.store)
        let hashes = try pages.map { try $0.image!.withUnsafeBytes { ImageHash(of: try Bitmap(decoding: $0)) } }
        var component = Array(pages.indices)
        func root(_ index: Int) -> Int { component[index] == index ? index : root(component[index]) }
        for i in pages.indices {
            for j in 0..<i where hashes[i].distance(to: hashes[j]) <= 8 && hashes[i].similarity(to: hashes[j]) >= 0.95 {
                component[max(root(i), root(j))] = min(root(i), root(j))
            }
        }
        var expected: [String: String] = [:]
        for index in pages.indices where root(index) != index { expected[pages[index].id] = pages[root(index)].id }
        #expect(expected.count >= 20)
        var digests: Set<String> = []
        for (workers, memory) in [(0, 32 << 20), (1, 1), (3, 32 << 20)] {
            var options = Self.options(workers: workers)
            options.sortedBytes = memory
            let deduplication = try Deduplication(of: dataset, options: options)
            #expect(try DeduplicationTests.aliases(deduplication) == expected)
            let derived = try deduplication.derive(as: "unique", in: temporary.store, tool: "test")
            digests.insert(derived.digest.description)
            let positives = try #require(derived.positives).targets(of: 0)
            let negatives = try #require(derived.negatives).targets(of: 0)
            #expect(Array(positives) == [0])
            let kept = pages.indices.filter { root($0) == $0 && $0 != 0 }.map { UInt32($0) }
            #expect(Array(negatives) == kept)
        }
        #expect(digests.count == 1)
    }

    @Test(arguments: 0...12) func hashesThatDifferALittleShareABand(distance: Int) {
        var random = SplitMix64(seed: UInt64(distance))
        for hashCount in [10, 100_000, 100_000_000] {
            let masks = HashBands(distance: distance, hashCount: hashCount).masks
            #expect(Set(masks).count == masks.count)
            for _ in 0..<200 {
                var difference: UInt64 = 0
                while difference.nonzeroBitCount < distance { difference |= 1 << random.next(below: 64) }
                #expect(masks.contains { difference & $0 == 0 })
            }
        }
    }

    @Test func theToolReports() throws {
        let temporary = try TemporaryStore()
        _ = try Self.commit(
            [
                Page(id: "a", image: Self.png(1)), Page(id: "a again", image: Self.jpeg(1)),
                Page(id: "white", image: Self.blank(255)), Page(id: "cut off", image: Array(Self.png(7).prefix(200))),
            ], to: temporary.store)
        _ = try Self.commit([Page(id: "words", text: Self.text)], to: temporary.store, as: "words")
        func tool(_ arguments: String...) throws -> ToolResult {
            try run("tvt-store", arguments + ["--store", temporary.store.root.string])
        }
        let refused = try tool("dedup", "pages", "--near-images", "--as", "unique")
        #expect(refused.status == 65 && refused.errorText.contains("\"cut off\""))
        #expect(try temporary.store.references().map(\.name).sorted() == ["pages", "words"])
        for option in [["--image-bits", "4"], ["--image-similarity", "0.9"], ["--broken-images", "skip"]] {
            let result = try run("tvt-store", ["dedup", "pages", "--as", "x"] + option)
            #expect(result.status == 64 && result.errorText.contains("--near-images"))
        }
        let report = temporary.folder("aliases.jsonl")
        let done = try tool(
            "dedup", "pages", "--near-images", "--broken-images", "skip", "--as", "unique", "--report", report.string,
            "--json")
        #expect(done.status == 0 && done.errorText.contains("\"cut off\""))
        let counts = try JSONValue.parse(done.output, path: "dedup")
        #expect(counts["near_images"]?.integer == 1 && counts["aliases"]?.integer == 1)
        #expect(counts["images"]?["flat"]?.integer == 1 && counts["images"]?["broken"]?.integer == 1)
        #expect(try Files.readText(report) == "{\"docid\":\"a again\",\"representative\":\"a\"}\n")
        #expect(try tool("log", "unique").outputText.contains("image_similarity"))
        let nothing = try tool("dedup", "words", "--near-images", "--dry-run")
        #expect(nothing.status == 0 && nothing.errorText.contains("no document has an image"))
    }
}
