/// What there is to see in a video, and its pictures.
public enum Video {
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

    /// When each picture is shown, in seconds from the first, in the order of showing; none is decoded.
    ///
    /// - Throws: ``MediaError``.
    public static func pictureTimes(
        of bytes: UnsafeRawBufferPointer, limits: MediaLimits = MediaLimits()
    ) throws(MediaError) -> [Double] { try Container(bytes, limits).pictureTimes().times }

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
