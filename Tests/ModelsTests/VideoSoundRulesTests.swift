import Models
import Testing

@Suite("Chunks of videos and their sounds") struct VideoSoundRulesTests {
    private let rules = MediaRules.VideoSound(
        marks: .init(begin: 1, end: 2), videoMarks: .init(begin: 3, end: 4), positionsPerSecond: 25,
        positionsPerChunk: 50)

    struct Video: Sendable {
        let steps: Int
        let features: Int
        let seconds: Double
        let pieces: [Int]
    }

    /// As transformers' `get_chunked_index` cuts them: a step may be cut where steps are further apart than chunks are long.
    @Test(arguments: [
        Video(steps: 3, features: 2, seconds: 1, pieces: [4, 2]), Video(steps: 1, features: 5, seconds: 1, pieces: [5]),
        Video(steps: 4, features: 2, seconds: 3, pieces: [2, 2, 1, 1, 2]),
        Video(steps: 5, features: 1, seconds: 0.5, pieces: [4, 1]),
    ])
    func pictures(video: Video) {
        #expect(
            rules.pieces(stepCount: video.steps, featuresPerStep: video.features, secondsPerStep: video.seconds)
                == video.pieces)
    }

    @Test(arguments: [(1, [1]), (50, [50]), (51, [50, 1]), (120, [50, 50, 20])])
    func sounds(count: Int, pieces: [Int]) { #expect(rules.pieces(soundFeatureCount: count) == pieces) }
}
