import Archives
import Base
import JSON
import Records
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit

/// What records say of their items once the store has them.
@Suite struct ProbeTests {
    let place: MediaPlace

    init() throws { place = try MediaPlace() }

    private func item(_ dataset: Dataset, _ ordinal: Int, _ kind: MediaKind) throws -> MediaReference.Item {
        let document = try dataset.document(ordinal)
        let reference = kind == .image ? document.image : kind == .video ? document.video : document.audio
        return try #require(reference?.item)
    }

    static let sounds: [(name: String, format: String?, rate: Int, channels: Int)] = [
        ("stereo.wav", "wav", 44_100, 2), ("mono-8k.wav", "wav", 8000, 1), ("stereo.flac", "flac", 44_100, 2),
        ("stereo.mp3", "mp3", 44_100, 2), ("stereo.ogg", "ogg", 44_100, 2), ("opus.ogg", "ogg", 48_000, 2),
    ]

    @Test(arguments: ["header", "full", "none"]) func soundsAndVideos(check: String) throws {
        var corpus: [String] = []
        for sound in Self.sounds {
            try place.add(golden: sound.name)
            corpus.append(document(sound.name, "audio", sound.name))
        }
        let videos = [
            ("clip.mp4", "mp4", 24), ("clip.webm", "webm", 24), ("clip.avi", nil, 24), ("turned.mp4", "mp4", 24),
        ]
        for video in videos {
            try place.add(golden: video.0)
            corpus.append(document(video.0, "video", video.0))
        }
        // The sound of a video is a sound.
        corpus.append(document("track", "audio", "clip.mp4"))
        let result = try place.convert(corpus, ["--media-check", check])
        #expect(result.status == 0, "\(result.errorText)")
        let dataset = try place.dataset()
        for (ordinal, sound) in Self.sounds.enumerated() {
            let item = try item(dataset, ordinal, .audio)
            #expect(item.format == sound.format && item.sampleRate == sound.rate && item.channelCount == sound.channels)
            #expect(abs((item.duration ?? 0) - 0.3) < 0.06, "\(sound.name): \(item.duration ?? 0)")
            // Whole thousandths, in few digits.
            #expect(item.duration.map { "\($0)".count <= 5 } == true)
            #expect(item.frameCount == nil && item.width == nil && item.sourceDigest == nil)
        }
        for (offset, video) in videos.enumerated() {
            let item = try item(dataset, Self.sounds.count + offset, .video)
            #expect(item.format == video.1 && item.frameCount == video.2 && item.channelCount == 1, "\(item)")
            #expect(item.width == (video.0 == "turned.mp4" ? 64 : 96) && abs((item.duration ?? 0) - 2) < 0.1)
        }
        let track = try item(dataset, corpus.count - 1, .audio)
        #expect(track.format == "mp4" && track.sampleRate == 44_100 && track.frameCount == nil && track.width == nil)
        #expect(dataset.manifest.provenance.options["mediaCheck"]?.string == check)
    }

