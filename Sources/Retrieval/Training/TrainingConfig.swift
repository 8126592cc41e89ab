internal import Base
public import Examples
public import Models
public import Records

/// What `tvt-train` is asked to do: a model, the data it learns from, and how.
///
/// Read from a YAML file by ``TrainingConfig/init(file:overrides:)``. ``TrainingConfig/keys`` says what each key is
/// called, takes and means; the values here are the defaults.
public struct TrainingConfig: Sendable, Equatable {
    public var model: String
    public var datasets: [Part]
    public var passagesPerQuery = 4
    public var positivesPerQuery = 1
    public var queriesPerStep = 32
    public var accumulation = 1
    public var mixing = Mixing()
    public var batching = Batching.mixed
    /// Nil: those of a step.
    public var batchQueries: Int?
    public var isUniqueInBatch = false
    public var length: Length
    public var seed: UInt64 = 42
    public var precision = Precision.f32
    public var temperature = 0.05
    /// Whether ``temperature`` is what it is at first.
    public var learnsTemperature = false
    public var loss = LossOptions()
    /// The original trains on known positives as if they were negatives.
    public var masksKnownPositives = true
    public var sampling = SamplingPolicy.windowed
    public var shortage = Shortage.keep
    public var withoutPositives = WithoutPositives.error
    public var blankTexts = BlankTexts.encode
    /// Whether the text alone is taken of records that have media as well.
    public var ignoresMedia = false
    /// Nil: what the model's card says; so for all that follow up to ``normalizes``.
    public var maxLengths = Sides<Int?>(query: nil, document: nil)
    public var prompts = Sides<String?>(query: nil, document: nil)
    /// Names of the model's prompts, instead of prompts.
    public var promptNames = Sides<String?>(query: nil, document: nil)
    /// A task in words, which the model's template makes the prompt of queries of, instead of a prompt.
    public var instruction: String?
    public var endOfText: ModelCard.EndOfText?
    public var attention: AttentionDirection?
    public var pooling: Poolings?
    public var normalizes: Bool?
    /// How inputs with media are put together; what is nil is what the model's card says.
    public var inputs = InputSettings()
    /// Name of a ``ModelPreset`` that wins over what the model's folder says.
    public var preset: String?
    public var usesModelDropout = false
    /// Parts of the model that stay as they are.
    public var frozen: Set<ModelPart> = []
    public var optimizer = OptimizerOptions()
    /// Nil: all weights are trained.
    public var lora: LoRAOptions?
    /// Mebibytes of what frozen towers make that are kept for later epochs.
    public var towerCache = 0
    /// Nil: all of a micro-batch.
    public var chunkTokens: Int?
    /// In steps; 0: never by steps.
    public var checkpointEvery = 0
    /// 0: never by time.
    public var checkpointEveryMinutes = 10.0
    public var keptCheckpointCount = 2
    /// Nil: the model is not measured while it trains.
    public var validation: ValidationOptions?
    public var events = EventOptions()
    /// Where the keys were read; no part of the value.
    var places = KeyPlaces()

    /// One value for queries and one for documents.
    public struct Sides<Value: Sendable>: Sendable {
        public var query: Value
        public var document: Value

        public init(query: Value, document: Value) {
            self.query = query
            self.document = document
        }
    }

    /// One dataset of the config.
    public struct Part: Sendable, Equatable {
        /// In the store: `name`, `name@tag` or `sha256:…`.
        public var reference: String
        /// Absent for all datasets: by size.
        public var weight: Double?
        /// Instead of the config's; so for the next two.
        public var prompts = Sides<String?>(query: nil, document: nil)
        public var maxLengths = Sides<Int?>(query: nil, document: nil)
        public var passagesPerQuery: Int?
        /// Steps that are done when the dataset joins, and when it leaves.
        public var afterStep: Int?
        public var untilStep: Int?
        /// Passes over all examples of all datasets, likewise.
        public var afterEpoch: Double?
        public var untilEpoch: Double?

        public init(reference: String, weight: Double? = nil) {
            self.reference = reference
            self.weight = weight
        }
    }

    public enum Length: Sendable, Equatable {
        case steps(Int)
        /// Passes over all examples of all datasets; only where no weights are given.
        case epochs(Double)
    }

    public enum Precision: String, Sendable, CaseIterable { case f32, bf16 }

    public typealias Shortage = ExampleOptions.Shortage
    public typealias WithoutPositives = ExampleOptions.WithoutPositives

    /// Options of AdamW and its schedule.
    public struct OptimizerOptions: Sendable, Equatable {
        public var learningRate = 5e-5
        public var schedule = LearningRateSchedule.linear
        public var warmupStepCount = 0
        public var beta1 = 0.9
        public var beta2 = 0.999
        public var epsilon = 1e-8
        public var weightDecay = 0.0
        public var clipNorm = 1.0
        public var state = OptimizerState.f32

        public init() {}
    }

    /// Options of a low-rank adapter: `W x + (alpha / r) · B A x`.
    public struct LoRAOptions: Sendable, Equatable {
        public var rank = 16
        public var alpha = 64.0
        public var dropout = 0.1
        /// Last parts of the names of the linear layers that get an adapter; nil: those of the model's family.
        public var targets: [String]?

        public init() {}
    }

    public init(model: String, datasets: [Part], length: Length) {
        self.model = model
        self.datasets = datasets
        self.length = length
    }
}

extension TrainingConfig.Sides: Equatable where Value: Equatable {}

/// The places of a config's keys, for errors that only show when model and data are there. All are equal: where a
/// config was written does not change what it says.
struct KeyPlaces: Sendable, Equatable {
    /// By dotted path.
    var placesByPath: [String: String] = [:]
    var file: String?

    static func == (_: KeyPlaces, _: KeyPlaces) -> Bool { true }

    /// A configuration error about a key, with the place where it was read, or for one that is missing that of its section.
    func failure(_ path: String, _ reason: String, advice: String? = nil) -> Failure {
        let place = (placesByPath[path] ?? file).map { $0 + ": " } ?? ""
        return Failure(.badConfiguration, "\(place)\"\(path)\" \(reason)", advice: advice)
    }
}
