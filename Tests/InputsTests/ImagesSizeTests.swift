import JSON
import Testing

import Inputs

@Suite struct ImagesSizeTests {
    /// Sizes of transformers, of qwen-vl-utils and of EmbeddingGemma 2, with what they refuse.
    @Test func sizesAreThoseOfTheReference() throws {
        let entries = try #require(try ImagesGolden.expected.get()["sizes"]?.array)
        #expect(entries.count > 1000)
        for entry in entries {
            let fields = try #require(entry.array)
            let kind = try #require(fields[0].string)
            let numbers = fields[1...5].compactMap(\.integer)
            let wanted = fields[6].array?.compactMap(\.integer)
            let size = PixelSize(width: numbers[1], height: numbers[0])
            let found = try? resized(kind, size, numbers[2], numbers[3], numbers[4])
            #expect(found.map { [$0.height, $0.width] } == wanted, "\(kind) \(size) \(numbers)")
        }
    }

    private func resized(
        _ kind: String, _ size: PixelSize, _ factor: Int, _ minimum: Int, _ maximum: Int
    ) throws -> PixelSize {
        let budget = PixelBudget(minimum: Double(minimum), maximum: Double(maximum))
        switch kind {
        case "gemma":
            var processing = GemmaImageProcessing()
            processing.tokenBudget = maximum
            return try processing.plan(size).resized
        case "processor", "loader":
            return try #require(SmartResize(rawValue: kind)).size(of: size, multipleOf: factor, within: budget)
        default:
            let count = try #require(Int(kind.split(separator: " ")[1]))
            return try SmartResize.frameSize(
                of: size, frameCount: count, framesPerPatch: 2, multipleOf: factor, within: budget)
        }
    }

    @Test func whatCannotBeTakenIsRefused() throws {
        let budget = PixelBudget(minimum: 3136, maximum: 1_003_520)
        #expect(throws: PictureFault.self) {
            try SmartResize.processor.size(of: PixelSize(width: 1, height: 201), multipleOf: 28, within: budget)
        }
        // What is left of one side is nothing.
        #expect(throws: PictureFault.self) {
            try SmartResize.loader.size(
                of: PixelSize(width: 60, height: 12_000), multipleOf: 28,
                within:
                    PixelBudget(minimum: 784, maximum: 3136))
        }
        var unresized = QwenImageProcessing()
        unresized.resizes = false
        #expect(throws: PictureFault.self) { try unresized.plan(PixelSize(width: 57, height: 56)) }
        #expect(try unresized.plan(PixelSize(width: 56, height: 84)).tokenCount == 6)
    }

    /// Known before anything is decoded: Tevatron's images and frames, and those of DSE.
    @Test func tokensAreKnownFromTheSize() throws {
        var processing = QwenImageProcessing()
        processing.budget = PixelBudget(minimum: 3136, maximum: 12_845_056)
        let plan = try processing.plan(PixelSize(width: 784, height: 784))
        #expect(plan.grid == PatchGrid(time: 1, height: 56, width: 56))
        #expect(plan.tokenCount == 784)
        #expect(plan.valueCount == 3136 * 1176)

        processing.loader = QwenImageLoader(factor: 28, requestedSize: PixelSize(width: 1, height: 1))
        #expect(try processing.plan(PixelSize(width: 28, height: 28)).tokenCount == 4)

        var video = QwenVideoProcessing(.qwen2)
        video.sampling = .even(count: 24)
        video.loader = QwenFrameLoader(factor: 28, requestedSize: PixelSize(width: 280, height: 280))
        let extent = VideoExtent(
            size: PixelSize(width: 640, height: 480), frameCount: 300, frameRate: 30, duration: 10)
        let omni = try video.plan(extent)
        #expect(omni.frame.loaded?.size == PixelSize(width: 280, height: 280))
        #expect(omni.grid == PatchGrid(time: 12, height: 24, width: 24))
        #expect(omni.tokenCount == 1728)
        video.frame.budget = PixelBudget(minimum: 3136, maximum: 602_112)
        #expect(try video.plan(extent).tokenCount == 1200)
    }
}

@Suite struct ImagesFrameTests {
    @Test func framesAreThoseOfTheReference() throws {
        let entries = try #require(try ImagesGolden.expected.get()["frames"]?.array)
        #expect(entries.count == 90)
        for entry in entries {
            let fields = try #require(entry.array)
            let kind = try #require(fields[0].string)
            let total = try #require(fields[1].integer)
            let rate = try #require(fields[2].double)
            let video = VideoExtent(
                size: PixelSize(width: 8, height: 8), frameCount: total, frameRate: rate,
                duration: Double(total) / rate)
            let found = try? sampling(kind).indices(of: video)
            #expect(found == fields[3].array?.compactMap(\.integer), "\(kind) of \(total) at \(rate)")
        }
    }

    private func sampling(_ kind: String) throws -> FrameSampling {
        let words = kind.split(separator: " ")
        let numbers = words.compactMap { Int($0) }
        switch (words[0], words[1]) {
        case ("loader", "rate"):
            return .loaderRate(Double(numbers[0]), minimum: numbers[1], maximum: numbers[2])
        case ("loader", _): return .loaderCount(numbers[0])
        case ("qwen2", "rate"):
            return .qwen2Rate(Double(numbers[0]), minimum: numbers[1], maximum: numbers[2], framesPerPatch: 2)
        case ("qwen2", _): return .qwen2Count(numbers[0], framesPerPatch: 2)
        case ("qwen3", _): return .qwen3Rate(Double(numbers[0]), minimum: numbers[1], maximum: numbers[2])
        case ("gemma", _):
            return .gemma(rate: Double(numbers[0]), maximum: numbers[1], cutsEnd: words.contains("cut"))
        default: return .even(count: numbers[0])
        }
    }

    @Test func aVideoWithoutARate() throws {
        let video = VideoExtent(size: PixelSize(width: 8, height: 8), frameCount: 40, frameRate: nil, duration: nil)
        #expect(throws: PictureFault.self) {
            try FrameSampling.loaderRate(2, minimum: 4, maximum: 768).indices(of: video)
        }
        // As one of 24 frames a second.
        #expect(try FrameSampling.qwen3Rate(2, minimum: 4, maximum: 768).indices(of: video) == [0, 13, 26, 39])
        #expect(
            try FrameSampling.gemma(rate: 1, maximum: 3, cutsEnd: false).indices(of: video) == [0, 19, 39])
        #expect(try FrameSampling.all.indices(of: video).count == 40)
    }

    /// What a damaged or a hostile file says is not listed.
    @Test func aVideoThatSaysItTakesYears() throws {
        let video = VideoExtent(size: PixelSize(width: 8, height: 8), frameCount: 40, frameRate: 1e-8, duration: 4e9)
        let long = FrameSampling.gemma(rate: 1, maximum: 4, cutsEnd: false)
        #expect(try long.indices(of: video) == [0, 13, 26, 39])
        #expect(try FrameSampling.gemma(rate: 1, maximum: 4, cutsEnd: true).indices(of: video) == [0, 0, 0, 0])
        #expect(throws: PictureFault.self) {
            try FrameSampling.gemma(rate: 1, maximum: nil, cutsEnd: false).indices(of: video)
        }
    }
}