    /// Datasets of images have the lines, and so the digests, that they always had; what is stored is what was there.
    @Test func imagesSayWhatTheyAlwaysDid() throws {
        let names = try goldenMedia.get().keys.sorted().filter {
            $0.hasSuffix(".png") || $0.hasSuffix(".jpg") || $0.hasSuffix(".gif") || $0.hasSuffix(".webp")
        }
        #expect(names.count > 20)
        var lines: [String] = []
        for name in names {
            let bytes = try golden(name)
            try place.add(bytes, as: name)
            let header = bytes.withUnsafeBytes { MediaHeader($0) }
            lines.append(
                #"{"docid":"\#(name)","document_image":{"digest":"\#(SHA256Digest.of(bytes))","size":\#(bytes.count),"#
                    + #""format":"\#(header.format!)","width":\#(header.width!),"height":\#(header.height!)}}"#)
        }
        for check in ["none", "header", "full"] {
            let result = try place.convert(names.map { document($0, "image", $0) }, ["--media-check", check])
            #expect(result.status == 0, "\(result.errorText)")
            let dataset = try place.dataset()
            for (ordinal, line) in lines.enumerated() {
                #expect(String(decoding: try dataset.documentRecord(ordinal), as: UTF8.self) == line)
                let bytes = try golden(names[ordinal])
                #expect(try dataset.withMedia(.of(bytes)) { Array($0) } == bytes)
            }
        }
    }

    /// Each way into the store that takes media tells the same.
    @Test func everyWayIn() throws {
        try place.add(golden: "stereo.wav", "clip.mp4")
        _ = try place.convert([document("1", "audio", "stereo.wav"), document("2", "video", "clip.mp4")])
        let lines = try (0..<2).map { try place.dataset().documentRecord($0) }
        let writer = try TarWriter(place.folder("corpus.tar"))
        for (name, file) in [("1.wav", "stereo.wav"), ("2.mp4", "clip.mp4")] {
            try golden(file).withUnsafeBytes { try writer.append(name, $0) }
        }
        try writer.commit()
        let tar = try place.tool(["webdataset", "corpus.tar", "--dataset", "tar"])
        #expect(tar.status == 0, "\(tar.errorText)")
        #expect(try (0..<2).map { try place.dataset("tar").documentRecord($0) } == lines)
        // An export comes back as it was, with all that is known.
        for format in ["v2", "webdataset"] {
            let store = ["--store", place.root.string]
            let output = place.folder(format).string
            #expect(
                try run("tvt-store", ["export", "set", "--format", format, "--output", output] + store).status == 0)
            let back = try run("tvt-store", ["import", output, "--dataset", "back"] + store)
            #expect(back.status == 0, "\(back.errorText)")
            #expect(try place.dataset("back").manifest.logicalDigest == place.dataset().manifest.logicalDigest)
        }
    }

    /// Sounds that do not fit in memory are looked into where they lie.
    @Test func largeFiles() throws {
        let seconds = 120
        var wav = Array("RIFF".utf8) + Self.little(36 + 96_000 * seconds * 2) + Array("WAVEfmt ".utf8) + Self.little(16)
        wav += [1, 0, 2, 0] + Self.little(48_000) + Self.little(192_000) + [4, 0, 16, 0] + Array("data".utf8)
        wav += Self.little(96_000 * seconds * 2) + [UInt8](repeating: 0, count: 96_000 * seconds * 2)
        #expect(wav.count > MediaItem.largestInMemory)
        try place.add(wav, as: "long.wav")
        let result = try place.convert([document("1", "audio", "long.wav")], ["--media-check", "full"])
        #expect(result.status == 0, "\(result.errorText)")
        let item = try item(place.dataset(), 0, .audio)
        #expect(item.duration == 120 && item.sampleRate == 48_000 && item.channelCount == 2)
        let writer = try TarWriter(place.folder("corpus.tar"))
        try wav.withUnsafeBytes { try writer.append("1.wav", $0) }
        try writer.commit()
        #expect(try place.tool(["webdataset", "corpus.tar", "--dataset", "tar"]).status == 0)
        #expect(try place.dataset("tar").documentRecord(0) == place.dataset().documentRecord(0))
        // Cut off, in its file too.
        try place.add(Array(wav.dropLast(6_000_000)), as: "long.wav")
        for check in ["header", "full"] {
            let cut = try place.convert([document("1", "audio", "long.wav")], ["--media-check", check])
            #expect(cut.status == 65 && cut.errorText.contains("cut off"), "\(cut.errorText)")
        }
    }

    private static func little(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

    /// Without libav beside it the tool takes images, and says what is missing for others.
    @Test func withoutLibav() throws {
        try place.add(golden: "rgb.png", "stereo.wav")
        let tool = try place.folder.write(
            Files.readAll(builtProducts.appending("tvt-convert")), to: "alone/tvt-convert")
        func convert(_ line: String) throws -> ToolResult {
            let corpus = try place.folder.write(line + "\n", to: "c.jsonl")
            return try runShell(
                "chmod +x '\(tool)' && '\(tool)' v2 --corpus '\(corpus)' --assets '\(place.folder("assets"))' "
                    + "--dataset alone --store '\(place.root)' --quarantine '\(place.folder("q"))'")
        }
        #expect(try convert(document("1", "image", "rgb.png")).status == 0)
        // Nor is it the record's fault.
        let sound = try convert(document("1", "audio", "stereo.wav"))
        #expect(sound.status == 78 && sound.errorText.contains("libav cannot be loaded"), "\(sound.errorText)")
    }
}
