import Base
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import TestModels
import Testing

/// Vectors turned onto the principal axes of samples.
struct PrincipalAxesTests {
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    /// Rows that lie along known directions: the axes are those, the longest first, whatever the order of blocks.
    @Test func axesOfKnownDirections() throws {
        // Rows ±3 (0.6, 0.8, 0), ±1 (0, 0, -1), ±0.1 (0.8, -0.6, 0).
        let rows: [Float] = [1.8, 2.4, 0, 0, 0, -1, 0.08, -0.06, 0, -1.8, -2.4, 0, 0, 0, 1, -0.08, 0.06, 0]
        var sample = try PrincipalAxes.Sample(dims: 3)
        try sample.add(Tensor(Array(rows[..<6]), shape: [2, 3]))
        try sample.add(Tensor(Array(rows[6...]), shape: [4, 3]))
        #expect(sample.count == 6)
        let axes = try PrincipalAxes(of: [sample])
        let wanted: [Float] = [0.6, 0.8, 0, 0, 0, 1, 0.8, -0.6, 0]
        let got = try axes.axes_DD.floats()
        #expect(zip(got, wanted).allSatisfy { abs($0 - $1) < 1e-6 }, "\(got)")
        #expect(abs(axes.share(of: 1) - 9 / 10.01) < 1e-6 && abs(axes.share(of: 2) - 10 / 10.01) < 1e-6)
        #expect(axes.share(of: 3) == 1)
    }

    /// A sample counts as much as another, however many vectors it has.
    @Test func samplesCountAlike() throws {
        let samples = try [(1, [Float(1), 0]), (1000, [0, Float(0.9)])].map { count, row in
            var sample = try PrincipalAxes.Sample(dims: 2)
            try sample.add(Tensor((0..<count).flatMap { _ in row }, shape: [count, 2]))
            return sample
        }
        let axes = try PrincipalAxes(of: samples)
        #expect(try axes.axes_DD.floats().map { abs($0) } == [1, 0, 0, 1])
        #expect(abs(axes.share(of: 1) - 1 / 1.81) < 1e-6)
    }

    /// Squares of numbers that fit into float32 need not fit there themselves.
    @Test(arguments: [1e30, 1e-30] as [Float])
    func longAndShortVectors(scale: Float) throws {
        var sample = try PrincipalAxes.Sample(dims: 2)
        try sample.add(Tensor([2 * scale, 0, 0, scale], shape: [2, 2]))
        let axes = try PrincipalAxes(of: [sample])
        #expect(try axes.axes_DD.floats() == [1, 0, 0, 1])
        #expect(abs(axes.share(of: 1) - 0.8) < 1e-6)
    }

    @Test func zerosHaveNoAxes() throws {
        var sample = try PrincipalAxes.Sample(dims: 2)
        try sample.add(Tensor.zeros([3, 2]))
        let error = #expect(throws: Failure.self) { try PrincipalAxes(of: [sample]) }
        #expect(error?.exitStatus == .badData)
    }

    /// Inner products stay, of models with and without a head, and with and without scaling; leading components of the sample
    /// keep what the axes say.
    @Test(arguments: [
        "st6-bert-cls-prompts", "st6-bert-dense-residual", "st6-bert-all-poolings", "st5-bert-mean-normalize",
        "st6-gemma3-dense-normalize",
    ])
    func innerProductsStay(name: String) throws {
        let model = try OthersFoldersTests().load(name, .training)
        let texts = (0..<40).map { number in
            ModelInput(tokens: (0..<(2 + number % 5)).map { Int32(5 + (number * 7 + $0 * 13) % 50) })
        }
        func vectors(_ model: EmbeddingModel) throws -> Tensor {
            try withoutGradients { try model.encode(PackedBatch(texts)) }
        }
        let before = try vectors(model)
        let dims = before.size(1)
        var sample = try PrincipalAxes.Sample(dims: dims)
        try sample.add(before)
        let axes = try PrincipalAxes(of: [sample])
        try axes.write(model, to: temporary("turned"))
        let turned = try EmbeddingModel(loading: temporary("turned"), .encoding)
        #expect(turned.card.layers.count == model.card.layers.count + 1 && turned.card.dims == dims)
        let after = try vectors(turned)
        let products = try [before, after].map { try $0.matmul($0.transpose(0, 1)).contiguous().floats() }
        let largest = products[0].map(abs).max()!
        let worst = zip(products[0], products[1]).map { abs($0 - $1) }.max()!
        #expect(worst <= 1e-5 * largest, "\(worst) of \(largest)")
        // The squared length that a quarter of the components keep.
        let kept = try after.narrow(1, start: 0, length: dims / 4).contiguous().floats().reduce(0.0) {
            $0 + Double($1) * Double($1)
        }
        let whole = try after.contiguous().floats().reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(kept / whole - axes.share(of: dims / 4)) < 1e-4)
        let unturned = try before.narrow(1, start: 0, length: dims / 4).contiguous().floats().reduce(0.0) {
            $0 + Double($1) * Double($1)
        }
        #expect(kept > unturned)
        // The rotation is trained like any other layer.
        let training = try EmbeddingModel(loading: temporary("turned"), .training)
        try training.trainAll()
        #expect(
            training.trainableParameters.contains { $0.tensor.shape == [dims, dims] && $0.name.hasPrefix("head.") })
    }
}
