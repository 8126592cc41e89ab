import Glibc
import Tensors
import Testing

@Suite struct TensorTests {
    /// Runs a body and checks that it left no tensor behind.
    func leakFree(_ body: () throws -> Void) throws {
        let before = Tensor.threadLiveCount
        try body()
        #expect(Tensor.threadLiveCount == before)
    }

    @Test func copiesInAndOut() throws {
        try leakFree {
            let values: [Float] = [1, -2, 3.5, 0, 5, 6]
            let tensor = try Tensor(values, shape: [2, 3])
            #expect(tensor.shape == [2, 3])
            #expect(try tensor.array(of: Float.self) == values)
            #expect(try tensor.transpose(0, 1).floats() == [1, 0, -2, 5, 3.5, 6])
            #expect(try tensor.to(.bfloat16).floats() == values)
            #expect(throws: TensorError.self) { try tensor.array(of: Int32.self) }
            #expect(throws: TensorError.self) { try Tensor(values, shape: [4, 2]) }
        }
    }

    @Test func borrowedMemoryKeepsItsOwner() throws {
        final class Owner {
            let bytes = UnsafeMutablePointer<Float>.allocate(capacity: 4)
            nonisolated(unsafe) static var freed = 0
            init() { for index in 0..<4 { bytes[index] = Float(index) } }
            deinit {
                bytes.deallocate()
                Owner.freed += 1
            }
        }
        try leakFree {
            let before = Owner.freed
            var view: Tensor?
            do {
                let owner = Owner()
                let tensor = try Tensor(
                    borrowing: UnsafeRawBufferPointer(start: owner.bytes, count: 16), shape: [2, 2], type: .float32,
                    owner: owner)
                view = try tensor.select(0, 1)
            }
            #expect(Owner.freed == before)
            #expect(try view?.floats() == [2, 3])
            view = nil
            #expect(Owner.freed == before + 1)
        }
    }

    @Test func failuresNameTheOperation() throws {
        let a = try Tensor.zeros([2, 3])
        let error = #expect(throws: TensorError.self) { try a.matmul(a) }
        #expect(error?.operation == "matmul")
        #expect(error?.message.contains("2x3") == true)
        #expect(throws: TensorError.self) { try a.reshape([5]) }
        #expect(throws: TensorError.self) { try a.indexSelect(0, Tensor([Int64(7)])) }
    }

    @Test func elementwiseAndReductions() throws {
        try leakFree {
            let a = try Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
            #expect(try a.adding(1).floats() == [2, 3, 4, 5])
            #expect(try a.multiplied(by: a).sum().item() == 30)
            #expect(try a.max(1).floats() == [2, 4])
            #expect(try a.minimum(2).floats() == [1, 2, 2, 2])
            #expect(try a.greater(2).to(.float32).floats() == [0, 0, 1, 1])
            #expect(try a.maskedFill(a.greater(2), -1).floats() == [1, 2, -1, -1])
            #expect(try a.norm().item() == Double(Float(30).squareRoot()))
            let b = try a.clone()
            try b.subtractInPlace(a)
            #expect(try b.floats() == [0, 0, 0, 0])
            #expect(try b.divided(by: b).floats().allSatisfy(\.isNaN))
            #expect(try Tensor.cat([a, b], 1).shape == [2, 4])
            #expect(try Tensor.stack([a, b]).shape == [2, 2, 2])
            #expect(try a.split([1, 1], 1).map { try $0.floats() } == [[1, 3], [2, 4]])
            #expect(try a.normalized().select(0, 1).floats() == [0.6, 0.8])
        }
    }

