import Engine
import Models
import Tensors
import Training

/// Training through one graph of the whole model: one forward, one call of torch's backward over it, AdamW.
///
/// It shares the model's layers, the loss and torch's kernels with what it is compared to, and none of what cuts a step
/// into pieces: stages, chunks, sums of gradients, processes, the optimizer.
struct WholeGraph {
    let combination: Combination

    init(_ combination: Combination) { self.combination = combination }

    private let options = CombinedRun.options

    /// Losses of all steps.
    ///
    /// - Parameter repeatingFirst: of the first batch again and again.
    func losses(_ run: CombinedRun, repeatingFirst: Bool = false) throws -> [Double] {
        let (model, masters) = try run.model(combination)
        let weights = model.text.trainableParameters.map(\.tensor)
        let trained = masters?.map(\.tensor) ?? weights
        var moments = try Moments(trained)
        var scale = Scale(temperature: combination.loss.loss.temperature)
        return try run.batches.indices.map { number in
            if masters != nil {
                try withoutGradients { for (weight, master) in zip(weights, trained) { try weight.assign(master) } }
            }
            let batch = run.batches[repeatingFirst ? 0 : number]
            let (value, gradients, ofScale) = try backward(model, weights, batch, scale)
            try moments.step(number + 1, trained, gradients, options)
            if combination.loss.loss.learnsTemperature { scale.step(number + 1, ofScale, options) }
            return value
        }
    }

    private func backward(
        _ model: EmbeddingModel, _ weights: [Tensor], _ batch: TrainingBatch, _ scale: Scale
    ) throws -> (Double, [Tensor?], Double) {
        let packed = try DeviceBatch(PackedBatch(batch.inputs))
        let loss = combination.loss.loss
        return try withGradients {
            let vectors = try model.head(model.text.forward(packed, .none), packed)
            let queries = try vectors.indexSelect(0, BlockwiseBackwardTests.rows(batch.queryRows))
            let passages = try vectors.indexSelect(0, BlockwiseBackwardTests.rows(batch.passageRows))
            let factor = try Tensor([exponential(scale.logarithm)], shape: []).to(.float32).requireGradient()
            let value =
                loss.learnsTemperature
                ? try loss(queries_BD: queries, passages_PD: passages, batch.facts, scale: factor)
                : try loss(queries_BD: queries, passages_PD: passages, batch.facts)
            let gradients = try Tensor.gradients(of: [value], withRespectTo: weights + [factor], allowUnused: true)
            let ofFactor = try gradients.last!?.item() ?? 0
            return (try value.item(), Array(gradients.dropLast()), ofFactor * exponential(scale.logarithm))
        }
    }

    /// AdamW over float32 weights, with gradients clipped together; see ``Optimizer``.
    private struct Moments {
        private var first: [Tensor]
        private var second: [Tensor]

        init(_ trained: [Tensor]) throws {
            first = try trained.map { try $0.zerosLike() }
            second = try trained.map { try $0.zerosLike() }
        }

        mutating func step(
            _ count: Int, _ trained: [Tensor], _ gradients: [Tensor?], _ options: TrainingConfig.OptimizerOptions
        ) throws {
            try withoutGradients {
                let given = trained.indices.filter { gradients[$0] != nil }
                let wide = try given.map { try gradients[$0]!.to(.float32) }
                let norm = try Tensor.globalNorm(wide)
                if norm > options.clipNorm {
                    for gradient in wide { try gradient.multiplyInPlace(options.clipNorm / (norm + 1e-6)) }
                }
                for (index, gradient) in zip(given, wide) {
                    let adamW = AdamW(weightDecay: trained[index].dimensionCount > 1 ? options.weightDecay : 0)
                    try adamW.step(
                        count, learningRate: options.learningRate, parameters: [trained[index]],
                        gradients: [gradient], firstMoments: [first[index]], secondMoments: [second[index]])
                }
            }
        }
    }

    /// The logarithm of 1 / τ. Source of the step: Loshchilov & Hutter 2019, algorithm 2, without decay.
    private struct Scale {
        var logarithm: Double
        private var (first, second) = (0.0, 0.0)

        init(temperature: Double) { logarithm = -TrainingTests.logarithm(temperature) }

        mutating func step(_ count: Int, _ gradient: Double, _ options: TrainingConfig.OptimizerOptions) {
            first = options.beta1 * first + (1 - options.beta1) * gradient
            second = options.beta2 * second + (1 - options.beta2) * gradient * gradient
            let mean = first / (1 - power(options.beta1, count))
            let square = second / (1 - power(options.beta2, count))
            logarithm -= options.learningRate * mean / (square.squareRoot() + options.epsilon)
            logarithm = min(max(logarithm, 0), TrainingTests.logarithm(100))
        }
    }
}
