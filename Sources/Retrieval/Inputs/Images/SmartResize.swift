/// Qwen's rule for the size of a picture: both sides multiples of a factor, the number of pixels within a budget, the
/// proportions kept as far as that goes.
///
/// `H = round(h / f) · f`, likewise `W`. Above the budget `β = √(h·w / max)` and `H = ⌊h / β / f⌋ · f`; below it
/// `β = √(min / (h·w))` and `H = ⌈h · β / f⌉ · f`. Rounding is half to even.
///
/// Sources: transformers 5.24, `smart_resize` of `image_processing_qwen2_vl.py` and `video_processing_qwen3_vl.py`;
/// qwen-vl-utils 0.0.14, `vision_process.py`.
public enum SmartResize: String, Sendable, CaseIterable {
    /// As the processors of transformers do: at least one factor a side where a picture is made smaller.
    case processor
    /// As qwen-vl-utils does: at least one factor a side where the sides are rounded, before the budget is looked at.
    case loader

    /// One side must not be longer than so many times the other.
    static let largestAspect = 200.0

    /// The size of one picture.
    ///
    /// - Parameter factor: pixels of which a side is a multiple: patch side × merge side.
    /// - Throws: ``PictureFault`` where one side is more than 200 times as long as the other, and where a side becomes
    ///   nothing.
    public func size(
        of size: PixelSize, multipleOf factor: Int, within budget: PixelBudget
    ) throws(PictureFault) -> PixelSize {
        try Self.checkAspect(size)
        let floor = self == .loader ? Double(factor) : 0
        let rounded = Sides(size).mapped { max(floor, Self.rounded($0, factor)) }
        let sides: Sides
        if rounded.area > budget.maximum {
            sides = Sides(size).shrunk(by: (size.area / budget.maximum).squareRoot(), factor)
                .mapped { self == .processor ? max(Double(factor), $0) : $0 }
        } else if rounded.area < budget.minimum {
            sides = Sides(size).grown(by: (budget.minimum / size.area).squareRoot(), factor)
        } else {
            sides = rounded
        }
        return try sides.size()
    }

    /// The size of each frame of a video whose budget is that of all frames, as Qwen3-VL has it.
    ///
    /// The test takes the frames rounded to whole patches in time, β the true number. Frames smaller than the factor are
    /// first made as large as it.
    ///
    /// - Parameters:
    ///   - frameCount: of the frames that are taken, at least `framesPerPatch`.
    ///   - factor: pixels of which a side is a multiple.
    /// - Throws: ``PictureFault`` for fewer frames, and as ``size(of:multipleOf:within:)`` does.
    public static func frameSize(
        of size: PixelSize, frameCount: Int, framesPerPatch: Int, multipleOf factor: Int, within budget: PixelBudget
    ) throws(PictureFault) -> PixelSize {
        guard frameCount >= framesPerPatch else {
            throw PictureFault("the video has \(frameCount) frame(s), and a patch takes \(framesPerPatch)")
        }
        var size = size
        let side = Double(factor)
        if size.width < factor || size.height < factor {
            let scale = max(side / Double(size.height), side / Double(size.width))
            size = try Sides(height: Double(size.height) * scale, width: Double(size.width) * scale)
                .mapped { $0.rounded(.towardZero) }.size()
        }
        try checkAspect(size)
        let rounded = Sides(size).mapped { Self.rounded($0, factor) }
        let frames = Self.rounded(Double(frameCount), framesPerPatch)
        let area = Double(frameCount) * size.area
        let sides: Sides
        if frames * rounded.area > budget.maximum {
            sides = Sides(size).shrunk(by: (area / budget.maximum).squareRoot(), factor).mapped { max(side, $0) }
        } else if frames * rounded.area < budget.minimum {
            sides = Sides(size).grown(by: (budget.minimum / area).squareRoot(), factor)
        } else {
            sides = rounded
        }
        return try sides.size()
    }

    private static func checkAspect(_ size: PixelSize) throws(PictureFault) {
        guard size.aspect <= largestAspect else {
            throw PictureFault(
                "the picture is \(size) pixels large, and one side may be at most 200 times as long as the other",
                advice: "Cut it into pieces, or leave it out.")
        }
    }

    private static func rounded(_ side: Double, _ factor: Int) -> Double {
        (side / Double(factor)).rounded(.toNearestOrEven) * Double(factor)
    }
}

/// Sides on the way to whole numbers.
private struct Sides {
    var height: Double
    var width: Double

    init(height: Double, width: Double) {
        self.height = height
        self.width = width
    }

    init(_ size: PixelSize) { self.init(height: Double(size.height), width: Double(size.width)) }

    var area: Double { height * width }

    func mapped(_ change: (Double) -> Double) -> Sides { Sides(height: change(height), width: change(width)) }

    func shrunk(by beta: Double, _ factor: Int) -> Sides {
        mapped { ($0 / beta / Double(factor)).rounded(.down) * Double(factor) }
    }

    func grown(by beta: Double, _ factor: Int) -> Sides {
        mapped { ($0 * beta / Double(factor)).rounded(.up) * Double(factor) }
    }

    func size() throws(PictureFault) -> PixelSize {
        guard min(height, width) >= 1, max(height, width) <= Double(Int32.max) else {
            throw PictureFault(
                "the picture would be \(Int(width)) × \(Int(height)) pixels large once it is resized",
                advice: "Allow more pixels, or leave it out.")
        }
        return PixelSize(width: Int(width), height: Int(height))
    }
}
