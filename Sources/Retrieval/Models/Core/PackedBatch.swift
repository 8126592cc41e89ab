public import Tensors

/// Token sequences laid end to end, without padding: what a model runs on.
///
/// Sequences are reordered by length (stably), so that those of equal length are neighbours and attention can take
/// them together; ``order`` remembers where each came from, and pooling gives rows back in the caller's order.
public struct PackedBatch: Sendable {
    /// `[T]`, sequence after sequence.
    public let tokens: [Int32]
    public let layout: Layout
    /// `[S]`: the caller's index of each packed sequence.
    public let order: [Int]
    /// `[S]`: leading tokens of each packed sequence that pooling leaves out, as those of a prompt that is not part of
    /// what the text says; nil for none. Attention sees them all the same.
    public let unpooled: [Int]?
    /// `[3][T]`: see ``ModelInput/positions``; nil where all tokens count.
    let positions: [[Int32]]?
    /// Of all sequences, in the packed order.
    let media: [PlacedMedia]

    public var sequenceCount: Int { order.count }
    public var tokenCount: Int { tokens.count }

    /// - Parameter unpooled: see ``unpooled``, in the order of the sequences.
    /// - Precondition: there is at least one sequence and none is empty.
    public init(_ sequences: [[Int32]], unpooled: [Int]? = nil) {
        self.init(lengths: sequences.map(\.count), unpooled: unpooled) { sequences[$0][...] }
    }

    /// Packs inputs without media.
    public init(_ inputs: [ModelInput]) { self.init(inputs.map { LoadedInput($0) }) }

    /// Packs inputs.
    public init(_ loaded: [LoadedInput]) {
        let inputs = loaded.map(\.input)
        let leavesOut = inputs.contains { $0.unpooledCount > 0 }
        let hasPlaces = inputs.contains { $0.positions != nil }
        self.init(
            lengths: inputs.map(\.tokens.count), unpooled: leavesOut ? inputs.map(\.unpooledCount) : nil,
            loaded: loaded, positions: hasPlaces ? inputs.map(\.positions) : nil
        ) { inputs[$0].tokens[...] }
    }

    /// Packs sequences that lie anywhere; `sequence(i)` is asked for once, in any order.
    public init(lengths: [Int], unpooled: [Int]? = nil, sequence: (Int) -> ArraySlice<Int32>) {
        self.init(lengths: lengths, unpooled: unpooled, loaded: [], positions: nil, sequence: sequence)
    }

    /// - Parameters:
    ///   - loaded: with the media of the sequences; none where there are none.
    ///   - positions: `[3][length]` of each sequence that does not count; nil where all do.
    private init(
        lengths: [Int], unpooled: [Int]?, loaded: [LoadedInput], positions: [[[Int32]]?]?,
        sequence: (Int) -> ArraySlice<Int32>
    ) {
        precondition(!lengths.isEmpty && lengths.allSatisfy { $0 > 0 }, "a batch needs sequences that are not empty")
        let isSorted = zip(lengths, lengths.dropFirst()).allSatisfy { $0 <= $1 }
        order = isSorted ? Array(lengths.indices) : lengths.indices.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
        layout = Layout(lengths: order.lazy.map { lengths[$0] })
        var tokens: [Int32] = []
        tokens.reserveCapacity(layout.rowCount)
        for index in order { tokens.append(contentsOf: sequence(index)) }
        precondition(tokens.count == layout.rowCount, "a sequence is not as long as was said")
        self.tokens = tokens
        precondition(unpooled.map { $0.count == lengths.count } ?? true, "one number for each sequence")
        let order = order
        self.unpooled = unpooled.map { counts in order.map { counts[$0] } }
        self.positions = positions.map { given in
            (0..<3).map { axis in order.flatMap { given[$0]?[axis] ?? Array(0..<Int32(lengths[$0])) } }
        }
        media =
            loaded.isEmpty
            ? []
            : zip(order, layout.cumulativeLengths).flatMap { index, firstRow in
                zip(loaded[index].input.media, loaded[index].rows).map { item, rows in
                    PlacedMedia(
                        item: item, rows: rows,
                        tokens: item.tokens.map { ($0.lowerBound + Int(firstRow))..<($0.upperBound + Int(firstRow)) })
                }
            }
    }

