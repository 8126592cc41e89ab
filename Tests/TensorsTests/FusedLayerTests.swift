import Glibc
import Tensors
import Testing

/// RMS norm, rotary positions and gates against the same by single operations in float64.
@Suite struct FusedLayerTests {
    static let types: [ElementType] = [.float32, .bfloat16, .float16, .float64]

    static func rms(_ x: Tensor, _ weight: Tensor, _ epsilon: Double, addsOne: Bool) throws -> Tensor {
        let scale = try x.multiplied(by: x).mean(-1, keep: true).adding(epsilon).reciprocalSquareRoot()
        return try x.multiplied(by: scale).multiplied(by: addsOne ? weight.adding(1) : weight)
    }

    @Test(arguments: [[3, 5, 64], [7, 100], [1, 1], [0, 16], [4, 0, 8], [2, 3, 2], [37], [70, 576]], types)
    func rmsNorm(shape: [Int], type: ElementType) throws {
        let before = Tensor.threadLiveCount
        do {
            let x = try Tensor.normal(shape, standardDeviation: 3, seed: 1).to(type)
            for addsOne in [false, true] {
                let weight = try Tensor.normal([shape.last!], mean: 1, seed: 2).to(type)
                let got = try x.rmsNorm(weight, epsilon: 1e-3, addsOne: addsOne)
                #expect(got.elementType == type)
                let expected = try Self.rms(x.to(.float64), weight.to(.float64), 1e-3, addsOne: addsOne)
                // Two roundings of Llama's order, one of Gemma's, and what float32 loses.
                try expectClose(got, expected, Tensor.rounding(type) * (addsOne ? 1 : 2) + 4e-7, "\(addsOne)")
                let leaves = [try x.leaf(type), try weight.leaf(type)]
                let wide = try leaves.map { try $0.leaf(.float64) }
                let recorded = try leaves[0].rmsNorm(leaves[1], epsilon: 1e-3, addsOne: addsOne)
                #expect(try recorded.doubles() == got.doubles())
                let pairs = zip(
                    try gradients(of: recorded, leaves),
                    try gradients(of: Self.rms(wide[0], wide[1], 1e-3, addsOne: addsOne), wide))
                for (one, other) in pairs {
                    #expect(one.elementType == type)
                    // The weight's gradient adds up the roundings of many rows.
                    try expectClose(one, other, Tensor.rounding(type) * 12 + 1e-6, "\(addsOne)")
                }
            }
        }
        #expect(Tensor.threadLiveCount == before)
    }

    /// The two orders of roundings, operation by operation as the models' reference implementations have them.
    @Test func rmsNormRoundsAsTheModelsDo() throws {
        let x = try Tensor.normal([50, 96], seed: 3).to(.bfloat16)
        let weight = try Tensor.normal([96], mean: 1, standardDeviation: 0.2, seed: 4).to(.bfloat16)
        let wide = try x.to(.float32)
        let scale = try wide.multiplied(by: wide).mean(-1, keep: true).adding(1e-6).reciprocalSquareRoot()
        let llama = try wide.multiplied(by: scale).to(.bfloat16).multiplied(by: weight)
        let gemma = try wide.multiplied(by: scale).multiplied(by: weight.to(.float32).adding(1)).to(.bfloat16)
        func differing(_ a: Tensor, _ b: Tensor) throws -> Int { try zip(a.floats(), b.floats()).count { $0 != $1 } }
        // The last bit of the float32 scale may differ, which changes few roundings.
        #expect(try differing(x.rmsNorm(weight, epsilon: 1e-6), llama) < 10)
        #expect(try differing(x.rmsNorm(weight, epsilon: 1e-6, addsOne: true), gemma) < 10)
        let other = try x.rmsNorm(weight.to(.float32).subtracting(1), epsilon: 1e-6, addsOne: true)
        #expect(try differing(other, llama) > 500)
    }

    /// Heads inside a fused product, and a weight of another type.
    @Test func rmsNormOfViews() throws {
        let product = try Tensor.normal([9, 5 * 32 + 7], seed: 5)
        let heads = try product.narrow(1, start: 7, length: 96).reshape([9, 3, 32])
        #expect(!heads.isContiguous)
        let weight = try Tensor.normal([32], seed: 6).to(.bfloat16)
        let expected = try Self.rms(heads.to(.float64), weight.to(.float64), 1e-6, addsOne: false)
        try expectClose(heads.rmsNorm(weight, epsilon: 1e-6), expected, 1e-6)
        let columns = try product.narrow(1, start: 0, length: 32).transpose(0, 1)
        let ones = try Tensor.ones([9])
        try expectClose(
            columns.rmsNorm(ones, epsilon: 1e-6),
            Self.rms(columns.to(.float64), ones.to(.float64), 1e-6, addsOne: false), 1e-6)
        let frozen = try heads.clone().requireGradient()
        let output = try frozen.rmsNorm(weight, epsilon: 1e-6)
        #expect(try gradients(of: output.transpose(0, 1), [frozen])[0].shape == [9, 3, 32])
        #expect(throws: TensorError.self) { try heads.rmsNorm(ones, epsilon: 1e-6) }
    }

