internal import Base

extension MediaRules {
    /// The sound of a video among its pictures: both are cut into chunks of equal time, which take turns, between two marks
    /// inside of those around the video.
    ///
    /// Source: Xu et al. 2025 (time-interleaving); chunks and places as transformers' `Qwen2_5OmniProcessor` and
    /// `get_rope_index` compute them.
    public struct VideoSound: Sendable, Hashable {
        /// Around the features of both.
        public let marks: Marks
        /// Around the whole, as prompts have them.
        public let videoMarks: Marks
        /// Places in time of a second, each of which is a feature of the sound.
        public let positionsPerSecond: Int
        public let positionsPerChunk: Int

        public init(marks: Marks, videoMarks: Marks, positionsPerSecond: Int, positionsPerChunk: Int) {
            precondition(positionsPerSecond > 0 && positionsPerChunk > 0, "chunks of some time")
            self.marks = marks
            self.videoMarks = videoMarks
            self.positionsPerSecond = positionsPerSecond
            self.positionsPerChunk = positionsPerChunk
        }

        /// Features of the pictures in each chunk.
        ///
        /// A step that is further from the one before than a chunk is long is cut: each feature begins a chunk until their
        /// number has caught up with the time.
        public func pieces(stepCount: Int, featuresPerStep: Int, secondsPerStep: Double) -> [Int] {
            pieces(of: stepCount * featuresPerStep) {
                Double($0 / featuresPerStep) * secondsPerStep * Double(positionsPerSecond)
            }
        }

        /// Features of the sound in each chunk.
        public func pieces(soundFeatureCount: Int) -> [Int] { pieces(of: soundFeatureCount) { Double($0) } }

        private func pieces(of count: Int, at place: (Int) -> Double) -> [Int] {
            var pieces: [Int] = []
            var start = 0
            for index in 0..<count where place(index) >= Double((pieces.count + 1) * positionsPerChunk) {
                pieces.append(index - start)
                start = index
            }
            return pieces + [count - start]
        }
    }

    /// Where tokens stand, counted from the first.
    struct Axes {
        /// `[axis][token]`.
        private(set) var places = [[Int32]](repeating: [], count: 3)
        private(set) var next: Int32 = 0

        init(tokenCount: Int) {
            for axis in 0..<3 { places[axis].reserveCapacity(tokenCount) }
        }

        var count: Int { places[0].count }

        mutating func append(_ time: Int32, _ row: Int32, _ column: Int32) {
            places[0].append(time)
            places[1].append(row)
            places[2].append(column)
        }

        /// Tokens that count, up to the one with this number.
        mutating func count(to end: Int) {
            while count < end {
                append(next, next, next)
                next += 1
            }
        }

        mutating func goOn(behind place: Int32) { next = place + 1 }

        /// Two tokens at one place.
        private mutating func appendMarks() {
            for _ in 0..<2 { append(next, next, next) }
            next += 1
        }

        /// A video and its sound, with the two tokens before them and the two behind: what begins with a chunk goes on
        /// behind the largest place of that chunk alone, as in the reference.
        ///
        /// - Parameters:
        ///   - columns: squares of patches of a row; `rows` of a column.
        ///   - step: the place in time of a step, from the first.
        mutating func append(
            _ video: MediaItem, with sound: MediaItem, rows: Int, columns: Int, step: (Int) -> Int32
        ) {
            count(to: video.tokens[0].lowerBound - 2)
            appendMarks()
            let start = next
            var (picture, heard) = (0, Int32(0))
            let ranges = video.tokens.map { ($0, false) } + sound.tokens.map { ($0, true) }
            for (range, isSound) in ranges.sorted(by: { $0.0.lowerBound < $1.0.lowerBound }) {
                precondition(range.lowerBound == count, "chunks that lie end to end")
                var largest = start
                for _ in range {
                    if isSound {
                        append(start + heard, start + heard, start + heard)
                        largest = start + heard
                        heard += 1
                    } else {
                        let (row, column) = (picture / columns % rows, picture % columns)
                        let time = start + step(picture / (rows * columns))
                        append(time, start + Int32(row), start + Int32(column))
                        largest = max(largest, time, start + Int32(max(row, column)))
                        picture += 1
                    }
                }
                goOn(behind: largest)
            }
            appendMarks()
        }
    }
}
