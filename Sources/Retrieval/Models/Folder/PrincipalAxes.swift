public import SystemPackage
public import Tensors

/// Turns a model's vectors so that leading components say the most: onto the principal axes of a sample of them.
///
/// A rotation changes no inner product of whole vectors and no cosine. What is cut after it keeps the most of the
/// sample's squared length that a linear map to so few components can: `y = Uᵀ x`, with the eigenvectors `U` of
/// `mean(x xᵀ)` by falling eigenvalues. The mean is not subtracted, as inner products have none.
public struct PrincipalAxes {
    /// D
    public let dims: Int
    /// Sum over samples of `mean(x xᵀ)`, float64 `[D, D]`.
    private var moments_DD: Tensor

    public init(dims: Int) throws {
        self.dims = dims
        moments_DD = try Tensor.zeros([dims, dims], type: .float64)
    }

    /// Vectors whose axes are sought.
    public struct Sample {
        /// Sum of `x xᵀ`, float64 `[D, D]`.
        fileprivate var sum_DD: Tensor
        public private(set) var count = 0

        public init(dims: Int) throws { sum_DD = try Tensor.zeros([dims, dims], type: .float64) }

        /// - Parameter rows_ND: `[N, D]`
        public mutating func add(_ rows_ND: Tensor) throws {
            try withoutGradients {
                let rows_ND = try rows_ND.to(.float64)
                sum_DD = try sum_DD.adding(rows_ND.transpose(0, 1).matmul(rows_ND))
            }
            count += rows_ND.size(0)
        }
    }

    /// Adds a sample, which counts as much as every other one, as queries do beside documents.
    public mutating func add(_ sample: Sample) throws {
        precondition(sample.count > 0, "a sample has vectors")
        moments_DD = try withoutGradients {
            try moments_DD.adding(sample.sum_DD.multiplied(by: 1 / Double(sample.count)))
        }
    }

    /// The axes, float32 `[D, D]`, a row each, by falling eigenvalues; the largest component of each is positive, so that
    /// equal samples give equal axes.
    public func axes() throws -> Tensor {
        let columns = try withoutGradients { try moments_DD.eigenvectors().to(.float32).contiguous().floats() }
        var rows: [Float] = []
        rows.reserveCapacity(columns.count)
        for axis in (0..<dims).reversed() {
            let row = (0..<dims).map { columns[$0 * dims + axis] }
            let largest = row.max { abs($0) < abs($1) } ?? 0
            rows += largest < 0 ? row.map { -$0 } : row
        }
        return try Tensor(rows, shape: [dims, dims])
    }

    /// What leading components keep of the sample's squared length, from 0 to 1.
    public func share(of leading: Int) throws -> Double {
        try withoutGradients {
            let axes_DD = try axes().to(.float64)
            let lengths = try axes_DD.matmul(moments_DD).multiplied(by: axes_DD).sum(1).to(.float32).floats()
            return lengths.prefix(leading).reduce(0) { $0 + Double($1) } / lengths.reduce(0) { $0 + Double($1) }
        }
    }

    /// Writes a complete model folder, whose last layer is the rotation: a linear layer without bias, which training changes
    /// like any other.
    ///
    /// The folder must not exist; writing it elsewhere and renaming it into place is the caller's part.
    ///
    /// - Parameter model: loaded for training; its vectors have ``dims`` components.
    public func write(_ model: EmbeddingModel, to target: FilePath) throws {
        precondition(model.card.dims == dims, "the axes are those of the model's vectors")
        var card = model.card
        card.layers.append(
            .dense(HeadLayer.Dense(inputSize: dims, outputSize: dims, hasBias: false, activation: .identity)))
        try model.save(card, model.head.adding(axes()), to: target)
    }
}
