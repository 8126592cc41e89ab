import Base
import JSON
import Media
import Testing

import Inputs

@Suite struct ImagesRowTests {
    /// What transformers' processors on torch give, to the bit: scaled, normalised and laid out.
    @Test(arguments: ["qwen2", "qwen2-small", "qwen3", "gemma"])
    func rowsAreThoseOfTheReference(_ kind: String) throws {
        let processing = try ImagesGolden.imageProcessing(kind + "-image")
        for (name, image) in ImagesGolden.images {
            let wanted = try #require(try ImagesGolden.expected.get()["rows"]?["\(kind) \(name)"])
            let plan = try processing.plan(image.size, patchSide: kind == "qwen3" || kind == "gemma" ? 16 : 14)
            let patches = plan.patches(of: image)
            #expect(wanted["shape"]?.array?.compactMap(\.integer) == [patches.grid.patchCount, patches.rowWidth])
            if let grid = wanted["grid"]?.array?.compactMap(\.integer) {
                #expect(grid == [patches.grid.time, patches.grid.height, patches.grid.width])
            }
            #expect(ImagesGolden.digest(patches.rows) == wanted["digest"]?.string, "\(kind) \(name)")
        }
    }

    @Test(arguments: ["dino", "tight", "vit", "siglip"]) func planesAreThoseOfTheReference(_ kind: String) throws {
        let processing = try ImagesGolden.imageProcessing(kind + "-image")
        for (name, image) in ImagesGolden.images {
            let wanted = try #require(try ImagesGolden.expected.get()["rows"]?["\(kind) \(name)"])
            // Patches that leave nothing over.
            let size = try processing.plan(image.size, patchSide: 14).region.size
            let plan = try processing.plan(image.size, patchSide: divisor(size.width, size.height))
            #expect(wanted["shape"]?.array?.compactMap(\.integer) == [3, size.height, size.width])
            #expect(ImagesGolden.digest(planes(of: image, plan)) == wanted["digest"]?.string, "\(kind) \(name)")
        }
    }

    private func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }

    /// `[3, height, width]`: the patches put together.
    private func planes(of image: Bitmap, _ plan: ImagePlan) -> [Float] {
        let (patches, side) = (plan.patches(of: image), plan.layout.patchSide)
        let (width, height) = (patches.grid.width * side, patches.grid.height * side)
        var planes = [Float](repeating: .nan, count: 3 * width * height)
        for position in planes.indices {
            let (channel, y, x) = (position / (width * height), position / width % height, position % width)
            let patch = y / side * patches.grid.width + x / side
            planes[position] = patches.rows[patch * patches.rowWidth + (channel * side + y % side) * side + x % side]
        }
        return planes
    }

    /// The processors of transformers on Pillow: the same pixels, normalised in another order.
    @Test func rowsOnPillowAreAsNearAsTheyCanBe() throws {
        let processing = try ImagesGolden.imageProcessing("qwen2-small-image", .pillow13)
        for (name, image) in ImagesGolden.images {
            let wanted = try #require(try ImagesGolden.expected.get()["rows"]?["qwen2-slow \(name)"])
            let rows = try processing.plan(image.size, patchSide: 14).patches(of: image).rows
            let error = ImagesGolden.error(rows, samples: wanted["samples"], every: max(1, rows.count / 24))
            #expect(error < 1e-6, "\(name)")
        }
    }

    @Test(arguments: ["rgb", "rgba", "palette", "clear-palette", "grey", "turned"])
    func filesOfSeveralKinds(_ name: String) throws {
        let bytes = try Files.readAll(ImagesGolden.folder.appending(name + ".png"))
        let image = try bytes.withUnsafeBytes { try Bitmap(decoding: $0) }
        let wanted = try #require(try ImagesGolden.expected.get()["rows"]?["file \(name).png"])
        let plan = try ImagesGolden.imageProcessing("qwen2-image").plan(image.size, patchSide: 14)
        #expect(ImagesGolden.digest(plan.patches(of: image).rows) == wanted["digest"]?.string)
    }

    /// Rows and columns of patches, told from where each pixel went.
    @Test func everyPixelHasItsPlace() throws {
        let image = ImagesGolden.noise(9, width: 56, height: 84)
        let identity = PixelNormalisation(rescaleFactor: nil, mean: nil, deviation: nil)
        let layouts: [(PatchLayout, (Int, Int, Int) -> (row: Int, columns: [Int]))] = [
            (
                .merged(patchSide: 7, mergeSide: 2, framesPerPatch: 2),
                { x, y, channel in
                    let (patchX, patchY) = (x / 7, y / 7)
                    let group = patchY / 2 * 4 + patchX / 2
                    let row = group * 4 + patchY % 2 * 2 + patchX % 2
                    return (row, [0, 1].map { (channel * 2 + $0) * 49 + y % 7 * 7 + x % 7 })
                }
            ),
            (
                .merged(patchSide: 14, mergeSide: 1, framesPerPatch: 1),
                { x, y, channel in (y / 14 * 4 + x / 14, [channel * 196 + y % 14 * 14 + x % 14]) }
            ),
            (
                .channelsLast(patchSide: 28),
                { x, y, channel in (y / 28 * 2 + x / 28, [(y % 28 * 28 + x % 28) * 3 + channel]) }
            ),
        ]
        for (layout, place) in layouts {
            let plan = ImagePlan(
                source: image.size, resized: image.size, layout: layout, tokenSide: layout.patchSide,
                resampling: PixelResampling(.bicubic, .pillow), normalisation: identity, alpha: .dropped)
            let patches = plan.patches(of: image)
            var seen = 0
            for y in 0..<84 {
                for x in 0..<56 {
                    for channel in 0..<3 {
                        let (row, columns) = place(x, y, channel)
                        for column in columns {
                            seen += 1
                            let value = patches.rows[row * patches.rowWidth + column]
                            #expect(value == Float(image.pixels[3 * (y * 56 + x) + channel]))
                        }
                    }
                }
            }
            #expect(seen == patches.rows.count)
        }
    }

    /// A person sees the pixels that the rows are made of, and lines where tokens meet.
    @Test func thePictureIsWhatTheModelSees() throws {
        let image = ImagesGolden.images["page"]!
        let plan = try ImagesGolden.imageProcessing("qwen2-small-image").plan(image.size, patchSide: 14)
        let picture = plan.picture(of: image)
        #expect(picture.size == plan.resized)
        let (columns, rows) = plan.tokenBorders
        #expect((columns.count + 1) * (rows.count + 1) == plan.tokenCount)
        let lined = plan.picture(of: image, withLinesIn: (255, 0, 0))
        for y in 0..<picture.height {
            for x in 0..<picture.width {
                let at = 3 * (y * picture.width + x)
                let isLine = x > 0 && x % 28 == 0 || y > 0 && y % 28 == 0
                #expect(
                    Array(lined.pixels[at..<at + 3]) == (isLine ? [255, 0, 0] : Array(picture.pixels[at..<at + 3])))
            }
        }
    }

    @Test func alphaIsLaidOverWhiteOrDropped() throws {
        let opaque = ImagesGolden.noise(3, width: 28, height: 28)
        var pixels: [UInt8] = []
        for pixel in 0..<28 * 28 { pixels += opaque.pixels[3 * pixel..<3 * pixel + 3] + [UInt8(pixel % 256)] }
        let image = Bitmap(width: 28, height: 28, channelCount: 4, pixels: pixels)
        var processing = QwenImageProcessing()
        let overWhite = try processing.plan(image.size)
        processing.alpha = .dropped
        let dropped = try processing.plan(image.size)
        #expect(overWhite.patches(of: image) == overWhite.patches(of: image.onWhite()))
        #expect(dropped.patches(of: image) == dropped.patches(of: opaque))
        #expect(overWhite.patches(of: image) != dropped.patches(of: image))
    }
}

