import Base
import StoreMaintenance
import JSON
import Media
import Records
import Store
import TestKit
import Testing

/// `--max-pixels` and `--image-format`: images are made anew where that was asked for, and only there.
@Suite struct SmallerImagesTests {
    let place: MediaPlace

    init() throws {
        place = try MediaPlace()
        for name in Self.names { try place.add(golden: name) }
    }

    /// 61 by 43 pixels each, or turned; `scaling.png` has 217 by 173, and those with alpha fewer.
    static let names = [
        "scaling.png", "rgb.png", "baseline.jpg", "orientation-6.jpg", "alpha.webp", "still.gif", "rgba.png",
    ]

    private func convert(_ more: [String], as name: String = "set") throws -> Dataset {
        let result = try place.convert(
            Self.names.map { document($0, "image", $0) } + [document("again", "image", "scaling.png")], as: name, more)
        #expect(result.status == 0, "\(result.errorText)")
        return try place.dataset(name)
    }

    private func decode(_ bytes: [UInt8]) throws -> Bitmap { try bytes.withUnsafeBytes { try Bitmap(decoding: $0) } }

    private func stored(_ dataset: Dataset, _ ordinal: Int) throws -> (item: MediaReference.Item, bytes: [UInt8]) {
        let item = try #require(try dataset.document(ordinal).image?.item)
        return (item, try #require(try dataset.withMedia(item.digest) { Array($0) }))
    }

    @Test func largerImagesAreScaled() throws {
        let dataset = try convert(["--max-pixels", "1000"])
        for (ordinal, name) in Self.names.enumerated() {
            let original = try golden(name)
            let image = try decode(original)
            let (item, bytes) = try stored(dataset, ordinal)
            #expect(item.digest == .of(bytes) && item.size == bytes.count)
            guard image.width * image.height > 1000 else {
                #expect(bytes == original && item.sourceDigest == nil)
                continue
            }
            #expect(item.sourceDigest == .of(original), "\(name)")
            // JPEG stays JPEG; what has no loss, or a format that is not written, becomes PNG.
            #expect(item.format == (name.hasSuffix("jpg") ? "jpeg" : "png"))
            let small = try decode(bytes)
            #expect(small.width == item.width && small.height == item.height && small.width * small.height <= 1000)
            let expected = image.fitted(toPixelCount: 1000)
            if item.format == "png" { #expect(small == expected, "\(name)") }
            #expect(small.width == expected.width && small.height == expected.height)
        }
        // As it is meant to be seen: upright.
        let lying = try golden("orientation-6.jpg").withUnsafeBytes { MediaHeader($0) }
        let turned = try stored(dataset, 3).item
        #expect(try #require(lying.width) > #require(lying.height))
        #expect(try #require(turned.width) < #require(turned.height))
        #expect(dataset.manifest.provenance.options["maxPixels"] == 1000)
        #expect(dataset.manifest.provenance.options["jpegQuality"] == 90)
        // An image that is named twice is one item.
        #expect(try dataset.document(7).image == dataset.document(0).image)
        #expect(try Store(opening: place.root).verify(level: .full).findings.isEmpty)
    }

    @Test func formatsAreChanged() throws {
        let dataset = try convert(["--image-format", "jpeg", "--jpeg-quality", "97"])
        for (ordinal, name) in Self.names.enumerated() {
            let (item, bytes) = try stored(dataset, ordinal)
            #expect(item.format == "jpeg")
            let original = try golden(name)
            if name.hasSuffix("jpg") {
                #expect(bytes == original && item.sourceDigest == nil)
            } else {
                #expect(item.sourceDigest == .of(original))
                #expect(try bytes == decode(original).encoded(as: .jpeg, quality: 97))
            }
        }
        // What cannot be seen is white.
        let rgba = try decode(golden("rgba.png"))
        #expect(try decode(stored(dataset, 6).bytes).pixels.count == rgba.onWhite().pixels.count)
        let png = try convert(["--image-format", "png"], as: "png")
        for (ordinal, name) in Self.names.enumerated() {
            let (item, bytes) = try stored(png, ordinal)
            #expect(item.format == "png")
            #expect(try decode(bytes) == decode(golden(name)))
            #expect((bytes == (try golden(name))) == name.hasSuffix("png"))
        }
        #expect(png.manifest.provenance.options["jpegQuality"] == nil)
    }

    @Test func theReportCounts() throws {
        let result = try place.convert(
            ["scaling.png", "rgba.png", "scaling.png"].enumerated().map { document("\($0)", "image", $1) },
            ["--max-pixels", "5000"])
        let counts = try #require(try result.report["encoded_anew"])
        let stored = try place.dataset().document(0).image?.item?.size
        #expect(counts["items"] == 1)
        #expect(try counts["bytes_before"]?.integer == golden("scaling.png").count)
        #expect(counts["bytes_after"]?.integer == stored)
        #expect(try place.dataset().manifest.provenance.statistics["encodedAnew"]?.inSnakeCase == counts)
        // Nothing is counted where nothing is done.
        #expect(
            try place.convert([document("1", "image", "rgba.png")], ["--max-pixels", "5000"]).report["encoded_anew"]
                == nil)
    }

    @Test func theResultIsTheSameWhateverTheWorkers() throws {
        let digests = try [("1", "one"), ("3", "three"), ("3", "again")].map {
            let dataset = try convert(["--max-pixels", "500", "--image-format", "jpeg", "--workers", $0], as: $1)
            return dataset.manifest.media?.itemsDigest
        }
        #expect(Set(digests).count == 1 && digests[0] != nil)
    }

    /// What cannot be decoded cannot be made smaller; sounds are left alone.
    @Test func brokenOnesAndSounds() throws {
        try place.add(Array(golden("baseline.jpg").prefix(1500)), as: "cut.jpg")
        try place.add(golden: "stereo.wav")
        let lines = [document("1", "image", "cut.jpg"), document("2", "audio", "stereo.wav")]
        let result = try place.convert(lines, ["--max-pixels", "100", "--quarantine", "q"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try result.report["quarantined"] == ["bad data": 1])
        #expect(
            try place.dataset().withMedia(.of(golden("stereo.wav"))) { try Array($0) == golden("stereo.wav") } == true)
        for wrong in [
            ["--max-pixels", "0"], ["--jpeg-quality", "0"], ["--jpeg-quality", "101"], ["--image-format", "webp"],
            ["--max-pixels", "5", "--media-check", "none"],
        ] { #expect(try place.convert(lines, wrong).status == 64, "\(wrong)") }
    }

    /// Encoded once more, an item still tells where it came from at first.
    @Test func theSourceIsTheFirst() throws {
        let first = try convert(["--max-pixels", "1000"])
        let output = place.folder("out").string
        let store = ["--store", place.root.string]
        #expect(try run("tvt-store", ["export", "set", "--format", "v2", "--output", output] + store).status == 0)
        let result = try place.tool([
            "v2", "--corpus", output + "/corpus.jsonl", "--assets", output, "--dataset", "second", "--max-pixels",
            "100",
        ])
        #expect(result.status == 0, "\(result.errorText)")
        let second = try #require(try place.dataset("second").document(0).image?.item)
        #expect(try second.sourceDigest == .of(golden("scaling.png")))
        #expect(try second.digest != first.document(0).image?.digest)
    }
}
