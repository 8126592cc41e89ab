import Base
import JSON
import Records
import Store
import StoreFormat
import StoreMaintenance
import SystemPackage
import Testing
import TestKit

/// Damage to media is put aside and undone where the bytes can be had, and told exactly where they cannot.
@Suite struct MediaMaintenanceTests {
    let temporary: TemporaryStore
    let sample = SampleMedia(count: 40, seed: 21, largest: 30_000)
    let dataset: Dataset
    var store: Store { temporary.store }
    var media: Manifest.MediaTable { dataset.manifest.media! }

    init() throws {
        temporary = try TemporaryStore()
        var options = WriterOptions()
        options.mediaShardBytes = 25_000
        dataset = try sample.commit(to: temporary.store, documents: 60, options: options)
    }

    func change(_ blob: BlobDescriptor, _ body: (inout [UInt8]) -> Void) throws {
        let path = store.path(of: blob.digest)
        var bytes = try Files.readAll(path)
        body(&bytes)
        try Files.remove(path)
        try Files.replace(path, with: bytes)
    }

    func repair(from sources: [StoreSource] = [], salvage: String? = nil) throws -> RepairReport {
        try store.repair("sample", from: sources, salvageReference: salvage, tool: "test 1")
    }

    @Test func allBlobsComeBackFromAnotherStore() throws {
        let other = try Store.create(at: temporary.folder("other"))
        for blob in media.shards.map(\.blob) + [media.index] {
            try Files.replace(other.path(of: blob.digest), with: Files.readAll(store.path(of: blob.digest)))
            try change(blob) { $0[$0.count / 3] ^= 4 }
        }
        #expect(try store.verify("sample", level: .data).findings.count >= media.shards.count + 1)
        let report = try repair(from: [StoreSource(other)])
        #expect(report.items.count == media.shards.count + 1)
        #expect(report.stillBad == 0)
        #expect(try store.verify(level: .full).findings.isEmpty)
    }

    /// The index follows from the shards, and the tail of a shard from its frames.
    @Test func whatSurroundsTheItemsIsMadeAgain() throws {
        try Files.remove(store.path(of: media.index.digest))
        try change(media.shards[0].blob) { $0[$0.count - 5] ^= 1 }  // The seek table.
        try change(media.shards[1].blob) { $0[20] ^= 1 }  // The header.
        try change(media.shards[2].blob) { $0.removeLast(250) }  // A piece of the tail.
        let report = try repair()
        #expect(report.items.map(\.outcome) == [.rebuilt, .rebuilt, .rebuilt, .rebuilt])
        #expect(report.items.map(\.role) == ["media shard 0", "media shard 1", "media shard 2", "media index"])
        #expect(try store.verify(level: .full).findings.isEmpty)
    }

    @Test func salvageKeepsWhatCanBeReadAndListsTheRest() throws {
        // A frame of the first shard, and all of the second.
        try change(media.shards[0].blob) { $0[56 + 40] ^= 1 }
        try Files.remove(store.path(of: media.shards[1].blob.digest))
        let report = try repair(salvage: "saved")
        #expect(report.stillBad == 2)
        let salvage = try #require(report.salvage)
        let lostCount = 1 + media.shards[1].recordCount
        #expect(salvage.lostMedia == lostCount)
        #expect(salvage.lostDocuments == 0)
        let saved = try store.dataset("saved")
        let table = try #require(saved.manifest.media)
        #expect(table.itemCount == media.itemCount - lostCount)
        #expect(table.imageCount == table.itemCount)
        // Shards that are whole are shared.
        #expect(Array(table.shards.dropFirst()) == Array(media.shards.dropFirst(2)))
        var lostReferences = 0
        for number in 0..<60 {
            let bytes = sample.items[(number % 3 == 2 ? number - 1 : number) % 40]
            if let read = try saved.withMedia(SHA256Digest.of(bytes), { Array($0) }) {
                #expect(read == bytes)
            } else {
                lostReferences += 1
            }
            #expect(try saved.document(number).image?.digest == .of(bytes))
        }
        #expect(table.externalCount == lostReferences)
        #expect(try store.verify("saved", level: .full).findings.isEmpty)
        let losses = try Files.readAll(FilePath(salvage.lostList)).split(separator: 10).map {
            try JSONValue.parse(Array($0), path: "losses")
        }
        #expect(losses.allSatisfy { $0["kind"]?.string == "media" })
        #expect(losses.count == 2)
        #expect(losses[0]["digest"]?.string == SHA256Digest.of(sample.items[0]).description)
        #expect(losses[1]["items"]?.integer == media.shards[1].recordCount)
        #expect(losses[1]["reason"]?.string == "the blob is missing")
    }

