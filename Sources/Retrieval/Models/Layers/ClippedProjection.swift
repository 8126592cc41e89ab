internal import Tensors

/// Linear layers that share an input; where the model has limits for them, each layer's input and output are clipped to
/// its own.
///
/// Without limits they are one ``Projection``; with them, each is one of its own.
///
/// Source: transformers' `Gemma4ClippableLinear`.
final class ClippedProjection {
    let projections: [Projection]
    /// What the layers' numbers are clipped to; not trained.
    let limitParameters: [Parameter]
    /// Of each layer; empty where nothing is clipped.
    private let limits: [(input: ClosedRange<Double>, output: ClosedRange<Double>)]

    var parameters: [Parameter] { projections.flatMap(\.parameters) }

    /// - Parameters:
    ///   - layers: names and output sizes; a layer's weight is `<name>.linear.weight`.
    ///   - isClipped: whether the checkpoint has limits, `<name>.input_min` and three others for each layer.
    init(_ layers: [(name: String, outputSize: Int)], _ inputSize: Int, isClipped: Bool, _ files: WeightFiles) throws {
        let linear = try layers.map { try files.linear($0.name + ".linear", inputSize, $0.outputSize, bias: false) }
        guard isClipped else {
            (projections, limitParameters, limits) = ([Projection(linear)], [], [])
            return
        }
        projections = linear.map { Projection([$0]) }
        var limits: [(ClosedRange<Double>, ClosedRange<Double>)] = []
        var parameters: [Parameter] = []
        for (name, _) in layers {
            let input = try files.limits("\(name).input_min", "\(name).input_max")
            let output = try files.limits("\(name).output_min", "\(name).output_max")
            limits.append((input.range, output.range))
            parameters += input.parameters + output.parameters
        }
        self.limits = limits
        limitParameters = parameters
    }

    convenience init(
        _ name: String, _ inputSize: Int, _ outputSize: Int, isClipped: Bool, _ files: WeightFiles
    ) throws {
        try self.init([(name, outputSize)], inputSize, isClipped: isClipped, files)
    }

    /// The output of the only layer.
    ///
    /// - Parameter site: tells the dropouts of one stage apart.
    func callAsFunction(_ input_TI: Tensor, _ dropout: Dropout, site: UInt64) throws -> Tensor {
        precondition(projections.count == 1, "one output is asked for")
        return try each(input_TI, dropout, site: site)[0]
    }

    /// The outputs of all layers, which may be views of one tensor.
    ///
    /// - Parameter site: of the first layer; the others count on.
    func each(_ input_TI: Tensor, _ dropout: Dropout, site: UInt64) throws -> [Tensor] {
        guard !limits.isEmpty else { return try projections[0].each(input_TI, dropout, site: site) }
        return try projections.indices.map { index in
            let clipped_TI = try input_TI.clipped(to: limits[index].input)
            return try projections[index](clipped_TI, dropout, site: site + UInt64(index))
                .clipped(to: limits[index].output)
        }
    }

    /// `output + residual`, in place where nobody else sees the output.
    func adding(_ residual: Tensor, to output: Tensor) throws -> Tensor {
        try projections[0].adding(residual, to: output)
    }
}

extension Tensor {
    /// The nearest numbers in a range, which may be open to either side; gradients flow where nothing was changed.
    func clipped(to range: ClosedRange<Double>) throws -> Tensor {
        let raised = range.lowerBound > -.infinity ? try maximum(range.lowerBound) : self
        return range.upperBound < .infinity ? try raised.minimum(range.upperBound) : raised
    }
}
