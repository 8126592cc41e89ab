/// Some pictures of a video, in the order of showing.
public struct Video: Sendable, Equatable {
    /// Seconds from the first picture of the file, for each of ``pictures``.
    public let times: [Double]
    public let pictures: [Bitmap]

    /// Which pictures of a video are wanted.
    public enum Sampling: Sendable, Equatable {
        /// So many, evenly spread from the first picture to the last by their number; a video with fewer gives some of
        /// them more than once.
        case count(Int)
        /// So many a second, from the first picture on: for each moment the picture that is shown then.
        case rate(Double)
    }

    /// - Throws: ``MediaError``; also where what is announced cannot all be decoded.
    public init(
        decoding bytes: UnsafeRawBufferPointer, _ sampling: Sampling, limits: MediaLimits = MediaLimits()
    ) throws(MediaError) {
        let times = try Container(bytes, limits).pictureTimes().times
        let numbers = sampling.numbers(of: times)
        self.times = numbers.map { times[$0] }
        pictures = try Container(bytes, limits).pictures(numbers)
    }
}

extension Video {
    /// What there is to choose pictures from.
    public struct Extent: Sendable, Equatable {
        /// Of a picture, upright, in pixels.
        public let width: Int
        public let height: Int
        public let pictureCount: Int
        /// From the first picture to the end of the last, as far as their times tell; 0 where nothing does.
        public let seconds: Double
    }

    /// Reads the times of all pictures; none is decoded.
    ///
    /// - Throws: ``MediaError``.
    public static func extent(
        of bytes: UnsafeRawBufferPointer, limits: MediaLimits = MediaLimits()
    ) throws(MediaError) -> Extent {
        let container = try Container(bytes, limits)
        let info = container.info
        let (times, measured) = try container.pictureTimes()
        let isTurned = info.turn == 90 || info.turn == 270
        // A last picture of which nothing says how long it is shown is shown as long as others on average.
        let average = times.count > 1 ? times.last! * Double(times.count) / Double(times.count - 1) : 0
        let seconds = measured ?? average
        return Extent(
            width: Int(isTurned ? info.height : info.width), height: Int(isTurned ? info.width : info.height),
            pictureCount: times.count, seconds: seconds)
    }

    /// Decodes pictures one by one, so that no more than one is in memory.
    ///
    /// - Parameters:
    ///   - numbers: ascending; one may come again.
    ///   - body: is given each of them in turn.
    /// - Throws: ``MediaError``.
    public static func forEachPicture(
        _ numbers: [Int], decoding bytes: UnsafeRawBufferPointer, limits: MediaLimits = MediaLimits(),
        _ body: (Bitmap) -> Void
    ) throws(MediaError) {
        try Container(bytes, limits).forEachPicture(numbers, body)
    }
}

extension Video.Sampling {
    /// The numbers of the wanted pictures, ascending.
    ///
    /// - Parameter times: of all pictures, ascending, the first 0.
    func numbers(of times: [Double]) -> [Int] {
        switch self {
        case .count(let count):
            precondition(count > 0, "at least one picture")
            // As numpy.linspace(0, n − 1, count).round() does; one alone is the middle one.
            guard count > 1 else { return [(times.count - 1) / 2] }
            let step = Double(times.count - 1) / Double(count - 1)
            return (0..<count).map { Int((Double($0) * step).rounded(.toNearestOrEven)) }
        case .rate(let rate):
            precondition(rate > 0, "a positive rate")
            // Times are fractions that were rounded; a picture is shown from a microsecond before its own on.
            let slack = 1e-6
            var numbers: [Int] = []
            for number in times.indices {
                let end = number + 1 < times.count ? times[number + 1] - slack : times[number] + slack
                while Double(numbers.count) / rate < end { numbers.append(number) }
            }
            return numbers
        }
    }
}