    /// A reference by digest whose item nobody has, and that nobody counted, is found.
    @Test func verifyMissesItemsThatRecordsName() throws {
        let absent = SHA256Digest.of([1, 2, 3])
        let line = #"{"docid":"x","document_image":{"digest":"\#(absent)","size":3}}"#
        for externalCount in [0, 1] {
            let writer = try store.writer(reference: "lacking", provenance: Provenance(tool: "test 1"))
            try Array("x".utf8).withUnsafeBytes { id in
                try Array(line.utf8).withUnsafeBytes { _ = try writer.appendDocument(id: id, record: $0) }
            }
            try writer.add(MediaItem([1]), as: .image)
            writer.noteExternalMedia(externalCount)
            try writer.commit()
            let findings = try store.verify("lacking", level: .meta).findings
            #expect(findings.count == 1 - externalCount)
            #expect(findings.allSatisfy { $0.message.contains("\(absent)") && $0.message.contains("document 0") })
        }
    }

    @Test func collectionsAndCompactionKeepThem() throws {
        let compacted = try store.compact("sample", as: "compact", tool: "test 1", isForced: true)
        #expect(compacted.after != nil)
        #expect(try store.dataset("compact").manifest.media == media)
        try store.remove("sample")
        for _ in 0..<2 { _ = try store.collectGarbage(GarbageTests.options()) }
        #expect(try store.verify("compact", level: .full).findings.isEmpty)
        try store.remove("compact")
        for _ in 0..<2 { _ = try store.collectGarbage(GarbageTests.options()) }
        #expect(try temporary.blobs().isEmpty)
    }
}

/// `tvt-store media`, and what other commands say of media.
@Suite struct MediaToolTests {
    let temporary: TemporaryStore
    let image: [UInt8] = Array("GIF89a".utf8) + [44, 1, 200, 0, 0, 0, 0, 1, 2, 3]
    let sound = Array("fLaC and more".utf8)

    init() throws {
        temporary = try TemporaryStore()
        let writer = try temporary.store.writer(reference: "sample", provenance: Provenance(tool: "test 1"))
        let (image, sound) = (try MediaItem(image), try MediaItem(sound))
        for document in [
            Document(id: Array("both".utf8), image: image.reference(), audio: sound.reference()),
            Document(id: Array("one".utf8), image: image.reference(name: "a.gif")),
            Document(id: Array("else".utf8), video: MediaReference(name: "https://example.org/v.mp4")),
            Document(id: Array("none".utf8), text: [65]),
        ] {
            try document.id.withUnsafeBytes { id in
                try SampleData.line(document).withUnsafeBytes { _ = try writer.appendDocument(id: id, record: $0) }
            }
        }
        let query = Query(id: Array("q".utf8), audio: sound.reference())
        try query.id.withUnsafeBytes { id in
            try SampleData.line(query).withUnsafeBytes {
                _ = try writer.appendQuery(id: id, record: $0, positives: [UInt32](), negatives: [UInt32]())
            }
        }
        try writer.add(image, as: .image)
        try writer.add(sound, as: .audio)
        writer.noteExternalMedia(1)
        try writer.commit()
    }

    func tool(_ arguments: String...) throws -> ToolResult {
        try run("tvt-store", arguments + ["--store", temporary.store.root.string])
    }

