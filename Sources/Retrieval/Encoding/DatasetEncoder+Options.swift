internal import Base
public import Vectors

extension DatasetEncoder {
    public struct Options: Sendable {
        /// Records of a part: what a stopped run may lose, and the window in which texts are sorted.
        public var recordsPerPart = 8192
        /// The most tokens of a batch; patches of pictures and frames of sounds count as well.
        public var tokenBudget = 4096
        /// Bytes of decoded media that wait for their batches; one batch may have more.
        public var mediaBudget = 256 << 20
        /// Keep so many leading components, scaled to length 1 again if the card scales; nil for what the card says.
        public var dims: Int?
        /// How components are stored.
        public var outputType = VectorType.f32
        /// This process's share: the `index`-th of `count` equal ranges of records.
        public var shard = Shard(index: 0, count: 1)
        /// Threads that read and tokenise, and as many that decode media.
        public var workerCount = max(1, min(4, processorCount / 2))
        /// Go on in a folder that already holds parts.
        public var resumes = false

        public init() {}
    }

    /// One of several equal, consecutive shares of the records.
    public struct Shard: Sendable, Equatable {
        /// From 0.
        public var index: Int
        public var count: Int

        public init(index: Int, count: Int) {
            self.index = index
            self.count = count
        }

        func range(of total: Int) -> Range<Int> {
            (total * index / count)..<(total * (index + 1) / count)
        }
    }

    /// What a run did.
    public struct Report: Sendable, Equatable {
        /// Records of this shard.
        public var recordCount = 0
        /// Records in parts that were there already.
        public var skippedCount = 0
        public var truncatedCount = 0
        public var emptyCount = 0
        public var ignoredMediaCount = 0
        /// Sounds that are longer than what the model hears.
        public var cutSoundCount = 0
        /// Records that were left out because the model could not be given them, those of parts that were there included.
        public var faultCount = 0
        /// Tokens computed in this run.
        public var tokenCount = 0
        public var partCount = 0
        public var dims = 0
        /// Of computing and writing, reading and tokenising overlapped.
        public var seconds = 0.0

        public init() {}
    }
}