    static func turned(_ x: Tensor, _ cos: Tensor, _ sin: Tensor) throws -> Tensor {
        let half = x.size(2) / 2
        let (a, b) = (try x.narrow(2, start: 0, length: half), try x.narrow(2, start: half, length: half))
        let (cosine, sine) = (try cos.unsqueeze(1).to(x.elementType), try sin.unsqueeze(1).to(x.elementType))
        return try .cat(
            [
                a.multiplied(by: cosine).subtracting(b.multiplied(by: sine)),
                b.multiplied(by: cosine).adding(a.multiplied(by: sine)),
            ], 2)
    }

    static func tables(_ tokens: Int, _ half: Int) throws -> (cos: Tensor, sin: Tensor) {
        let angles = (0..<tokens * half).map { Float($0 % 97) * 0.13 }
        return (
            try Tensor(angles.map { cosf($0) }, shape: [tokens, half]),
            try Tensor(angles.map { sinf($0) }, shape: [tokens, half])
        )
    }

    @Test(arguments: [[5, 3, 16], [1, 1, 2], [0, 4, 8], [33, 9, 64], [3, 2, 18], [6, 0, 8]], types)
    func rotary(shape: [Int], type: ElementType) throws {
        let before = Tensor.threadLiveCount
        do {
            let x = try Tensor.normal(shape, seed: 1).to(type)
            let (cos, sin) = try Self.tables(shape[0], shape[2] / 2)
            let got = try x.rotary(cos: cos, sin: sin)
            #expect(got.elementType == type)
            try expectClose(got, Self.turned(x.to(.float64), cos, sin), Tensor.rounding(type) + 2e-7)
            // Turning back, and gradients, which is the same.
            try expectClose(got.rotary(cos: cos, sin: sin.negated()), x, Tensor.rounding(type) * 3 + 4e-7)
            let (leaf, wide) = (try x.leaf(type), try x.leaf(.float64))
            let one = try gradients(of: leaf.rotary(cos: cos, sin: sin), [leaf])[0]
            let other = try gradients(of: Self.turned(wide, cos, sin), [wide])[0]
            try expectClose(one, other, Tensor.rounding(type) * 2 + 4e-7)
        }
        #expect(Tensor.threadLiveCount == before)
    }

    @Test func rotaryOfViews() throws {
        let product = try Tensor.normal([7, 5 * 8], seed: 2)
        let (cos, sin) = try Self.tables(7, 4)
        let heads = try product.narrow(1, start: 16, length: 24).reshape([7, 3, 8])
        try expectClose(heads.rotary(cos: cos, sin: sin), Self.turned(heads.to(.float64), cos, sin), 2e-7)
        let across = try product.reshape([5, 8, 7]).transpose(0, 2)
        let (longCos, longSin) = (try Tensor.cat([cos, cos], 0).narrow(0, start: 0, length: 7), try sin.clone())
        #expect(throws: TensorError.self) { try across.rotary(cos: longCos, sin: longSin) }
        #expect(throws: TensorError.self) { try heads.rotary(cos: cos, sin: sin.narrow(0, start: 0, length: 6)) }
        #expect(throws: TensorError.self) { try heads.rotary(cos: cos.to(.float64), sin: sin.to(.float64)) }
        // The gradient of a sum over heads arrives as a view without memory of its own.
        let leaf = try heads.leaf(.float32)
        let sum = try leaf.rotary(cos: cos, sin: sin).sum()
        let gradient = try Tensor.gradients(of: [sum], withRespectTo: [leaf])[0]!
        let ones = try Tensor.ones([7, 3, 8], type: .float64)
        try expectClose(gradient, Self.turned(ones, cos, sin.negated()), 1e-6)
    }

    static func activated(_ x: Tensor, _ activation: Tensor.Activation) throws -> Tensor {
        switch activation {
        case .silu: try x.silu()
        case .gelu: try x.gelu()
        case .geluTanh: try x.geluTanh()
        case .relu: try x.relu()
        }
    }

