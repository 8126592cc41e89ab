/// Which frames of a video are taken.
public enum FrameSampling: Sendable, Hashable {
    /// Each one.
    case all
    /// So many, evenly from the first to the last; some several times where the video has fewer. Tevatron takes 24.
    case even(count: Int)
    /// As qwen-vl-utils takes so many, which it rounds to a multiple of 2.
    case loaderCount(Int)
    /// As qwen-vl-utils takes frames at a rate, so many a second.
    case loaderRate(Double, minimum: Int, maximum: Int)
    /// As Qwen2-VL's video processor takes so many, rounded to a multiple of the frames of a patch.
    case qwen2Count(Int, framesPerPatch: Int)
    /// As Qwen2-VL's video processor takes frames at a rate.
    case qwen2Rate(Double, minimum: Int, maximum: Int, framesPerPatch: Int)
    /// As Qwen3-VL's video processor takes frames at a rate; a video that has none counts as one of 24 a second.
    case qwen3Rate(Double, minimum: Int, maximum: Int)
    /// As EmbeddingGemma 2's takes them: at a rate, if there is one and the video has a rate and a duration, else each one;
    /// of more than a maximum some, evenly, or the first ones.
    case gemma(rate: Double?, maximum: Int?, cutsEnd: Bool)

    /// Whether frames are taken by their times.
    var isTimed: Bool {
        switch self {
        case .all, .even, .loaderCount, .qwen2Count, .gemma(nil, _, _): false
        case .loaderRate, .qwen2Rate, .qwen3Rate, .gemma: true
        }
    }

    /// As EmbeddingGemma 2's processor takes frames at another rate.
    ///
    /// - Parameter maximum: nil for its own, or that of its class.
    func at(_ rate: Double, maximum: Int?) -> FrameSampling {
        guard case .gemma(_, let own, let cutsEnd) = self else {
            return .gemma(rate: rate, maximum: maximum ?? 32, cutsEnd: false)
        }
        return .gemma(rate: rate, maximum: maximum ?? own, cutsEnd: cutsEnd)
    }

    /// The numbers of the frames, ascending; a number may come again.
    ///
    /// Sources: qwen-vl-utils 0.0.14, `smart_nframes`; transformers 5.24, `sample_frames` of the video processors.
    ///
    /// - Throws: ``PictureFault`` where the reference fails: for rates where the video has none, and where the video has
    ///   fewer frames than are wanted.
    public func indices(of video: VideoExtent) throws(PictureFault) -> [Int] {
        let total = video.frameCount
        switch self {
        case .all:
            return Array(0..<total)
        case .even(let count):
            return Self.even(count, of: total)
        case .loaderCount(let count):
            return try Self.loaded(Self.multiple(of: 2, nearestTo: Double(count)), of: total)
        case .loaderRate(let rate, let minimum, let maximum):
            let most = min(maximum, total) / 2 * 2
            let least = (minimum + 1) / 2 * 2
            let wanted = Double(total) / (try Self.rate(of: video)) * rate
            let bounded = min(min(max(wanted, Double(least)), Double(most)), Double(total))
            return try Self.loaded(Int(bounded / 2) * 2, of: total)
        case .qwen2Count(let count, let framesPerPatch):
            return try Self.spread(Self.multiple(of: framesPerPatch, nearestTo: Double(count)), of: total)
        case .qwen2Rate(let rate, let minimum, let maximum, let framesPerPatch):
            let most = min(maximum, total) / framesPerPatch * framesPerPatch
            let wanted = Double(total) / (try Self.rate(of: video)) * rate
            let bounded = min(max(wanted, Double(minimum)), Double(most), Double(total))
            return try Self.spread(Int(bounded / Double(framesPerPatch)) * framesPerPatch, of: total)
        case .qwen3Rate(let rate, let minimum, let maximum):
            let wanted = Int(min(Double(total) / (video.frameRate ?? 24) * rate, Double(total) + Double(minimum)))
            return Self.even(min(max(wanted, minimum), maximum, total), of: total)
        case .gemma(let rate, let maximum, let cutsEnd):
            return try Self.gemma(video, rate, maximum, cutsEnd)
        }
    }

    /// `linspace(0, total − 1, count)` in float64, rounded half to even, as numpy has it.
    private static func even(_ count: Int, of total: Int) -> [Int] {
        precondition(count > 0, "at least one frame")
        guard count > 1 else { return [0] }
        let step = Double(total - 1) / Double(count - 1)
        return (0..<count - 1).map { Int((Double($0) * step).rounded(.toNearestOrEven)) } + [total - 1]
    }

    /// The same in float32 and from both ends, as torch has it.
    private static func loaded(_ count: Int, of total: Int) throws(PictureFault) -> [Int] {
        guard count >= 2, count <= total else { throw tooFew(count, total) }
        let step = Float(total - 1) / Float(count - 1)
        return (0..<count).map { number in
            let position =
                number < count / 2 ? step * Float(number) : Float(total - 1) - step * Float(count - number - 1)
            return Int(position.rounded(.toNearestOrEven))
        }
    }

    /// `arange(0, total, total / count)`, cut to whole numbers.
    private static func spread(_ count: Int, of total: Int) throws(PictureFault) -> [Int] {
        guard count >= 1, count <= total else { throw tooFew(count, total) }
        let step = Double(total) / Double(count)
        return (0..<Int((Double(total) / step).rounded(.up))).map { Int(Float(Double($0) * step)) }
    }

    /// The most frames that are listed where nothing bounds them: no model takes so many.
    private static let mostListed = 1_000_000

    private static func gemma(
        _ video: VideoExtent, _ rate: Double?, _ maximum: Int?, _ cutsEnd: Bool
    ) throws(PictureFault) -> [Int] {
        let total = video.frameCount
        var (count, step) = (total, 1.0)
        if let rate, let frameRate = video.frameRate, let duration = video.duration {
            step = frameRate / rate
            count = max(1, Int(min(duration * rate, 1e15)))
        }
        func index(_ number: Int) -> Int { Int(min(Double(total - 1), Double(number) * step)) }
        guard let maximum, count > maximum else {
            guard count <= mostListed else {
                throw PictureFault("\(count) frames are to be taken", advice: "Take a number of frames instead.")
            }
            return (0..<count).map(index)
        }
        if cutsEnd { return (0..<maximum).map(index) }
        guard maximum > 1 else { return [index(0)] }
        let stride = Double(count - 1) / Double(maximum - 1)
        return (0..<maximum - 1).map { index(Int(Double($0) * stride)) } + [index(count - 1)]
    }

    private static func multiple(of factor: Int, nearestTo number: Double) -> Int {
        Int((number / Double(factor)).rounded(.toNearestOrEven)) * factor
    }

    private static func rate(of video: VideoExtent) throws(PictureFault) -> Double {
        guard let rate = video.frameRate else {
            throw PictureFault(
                "frames are taken at a rate, and the video does not say how many it has a second",
                advice: "Take a number of frames instead.")
        }
        return rate
    }

    private static func tooFew(_ wanted: Int, _ total: Int) -> PictureFault {
        PictureFault("\(wanted) frames are to be taken, of a video that has \(total)")
    }
}
