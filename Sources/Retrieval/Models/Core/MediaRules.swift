/// How a model is given images, videos and sounds among tokens, as its family and `config.json` have it.
public struct MediaRules: Sendable {
    /// The token that stands for each feature, by kind.
    public var image: Int32?
    public var video: Int32?
    public var audio: Int32?
    /// Sides of the squares of patches that become one feature.
    public var mergeSize: Int
    /// Pixels of a patch's side.
    public var patchSize: Int
    /// Pictures that become one step in time.
    public var temporalPatchSize: Int
    /// Tokens around the features of a picture; nil where prompts have them.
    public var pictureMarks: Marks?
    /// Tokens around the features of a sound; nil where prompts have them.
    public var soundMarks: Marks?
    /// Whether each picture of a video is an image of its own, with its own marks; else its features lie end to end.
    public var marksEachPicture = false
    /// Features of a sound of so many frames; nil for a model that hears nothing.
    public var soundFeatureCount: (@Sendable (_ frameCount: Int) -> Int)?
    /// Patches of a picture's side at most; nil where any number is allowed.
    public var longestSide: Int?
    /// Where the tokens of an input stand on three axes; nil for a model that counts them.
    public var positions: (@Sendable (_ tokenCount: Int, _ media: [MediaItem]) -> [[Int32]])?
    /// Features of an item of this shape; nil where they are as many as squares of patches.
    public var featureCount: (@Sendable (MediaItem.Shape) -> Int)?
    /// How the sound of a video stands among its pictures; nil for a model that is not given it.
    public var videoSound: VideoSound?
    /// Frames of spectrograms come in pieces of so many: what is missing of the last one is silence.
    public var soundPiece = 1

    /// Two tokens around features.
    public struct Marks: Sendable, Hashable {
        public let begin: Int32
        public let end: Int32

        public init(begin: Int32, end: Int32) { (self.begin, self.end) = (begin, end) }
    }

    public init(
        image: Int32? = nil, video: Int32? = nil, audio: Int32? = nil, mergeSize: Int = 1, patchSize: Int = 1,
        temporalPatchSize: Int = 1,
        positions: (@Sendable (_ tokenCount: Int, _ media: [MediaItem]) -> [[Int32]])? = nil
    ) {
        (self.image, self.video, self.audio) = (image, video, audio)
        (self.mergeSize, self.patchSize, self.temporalPatchSize) = (mergeSize, patchSize, temporalPatchSize)
        self.positions = positions
    }

    /// Positions on three axes of Qwen's models: tokens count on all three; an item's features stand where they are in
    /// time and in the picture, from the place that the item begins at; what follows goes on behind the largest place.
    ///
    /// Source: Wang et al. 2024 (M-RoPE), as transformers 4 computes it; 5 goes on behind an item's height and width alone.
    ///
    /// - Parameter step: the place in time of a step of an item.
    static func axes(
        mergeSize: Int, step: @escaping @Sendable (_ item: MediaItem, _ step: Int) -> Int32
    ) -> @Sendable (Int, [MediaItem]) -> [[Int32]] {
        { tokenCount, media in
            var axes = Axes(tokenCount: tokenCount)
            for (index, item) in media.enumerated() {
                guard case .grid(let time, let height, let width) = item.shape else { continue }
                let (rows, columns) = (height / mergeSize, width / mergeSize)
                if index + 1 < media.count, media[index + 1].isSoundOfVideo {
                    axes.append(item, with: media[index + 1], rows: rows, columns: columns) { step(item, $0) }
                    continue
                }
                // Each range holds whole steps in time; between ranges other tokens count.
                var done = 0
                for range in item.tokens {
                    axes.count(to: range.lowerBound)
                    let start = axes.next
                    var largest = start - 1
                    let first = done
                    for _ in 0..<(range.count / (rows * columns)) {
                        let place = start + step(item, done - (item.tokens.count > 1 ? first : 0))
                        for row in 0..<rows {
                            for column in 0..<columns {
                                axes.append(place, start + Int32(row), start + Int32(column))
                            }
                        }
                        largest = max(largest, place, start + Int32(max(rows, columns)) - 1)
                        done += 1
                    }
                    axes.goOn(behind: largest)
                }
                precondition(done == time, "features for each step in time")
            }
            axes.count(to: tokenCount)
            return axes.places
        }
    }
}
