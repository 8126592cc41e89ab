import Archives
import Base
import Inputs
import Media
import Models
import Records
import SystemPackage
import TestKit
import Testing

/// What people are shown of a model's inputs; no weight is there to be read.
@Suite("Views of inputs")
struct ViewTests {
    let temporary: TemporaryFolder
    /// Items by digest.
    let items: [SHA256Digest: [UInt8]]
    let names: [String: [UInt8]]

    init() throws {
        temporary = try TemporaryFolder()
        let tree = try SourceTree(sourceRoot.appending("Tests/MediaTests/Golden/files.tar.zst"))
        var names: [String: [UInt8]] = [:]
        for name in ["rgb.png", "orientation-6.jpg", "clip.mp4", "mono-8k.wav"] {
            names[name] = try tree.open(name).readAll()
        }
        names["broken"] = Array(names["rgb.png"]!.prefix(60))
        let thin = Bitmap(width: 1, height: 300, channelCount: 3, pixels: [UInt8](repeating: 90, count: 900))
        names["thin"] = try thin.encoded(as: .png)
        self.names = names
        items = Dictionary(uniqueKeysWithValues: names.values.map { (SHA256Digest.of($0), $0) })
    }

    func planner(
        _ role: Role = .document, inputs: [InputSettings.Key: String] = [:], limit: Int = 24, ignoresMedia: Bool = false
    ) throws -> InputPlanner {
        let folder = temporary("model")
        if !Files.isDirectory(folder) { try SeeingModel.write(to: folder, documentLimit: limit) }
        return try planner(of: folder, as: role, ModelCard.Overrides(), inputs, ignoresMedia: ignoresMedia)
    }

