internal import Tensors

/// A convolution over time with its bias, within each sequence of a layout: neighbours do not see each other.
final class Convolution {
    private let weight: Parameter
    private let bias: Parameter
    private let stride: Int
    private let padding: Int
    private let kernelSize: Int
    private let outputSize: Int

    var parameters: [Parameter] { [weight, bias] }

    /// - Parameters:
    ///   - kernelSize: K; half of it stands before and behind each sequence as zeros.
    init(
        _ name: String, _ inputSize: Int, _ outputSize: Int, kernelSize: Int, stride: Int, _ files: WeightFiles
    ) throws {
        weight = try files.parameter(name + ".weight", [outputSize, inputSize, kernelSize])
        bias = try files.parameter(name + ".bias", [outputSize])
        self.stride = stride
        self.kernelSize = kernelSize
        self.outputSize = outputSize
        padding = kernelSize / 2
    }

    /// How long a sequence is afterwards.
    func outputLength(_ length: Int) -> Int { (length + 2 * padding - kernelSize) / stride + 1 }

    /// - Parameters:
    ///   - input_TI: rows of all sequences, `[T, I]`.
    ///   - layout: of the rows; sequences of one length side by side are computed together.
    /// - Returns: `[T', O]`, sequence after sequence.
    func callAsFunction(_ input_TI: Tensor, _ layout: Layout) throws -> Tensor {
        let kernel = try weight.tensor.to(input_TI.elementType)
        let outputs = try layout.runs.map { run in
            try input_TI.narrow(0, start: run.firstRow, length: run.rowCount)
                .reshape([run.sequenceCount, run.length, -1]).transpose(1, 2)
                .convolution1D(kernel, bias.tensor, stride: stride, padding: padding).transpose(1, 2)
                .reshape([run.sequenceCount * outputLength(run.length), outputSize])
        }
        return outputs.count == 1 ? outputs[0] : try Tensor.cat(outputs)
    }
}