    @Test func gradientsOfChosenInputs() throws {
        try leakFree {
            let x = try Tensor([1, 2, 3] as [Float]).requireGradient()
            let w = try Tensor([0.5, -1, 2] as [Float]).requireGradient()
            let hidden = try x.multiplied(by: w).tanh()
            let loss = try hidden.multiplied(by: hidden).sum()
            // Straight through, and in two steps through the middle.
            let whole = try Tensor.gradients(of: [loss], withRespectTo: [x, w], keepGraph: true)
            let middle = try Tensor.gradients(of: [loss], withRespectTo: [hidden], keepGraph: true)
            let pieces = try Tensor.gradients(of: [hidden], withRespectTo: [x, w], outputGradients: [middle[0]])
            for (one, other) in zip(whole, pieces) { #expect(try one?.floats() == other?.floats()) }
            // d tanh²(xw)/dx = 2·tanh·(1 − tanh²)·w
            let expected = try zip(x.floats(), w.floats()).map { x, w in
                let t = tanhf(x * w)
                return 2 * t * (1 - t * t) * w
            }
            for (one, other) in zip(try whole[0]!.floats(), expected) { #expect(abs(one - other) < 1e-6) }
            let unrelated = try Tensor([1] as [Float]).requireGradient()
            let again = try x.sum()
            #expect(try Tensor.gradients(of: [again], withRespectTo: [unrelated], allowUnused: true)[0] == nil)
        }
    }

    @Test func noGradientsInside() throws {
        let x = try Tensor([1] as [Float]).requireGradient()
        #expect(try withoutGradients { try x.adding(1).requiresGradient } == false)
        #expect(try withoutGradients { try withGradients { try x.adding(1).requiresGradient } })
        #expect(try x.adding(1).requiresGradient)
        #expect(try x.adding(1).detached().requiresGradient == false)
    }

    /// In a process of its own: the number of threads belongs to the process, and tests beside this one compute.
    @Test func dropoutDoesNotDependOnThreads() async {
        await #expect(processExitsWith: .success) {
            let ones = try Tensor.ones([1000, 401])
            Compute.threadCount = 1
            let a = try ones.dropout(0.1, seed: 7).floats()
            Compute.threadCount = 2
            let b = try ones.dropout(0.1, seed: 7).floats()
            precondition(a == b, "the mask depends on the number of threads")
        }
    }

    @Test func dropoutDependsOnSeedAlone() throws {
        let ones = try Tensor.ones([1000, 401])
        let a = try ones.dropout(0.1, seed: 7).floats()
        #expect(try ones.dropout(0.1, seed: 7).floats() == a)
        #expect(try ones.dropout(0.1, seed: 8).floats() != a)
        #expect(Set(a) == [0, Float(1 / 0.9)])
        let dropped = Double(a.count { $0 == 0 }) / Double(a.count)
        // 401,000 draws: the standard deviation of the share is 0.0005.
        #expect(abs(dropped - 0.1) < 0.003)
        #expect(try ones.dropout(0, seed: 7).floats() == ones.floats())
    }

    /// What a device makes by tensor operations is what the CPU makes in one pass.
    @Test(arguments: [[], [1], [2], [7, 3], [401, 1000]], [0.1, 0.5, 0.999])
    func dropoutMasksAreTheSameByOperations(shape: [Int], probability: Double) throws {
        for seed in [0, 7, UInt64.max, 0x9E37_79B9_7F4A_7C15] {
            let masks = try [false, true].map {
                try Tensor.dropoutMask(shape, probability, seed: seed, byOperations: $0).floats()
            }
            #expect(masks[0] == masks[1])
            #expect(masks[0].count == shape.reduce(1, *))
        }
    }

    /// One step by hand, from the paper's formula.
    @Test func adamW() throws {
        let parameter = try Tensor([1, -2] as [Float])
        let gradient = try Tensor([0.5, 0.25] as [Float])
        let first = try parameter.zerosLike()
        let second = try parameter.zerosLike()
        let optimizer = AdamW(weightDecay: 0.1)
        try optimizer.step(
            1, learningRate: 0.01, parameters: [parameter], gradients: [gradient], firstMoments: [first],
            secondMoments: [second])
        // After one step m̂ = g and v̂ = g², so the update is η·sign(g) besides the decay.
        let expected: [Float] = [1 * (1 - 0.001) - 0.01, -2 * (1 - 0.001) - 0.01]
        for (one, other) in zip(try parameter.floats(), expected) { #expect(abs(one - other) < 1e-6) }
        #expect(try abs(Tensor.globalNorm([gradient, gradient]) - (2 * 0.3125).squareRoot()) < 1e-6)
    }

    @Test(arguments: [ElementType.float32, .bfloat16], [PrepackedWeight.Activation.none, .gelu])
    func prepackedLinearEqualsPlain(type: ElementType, activation: PrepackedWeight.Activation) throws {
        let input = try Tensor.normal([67, 48], seed: 1).to(type)
        let weight = try Tensor.normal([80, 48], standardDeviation: 0.2, seed: 2).to(type)
        guard PrepackedWeight.isSupported(type) else {
            #expect(type == .bfloat16)
            #expect(throws: TensorError.self) {
                try PrepackedWeight(weight, expectedRowCount: 64).linear(input, nil, activation)
            }
            return
        }
        let bias = try Tensor.normal([80], seed: 3).to(type)
        var plain = try input.linear(weight, bias)
        if activation == .gelu { plain = try plain.gelu() }
        let packed = try PrepackedWeight(weight, expectedRowCount: 64).linear(input, bias, activation)
        let tolerance: Float = type == .float32 ? 1e-5 : 4e-2
        for (one, other) in zip(try plain.floats(), try packed.floats()) {
            #expect(abs(one - other) <= tolerance * Swift.max(1, abs(other)))
        }
    }

    @Test func attentionIsSoftmaxOfProducts() throws {
        let q = try Tensor.normal([2, 3, 5, 8], seed: 1)
        let k = try Tensor.normal([2, 3, 5, 8], seed: 2)
        let v = try Tensor.normal([2, 3, 5, 8], seed: 3)
        let scores = try q.matmul(k.transpose(-1, -2)).multiplied(by: 1 / 8.0.squareRoot())
        let expected = try scores.softmax().matmul(v).floats()
        let got = try Tensor.attention(query_BHLD: q, key_BGLD: k, value_BGLD: v).floats()
        for (one, other) in zip(got, expected) { #expect(abs(one - other) < 1e-5) }
    }

    @Test(arguments: ["gpu", "cuda:x", "cuda:-1", "cuda:0:1", ""])
    func unknownDevices(name: String) {
        #expect(throws: (any Error).self) { try Device.named(name) }
    }

    @Test func cpuIsADevice() throws {
        #expect(try Device.named("cpu") == .cpu)
        #expect(Device.cuda(1).description == "cuda:1")
    }
}