    /// The planner of documents for a folder of `manifests/tiny`, by its chat template.
    private func planner(
        ofTiny name: String, inputs: [InputSettings.Key: String] = [:], more: [UInt8] = []
    ) throws -> InputPlanner {
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 64)
        return try planner(
            of: sourceRoot.appending("manifests/tiny").appending(name), as: .document,
            ModelCard.Overrides(pooling: Poolings(.last), normalize: true, query: side, document: side),
            inputs.merging([.chat: "true"]) { own, _ in own }, ignoresMedia: false, more: more)
    }

    /// - Parameter more: an item beside those that there are.
    private func planner(
        of folder: FilePath, as role: Role, _ overrides: ModelCard.Overrides, _ inputs: [InputSettings.Key: String],
        ignoresMedia: Bool, more: [UInt8] = []
    ) throws -> InputPlanner {
        var overrides = overrides
        for (key, value) in inputs { try overrides.inputs.set(key, to: value) }
        let model = try EmbeddingModel(withoutWeightsOf: folder, overrides: overrides)
        let items = self.items.merging([SHA256Digest.of(more): more]) { own, _ in own }
        return InputPlanner(
            model.texts(of: role), role, try InputForm(model), ignoresMedia: ignoresMedia, mediaAdvice: "",
            mediaBytes: { digest, body in
                guard let bytes = items[digest] else { return false }
                try bytes.withUnsafeBytes(body)
                return true
            })
    }

    /// - Parameter description: what the record says of the item's size; nothing where nil.
    func content(_ text: String?, _ kind: MediaKind, _ name: String, width: Int? = nil, height: Int? = nil)
        -> RecordContent
    {
        let bytes = names[name]!
        let reference = MediaReference(
            .init(digest: .of(bytes), size: bytes.count, width: width, height: height))
        return RecordContent(
            id: Array("d".utf8), text: text.map { Array($0.utf8) }, media: [.init(kind: kind, reference: reference)])
    }

    let place = Place(path: "here")

    @Test func imagesAreCutAndCounted() throws {
        let viewer = InputViewer(try planner())
        let content = content("ba be", .image, "rgb.png")
        let view = try viewer.view(content, at: place)
        #expect(view.preview.text == "ba: [image] ba be")
        #expect(view.preview.mediaTokenCount == 4 && view.preview.tokenCount > 4 && !view.preview.wasTruncated)
        #expect(view.items.map(\.captions) == [["2 × 2 tokens, each of 28 × 28 pixels"]])
        #expect(view.items[0].summary.contains("seen as 56 × 56: 4 × 4 patches, 4 tokens"))
        let plain = try viewer.pictures(0..<1, of: 0, in: content, withLines: false, at: place)[0]
        let lined = try viewer.pictures(0..<1, of: 0, in: content, withLines: true, at: place)[0]
        #expect((plain.width, plain.height, lined.width, lined.height) == (56, 56, 56, 56))
        // Lines where tokens meet and nowhere else.
        for y in 0..<56 {
            for x in 0..<56 where x != 28 && y != 28 {
                let pixel = 3 * (56 * y + x)
                #expect(plain.pixels[pixel..<pixel + 3] == lined.pixels[pixel..<pixel + 3])
            }
        }
        #expect(plain != lined)
    }

    @Test func anImageThatLiesOnItsSideIsPlannedAsItIsSeen() throws {
        let image = try names["orientation-6.jpg"]!.withUnsafeBytes { try Bitmap(decoding: $0) }
        let content = content(nil, .image, "orientation-6.jpg", width: image.height, height: image.width)
        let view = try InputViewer(planner()).view(content, at: place)
        #expect(image.width != image.height)
        #expect(view.items[0].summary.hasPrefix("image \(image.width) × \(image.height), "))
    }

    @Test func framesHaveNumbersAndTimes() throws {
        let viewer = InputViewer(try planner(inputs: [.frameCount: "3"]))
        let content = content("ba", .video, "clip.mp4")
        let view = try viewer.view(content, at: place)
        let extent = try names["clip.mp4"]!.withUnsafeBytes { try Video.extent(of: $0) }
        #expect(view.items[0].captions.count == 3 && view.preview.mediaTokenCount == 12)
        #expect(view.items[0].captions[0] == "frame 0 at 0.0 s")
        #expect(view.items[0].captions[2].hasPrefix("frame \(extent.pictureCount - 1) at "))
        let all = try viewer.pictures(0..<3, of: 0, in: content, withLines: false, at: place)
        #expect(all.count == 3 && all[0] != all[2] && all.allSatisfy { $0.width == 56 && $0.height == 56 })
        // Some of them are the same as all of them.
        #expect(try viewer.pictures(1..<3, of: 0, in: content, withLines: false, at: place) == Array(all[1...]))
        for (range, item) in [(0..<4, 0), (0..<1, 1)] {
            let error = try #require(throws: InputError.self) {
                try viewer.pictures(range, of: item, in: content, withLines: false, at: place)
            }
            #expect(error.exitStatus == .missingInput)
        }
    }

    @Test func aSoundIsItsSpectrogram() throws {
        let viewer = InputViewer(try planner())
        let content = content("ba", .audio, "mono-8k.wav")
        let view = try viewer.view(content, at: place)
        #expect(view.items[0].captions[0].hasPrefix("8 bands of pitch × 100 frames in 1.0 s"))
        #expect(view.preview.mediaTokenCount == 5)
        let picture = try viewer.pictures(0..<1, of: 0, in: content, withLines: true, at: place)[0]
        #expect((picture.width, picture.height) == (100, 8))
        #expect(Set(stride(from: 0, to: picture.pixels.count, by: 3).map { picture.pixels[$0] }).count > 4)
    }

    @Test(arguments: [
        (InputSettings.Key.imageSize, "56x56"), (.imagePixels, "1-100"), (.frameRate, "2"), (.frameSize, "28x28"),
        (.framePixels, "1-100"),
    ])
    func whatTheProcessorsHaveNoUseForIsRefused(key: InputSettings.Key, value: String) throws {
        let failure = try #require(throws: Failure.self) { _ = try planner(inputs: [.frameCount: "3", key: value]) }
        #expect(failure.exitStatus == .badConfiguration && "\(failure)".contains(key.rawValue))
    }

    @Test func brokenMediaAreErrorsOfTheirRecord() throws {
        let viewer = InputViewer(try planner())
        let broken = content("ba", .image, "broken", width: 40, height: 30)
        for wanted in [false, true] {
            let error = try #require(throws: InputError.self) {
                if wanted {
                    _ = try viewer.pictures(0..<1, of: 0, in: broken, withLines: true, at: place)
                } else {
                    _ = try viewer.view(broken, at: place)
                }
            }
            #expect(error.reason.contains("its image cannot be used") && error.offender == Array("d".utf8))
        }
        // The next one is shown.
        #expect(try viewer.view(content("ba", .image, "rgb.png"), at: place).items.count == 1)
    }

    /// A record may say a size that no model could be given, of an item that has another.
    @Test func aSizeThatIsRefusedIsMeasured() throws {
        let planner = try planner(ofTiny: "qwen2.5-vl")
        let own = try planner.plan(content("ba", .image, "rgb.png"), at: place)
        let wrong = content("ba", .image, "rgb.png", width: 5, height: 99_999)
        #expect(try planner.plan(wrong, at: place).input == own.input)
        #expect(try InputViewer(planner).view(wrong, at: place).items.count == 1)
        // One that has such a size, or of which nothing else is known, is refused as before.
        for height in [300, 310] {
            let error = try #require(throws: InputError.self) {
                try planner.plan(content("ba", .image, "thin", width: 1, height: height), at: place)
            }
            #expect(error.reason.contains("1 × 300"), "\(error)")
        }
    }

    /// What is advised is about the media that there are.
    @Test func adviceIsAboutTheKindOfMedia() throws {
        func advice(_ planner: InputPlanner, _ content: RecordContent) throws -> String {
            try #require(try #require(throws: InputError.self) { try planner.plan(content, at: place) }.advice)
        }
        let frames = try advice(planner(inputs: [.frameCount: "20"]), content("ba", .video, "clip.mp4"))
        #expect(frames.contains("frames") && !frames.contains("pictures") && !frames.contains("sounds"), "\(frames)")
        // 400 seconds of silence, a byte a sample.
        var wave = Array("RIFF".utf8)
        func append(_ number: Int, _ byteCount: Int) {
            for byte in 0..<byteCount { wave.append(UInt8(truncatingIfNeeded: number >> (8 * byte))) }
        }
        let count = 400 * 8000
        append(36 + count, 4)
        wave += Array("WAVEfmt ".utf8)
        for (number, byteCount) in [(16, 4), (1, 2), (1, 2), (8000, 4), (8000, 4), (1, 2), (8, 2)] {
            append(number, byteCount)
        }
        wave += Array("data".utf8)
        append(count, 4)
        wave += [UInt8](repeating: 0x80, count: count)
        let reference = MediaReference(.init(digest: .of(wave), size: wave.count))
        let long = RecordContent(
            id: Array("d".utf8), text: nil, media: [.init(kind: .audio, reference: reference)])
        let sound = try advice(planner(ofTiny: "qwen2.5-omni", more: wave), long)
        #expect(sound.contains("sounds") && !sound.contains("pictures") && !sound.contains("frames"), "\(sound)")
        // A model without ears.
        let deaf = try planner(ofTiny: "qwen2.5-vl")
        #expect(try advice(deaf, content("ba", .audio, "mono-8k.wav")).contains("tvt-model show"))
        #expect(try advice(deaf, content(nil, .audio, "mono-8k.wav")).contains("--quarantine"))
        let unread = try planner(ignoresMedia: true)
        #expect(try advice(unread, content(nil, .image, "rgb.png")).contains("--ignore-media"))
    }

    /// The times of frames are those of the file, also where pictures are shown for different times.
    @Test func unevenFramesHaveTheirOwnTimes() throws {
        let tree = try SourceTree(sourceRoot.appending("Tests/MediaTests/Golden/kinds.tar.zst"))
        let bytes = try tree.open("uneven.mp4").readAll()
        // Those of 30 a second that were kept: see make-kinds.py.
        let kept: [Int] = (0..<60).filter { $0.isMultiple(of: 7) || $0.isMultiple(of: 5) }
        let times: [Double] = kept.map { Double($0) / 30 }
        let read: [Double] = try bytes.withUnsafeBytes { try Video.pictureTimes(of: $0) }
        try #require(read.count == times.count)
        for (found, wanted) in zip(read, times) { #expect(abs(found - wanted) < 1e-3) }
        let planner = try planner(
            ofTiny: "qwen2.5-vl", inputs: [.frameCount: "18", .frameSize: "56x56", .framePixels: "3136-12544"],
            more: bytes)
        let reference = MediaReference(.init(digest: .of(bytes), size: bytes.count))
        let content = RecordContent(
            id: Array("d".utf8), text: nil, media: [.init(kind: .video, reference: reference)])
        let captions = try InputViewer(planner).view(content, at: place).items[0].captions
        #expect(captions.count == 18 && captions[1] == "step 1, frame 1 at 0.2 s")
        for caption in captions {
            let words = caption.split(separator: " ")
            let index = try #require(Int(words[3]))
            #expect(caption.hasSuffix(" frame \(index) at \(decimal(times[index], digits: 1)) s"))
        }
    }

    @Test(arguments: [false, true]) func itIsShownWhereATextIsCut(hasImage: Bool) throws {
        let limit = 10
        let planner = try planner(limit: limit)
        let words = Array(repeating: "ba be bi bo é", count: 200).joined(separator: " ")
        let content =
            hasImage
            ? content(words, .image, "rgb.png") : RecordContent(id: Array("d".utf8), text: Array(words.utf8))
        let preview = try InputViewer(planner).view(content, at: place).preview
        let cut = try #require(preview.cut)
        #expect(preview.wasTruncated && preview.textLimit == limit)
        #expect(preview.tokenCount - preview.mediaTokenCount == limit)
        #expect(cut.upperBound == preview.text.endIndex)
        // What is left is read in full, and one word more would be cut again.
        let prefix = hasImage ? "ba: [image] " : "ba: "
        let kept = String(preview.text[..<cut.lowerBound].dropFirst(prefix.count))
        #expect(words.hasPrefix(kept) && !kept.isEmpty)
        func isCut(_ text: String) throws -> Bool {
            let shorter = RecordContent(id: content.id, text: Array(text.utf8), media: content.media)
            return try planner.plan(shorter, at: place).wasTruncated
        }
        #expect(try !isCut(kept))
        #expect(try isCut(String(words.prefix(kept.count + 3))))
    }

    @Test func mediaThatAreLeftOutAreNamed() throws {
        let viewer = InputViewer(try planner(ignoresMedia: true))
        let view = try viewer.view(content("ba", .image, "rgb.png"), at: place)
        #expect(view.preview.ignoresMedia && view.items.isEmpty && view.preview.mediaTokenCount == 0)
    }
}