    /// An item of the batch.
    struct PlacedMedia: Sendable {
        let item: MediaItem
        let rows: any MediaRows
        /// The rows of the batch that its features stand for.
        let tokens: [Range<Int>]
    }

    /// Runs whose sequences have equally many unpooled tokens, with that number, at most their length.
    var pooledRuns: [(run: Layout.Run, unpooled: Int)] {
        guard let unpooled else { return layout.runs.map { ($0, 0) } }
        var runs: [(run: Layout.Run, unpooled: Int)] = []
        var sequence = 0
        for run in layout.runs {
            var first = 0
            for next in 1...run.sequenceCount
            where next == run.sequenceCount || unpooled[sequence + next] != unpooled[sequence + first] {
                let part = Layout.Run(
                    firstRow: run.firstRow + first * run.length, sequenceCount: next - first, length: run.length)
                runs.append((part, min(unpooled[sequence + first], run.length)))
                first = next
            }
            sequence += run.sequenceCount
        }
        return runs
    }
}

/// A batch's tensors, on the device of the model that runs on it.
public final class DeviceBatch {
    public let packed: PackedBatch
    public let device: Device
    /// int32 `[T]`.
    let tokens_T: Tensor
    public let layout: DeviceLayout
    /// Rows of the packed order, in the caller's order; nil where they are the same.
    let restoring_S: Tensor?
    private var mediaByTower: [Tower.Name: DeviceMedia] = [:]

    public init(_ packed: PackedBatch, device: Device = .cpu) throws {
        self.packed = packed
        self.device = device
        tokens_T = try Tensor(packed.tokens).to(device)
        layout = try DeviceLayout(packed.layout, positions: packed.positions, device: device)
        if packed.order.indices.allSatisfy({ packed.order[$0] == $0 }) {
            restoring_S = nil
        } else {
            var rows = [Int64](repeating: 0, count: packed.sequenceCount)
            for (row, original) in packed.order.enumerated() { rows[original] = Int64(row) }
            restoring_S = try Tensor(rows).to(device)
        }
    }

    /// Positions as RoBERTa counts them: from behind the padding token, which has its own number as position and does
    /// not count where it stands in a text; int32 `[T]`.
    func positions(countedFrom padding: Int) throws -> Tensor {
        let padding = Int32(padding)
        var positions: [Int32] = []
        positions.reserveCapacity(packed.tokenCount)
        for run in packed.layout.runs {
            for sequence in 0..<run.sequenceCount {
                var position = padding
                let first = run.firstRow + sequence * run.length
                for token in packed.tokens[first..<(first + run.length)] {
                    if token != padding { position += 1 }
                    positions.append(token == padding ? padding : position)
                }
            }
        }
        return try Tensor(positions).to(device)
    }

    /// The batch's items for a tower; nil where it has none.
    public func media(for tower: Tower) throws -> DeviceMedia? {
        if let media = mediaByTower[tower.name] { return media }
        let placed = packed.media.filter { $0.item.tower == tower.name }
        guard !placed.isEmpty else { return nil }
        let items = placed.map(\.item)
        let media = try DeviceMedia(items, placed.map(\.rows), tower.arrange(items), device: device)
        mediaByTower[tower.name] = media
        return media
    }

    /// The rows of the batch that a tower's features stand for, int64, in the order of the features.
    func rows(of tower: Tower.Name) throws -> Tensor {
        let rows = packed.media.filter { $0.item.tower == tower }.flatMap(\.tokens).joined().map(Int64.init)
        return try Tensor(rows).to(device)
    }

    /// What the stages of a text chain are run with.
    public func context(_ dropout: Dropout = .none) -> Context {
        Context(layouts: [.sequences: layout], dropout: dropout)
    }
}
