internal import Base
package import Tensors

extension TrainingConfig {
    /// What AdamW's moments are kept in between steps; they are computed in float32.
    public enum OptimizerState: String, Sendable, CaseIterable {
        case f32
        /// bfloat16, rounded stochastically.
        case bf16
        /// Block-wise; those of small parameters in float32.
        case eightBits = "8bit"

        /// Whether moments of so many numbers are kept in 8 bits. Fewer than 4,096 are not, as in bitsandbytes.
        func quantizes(_ count: Int) -> Bool { self == .eightBits && count >= 4096 }

        /// Bytes of both moments of one parameter.
        ///
        /// - Parameter count: its numbers.
        public func byteCount(of count: Int) -> Int {
            if quantizes(count) { return 2 * (count + 4 * BlockQuantizedNumbers.blockCount(of: count)) }
            return (self == .bf16 ? 4 : 8) * count
        }
    }
}

/// AdamW's moments of one parameter, as they are kept between steps.
package enum Moments {
    case whole(first: Tensor, second: Tensor)
    /// bfloat16.
    case rounded(first: Tensor, second: Tensor)
    case quantized(first: BlockQuantizedNumbers, second: BlockQuantizedNumbers)

    /// Zeros.
    ///
    /// - Parameters:
    ///   - parameter: all of a parameter, or a part that begins at a block of its numbers.
    ///   - wholeCount: numbers of the whole parameter, which decide whether 8 bits will do; nil: those of `parameter`.
    package init(of parameter: Tensor, _ state: TrainingConfig.OptimizerState, wholeCount: Int? = nil) throws {
        let (shape, device) = (parameter.shape, parameter.device)
        switch state {
        case .eightBits where state.quantizes(wholeCount ?? parameter.elementCount):
            self = .quantized(
                first: try BlockQuantizedNumbers(shape, device: device),
                second: try BlockQuantizedNumbers(shape, device: device))
        case .f32, .eightBits:
            self = .whole(first: try parameter.zerosLike(), second: try parameter.zerosLike())
        case .bf16:
            self = .rounded(
                first: try Tensor.zeros(shape, type: .bfloat16, device: device),
                second: try Tensor.zeros(shape, type: .bfloat16, device: device))
        }
    }

    /// The tensors that are kept, by what a checkpoint puts before the parameter's name.
    package enum Part: String, CaseIterable {
        case first = "first."
        case second = "second."
        case firstScales = "first_scales."
        case secondScales = "second_scales."

        /// Numbers of the parameter that one element stands for, in their order.
        package var numbersPerElement: Int {
            switch self {
            case .first, .second: 1
            case .firstScales, .secondScales: BlockQuantizedNumbers.blockSize
            }
        }
    }

    /// Nil: of these moments nothing of the kind is kept.
    package subscript(part: Part) -> Tensor? {
        switch (self, part) {
        case (.whole(let first, _), .first), (.rounded(let first, _), .first): first
        case (.whole(_, let second), .second), (.rounded(_, let second), .second): second
        case (.quantized(let first, _), .first): first.codes
        case (.quantized(_, let second), .second): second.codes
        case (.quantized(let first, _), .firstScales): first.scales
        case (.quantized(_, let second), .secondScales): second.scales
        case (.whole, .firstScales), (.whole, .secondScales), (.rounded, .firstScales), (.rounded, .secondScales): nil
        }
    }

    package var byteCount: Int { Part.allCases.reduce(0) { $0 + (self[$1]?.byteCount ?? 0) } }
}

/// A parameter that takes a step.
package struct MomentUpdate {
    package var parameter: Tensor
    package var gradient: Tensor
    package var moments: Moments
    /// Where a part of a parameter begins in it; even.
    package var start = 0
    /// What stochastic rounding draws from.
    package var seed: UInt64

    /// - Parameters:
    ///   - seed: of the run.
    ///   - step: of the run.
    ///   - name: of the parameter.
    package init(
        _ parameter: Tensor, gradient: Tensor, _ moments: Moments, start: Int = 0, seed: UInt64, step: Int, name: String
    ) {
        (self.parameter, self.gradient, self.moments, self.start) = (parameter, gradient, moments, start)
        self.seed = SplitMix64.mix(seed, UInt64(step), Array(name.utf8).withUnsafeBytes { XXH3.hash64($0) })
    }
}

extension AdamW {
    /// One step in place of parameters that take the same; `step` counts from 1.
    package func step(_ step: Int, learningRate: Double, _ updates: [MomentUpdate]) throws {
        var (parameters, gradients, firsts, seconds): ([Tensor], [Tensor], [Tensor], [Tensor]) = ([], [], [], [])
        for update in updates {
            switch update.moments {
            case .whole(let first, let second):
                parameters.append(update.parameter)
                gradients.append(update.gradient)
                firsts.append(first)
                seconds.append(second)
            case .rounded(let first, let second):
                try self.step(
                    step, learningRate: learningRate, parameter: update.parameter, gradient: update.gradient,
                    first: first, second: second, seed: update.seed, start: update.start)
            case .quantized(let first, let second):
                try self.step(
                    step, learningRate: learningRate, parameter: update.parameter, gradient: update.gradient,
                    first: first, second: second)
            }
        }
        guard !parameters.isEmpty else { return }
        try self.step(
            step, learningRate: learningRate, parameters: parameters, gradients: gradients, firstMoments: firsts,
            secondMoments: seconds)
    }
}
