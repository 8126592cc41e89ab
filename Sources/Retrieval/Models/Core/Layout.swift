internal import Tensors

/// A segmentation of rows: sequences laid end to end without padding, those of equal length side by side.
///
/// Text has one, its sequences; a vision tower has frames and windows, an audio tower chunks.
public struct Layout: Sendable, Equatable {
    /// Neighbouring sequences of one length.
    public struct Run: Sendable, Equatable {
        /// The first row, counted over the batch.
        public let firstRow: Int
        public let sequenceCount: Int
        /// Rows of each sequence.
        public let length: Int

        public var rowCount: Int { sequenceCount * length }
    }

    /// `[S + 1]`: sequence s holds rows `cumulativeLengths[s]..<cumulativeLengths[s + 1]`.
    public let cumulativeLengths: [Int32]
    public let runs: [Run]

    public var rowCount: Int { Int(cumulativeLengths[cumulativeLengths.count - 1]) }
    public var longest: Int { runs.map(\.length).max() ?? 0 }

    /// - Parameter lengths: of each sequence, in order; above 0.
    public init(lengths: some Sequence<Int>) {
        var cumulative: [Int32] = [0]
        var runs: [Run] = []
        var row = 0
        for length in lengths {
            if let last = runs.last, last.length == length {
                runs[runs.count - 1] = Run(
                    firstRow: last.firstRow, sequenceCount: last.sequenceCount + 1, length: length)
            } else {
                runs.append(Run(firstRow: row, sequenceCount: 1, length: length))
            }
            row += length
            cumulative.append(Int32(row))
        }
        self.cumulativeLengths = cumulative
        self.runs = runs
    }

    /// `[T]`: each row's place in its sequence, from 0.
    var positions: [Int32] {
        var positions: [Int32] = []
        positions.reserveCapacity(rowCount)
        for run in runs {
            for _ in 0..<run.sequenceCount { positions.append(contentsOf: 0..<Int32(run.length)) }
        }
        return positions
    }
}

/// A layout's tensors on a device, and the tables that layers derive from it: made once for all of them.
public final class DeviceLayout {
    public let layout: Layout
    let device: Device
    /// int32 `[S + 1]`.
    let cumulativeLengths: Tensor
    /// int32 `[T]`.
    let positions_T: Tensor
    /// `[axes][T]`: where rows stand, for rotary embeddings with several axes; nil where all axes count as
    /// ``positions_T`` does.
    let positions: [[Int32]]?
    private var rotaryTables: [Rotary: RotaryTable] = [:]
    private var masks: [MaskKey: Tensor] = [:]

    private struct MaskKey: Hashable {
        let sight: AttentionSpec.Sight
        let length: Int
    }

    init(_ layout: Layout, positions: [[Int32]]? = nil, device: Device) throws {
        precondition(positions?.allSatisfy { $0.count == layout.rowCount } ?? true, "a place for each row")
        self.layout = layout
        self.positions = positions
        self.device = device
        cumulativeLengths = try Tensor(layout.cumulativeLengths).to(device)
        positions_T = try Tensor(layout.positions).to(device)
    }

    /// cos and sin of a rotary embedding for every row.
    func table(_ rotary: Rotary) throws -> RotaryTable {
        if let table = rotaryTables[rotary] { return table }
        let table = try withoutGradients { try rotary.table(self) }
        rotaryTables[rotary] = table
        return table
    }

    /// What a row of a sequence does not see: float32 `[L, L]`, 0 or −∞.
    func mask(_ sight: AttentionSpec.Sight, length: Int) throws -> Tensor {
        let key = MaskKey(sight: sight, length: length)
        if let mask = masks[key] { return mask }
        var values = [Float](repeating: 0, count: length * length)
        for row in 0..<length {
            let seen = sight.keys(of: row, length: length)
            for column in 0..<length where !seen.contains(column) { values[row * length + column] = -.infinity }
        }
        let mask = try withoutGradients { try Tensor(values, shape: [length, length]).to(device) }
        masks[key] = mask
        return mask
    }
}
