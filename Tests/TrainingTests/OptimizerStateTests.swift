import Base
import Models
import SystemPackage
import Tensors
import TestKit
import Testing
import Training

/// What AdamW's moments are kept in: against f32, against bitsandbytes, and against themselves cut or resumed.
@Suite("Optimizer state", .serialized)
struct OptimizerStateTests {
    typealias State = TrainingConfig.OptimizerState

    /// Of a size that is kept in 8 bits, its last block short.
    static let count = 20 * 256 + 34

    static func numbers(_ seed: UInt64, _ count: Int = count, scale: Float = 1) throws -> Tensor {
        var random = SplitMix64(seed: seed)
        return try Tensor((0..<count).map { _ in scale * Float(2 * random.nextUnit() - 1) })
    }

    static func bytes(_ tensor: Tensor) throws -> [UInt8] {
        try tensor.contiguous().withUnsafeBytes { Array($0) }
    }

    static func bytes(_ moments: Moments) throws -> [[UInt8]] {
        try Moments.Part.allCases.compactMap { try moments[$0].map(bytes) }
    }

    /// Moments and parameter after steps of the range of a parameter.
    static func steps(
        _ state: State, _ range: Range<Int> = 0..<count, byOperations: Bool = false
    ) throws -> (parameter: Tensor, moments: Moments) {
        func part(_ whole: Tensor) throws -> Tensor {
            try whole.narrow(0, start: range.lowerBound, length: range.count).clone()
        }
        let parameter = try part(numbers(1))
        let moments = try Moments(of: parameter, state, wholeCount: count)
        let adamW = AdamW(weightDecay: 0.1)
        for step in 1...5 {
            let gradient = try part(numbers(UInt64(10 + step), scale: 0.01))
            let update = MomentUpdate(
                parameter, gradient: gradient, moments, start: range.lowerBound, seed: 3, step: step, name: "weight")
            switch moments {
            case .rounded(let first, let second) where byOperations:
                try adamW.step(
                    step, learningRate: 1e-3, parameter: parameter, gradient: gradient, first: first, second: second,
                    seed: update.seed, start: update.start, byOperations: true)
            case .quantized(let first, let second) where byOperations:
                try adamW.step(
                    step, learningRate: 1e-3, parameter: parameter, gradient: gradient, first: first, second: second,
                    byOperations: true)
            default: try adamW.step(step, learningRate: 1e-3, [update])
            }
        }
        return (parameter, moments)
    }

    @Test("parts of a parameter have the states and weights of the whole, bit for bit", arguments: State.allCases)
    func parts(state: State) throws {
        let whole = try Self.steps(state)
        let (a, b) = (try Self.steps(state, 0..<7 * 256), try Self.steps(state, 7 * 256..<Self.count))
        let joined = try Self.bytes(a.moments).indices.map {
            try Self.bytes(a.moments)[$0] + Self.bytes(b.moments)[$0]
        }
        #expect(try joined == Self.bytes(whole.moments))
        #expect(try Self.bytes(a.parameter) + Self.bytes(b.parameter) == Self.bytes(whole.parameter))
    }

