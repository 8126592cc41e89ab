internal import Base
public import SystemPackage
public import Tensors

/// Turns a model's vectors so that leading components say the most: onto the principal axes of samples of them.
///
/// A rotation changes no inner product of whole vectors and no cosine. What is cut after it keeps the most of the
/// samples' squared length that a linear map to so few components can: `y = Uᵀ x`, with the eigenvectors `U` of
/// `mean(x xᵀ)` by falling eigenvalues. The mean is not subtracted, as inner products have none.
public struct PrincipalAxes {
    /// Float32 `[D, D]`, a row each, by falling eigenvalues; the largest component of each is positive, so that equal
    /// samples give equal axes.
    public let axes_DD: Tensor
    /// What each axis has of the samples' squared length; the sum is 1, but for rounding.
    private let shares: [Double]

    /// D
    public var dims: Int { shares.count }

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

    /// - Parameter samples: of vectors of D components, all finite; each counts as much as every other, as queries do
    ///   beside documents.
    /// - Throws: `Failure` (65) where all vectors are 0.
    public init(of samples: [Sample]) throws {
        precondition(!samples.isEmpty && samples.allSatisfy { $0.count > 0 }, "there are vectors in each sample")
        let dims = samples[0].sum_DD.size(0)
        (axes_DD, shares) = try withoutGradients {
            let moments_DD = try samples.reduce(Tensor.zeros([dims, dims], type: .float64)) { sum_DD, sample in
                try sum_DD.adding(sample.sum_DD.multiplied(by: 1 / Double(sample.count)))
            }
            let columns = try moments_DD.eigenvectors().to(.float32).contiguous().floats()
            var rows: [Float] = []
            rows.reserveCapacity(columns.count)
            for axis in (0..<dims).reversed() {
                let row = (0..<dims).map { columns[$0 * dims + axis] }
                let largest = row.max { abs($0) < abs($1) } ?? 0
                rows += largest < 0 ? row.map { -$0 } : row
            }
            let axes_DD = try Tensor(rows, shape: [dims, dims])
            let wide_DD = try axes_DD.to(.float64)
            let squares_D = try wide_DD.matmul(moments_DD).multiplied(by: wide_DD).sum(1)
            // Squares of numbers that fit into float32 need not fit themselves.
            let total = try squares_D.sum().item()
            guard total > 0 else { throw Failure(.badData, "all vectors are 0: they have no axes") }
            return (axes_DD, try squares_D.multiplied(by: 1 / total).floats().map(Double.init))
        }
    }

    /// What leading components keep of the samples' squared length, from 0 to 1.
    public func share(of leading: Int) -> Double {
        shares.prefix(leading).reduce(0, +) / shares.reduce(0, +)
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
        try model.save(
            card, model.head.adding(axes_DD), metadata: RandomModel.metadata([model.folder]), to: target)
    }
}
