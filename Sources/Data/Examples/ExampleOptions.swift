public import Records

/// What examples are drawn from and how.
public struct ExampleOptions: Sendable, Equatable {
    /// One dataset.
    public struct Part: Sendable, Equatable {
        /// `name`, `name@tag` or `sha256:…`.
        public var reference: String
        /// Share of the examples, in whole numbers; nil: by size.
        public var weight: UInt64?

        public init(_ reference: String, weight: UInt64? = nil) {
            self.reference = reference
            self.weight = weight
        }
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

    public var parts: [Part]
    /// The positive and the hard negatives together.
    public var passagesPerQuery = 4
    public var seed: UInt64 = 42
    public var sampling = SamplingPolicy.windowed
    public var shortage = Shortage.keep
    public var withoutPositives = WithoutPositives.error
    /// What happens to blank texts; what is left out or refused is found when the datasets are opened.
    public var blankTexts = BlankTexts.encode
    /// Whether examples know the content of all of their query's positives.
    public var readsKnownPositives = true
    /// Whether the model reads media. For one that does not, records of media alone are blank, and documents are told
    /// apart by their texts.
    public var readsMedia = false
    /// Whether the model could read media and was told not to, for messages.
    public var ignoresMedia = false

    public init(_ parts: [Part]) { self.parts = parts }
}