    @Test func itemsComeOutBitForBit() throws {
        #expect(try tool("media", "sample", "--docid", "one", "--output", "-").output == image)
        let file = temporary.folder("out/sound.flac")
        #expect(try tool("media", "sample", "--query-id", "q", "--output", file.string).status == 0)
        #expect(try Files.readAll(file) == sound)
        #expect(try tool("media", "sample", "--docid", "both", "--field", "audio", "--output", "-").output == sound)
        let held = try tool("media", "sample", "--query-id", "q", "--output", file.removingLastComponent().string)
        #expect(held.status == 73 && held.errorText.contains("is a folder"), "\(held.errorText)")
        #expect(!held.errorText.contains(".tmp"), "\(held.errorText)")
        let digest = SHA256Digest.of(image).description
        #expect(try tool("media", "sample", "--digest", digest, "--output", "-").output == image)
    }

    @Test func itTellsWhatThereIs() throws {
        let text = try tool("media", "sample", "--docid", "both").outputText
        #expect(text.contains("image") && text.contains("gif, 300 × 200") && text.contains("\(SHA256Digest.of(sound))"))
        #expect(try tool("media", "sample", "--docid", "else").outputText.contains("not in the store"))
        let json = try JSONValue.parse(tool("media", "sample", "--docid", "both", "--json").output, path: "json")
        #expect(json.array?.count == 2)
        #expect(json.array?[1]["kind"]?.string == "audio")
        #expect(json.array?[1]["size"]?.integer == sound.count)
        #expect(json.array?[1]["format"]?.string == "flac")
        #expect(json.array?[1]["stored"] == true)
        let digest = SHA256Digest.of(image).description
        #expect(try tool("media", "sample", "--digest", digest).outputText.contains("gif, 300 × 200"))
    }

    @Test func whatIsNotThereIsSaid() throws {
        for (arguments, status) in [
            (["--docid", "both", "--output", "-"], 64), (["--docid", "else", "--output", "-"], 66),
            (["--docid", "nobody"], 66), (["--query-id", "nobody"], 66), (["--docid", "none"], 66),
            (["--docid", "one", "--field", "video"], 66), (["--digest", "sha256:12"], 64), ([], 64),
            (["--digest", SHA256Digest.of([9]).description], 66), (["--docid", "one", "--query-id", "q"], 64),
        ] as [([String], Int32)] {
            let result = try run(
                "tvt-store", ["media", "sample"] + arguments + ["--store", temporary.store.root.string])
            #expect(result.status == status, "\(arguments): \(result.errorText)")
            #expect(result.output.isEmpty)
        }
    }

    /// Not a byte of a damaged item is given out.
    @Test func damagedItemsAreKeptBack() throws {
        let blob = try #require(temporary.store.dataset("sample").manifest.media).shards[0].blob
        let path = temporary.store.path(of: blob.digest)
        var bytes = try Files.readAll(path)
        bytes[56 + 20] ^= 1
        try Files.remove(path)
        try Files.replace(path, with: bytes)
        let result = try tool("media", "sample", "--docid", "one", "--output", "-")
        #expect(result.status == 65)
        #expect(result.output.isEmpty)
        #expect(try tool("media", "sample", "--query-id", "q", "--output", "-").output == sound)
        let file = temporary.folder("out.gif")
        #expect(try tool("media", "sample", "--docid", "one", "--output", file.string).status == 65)
        #expect(!Files.exists(file))
    }

    @Test func showAndStatsTellOfThem() throws {
        for command in ["show", "stats"] {
            let text = try tool(command, "sample").outputText
            #expect(text.contains("2 items, ") && text.contains("(1 image, 1 sound), 1 reference to items elsewhere"))
        }
        let page = temporary.folder("page.html")
        let json = try JSONValue.parse(tool("stats", "sample", "--json", "--html", page.string).output, path: "json")
        #expect(json["media"]?["items"]?.integer == 2)
        #expect(json["media"]?["images"]?.integer == 1)
        #expect(json["media"]?["raw_bytes"]?.integer == image.count + sound.count)
        #expect(try Files.readText(page).contains("<h2>Media</h2>"))
    }
}
