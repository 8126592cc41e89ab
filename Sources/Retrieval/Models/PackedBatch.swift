public import Tensors

/// Token sequences laid end to end, without padding: what a model runs on.
///
/// Sequences are reordered by length (stably), so that those of equal length are neighbours and attention can take
/// them together; ``order`` remembers where each came from, and pooling gives rows back in the caller's order.
public struct PackedBatch: Sendable {
    /// Neighbouring sequences of one length.
    public struct Run: Sendable, Equatable {
        /// The first token, counted over the batch.
        public let firstToken: Int
        public let sequenceCount: Int
        /// Tokens of each sequence.
        public let length: Int

        public var tokenCount: Int { sequenceCount * length }
    }

    /// `[T]`, sequence after sequence.
    public let tokens: [Int32]
    /// `[T]`, each token's place in its sequence, from 0.
    public let positions: [Int32]
    /// `[S + 1]`: sequence s holds tokens `cumulativeLengths[s]..<cumulativeLengths[s + 1]`.
    public let cumulativeLengths: [Int32]
    /// `[S]`: the caller's index of each packed sequence.
    public let order: [Int]
    public let runs: [Run]

    public var sequenceCount: Int { order.count }
    public var tokenCount: Int { tokens.count }
    public var longest: Int { runs.map(\.length).max() ?? 0 }

    /// - Precondition: there is at least one sequence and none is empty.
    public init(_ sequences: [[Int32]]) {
        self.init(lengths: sequences.map(\.count)) { sequences[$0][...] }
    }

    /// Packs sequences that lie anywhere; `sequence(i)` is asked for once, in any order.
    public init(lengths: [Int], sequence: (Int) -> ArraySlice<Int32>) {
        precondition(!lengths.isEmpty && lengths.allSatisfy { $0 > 0 }, "a batch needs sequences that are not empty")
        let isSorted = zip(lengths, lengths.dropFirst()).allSatisfy { $0 <= $1 }
        let order = isSorted ? Array(lengths.indices) : lengths.indices.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
        let tokenCount = lengths.reduce(0, +)
        var tokens: [Int32] = []
        var positions: [Int32] = []
        var cumulative: [Int32] = [0]
        var runs: [Run] = []
        tokens.reserveCapacity(tokenCount)
        positions.reserveCapacity(tokenCount)
        for index in order {
            let length = lengths[index]
            if let last = runs.last, last.length == length {
                runs[runs.count - 1] = Run(
                    firstToken: last.firstToken, sequenceCount: last.sequenceCount + 1, length: length)
            } else {
                runs.append(Run(firstToken: tokens.count, sequenceCount: 1, length: length))
            }
            tokens.append(contentsOf: sequence(index))
            positions.append(contentsOf: 0..<Int32(length))
            cumulative.append(Int32(tokens.count))
        }
        precondition(tokens.count == tokenCount, "a sequence is not as long as was said")
        self.tokens = tokens
        self.positions = positions
        self.cumulativeLengths = cumulative
        self.order = order
        self.runs = runs
    }
}

/// A batch's tensors, on the device of the model that runs on it.
public final class DeviceBatch {
    public let packed: PackedBatch
    public let device: Device
    /// int32 `[T]`.
    let tokens_T: Tensor
    let positions_T: Tensor
    /// int32 `[S + 1]`.
    let cumulativeLengths: Tensor
    /// Rows of the packed order, in the caller's order; nil where they are the same.
    let restoring_S: Tensor?

    public init(_ packed: PackedBatch, device: Device = .cpu) throws {
        self.packed = packed
        self.device = device
        tokens_T = try Tensor(packed.tokens).to(device)
        positions_T = try Tensor(packed.positions).to(device)
        cumulativeLengths = try Tensor(packed.cumulativeLengths).to(device)
        if packed.order.indices.allSatisfy({ packed.order[$0] == $0 }) {
            restoring_S = nil
        } else {
            var rows = [Int64](repeating: 0, count: packed.sequenceCount)
            for (row, original) in packed.order.enumerated() { rows[original] = Int64(row) }
            restoring_S = try Tensor(rows).to(device)
        }
    }
}
