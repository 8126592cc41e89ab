import Tensors
import Testing

/// Attention against softmax of products in float64.
@Suite struct AttentionTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        var b, h, g, l, d: Int
        var testDescription: String { "B\(b) H\(h) G\(g) L\(l) D\(d)" }

        func inputs(_ seed: UInt64) throws -> [Tensor] {
            [
                try .normal([b, h, l, d], seed: seed), try .normal([b, g, l, d], seed: seed + 1),
                try .normal([b, g, l, d], seed: seed + 2),
            ]
        }
    }

    static let shapes = [
        Shape(b: 2, h: 6, g: 2, l: 5, d: 8), Shape(b: 1, h: 4, g: 1, l: 1, d: 16), Shape(b: 3, h: 4, g: 4, l: 33, d: 8),
        Shape(b: 1, h: 3, g: 1, l: 70, d: 32), Shape(b: 1, h: 2, g: 1, l: 600, d: 16),
    ]

    enum Mask: CaseIterable { case none, plain, heads, keys, whole }

    static func mask(_ kind: Mask, _ shape: Shape) throws -> Tensor? {
        switch kind {
        case .none: nil
        case .plain: try .normal([shape.l, shape.l], seed: 91)
        case .heads: try .normal([shape.h, shape.l, shape.l], seed: 92)
        // Some keys are hidden, the first never.
        case .keys:
            try Tensor.zeros([shape.b, 1, 1, shape.l]).maskedFill(
                Tensor.arange(0..<shape.l).greater(Double(shape.l / 2)), -.infinity)
        case .whole: try .normal([shape.b, shape.h, shape.l, shape.l], seed: 93)
        }
    }

    /// Zero where j − i lies in the range, −∞ elsewhere.
    static func band(_ length: Int, _ range: ClosedRange<Int>) throws -> Tensor {
        let distances = try Tensor.arange(0..<length).unsqueeze(0).subtracting(Tensor.arange(0..<length).unsqueeze(1))
        let hidden = try distances.negated().greater(-Double(range.lowerBound)).logicalOr(
            distances.greater(Double(range.upperBound)))
        return try Tensor.zeros([length, length], type: .float64).maskedFill(hidden, -.infinity)
    }

    /// In the type of the inputs, with every head's keys copied.
    static func naive(_ inputs: [Tensor], mask: Tensor?, causal: Bool, scale: Double?) throws -> Tensor {
        let heads = inputs[0].size(1)
        let groups = inputs[1].size(1)
        let index = try Tensor((0..<heads).map { Int64($0 / (heads / groups)) })
        let (query, key, value) = (inputs[0], try inputs[1].indexSelect(1, index), try inputs[2].indexSelect(1, index))
        let factor = scale ?? 1 / Double(query.size(3)).squareRoot()
        var scores = try query.matmul(key.transpose(-1, -2)).multiplied(by: factor)
        if let mask { scores = try scores.adding(mask.to(query.elementType)) }
        if causal { scores = try scores.adding(band(query.size(2), -query.size(2)...0).to(query.elementType)) }
        return try scores.softmax().matmul(value)
    }

    @Test(arguments: shapes, Mask.allCases)
    func isSoftmaxOfProducts(shape: Shape, kind: Mask) throws {
        let before = Tensor.threadLiveCount
        do {
            let inputs = try shape.inputs(5)
            let mask = try Self.mask(kind, shape)
            for causal in [false, true] {
                for (type, tolerance) in [(ElementType.float32, 2e-6), (.bfloat16, 2e-2), (.float16, 4e-3)] {
                    let rounded = try inputs.map { try $0.to(type) }
                    let scale = type == .float32 ? 0.4 : nil
                    let got = try Tensor.attention(
                        query_BHLD: rounded[0], key_BGLD: rounded[1], value_BGLD: rounded[2], mask: mask,
                        causal: causal, scale: scale)
                    #expect(got.elementType == type)
                    let expected = try Self.naive(
                        rounded.map { try $0.to(.float64) }, mask: mask, causal: causal, scale: scale)
                    try expectClose(got, expected, tolerance, "\(type) causal \(causal)")
                }
            }
        }
        #expect(Tensor.threadLiveCount == before)
    }

    @Test(arguments: shapes, Mask.allCases)
    func gradientsAreThoseOfProducts(shape: Shape, kind: Mask) throws {
        for (causal, maskHasGradient) in [(false, false), (true, false), (false, true), (true, true)] {
            let wide = try shape.inputs(6).map { try $0.leaf(.float64) }
            let narrow = try shape.inputs(6).map { try $0.leaf(.float32) }
            var (wideMask, narrowMask) = (try Self.mask(kind, shape), try Self.mask(kind, shape))
            var (wideLeaves, narrowLeaves) = (wide, narrow)
            if maskHasGradient {
                guard wideMask != nil else { continue }
                (wideMask, narrowMask) = (try wideMask!.leaf(.float64), try narrowMask!.leaf(.float32))
                wideLeaves.append(wideMask!)
                narrowLeaves.append(narrowMask!)
            }
            let expected = try Self.naive(wide, mask: wideMask, causal: causal, scale: nil)
            let got = try Tensor.attention(
                query_BHLD: narrow[0], key_BGLD: narrow[1], value_BGLD: narrow[2], mask: narrowMask, causal: causal)
            try expectClose(got, expected, 2e-6)
            let gradientPairs = zip(try gradients(of: got, narrowLeaves), try gradients(of: expected, wideLeaves))
            for (one, other) in gradientPairs { try expectClose(one, other, 1e-5, "\(causal) \(maskHasGradient)") }
        }
    }

    @Test func withoutElements() throws {
        for shape in [Shape(b: 0, h: 4, g: 2, l: 5, d: 8), Shape(b: 2, h: 4, g: 2, l: 0, d: 8)] {
            let inputs = try shape.inputs(1)
            let plain = try Tensor.attention(query_BHLD: inputs[0], key_BGLD: inputs[1], value_BGLD: inputs[2])
            #expect(plain.shape == [shape.b, shape.h, shape.l, shape.d])
            let windowed = try Tensor.windowedAttention(
                query_BHLD: inputs[0], key_BGLD: inputs[1], value_BGLD: inputs[2], before: 3, after: 0)
            #expect(windowed.shape == [shape.b, shape.h, shape.l, shape.d])
        }
    }

    @Test func whatDoesNotFit() throws {
        let inputs = try Shape(b: 1, h: 4, g: 2, l: 5, d: 8).inputs(1)
        let three = try Tensor.normal([1, 3, 5, 8], seed: 1)
        #expect(throws: TensorError.self) {
            try Tensor.attention(query_BHLD: three, key_BGLD: inputs[1], value_BGLD: inputs[2])
        }
        #expect(throws: TensorError.self) {
            try Tensor.attention(
                query_BHLD: inputs[0], key_BGLD: inputs[1], value_BGLD: inputs[2], mask: Tensor.zeros([4, 4]))
        }
        #expect(throws: TensorError.self) {
            try Tensor.attention(
                query_BHLD: inputs[0], key_BGLD: inputs[1], value_BGLD: inputs[2],
                mask: Tensor.zeros([5, 5], type: .bool))
        }
        #expect(throws: TensorError.self) {
            try Tensor.windowedAttention(
                query_BHLD: inputs[0], key_BGLD: inputs[1], value_BGLD: inputs[2], before: -1, after: 2)
        }
    }

    struct Window: Sendable, CustomTestStringConvertible {
        var before, after: Int
        var block: Int?
        var testDescription: String { "\(before) before, \(after) after, blocks of \(block.map(String.init) ?? "any")" }
    }

    static let windows = [
        Window(before: 0, after: 0), Window(before: 3, after: 3, block: 4), Window(before: 6, after: 0, block: 5),
        Window(before: 0, after: 2, block: 64), Window(before: 64, after: 64, block: 32), Window(before: 64, after: 64),
        Window(before: 511, after: 0), Window(before: 9999, after: 0), Window(before: .max, after: .max),
        Window(before: 40, after: 9999, block: 100), Window(before: 300, after: 299, block: 600),
    ]

    @Test(arguments: [1, 7, 130, 700], windows)
    func windowIsABand(length: Int, window: Window) throws {
        let shape = Shape(b: 2, h: 4, g: 2, l: length, d: 8)
        let range = -min(window.before, length)...min(window.after, length)
        for (type, tolerance) in [(ElementType.float32, 1e-6), (.bfloat16, 2e-2)] {
            let inputs = try shape.inputs(7).map { try $0.to(type) }
            let got = try Tensor.windowedAttention(
                query_BHLD: inputs[0], key_BGLD: inputs[1], value_BGLD: inputs[2], before: window.before,
                after: window.after, scale: 0.3, blockLength: window.block)
            let expected = try Tensor.attention(
                query_BHLD: inputs[0], key_BGLD: inputs[1], value_BGLD: inputs[2],
                mask: Self.band(length, range), scale: 0.3)
            try expectClose(got, expected, tolerance, "\(type)")
        }
        let (one, other) = (
            try shape.inputs(8).map { try $0.leaf(.float32) }, try shape.inputs(8).map { try $0.leaf(.float64) }
        )
        let got = try Tensor.windowedAttention(
            query_BHLD: one[0], key_BGLD: one[1], value_BGLD: one[2], before: window.before, after: window.after,
            blockLength: window.block)
        let expected = try Self.naive(other, mask: Self.band(length, range), causal: false, scale: nil)
        try expectClose(got, expected, 2e-6)
        for (one, other) in zip(try gradients(of: got, one), try gradients(of: expected, other)) {
            try expectClose(one, other, 1e-5)
        }
    }

    /// As one product of queries, keys and values gives them: views whose heads are not back to back.
    @Test func viewsOfOneProduct() throws {
        let product = try Tensor.normal([6, (4 + 2 + 2) * 8], seed: 3)
        let parts = try [(0, 4), (32, 2), (48, 2)].map { start, heads in
            try product.narrow(1, start: start, length: heads * 8).reshape([2, 3, heads, 8]).transpose(1, 2)
        }
        let got = try Tensor.attention(query_BHLD: parts[0], key_BGLD: parts[1], value_BGLD: parts[2], causal: true)
        try expectClose(
            got, Self.naive(parts.map { try $0.to(.float64) }, mask: nil, causal: true, scale: nil), 2e-6)
    }
}
