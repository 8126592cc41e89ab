import Archives
import Base
import JSON
import Media
import Records
import Store
import StoreFormat
import TestKit
import Testing

/// One rule for a format, whatever the check and the field: what is read is read by all, and what is not is named by all.
@Suite struct FormatTests {
    let place: MediaPlace

    init() throws { place = try MediaPlace() }

    private static func kind(_ name: String) throws -> [UInt8] { try #require(goldenKinds.get()[name]) }

    /// Converts documents with a good one beside them, and answers what came of each.
    private func outcomes(_ documents: [(name: String, kind: String)], _ more: [String]) throws -> [String: JSONValue] {
        try place.add(golden: "rgba.png")
        let corpus = documents.map { document("\($0.kind) \($0.name)", $0.kind, $0.name) }
        let result = try place.convert(corpus + [document("good", "image", "rgba.png")], ["--quarantine", "q"] + more)
        #expect(result.status == 0, "\(result.errorText)")
        var outcomes: [String: JSONValue] = [:]
        for line in try place.quarantine() {
            outcomes[try #require(line["docid"]?.string)] = .string(
                "\(line["reason"]?.string ?? ""): \(line["message"]?.string ?? "")")
        }
        let dataset = try place.dataset()
        for ordinal in 0..<dataset.documentCount {
            let record = try dataset.document(ordinal)
            let id = String(decoding: record.id, as: UTF8.self)
            let reference = try #require(record.image ?? record.video ?? record.audio)
            outcomes[id] = try .parse(reference.json, path: id)
        }
        return outcomes
    }

    static let unread: [(name: String, word: String)] = [
        ("still.avif", "AVIF"), ("moving.avif", "AVIF"), ("p.jp2", "JPEG 2000"), ("p.ico", "ICO"), ("p.ppm", "Netpbm"),
        ("p.heic", "HEIC"), ("p.jxl", "JPEG XL"), ("boxed.jxl", "JPEG XL"), ("p.psd", "PSD"), ("p.svg", "SVG"),
        ("prolog.svg", "SVG"), ("p.pdf", "PDF"), ("lfs", "Git LFS"), ("annex", "git-annex"), ("page", "HTML page"),
        ("login", "HTML page"), ("denied", "XML document"), ("p.zip", "ZIP"), ("float.tif", "floating-point"),
    ]

    private func addUnread() throws {
        for name in ["still.avif", "moving.avif", "p.jp2", "p.ico", "p.ppm", "float.tif"] {
            try place.add(Self.kind(name), as: name)
        }
        func box(_ brands: String) -> [UInt8] {
            [0, 0, 0, UInt8(8 + brands.utf8.count)] + Array("ftyp".utf8) + Array(brands.utf8) + [0, 0, 0, 8]
                + Array("mdat".utf8)
        }
        let padding = [UInt8](repeating: 7, count: 200)
        try place.add(box("mif1\0\0\0\0mif1heic") + padding, as: "p.heic")
        try place.add([0xFF, 0x0A] + padding, as: "p.jxl")
        try place.add([0, 0, 0, 12] + Array("JXL \r\n".utf8) + [0x87, 0x0A] + padding, as: "boxed.jxl")
        try place.add(Array("8BPS".utf8) + [0, 1] + padding, as: "p.psd")
        let texts = [
            "p.svg": "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            "prolog.svg": "<?xml version=\"1.0\"?>\n<!-- made by hand -->\n<svg width=\"1\"/>",
            "p.pdf": "%PDF-1.7\n1 0 obj",
            "lfs": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "annex": "/annex/objects/SHA256E-s12345--4d7a.wav\n",
            "page": "\n<!DOCTYPE html>\n<html><head></head></html>",
            "login": "<HTML><body>Please log in</body></HTML>",
            "denied": "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>",
            "p.zip": "PK\u{3}\u{4}\u{14}",
        ]
        for (name, text) in texts { try place.add(Array(text.utf8), as: name) }
    }

    @Test func whatIsNotReadIsNamedByAllChecksAndFields() throws {
        try addUnread()
        let documents = Self.unread.flatMap { file in ["image", "video", "audio"].map { (file.name, $0) } }
        for check in [["--media-check", "header"], ["--media-check", "full"], ["--max-pixels", "50"]] {
            let found = try outcomes(documents, check)
            for (name, word) in Self.unread {
                let texts = Set(["image", "video", "audio"].map { found["\($0) \(name)"]?.string ?? "taken" })
                #expect(texts.count == 1, "\(name): \(texts)")
                let text = texts.first ?? ""
                #expect(text.hasPrefix("unknown format") && text.contains(word), "\(name): \(text)")
                #expect(!text.contains("damaged") && !text.contains("move it"), "\(name): \(text)")
            }
        }
    }

    @Test func movingImagesGiveTheirFirstPicture() throws {
        let names = ["moving.webp", "moving-alpha.webp", "moving.gif", "moving.png", "two.mpo", "pages.tif"]
        for name in names { try place.add(Self.kind(name), as: name) }
        for check in [["--media-check", "header"], ["--media-check", "full"]] {
            let found = try outcomes(names.map { ($0, "image") }, check)
            for name in names {
                #expect(found["image \(name)"]?["digest"] != nil, "\(found["image \(name)"] ?? .null)")
            }
        }
        let shrunk = try outcomes(names.map { ($0, "image") }, ["--max-pixels", "150"])
        for name in names {
            let item = try #require(shrunk["image \(name)"])
            let size = ["moving-alpha.webp"].contains(name) ? [10, 15] : [15, 10]
            #expect(item["width"]?.integer == size[0] && item["height"]?.integer == size[1], "\(name): \(item)")
            #expect(item["source_digest"]?.string == "\(SHA256Digest.of(try Self.kind(name)))")
        }
        // What is damaged behind the first picture is found where all is decoded.
        var bytes = try Self.kind("moving.webp")
        let last = try #require(bytes.indices.last { bytes[$0...].starts(with: Array("ANMF".utf8)) })
        for index in (last + 40)..<min(last + 90, bytes.count) { bytes[index] = 0xFF }
        try place.add(bytes, as: "damaged.webp")
        let header = try outcomes([("damaged.webp", "image")], ["--media-check", "header"])
        #expect(header["image damaged.webp"]?["digest"] != nil)
        let full = try outcomes([("damaged.webp", "image")], ["--media-check", "full"])
        #expect(full["image damaged.webp"]?.string?.contains("damaged") == true)
    }

    /// Stored bit for bit an image has the size of its pixels as they lie; made anew, that of the image as it is to be seen.
    @Test func sizesAreThoseOfTheStoredPixels() throws {
        let names = ["jpg", "png", "webp", "tif"].flatMap { kind in (1...8).map { "o\($0).\(kind)" } }
        for name in names { try place.add(Self.kind(name), as: name) }
        let documents = names.map { ($0, "image") }
        let stored = try outcomes(documents, [])
        for more in [["--max-pixels", "150"], ["--max-pixels", "150", "--image-format", "png"]] {
            let made = try outcomes(documents, more)
            for name in names {
                let isTurned = try #require(Int(name.dropFirst().prefix(1))) >= 5
                let item = try #require(made["image \(name)"])
                let wanted = isTurned ? [10, 15] : [15, 10]
                #expect([item["width"]?.integer, item["height"]?.integer] == wanted, "\(name): \(item)")
                // Of TIFF no size is noted.
                if !name.hasSuffix("tif") { #expect(stored["image \(name)"]?["width"] == 30) }
            }
        }
    }

    /// Whatever libav opens with audio and without video is audio, whatever it is called; a cover is no video.
    @Test func endingsDoNotMatter() throws {
        let names = [
            "opusenc.opus", "aac.m4a", "flac.oga", "opus.webm", "opus.mka", "adts.aac", "frames.amr", "lavf.wma",
            "lavf.aiff",
            "lavf.au", "lavf.caf", "lavf.w64", "lavf.ac3", "lavf.wv", "lavf.tta", "rf64.wav", "aac.ts", "mp3.avi",
            "cover.mp3", "cover.flac", "cover.m4a",
        ]
        for name in names { try place.add(Self.kind(name), as: name + ".jpg") }
        let found = try outcomes(names.flatMap { [($0 + ".jpg", "audio"), ($0 + ".jpg", "video")] }, [])
        for name in names {
            #expect(found["audio \(name).jpg"]?["sample_rate"] != nil, "\(found["audio \(name).jpg"] ?? .null)")
            #expect(found["audio \(name).jpg"]?["frames"] == nil)
            let video = found["video \(name).jpg"]?.string ?? "taken"
            #expect(video.hasPrefix("wrong kind") && video.contains("no pictures"), "\(name): \(video)")
        }
    }

    /// Samples of a tar and clips of a set are found by any usual ending; a clip without samples is left out as broken.
    @Test func waysInKnowTheUsualEndings() throws {
        let writer = try TarWriter(place.folder("corpus.tar"))
        let members = [
            ("1.opus", "opusenc.opus"), ("2.M4A", "aac.m4a"), ("3.tif", "o6.tif"), ("4.mkv", "trimmed.mkv"),
            ("5.weba", "opus.webm"), ("6.avi", "uneven.avi"),
        ]
        for (name, file) in members { try Self.kind(file).withUnsafeBytes { try writer.append(name, $0) } }
        try writer.commit()
        let tar = try place.tool(["webdataset", "corpus.tar", "--dataset", "tar"])
        #expect(tar.status == 0, "\(tar.errorText)")
        let dataset = try place.dataset("tar")
        let kinds = try (0..<dataset.documentCount).map { ordinal in
            let document = try dataset.document(ordinal)
            return document.image != nil ? "image" : document.video != nil ? "video" : "audio"
        }
        #expect(kinds == ["audio", "audio", "image", "video", "audio", "video"])

        try place.folder.write(
            "audiocap_id,youtube_id,start_time,caption\n1,qqqqqqqqqqq,5,Silence\n2,rrrrrrrrrrr,0,A bell\n"
                + "3,sssssssssss,7,A horn\n", to: "raw/train.csv")
        try place.folder.write(Self.kind("small.wav").prefix(40) + [0, 0, 0, 0], to: "raw/Yqqqqqqqqqqq_5.wav")
        try place.folder.write(Self.kind("opusenc.opus"), to: "raw/Yrrrrrrrrrrr_0.opus")
        try place.folder.write(Self.kind("aac.m4a"), to: "raw/sssssssssss_7.m4a")
        let clips = try place.tool(["audiocaps", "raw", "--dataset", "clips", "--quarantine", "q"])
        #expect(clips.status == 0, "\(clips.errorText)")
        #expect(try place.dataset("clips").documentCount == 2)
        let lines = try place.quarantine()
        #expect(lines.first?["reason"]?.string == "bad data" && lines.first?["name"]?.string == "Yqqqqqqqqqqq_5.wav")
    }

    /// Piped audio is whole in every check; what is empty or cut off is refused by every check.
    @Test func allChecksAgreeAboutAudio() throws {
        let files = try goldenKinds.get()
        let piped = files.keys.filter { $0.hasPrefix("pipe-") }.sorted()
        let empty = files.keys.filter { $0.hasPrefix("empty-audio") }.sorted()
        #expect(piped.count >= 12 && empty.count >= 12)
        for name in piped + empty { try place.add(Self.kind(name), as: name) }
        let cut = try Array(Self.kind("source.wav").dropLast(1000))
        try place.add(cut, as: "cut.wav")
        var records: [[String: JSONValue]] = []
        for check in ["header", "full"] {
            let found = try outcomes((piped + empty + ["cut.wav"]).map { ($0, "audio") }, ["--media-check", check])
            for name in piped {
                #expect(found["audio \(name)"]?["duration"] != nil, "\(found["audio \(name)"] ?? .null)")
            }
            for name in empty + ["cut.wav"] {
                let text = found["audio \(name)"]?.string ?? "taken"
                #expect(text.hasPrefix("bad data"), "\(check) of \(name): \(text)")
            }
            records.append(found)
        }
        for name in piped { #expect(records[0]["audio \(name)"] == records[1]["audio \(name)"]) }
    }

    @Test func framesAndDurationsAreTheSameByAllChecks() throws {
        let wanted = [
            "trimmed.mp4": 13, "fragments.mp4": 20, "hidden-references.webm": 20, "uneven.webm": 19, "one.mp4": 1,
        ]
        for name in wanted.keys { try place.add(Self.kind(name), as: name) }
        let documents = wanted.keys.sorted().map { ($0, "video") }
        let header = try outcomes(documents, ["--media-check", "header"])
        #expect(try header == outcomes(documents, ["--media-check", "full"]))
        for (name, count) in wanted { #expect(header["video \(name)"]?["frames"]?.integer == count) }
        #expect(header["video trimmed.mp4"]?["duration"]?.double == 1.3)
    }

    /// A side of a JPEG has at most 65,500 pixels; everything else about a long image is as of others.
    @Test func longImages() throws {
        let long = Bitmap(width: 1, height: 65_600, channelCount: 3, pixels: [UInt8](repeating: 90, count: 3 * 65_600))
        try place.add(try long.encoded(as: .png), as: "long.png")
        let asJPEG = try outcomes([("long.png", "image")], ["--image-format", "jpeg"])
        let text = asJPEG["image long.png"]?.string ?? "taken"
        #expect(text.hasPrefix("too large") && text.contains("65500"), "\(text)")
        let small = try outcomes([("long.png", "image")], ["--image-format", "jpeg", "--max-pixels", "60000"])
        #expect(small["image long.png"]?["height"] == 60_000)
        #expect(
            try outcomes([("long.png", "image")], ["--media-check", "full"])["image long.png"]?["height"] == 65_600)
    }
}

/// A reference that begins like one by digest, and is none.
@Suite struct MalformedReferenceTests {
    let place: MediaPlace

    init() throws { place = try MediaPlace() }

    private static let digest = "sha256:" + String(repeating: "0a", count: 32)

    static let malformed: [(json: String, field: String)] = [
        (#"{"digest":"sha256:../../etc/passwd","size":-1}"#, "document_image.digest"),
        (#"{"digest":"sha256:12","size":1}"#, "document_image.digest"), (#"{"digest":5}"#, "document_image.digest"),
        (#"{"digest":"\#(digest)","size":-1}"#, "document_image.size"),
        (#"{"digest":"\#(digest)","size":"5"}"#, "document_image.size"),
        (#"{"digest":"\#(digest)","size":1.5}"#, "document_image.size"),
        (#"{"digest":"\#(digest)","size":1,"width":0}"#, "document_image.width"),
        (#"{"digest":"\#(digest)","size":1,"duration":-2}"#, "document_image.duration"),
        (#"{"digest":"\#(digest)","size":1,"frames":"all"}"#, "document_image.frames"),
        (#"{"digest":"\#(digest)","size":1,"format":1}"#, "document_image.format"),
        (#"{"digest":"\#(digest)","size":1,"source_digest":"x"}"#, "document_image.source_digest"),
        (#""sha256:../../etc/passwd""#, "document_image"), (#""sha256:""#, "document_image"),
    ]

    @Test(arguments: malformed.indices) func isRefusedWithItsField(index: Int) throws {
        let (json, field) = Self.malformed[index]
        try place.folder.write("", to: "assets/nothing")
        let record = #"{"docid":"d","document_image":\#(json)}"#
        let row =
            #"{"query_id":"q","query":"q","positive_passages":[{"docid":"d","text":"t","document_image":\#(json)}],"#
            + #""negative_passages":[]}"#
        try place.folder.write(record + "\n", to: "corpus.jsonl")
        try place.folder.write(row + "\n", to: "rows.jsonl")
        for arguments in [["v2", "--corpus", "corpus.jsonl"], ["v1-to-v2", "rows.jsonl"]] {
            for assets in [[], ["--assets", "assets"]] {
                let result = try place.tool(arguments + ["--dataset", "set"] + assets)
                #expect(result.status == 65, "\(json): \(result.errorText)")
                #expect(result.errorText.contains(field), "\(json): \(result.errorText)")
            }
        }
        let check = try run(
            "tvt-convert", ["check", "v2", "--corpus", "corpus.jsonl"], workingFolder: place.folder.path)
        #expect(
            check.status == 65 && check.outputText.contains("\"\(field)\""), "\(check.outputText)\(check.errorText)")
    }

    @Test(arguments: [
        #""images/a.png""#, #""https://example.org/a""#, #"{"uri":"a"}"#, #"{"path":"a","bytes":null}"#,
        #"{"digest":"\#(digest)","size":1}"#, #"{"digest":"\#(digest)","size":1,"width":null,"more":{}}"#,
        #""\#(digest)""#,
    ])
    func othersAreKeptAsTheyAre(json: String) throws {
        try place.folder.write(#"{"docid":"d","document_image":\#(json)}"# + "\n", to: "corpus.jsonl")
        let result = try place.tool(["v2", "--corpus", "corpus.jsonl", "--dataset", "set"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try place.dataset().document(0).image == MediaReference(json: Array(json.utf8)))
    }
}
