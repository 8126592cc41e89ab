import Base
import Tensors
import Testing
import Training

@Suite("Optimizer")
struct OptimizerTests {
    static func parameters() throws -> [TrainedParameter] {
        [
            TrainedParameter(name: "weight", tensor: try Tensor([1, -2, 3, -4] as [Float], shape: [2, 2])),
            TrainedParameter(name: "bias", tensor: try Tensor([0.5, -0.5] as [Float], shape: [2])),
        ]
    }

    static func gradients(_ step: Int) throws -> [Tensor] {
        [
            try Tensor([0.1, 0.2, -0.3, Float(step)] as [Float], shape: [2, 2]),
            try Tensor([-0.4, 0.05] as [Float], shape: [2]),
        ]
    }

    @Test("AdamW with clipping, and no decay on what has one dimension: the formula in double precision")
    func formula() throws {
        var options = TrainingConfig.OptimizerOptions()
        options.weightDecay = 0.1
        let parameters = try Self.parameters()
        let optimizer = try Optimizer(parameters, options)
        var expected = [1.0, -2, 3, -4, 0.5, -0.5]
        var first = [Double](repeating: 0, count: 6)
        var second = first
        for step in 1...6 {
            let gradients = try Self.gradients(step)
            let flat = try gradients.flatMap { try $0.floats() }.map(Double.init)
            let norm = try optimizer.step(gradients: gradients, learningRate: 0.01)
            let expectedNorm = flat.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(abs(norm - expectedNorm) < 1e-5)
            let scale = min(1, 1 / (expectedNorm + 1e-6))
            for i in 0..<6 {
                let gradient = flat[i] * scale
                first[i] = 0.9 * first[i] + 0.1 * gradient
                second[i] = 0.999 * second[i] + 0.001 * gradient * gradient
                let a = first[i] / (1 - power(0.9, step))
                let b = second[i] / (1 - power(0.999, step))
                expected[i] -= 0.01 * (a / (b.squareRoot() + 1e-8) + (i < 4 ? 0.1 * expected[i] : 0))
            }
        }
        let weights = try parameters.flatMap { try $0.tensor.floats() }.map(Double.init)
        for (weight, expected) in zip(weights, expected) { #expect(abs(weight - expected) < 1e-5) }
        #expect(optimizer.stepCount == 6)
    }

    /// Without a gradient nothing moves, and a parameter's own steps count for the correction of its moments.
    @Test("parameters without a gradient are passed over, as in torch")
    func withoutGradient() throws {
        var options = TrainingConfig.OptimizerOptions()
        (options.weightDecay, options.clipNorm) = (0.1, 0)
        let parameters = try Self.parameters()
        let optimizer = try Optimizer(parameters, options)
        // Alone, the weight takes the two steps in which it has a gradient.
        let alone = try Self.parameters()
        let reference = try Optimizer([alone[0]], options)
        for step in 1...3 {
            let gradients = try Self.gradients(step)
            let before = try parameters[0].tensor.floats()
            let norm = try optimizer.step(
                gradients: [step == 2 ? nil : gradients[0], gradients[1]], learningRate: 0.01)
            if step == 2 {
                #expect(try parameters[0].tensor.floats() == before)
                #expect(abs(norm - (0.4 * 0.4 + 0.05 * 0.05).squareRoot()) < 1e-6)
            } else {
                _ = try reference.step(gradients: [try Self.gradients(step)[0]], learningRate: 0.01)
            }
        }
        #expect(try parameters[0].tensor.floats() == alone[0].tensor.floats())
        #expect(optimizer.stepCount == 3)
        let names = try optimizer.state.map(\.name)
        #expect(names == ["first.weight", "first.bias", "second.weight", "second.bias", "steps.weight"])
        // Who goes on from the state counts on from there.
        let state = try optimizer.state.map { ($0.name, try $0.tensor.clone()) }
        let halfway = try parameters.map { TrainedParameter(name: $0.name, tensor: try $0.tensor.clone()) }
        let resumed = try Optimizer(halfway, options)
        try resumed.restore(stepCount: 3) { name in state.first { $0.0 == name }?.1 }
        for optimizer in [optimizer, resumed] {
            _ = try optimizer.step(gradients: Self.gradients(4), learningRate: 0.01)
        }
        for (a, b) in zip(parameters, halfway) { #expect(try a.tensor.floats() == b.tensor.floats()) }
        #expect(throws: Failure.self) { try resumed.restore(stepCount: 3) { _ in nil } }
    }

    @Test("a norm that is not finite changes nothing", arguments: [Float.nan, .infinity])
    func nonFinite(bad: Float) throws {
        let parameters = try Self.parameters()
        let optimizer = try Optimizer(parameters, TrainingConfig.OptimizerOptions())
        let gradients = [
            try Tensor([0, bad, 0, 0] as [Float], shape: [2, 2]), try Tensor([0, 0] as [Float], shape: [2]),
        ]
        #expect(throws: Failure.self) { try optimizer.step(gradients: gradients, learningRate: 1) }
        #expect(try parameters[0].tensor.floats() == [1, -2, 3, -4])
        #expect(optimizer.stepCount == 0)
    }

    @Test("a restored optimizer goes on bit for bit")
    func restore() throws {
        let options = TrainingConfig.OptimizerOptions()
        let whole = try Self.parameters()
        let optimizer = try Optimizer(whole, options)
        for step in 1...3 { _ = try optimizer.step(gradients: Self.gradients(step), learningRate: 0.01) }
        let halfway = try whole.map { TrainedParameter(name: $0.name, tensor: try $0.tensor.clone()) }
        let resumed = try Optimizer(halfway, options)
        let state = try optimizer.state.map { ($0.name, try $0.tensor.clone()) }
        try resumed.restore(stepCount: 3) { name in state.first { $0.0 == name }?.1 }
        for step in 4...6 {
            _ = try optimizer.step(gradients: Self.gradients(step), learningRate: 0.01)
            _ = try resumed.step(gradients: Self.gradients(step), learningRate: 0.01)
        }
        for (a, b) in zip(whole, halfway) { #expect(try a.tensor.floats() == b.tensor.floats()) }
    }
}
