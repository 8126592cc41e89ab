/// Width and height of a picture, in pixels.
public struct PixelSize: Sendable, Hashable, CustomStringConvertible {
    public let width: Int
    public let height: Int

    /// - Precondition: both sides have from 1 to 2³¹ − 1 pixels.
    public init(width: Int, height: Int) {
        precondition(
            (1...Int(Int32.max)).contains(width) && (1...Int(Int32.max)).contains(height), "sides of a picture")
        self.width = width
        self.height = height
    }

    /// `1240 × 1754`
    public var description: String { "\(width) × \(height)" }

    /// As a number that does not overflow.
    var area: Double { Double(width) * Double(height) }

    /// How often the shorter side lies in the longer one.
    var aspect: Double { Double(max(width, height)) / Double(min(width, height)) }
}

/// A rectangle of a picture's pixels; it may reach beyond the picture, where it is black.
public struct PixelRegion: Sendable, Hashable {
    public let left: Int
    public let top: Int
    public let size: PixelSize

    public init(left: Int, top: Int, size: PixelSize) {
        self.left = left
        self.top = top
        self.size = size
    }

    /// All of a picture.
    package init(_ size: PixelSize) { self.init(left: 0, top: 0, size: size) }

    package var columns: Range<Int> { left..<left + size.width }
    package var rows: Range<Int> { top..<top + size.height }
}

/// How many patches there are in time, down and across.
public struct PatchGrid: Sendable, Hashable {
    /// Patches one after the other: 1 for an image.
    public let time: Int
    public let height: Int
    public let width: Int

    public init(time: Int, height: Int, width: Int) {
        self.time = time
        self.height = height
        self.width = width
    }

    public var patchCount: Int { time * height * width }
}

/// The fewest and the most pixels that a picture, or all frames of a video, may have once they are resized.
///
/// A fraction of a pixel comes about where frames share a total.
public struct PixelBudget: Sendable, Hashable {
    public let minimum: Double
    public let maximum: Double

    /// - Precondition: `0 < minimum ≤ maximum`.
    public init(minimum: Double, maximum: Double) {
        precondition(minimum > 0 && minimum <= maximum && maximum.isFinite, "a range of pixels")
        self.minimum = minimum
        self.maximum = maximum
    }
}