@Suite struct ImagesVideoTests {
    private let extent = VideoExtent(
        size: PixelSize(width: 122, height: 90), frameCount: 5, frameRate: 2, duration: 2.5)

    private func processing(_ name: String) throws -> VideoProcessing {
        try VideoProcessing(ImagesGolden.configuration(name), path: name, arithmetic: .torchBytes)
    }

    /// - Parameter numbers: of all frames, in the order in which they are written.
    private func writtenRows(_ plan: VideoPlan, numbers: some Sequence<Int>) -> [Float] {
        var rows = [Float](repeating: .nan, count: plan.valueCount)
        rows.withUnsafeMutableBufferPointer { rows in
            for number in numbers { plan.write(ImagesGolden.clip[number], number: number, into: rows) }
        }
        return rows
    }

    private func check(_ plan: VideoPlan, _ name: String, within limit: Float = 0) throws {
        let wanted = try #require(try ImagesGolden.expected.get()["rows"]?[name])
        let rows = writtenRows(plan, numbers: plan.frameIndices.indices)
        if let grid = wanted["grid"]?.array?.compactMap(\.integer) {
            #expect(grid == [plan.grid.time, plan.grid.height, plan.grid.width])
        }
        if limit == 0 {
            #expect(ImagesGolden.digest(rows) == wanted["digest"]?.string, "\(name)")
        } else {
            let step = max(1, rows.count / 24)
            #expect(ImagesGolden.error(rows, samples: wanted["samples"], every: step) < limit, "\(name)")
        }
    }

    /// An odd number of frames, the last of which is there twice.
    @Test func rowsOfQwen2() throws {
        let plan = try processing("qwen2-video").plan(extent, patchSide: 14)
        #expect(plan.grid.time == 3 && plan.frameIndices == [0, 1, 2, 3, 4])
        try check(plan, "qwen2 clip")
    }

    @Test func rowsOfQwen3() throws {
        guard case .qwen(var qwen) = try processing("qwen3-video") else { throw PictureFault("another kind") }
        #expect(qwen.generation == .qwen3 && qwen.sampling == .qwen3Rate(2, minimum: 4, maximum: 768))
        qwen.sampling = .all
        qwen.frame.budget = PixelBudget(minimum: 4096, maximum: 40_000)
        try check(try qwen.plan(extent), "qwen3 clip")
        qwen.tokenCap = 4
        qwen.frame.budget = PixelBudget(minimum: 4096, maximum: 786_432)
        try check(try qwen.plan(extent), "qwen3 capped clip")
    }

    @Test func rowsOfGemma() throws {
        guard case .gemma(var gemma) = try processing("gemma-video") else { throw PictureFault("another kind") }
        gemma.sampling = .all
        let plan = try gemma.plan(extent)
        #expect(plan.tokenCount == 5 * plan.frame.tokenCount)
        try check(plan, "gemma clip")
    }

    /// Frames that a loader scales first, and the processor again without rounding.
    @Test func rowsOfLoadedFrames() throws {
        var qwen = QwenVideoProcessing(.qwen2)
        qwen.loader = QwenFrameLoader(factor: 28, minimumPixels: 3136, maximumPixels: 8000)
        // One byte apart, divided by the deviation.
        try check(try qwen.plan(extent), "qwen2 loaded clip", within: 0.02)
    }

    @Test func framesNeedNotAllBeInMemory() throws {
        let plan = try processing("qwen2-video").plan(extent, patchSide: 14)
        #expect(writtenRows(plan, numbers: [4, 0, 3, 1, 2]) == writtenRows(plan, numbers: 0..<5))
    }
}