    @Test("weights stay near those of f32, by one pass and by operations", arguments: [State.bf16, .eightBits])
    func nearness(state: State) throws {
        let (start, wanted) = (try Self.numbers(1).floats(), try Self.steps(.f32).parameter.floats())
        let pass = try Self.steps(state).parameter.floats()
        let operations = try Self.steps(state, byOperations: true).parameter.floats()
        func distance(_ a: [Float], _ b: [Float]) -> Float {
            zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        let way = distance(wanted, start)
        // Of the way that the weights went: 3 % of bfloat16, 5 % of 8 bits.
        #expect(distance(pass, wanted) > 0 && distance(pass, wanted) < (state == .bf16 ? 1e-3 : 3e-3) * way)
        // The same bits are drawn; what differs are roundings of float32.
        #expect(distance(pass, operations) < 1e-5 * way)
    }

    @Test("stochastic rounding: both neighbours, with the number as their mean", arguments: [false, true])
    func rounding(byOperations: Bool) throws {
        let count = 1 << 18
        // 0.3 of the way from 1 to the next bfloat16; with β = 0 the moments are g and g².
        let value = 1 + 0.3 / 128
        let adamW = AdamW(beta1: 0, beta2: 0, weightDecay: 0)
        var drawn: [[Float]] = []
        for seed in [1, 2] as [UInt64] {
            let (first, second) = (
                try Tensor.zeros([count], type: .bfloat16), try Tensor.zeros([count], type: .bfloat16)
            )
            try adamW.step(
                1, learningRate: 0, parameter: Tensor.zeros([count]), gradient: Tensor.full([count], value),
                first: first,
                second: second, seed: seed, byOperations: byOperations)
            for (moment, mean) in [(first, value), (second, value * value)] {
                let numbers = try moment.to(.float32).floats()
                #expect(Set(numbers) == [Float(1), 1.0078125])
                let sum = numbers.reduce(0.0) { $0 + Double($1) }
                // Five standard deviations.
                #expect(abs(sum / Double(count) - mean) < 5 * 0.5 / 128 / Double(count).squareRoot())
                drawn.append(numbers)
            }
        }
        // Neither a seed nor a moment draws what another does: of two that are independent, 0.3² + 0.7² are equal.
        for (a, b) in [(0, 1), (0, 2), (1, 3)] {
            let equal = zip(drawn[a], drawn[b]).count { $0 == $1 }
            #expect(abs(Double(equal) / Double(count) - 0.5) < 0.2, "\(a) and \(b): \(equal)")
        }
    }

    @Test("8 bits: codes, scales and weights of bitsandbytes", arguments: [false, true])
    func reference(byOperations: Bool) throws {
        let file = try SafetensorsFile(Golden()("moments.safetensors"))
        let parameter = try file.tensor("parameter.0").clone()
        let count = parameter.elementCount
        let (first, second) = (try BlockQuantizedNumbers([count]), try BlockQuantizedNumbers([count]))
        for step in 1...4 {
            try AdamW(weightDecay: 0.1).step(
                step, learningRate: 0.01, parameter: parameter, gradient: file.tensor("gradient.\(step)"), first: first,
                second: second, byOperations: byOperations)
            for (name, codes) in [("first", first.codes), ("second", second.codes)] {
                let wanted = try Self.bytes(file.tensor("\(name).\(step)"))
                // On the edge between two values the last bit of a quotient decides.
                let differing = zip(try Self.bytes(codes), wanted).filter { $0 != $1 }
                #expect(
                    differing.count <= 2 && differing.allSatisfy { abs(Int($0.0) - Int($0.1)) == 1 }, "\(name), \(step)"
                )
            }
            for (name, own) in [
                ("first_scales", first.scales), ("second_scales", second.scales), ("parameter", parameter),
            ] {
                for (a, b) in zip(try own.floats(), try file.tensor("\(name).\(step)").floats()) {
                    #expect(abs(a - b) <= 2e-6 * max(abs(b), 0.1), "\(name), \(step)")
                }
            }
        }
    }

    /// Where a second moment became 0, the first would be divided by ε.
    @Test("8 bits: a step without gradients moves nothing far", arguments: [false, true])
    func smallSecondMoments(byOperations: Bool) throws {
        let count = 512
        let parameter = try Tensor.zeros([count])
        let (first, second) = (try BlockQuantizedNumbers([count]), try BlockQuantizedNumbers([count]))
        // In each block gradients of all magnitudes down to 10⁻⁷ of the largest.
        let gradient = try Tensor((0..<count).map { Float(power(0.1, $0 % 8)) * 0.1 })
        for (step, gradient) in [gradient, try gradient.zerosLike()].enumerated() {
            try AdamW(weightDecay: 0).step(
                step + 1, learningRate: 1, parameter: parameter, gradient: gradient, first: first, second: second,
                byOperations: byOperations)
        }
        #expect(try parameter.floats().allSatisfy { abs($0) < 4 })
    }

    @Test("bytes: of bfloat16 half, of 8 bits about a quarter, except of small weights")
    func sizes() throws {
        for (count, quarter) in [(1 << 16, 0.255), (4096, 0.255), (4095, 1), (100_001, 0.255)] {
            let parameter = try Tensor.zeros([count])
            for (state, share) in [(State.f32, 1), (.bf16, 0.5), (.eightBits, quarter)] {
                let bytes = try Moments(of: parameter, state).byteCount
                #expect(bytes == state.byteCount(of: count))
                #expect(Double(bytes) <= share * 8 * Double(count))
            }
        }
    }
}