    @Test(arguments: Tensor.Activation.allCases, types)
    func gates(activation: Tensor.Activation, type: ElementType) throws {
        let before = Tensor.threadLiveCount
        do {
            for shape in [[5, 2 * 48], [1, 2], [0, 8], [3, 4, 2 * 33], [401, 2 * 100]] {
                let product = try Tensor.normal(shape, standardDeviation: 4, seed: 9).to(type)
                let half = shape.last! / 2
                let gate = try product.narrow(-1, start: 0, length: half)
                let up = try product.narrow(-1, start: half, length: half)
                let got = try gate.gated(up: up, activation)
                #expect(got.elementType == type)
                let expected = try Self.activated(gate.to(.float64), activation).multiplied(by: up.to(.float64))
                try expectClose(got, expected, Tensor.rounding(type) * 2 + 5e-7)
                let leaf = try product.leaf(type)
                let wide = try product.leaf(.float64)
                let recorded = try leaf.narrow(-1, start: 0, length: half).gated(
                    up: leaf.narrow(-1, start: half, length: half), activation)
                // libtorch's own loses 1e-7 of 1 + erf, which x and up then multiply.
                try expectClose(recorded, got, Tensor.rounding(type) * 2 + 2e-5)
                let other = try Self.activated(wide.narrow(-1, start: 0, length: half), activation).multiplied(
                    by: wide.narrow(-1, start: half, length: half))
                try expectClose(
                    gradients(of: recorded, [leaf])[0], gradients(of: other, [wide])[0],
                    Tensor.rounding(type) * 8 + 5e-5)
                let expectedProduct = try Tensor.cat([got, up], -1)
                try gate.gateInPlace(up: up, activation)
                #expect(try product.doubles() == expectedProduct.doubles())
            }
        }
        #expect(Tensor.threadLiveCount == before)
    }

    /// Where activations are tiny, huge or not numbers.
    @Test(arguments: Tensor.Activation.allCases)
    func gatesAtTheEnds(activation: Tensor.Activation) throws {
        let values: [Float] = [
            0, -0.0, 1e-30, -1e-30, 3, -3, -6, -9, -13, 20, 89, 1e4, 3e38, -60, -1e4, .infinity, .nan,
        ]
        let gate = try Tensor(values)
        let got = try gate.gated(up: Tensor.ones([values.count]), activation).floats()
        let expected = try Self.activated(Tensor(values.map(Double.init)), activation).array(of: Double.self)
        for (index, (one, other)) in zip(got, expected).enumerated() {
            if other.isNaN {
                #expect(one.isNaN)
            } else if other.isInfinite || other > 1e38 {
                #expect(Double(one) == Double(Float(other)))
            } else {
                // The argument of an exponential is rounded to float32; float64 itself has 1e-16 left of 1 + erf.
                #expect(abs(Double(one) - other) <= 2e-5 * abs(other) + 1e-14, "\(values[index])")
            }
        }
    }

    @Test func gatesKeepWhatGradientsNeed() throws {
        let gate = try Tensor.normal([4, 4], seed: 1).requireGradient()
        let up = try Tensor.normal([4, 4], seed: 2)
        let values = try gate.floats()
        #expect(throws: TensorError.self) { try gate.gateInPlace(up: up, .silu) }
        #expect(throws: TensorError.self) { try up.gateInPlace(up: gate, .silu) }
        #expect(try gate.floats() == values)
        #expect(throws: TensorError.self) { try up.gated(up: Tensor.zeros([4, 3]), .relu) }
        #expect(throws: TensorError.self) { try up.gated(up: Tensor.zeros([4, 4], type: .bfloat16), .relu) }
    }

    /// What a processor without AVX2 computes, and that neither it nor the number of threads changes more than the
    /// last bits. In processes of their own: both settings belong to the process.
    @Test func oldProcessorsAndOtherThreadCounts() async {
        await #expect(processExitsWith: .success) {
            setenv("TVT_CPU_KERNELS", "portable", 1)
            try FusedLayerTests().rmsNorm(shape: [70, 576], type: .float32)
            try FusedLayerTests().rmsNorm(shape: [70, 577], type: .bfloat16)
            try FusedLayerTests().rotary(shape: [33, 9, 64], type: .float32)
            for activation in Tensor.Activation.allCases {
                try FusedLayerTests().gates(activation: activation, type: .float32)
            }
        }
        await #expect(processExitsWith: .success) {
            let x = try Tensor.normal([1000, 96], seed: 1).requireGradient()
            let weight = try Tensor.normal([96], seed: 2).requireGradient()
            let results = try [1, 2, 3].map { count in
                Compute.threadCount = count
                let output = try x.rmsNorm(weight, epsilon: 1e-6)
                let gate = try withoutGradients { try output.gated(up: x, .gelu) }
                return try ([output, gate] + gradients(of: output, [x, weight])).map { try $0.floats() }
            }
            precondition(
                results[0] == results[1] && results[0] == results[2], "results depend on the number of threads")
        }
    }
}
