public import Base

/// An image, a video or a sound of an input, as planned: how large it is for its tower, and where its features go.
///
/// Nothing is decoded yet: see ``MediaRows``.
public struct MediaItem: Sendable, Hashable {
    /// What a tower sees of it.
    public enum Shape: Sendable, Hashable {
        /// Patches of an image or a video: in time, from top to bottom, from left to right.
        case grid(time: Int, height: Int, width: Int)
        /// Frames of a spectrogram.
        case frames(Int)

        /// Rows that the tower is given.
        public var rowCount: Int {
            switch self {
            case .grid(let time, let height, let width): time * height * width
            case .frames(let count): count
            }
        }
    }

    /// The tower that it goes through.
    public let tower: Tower.Name
    public let shape: Shape
    /// Of its bytes and of what is done with them: items are equal where their features are.
    public let identity: SHA256Digest
    /// The tokens whose embeddings its features stand for, in order; several ranges where other tokens lie between, as
    /// times between the pictures of a video.
    public let tokens: [Range<Int>]
    /// Of a video: seconds between its steps in time, as the model is told them; nil for what has no time.
    public let secondsPerStep: Double?
    /// Whether it is a sound whose tokens stand among those of the video before it.
    public let isSoundOfVideo: Bool

    public init(
        _ tower: Tower.Name, _ shape: Shape, identity: SHA256Digest, tokens: [Range<Int>],
        secondsPerStep: Double? = nil, isSoundOfVideo: Bool = false
    ) {
        self.isSoundOfVideo = isSoundOfVideo
        self.secondsPerStep = secondsPerStep
        self.tower = tower
        self.shape = shape
        self.identity = identity
        self.tokens = tokens
    }

    public var tokenCount: Int { tokens.reduce(0) { $0 + $1.count } }
}

/// The numbers of a decoded item, which a tower reads: patches of pixels or frames of a spectrogram.
///
/// What is held until a batch is computed is whatever is smallest, pixels as bytes for example; rows are written out
/// when the tower's turn comes.
public protocol MediaRows: Sendable {
    var rowCount: Int { get }
    /// Numbers of a row.
    var rowWidth: Int { get }

    /// Writes all rows, one after another.
    ///
    /// - Parameter rows: `rowCount · rowWidth` numbers.
    func write(to rows: UnsafeMutableBufferPointer<Float>)
}
