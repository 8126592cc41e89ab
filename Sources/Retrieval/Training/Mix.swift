public import Examples
public import Models

/// What `tvt-train` is asked to do: a model, the data it learns from, and how.
///
/// Read from a YAML file under `manifests/` by ``Mix/init(yaml:path:overrides:)``; every key has the meaning, unit and
/// default that are written here, and an unknown key is an error.
public struct Mix: Sendable, Equatable {
    /// `model`: folder of the model to start from, relative to the working directory.
    public var model: String
    /// `datasets`: what the examples are drawn from.
    public var datasets: [Part]
    /// `passages_per_query`: the positive and the hard negatives of an example together; at least 1. Default 4.
    public var passagesPerQuery = 4
    /// `queries_per_step`: examples per optimizer step, all micro-batches together. Default 32.
    public var queriesPerStep = 32
    /// `accumulation`: equal micro-batches that a step is cut into; each has its own in-batch negatives. Default 1.
    public var accumulation = 1
    /// `steps` or `epochs`: how long to train.
    public var length: Length
    /// `seed`: of the order, the choice of passages and LoRA's start values. Default 42.
    public var seed: UInt64 = 42
    /// `dtype`: what the model computes in, `f32` or `bf16`; trained weights and optimizer state stay f32. Default f32.
    public var precision = Precision.f32
    /// `temperature`: τ of the loss. Default 0.05.
    public var temperature = 0.05
    /// `mask_known_positives`: leave a query's other known positives, and passages with their content, out of the
    /// denominator. Default true; the original does not.
    public var masksKnownPositives = true
    /// `sampling`: see ``SamplingPolicy``. Default windowed.
    public var sampling = SamplingPolicy.windowed
    /// `shortage`: what happens when a query has fewer negatives than wanted. Default keep.
    public var shortage = Shortage.keep
    /// `without_positives`: what happens to queries that have none. Default error.
    public var withoutPositives = WithoutPositives.error
    /// `max_lengths`: tokens, special ones included; longer texts are cut. Default: what the model's card says.
    public var maxLengths = Sides<Int?>(query: nil, document: nil)
    /// `prompts`: put before each text. Default: what the model's card says.
    public var prompts = Sides<String?>(query: nil, document: nil)
    /// `pooling`: mean, cls or last. Default: what the model's card says.
    public var pooling: Pooling?
    /// `normalize`: scale vectors to unit length. Default: what the model's card says.
    public var normalizes: Bool?
    /// `dropout`: train with the dropout that the model's configuration names. Default false.
    public var usesModelDropout = false
    /// `optimizer`
    public var optimizer = OptimizerOptions()
    /// `lora`: train an adapter of these options; absent, all weights are trained.
    public var lora: LoRAOptions?
    /// `chunk_tokens`: most tokens that go through a block at once; bounds memory. Default: all of a micro-batch.
    public var chunkTokens: Int?
    /// `checkpoint_every`: steps between checkpoints; the last step always writes one. Default 0: only the last.
    public var checkpointEvery = 0

    /// One value for queries and one for documents.
    public struct Sides<Value: Sendable & Equatable>: Sendable, Equatable {
        public var query: Value
        public var document: Value

        public init(query: Value, document: Value) {
            self.query = query
            self.document = document
        }
    }

    /// One dataset of the mix.
    public struct Part: Sendable, Equatable {
        /// `name`: a reference in the store: `name`, `name@tag` or `sha256:…`.
        public var reference: String
        /// `weight`: share of the examples, in whole numbers. Absent (then for all datasets): by size.
        public var weight: UInt64?
        /// `prompts`: instead of the mix's.
        public var prompts = Sides<String?>(query: nil, document: nil)

        public init(reference: String, weight: UInt64? = nil) {
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
        /// `learning_rate`: peak. Default 5e-5.
        public var learningRate = 5e-5
        /// `schedule`: linear, cosine or constant, after the warm-up. Default linear.
        public var schedule = LearningRateSchedule.linear
        /// `warmup_steps`: steps of linear warm-up. Default 0.
        public var warmupStepCount = 0
        /// `betas`
        public var beta1 = 0.9
        public var beta2 = 0.999
        /// `epsilon`
        public var epsilon = 1e-8
        /// `weight_decay`: decoupled; not on biases and LayerNorm. Default 0.
        public var weightDecay = 0.0
        /// `clip_norm`: largest global gradient norm; 0 does not clip. Default 1.
        public var clipNorm = 1.0

        public init() {}
    }

    /// Options of a low-rank adapter: `W x + (alpha / r) · B A x`.
    public struct LoRAOptions: Sendable, Equatable {
        /// `r`: rank.
        public var rank = 16
        /// `alpha`
        public var alpha = 64.0
        /// `dropout`: on the adapter's input while training.
        public var dropout = 0.1
        /// `targets`: last parts of the names of the linear layers that get an adapter.
        public var targets = ["query", "key", "value", "dense"]

        public init() {}
    }

    public init(model: String, datasets: [Part], length: Length) {
        self.model = model
        self.datasets = datasets
        self.length = length
    }
}
