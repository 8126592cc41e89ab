internal import Base
public import Records

/// What examples are drawn from and how.
public struct ExampleOptions: Sendable, Equatable {
    /// One dataset.
    public struct Part: Sendable, Equatable {
        /// `name`, `name@tag` or `sha256:…`.
        public var reference: String
        /// Share of the examples, above 0; nil: by size.
        public var weight: Double?
        /// The positives and the hard negatives together; nil: as of the others.
        public var passagesPerQuery: Int?
        /// When it is first drawn from; nil: from the beginning.
        public var joins: Moment?
        /// When it is no longer drawn from; nil: never.
        public var leaves: Moment?

        public init(_ reference: String, weight: Double? = nil) {
            self.reference = reference
            self.weight = weight
        }
    }

    /// A point of a run, between two steps.
    public enum Moment: Sendable, Equatable {
        /// After so many steps.
        case step(Int)
        /// After so many passes over all examples of all datasets, and the step under way.
        case epoch(Double)
    }

    /// Whether the queries of a batch are of one dataset.
    public enum Batching: String, Sendable, CaseIterable {
        /// Of any.
        case mixed
        /// Of one; batches are drawn by weight.
        case byDataset = "by_dataset"
    }

    /// What an example does whose query has fewer negatives than wanted.
    public enum Shortage: String, Sendable, CaseIterable {
        /// Takes those there are.
        case keep
        /// Draws the rest from the corpus by hash; never a known positive, never one twice.
        case fill
        /// Stops the run before it starts to train.
        case error
    }

    /// What happens to queries that have no positive.
    public enum WithoutPositives: String, Sendable, CaseIterable {
        /// The run is refused, with their count.
        case error
        /// They are left out and counted.
        case skip
    }

    /// Queries that are no examples, so that what is learnt can be measured on them.
    public struct HeldOut: Sendable, Equatable {
        /// Of the queries that would be examples, in 0…1.
        public var share: Double
        public var seed: UInt64

        public init(share: Double, seed: UInt64) {
            self.share = share
            self.seed = seed
        }

        /// Whether the query of an id is held out: in every dataset, whatever else it holds.
        func takes(_ id: UnsafeRawBufferPointer) -> Bool {
            Double(SplitMix64.mix(seed, 0x6865_6c64, XXH3.hash64(id)) >> 11) * 0x1p-53 < share
        }
    }

    public var parts: [Part]
    /// Nil: a dataset without a weight counts as often as it has examples. Else that number to this power is its weight.
    public var sizeExponent: Double?
    public var batching = Batching.mixed
    /// What ``batching`` and ``isUniqueInBatch`` are about: so many slots, from a multiple of it.
    public var queriesPerBatch = 1
    /// What ``Moment`` counts; a multiple of ``queriesPerBatch``.
    public var queriesPerStep = 1
    /// Whether no batch has two queries of equal content, or one positive for two queries.
    public var isUniqueInBatch = false
    /// The positives and the hard negatives together.
    public var passagesPerQuery = 4
    /// Of them, where a query has so many; what is missing is made up of negatives.
    public var positivesPerQuery = 1
    public var seed: UInt64 = 42
    public var sampling = SamplingPolicy.windowed
    public var shortage = Shortage.keep
    public var withoutPositives = WithoutPositives.error
    /// What happens to blank texts; what is left out or refused is found when the datasets are opened.
    public var blankTexts = BlankTexts.encode
    /// Nil: none.
    public var heldOut: HeldOut?
    /// Whether examples know the content of all of their query's positives.
    public var readsKnownPositives = true
    /// Whether the model reads media. For one that does not, records of media alone are blank, and documents are told
    /// apart by their texts.
    public var readsMedia = false
    /// Whether the model could read media and was told not to, for messages.
    public var ignoresMedia = false

    public init(_ parts: [Part]) { self.parts = parts }

    func passagesPerQuery(of part: Part) -> Int { part.passagesPerQuery ?? passagesPerQuery }

    /// Hard negatives of an example whose query has so many positives.
    func negativesPerQuery(of part: Part, positiveCount: Int) -> Int {
        let passages = passagesPerQuery(of: part)
        return passages - min(positivesPerQuery, positiveCount, passages)
    }
}
