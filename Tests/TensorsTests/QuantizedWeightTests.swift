import Glibc
import Tensors
import Testing

/// Products with weights of 8 bits against the same in float64.
@Suite struct QuantizedWeightTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        var rows, inputs, outputs: Int
        var testDescription: String { "\(rows) × \(inputs) → \(outputs)" }
    }

    static let shapes = [
        Shape(rows: 67, inputs: 384, outputs: 1152), Shape(rows: 500, inputs: 576, outputs: 192),
        Shape(rows: 1, inputs: 1, outputs: 1), Shape(rows: 9, inputs: 13, outputs: 17),
        Shape(rows: 0, inputs: 16, outputs: 16), Shape(rows: 3, inputs: 1536, outputs: 40),
        Shape(rows: 130, inputs: 64, outputs: 8),
    ]

    static func activated(_ x: Tensor, _ activation: Tensor.Activation?) throws -> Tensor {
        try activation.map { try FusedLayerTests.activated(x, $0) } ?? x
    }

    /// The root of the mean square of the difference, relative to that of the expected values.
    static func relativeError(_ got: Tensor, _ expected: Tensor) throws -> Double {
        let pairs = zip(try got.doubles(), try expected.doubles())
        let (difference, size) = pairs.reduce(into: (0.0, 0.0)) { sums, pair in
            sums.0 += (pair.0 - pair.1) * (pair.0 - pair.1)
            sums.1 += pair.1 * pair.1
        }
        return size > 0 ? (difference / size).squareRoot() : 0
    }

    @Test(arguments: shapes)
    func productsAreClose(shape: Shape) throws {
        let before = Tensor.threadLiveCount
        do {
            let input = try Tensor.normal([shape.rows, shape.inputs], seed: 1)
            let weight = try Tensor.normal([shape.outputs, shape.inputs], standardDeviation: 0.05, seed: 2)
            let bias = try Tensor.normal([shape.outputs], standardDeviation: 0.1, seed: 3)
            let quantized = try QuantizedWeight(weight: weight)
            #expect(quantized.byteCount < 2 * weight.byteCount / 4 + 4096)
            let product = try input.to(.float64).linear(weight.to(.float64), bias.to(.float64))
            for activation in [nil] + Tensor.Activation.allCases.map(Optional.some) {
                let got = try quantized.linear(input, bias, activation)
                #expect(got.shape == [shape.rows, shape.outputs])
                // Normal values: a step of weights is 1/30 of their deviation, one of activations 1/40; each rounding is
                // off by a step over √12.
                let error = try Self.relativeError(got, Self.activated(product, activation))
                #expect(error < 0.018, "\(String(describing: activation))")
            }
        }
        #expect(Tensor.threadLiveCount == before)
    }

    /// What the integers can hold comes back exactly, whatever the products are: extremes do not saturate.
    @Test func extremesAreExact() throws {
        // Weights ±32 fill their quads; inputs 0 and 255 are steps of 1.
        for (sign, seed) in [(Float(32), 0), (-32, 1), (32, 2)] {
            let weights: [Float] = (0..<24 * 80).map { (index: Int) -> Float in
                seed == 2 && index / 8 % 2 == 0 ? -32 : sign
            }
            let weight = try Tensor(weights, shape: [24, 80])
            let inputs: [Float] = (0..<30 * 80).map { (index: Int) -> Float in
                if index % 80 == 0 { return 0 }
                return index % 7 == 3 ? Float(index % 256) : 255
            }
            let input = try Tensor(inputs, shape: [30, 80])
            let got = try QuantizedWeight(weight: weight).linear(input)
            try expectClose(got, input.to(.float64).matmul(weight.to(.float64).transpose(0, 1)), 1e-5)
        }
    }

    @Test func rowsWithoutARange() throws {
        let weight = try Tensor.normal([16, 32], seed: 4)
        let quantized = try QuantizedWeight(weight: weight)
        let constant = try Tensor.full([3, 32], 2.5)
        let sums = try quantized.linear(Tensor.ones([1, 32]))
        try expectClose(quantized.linear(constant), sums.multiplied(by: 2.5).expand([3, 16]), 1e-6)
        #expect(try quantized.linear(Tensor.zeros([2, 32])).floats() == [Float](repeating: 0, count: 32))
        #expect(
            try QuantizedWeight(weight: Tensor.zeros([16, 32])).linear(constant).floats().contains { $0 != 0 } == false)
        for bad in [Float.nan, .infinity, -.infinity] {
            let spoilt = try Tensor((0..<64).map { $0 == 40 ? bad : Float($0) }, shape: [2, 32])
            let output = try quantized.linear(spoilt).floats()
            #expect(output[..<16].count { $0.isFinite } == 16)
            #expect(output[16...].count { $0.isNaN } == 16)
        }
    }

    @Test func viewsAndShapes() throws {
        let product = try Tensor.normal([6, 100], seed: 5)
        let weight = try Tensor.normal([20, 40], seed: 6)
        let quantized = try QuantizedWeight(weight: weight)
        let view = try product.narrow(1, start: 30, length: 40)
        let expected = try quantized.linear(view.contiguous()).floats()
        #expect(try quantized.linear(view).floats() == expected)
        #expect(try quantized.linear(view.reshape([2, 3, 40])).shape == [2, 3, 20])
        #expect(try quantized.linear(view.clone().transpose(0, 1).clone().transpose(0, 1)).floats() == expected)
        #expect(try quantized.linear(view.select(0, 2)).floats() == Array(expected[40..<60]))
        #expect(throws: TensorError.self) { try quantized.linear(product) }
        #expect(throws: TensorError.self) { try quantized.linear(view.to(.bfloat16)) }
        #expect(throws: TensorError.self) { try quantized.linear(view, Tensor.zeros([40])) }
        #expect(throws: TensorError.self) { try QuantizedWeight(weight: product.select(0, 0)) }
        #expect(throws: TensorError.self) { try QuantizedWeight(weight: Tensor.full([2, 2], .infinity)) }
        #expect(throws: TensorError.self) { try QuantizedWeight(weight: Tensor.zeros([2, 0])) }
        // Weights kept in 16 bits are widened first.
        let narrow = try weight.to(.bfloat16)
        #expect(
            try QuantizedWeight(weight: narrow).linear(view).floats()
                == QuantizedWeight(weight: narrow.to(.float32)).linear(view).floats())
    }

    /// One large weight must not take the precision of its row away: the scale is where the error is least.
    @Test func scalesFollowTheError() throws {
        let plain = try Tensor.normal([8, 256], standardDeviation: 0.05, seed: 7)
        let spike = try Tensor((0..<8 * 256).map { $0 % 256 == 17 ? Float(0.4) : 0 }, shape: [8, 256])
        let weight = try plain.adding(spike)
        let input = try Tensor.normal([50, 256], seed: 8)
        let expected = try input.to(.float64).linear(weight.to(.float64))
        #expect(try Self.relativeError(QuantizedWeight(weight: weight).linear(input), expected) < 0.025)
    }

    /// The same sums on every kind of processor and for every number of threads. In processes of their own: both
    /// settings belong to the process.
    @Test func processorsAndThreadsAgree() async {
        await #expect(processExitsWith: .success) {
            setenv("TVT_CPU_KERNELS", "portable", 1)
            try QuantizedWeightTests().checkKnownSums()
            for shape in QuantizedWeightTests.shapes { try QuantizedWeightTests().productsAreClose(shape: shape) }
            try QuantizedWeightTests().extremesAreExact()
        }
        await #expect(processExitsWith: .success) {
            setenv("TVT_CPU_KERNELS", "avx2", 1)
            try QuantizedWeightTests().checkKnownSums()
            try QuantizedWeightTests().extremesAreExact()
        }
        await #expect(processExitsWith: .success) {
            let quantized = try QuantizedWeight(weight: Tensor.normal([100, 96], seed: 9))
            for rows in [1, 5, 77, 1000] {
                let input = try Tensor.normal([rows, 96], seed: 10)
                let results = try [1, 2, 3].map { count in
                    Compute.threadCount = count
                    return try quantized.linear(input).floats()
                }
                precondition(results[0] == results[1] && results[0] == results[2], "the number of threads changes it")
            }
        }
    }

    /// Integers whose products every processor must have alike.
    @Test func checkKnownSums() throws {
        let weights: [Float] = (0..<40 * 50).map { (index: Int) -> Float in Float(index * 7919 % 63 - 31) }
        let inputs: [Float] = (0..<11 * 50).map { (index: Int) -> Float in
            if index % 50 < 2 { return index % 50 == 0 ? 0 : 255 }
            return Float(index * 104_729 % 256)
        }
        let (weight, input) = (try Tensor(weights, shape: [40, 50]), try Tensor(inputs, shape: [11, 50]))
        let got = try QuantizedWeight(weight: weight).linear(input)
        let expected = try input.to(.float64).linear(weight.to(.float64))
        #expect(try Self.relativeError(got, expected) < 0.012)
    }
}
