internal import Engine
internal import Tensors

/// Sums of gradients over the micro-batches of a step and over the processes of a group.
///
/// Backward of each process leaves the same pieces in the same order. What a piece's gradients come to is summed over the
/// processes while the pieces before it are computed: in the last micro-batch, or in each where gradients are divided. Then
/// a process keeps its part of the sum alone.
final class GroupGradients: GradientSink {
    private let group: TrainingGroup
    private let buckets: [[ParameterBucket]]
    private let device: Device
    /// What this process has summed itself, one for each parameter, until it is exchanged.
    private var own: [Tensor?]
    /// Whether a parameter has had a gradient here.
    private var isPresent: [Bool]
    /// For each bucket of a piece what has come of exchanges, where those go: all sums, or this process's part of them.
    private var sums: [[Tensor?]]
    private var underWay: [UnderWay] = []
    /// Whether no other micro-batch comes behind the one that is computed.
    var isLastPart = false

    private struct UnderWay {
        let piece: Int
        let bucket: Int
        let sum: Tensor
        let exchange: ProcessGroup.Exchange
    }

    /// Exchanges at once: with more, gradients would pile up where the network is slower than the model.
    private static let mostUnderWay = 2

    /// - Parameter device: where gradients are, and where sums of them are wanted.
    init(_ group: TrainingGroup, _ buckets: [[ParameterBucket]], parameterCount: Int, device: Device) {
        self.group = group
        self.device = device
        self.buckets = buckets
        own = Array(repeating: nil, count: parameterCount)
        isPresent = Array(repeating: false, count: parameterCount)
        sums = buckets.map { Array(repeating: nil, count: $0.count) }
    }

    func add(_ gradient: Tensor, at index: Int) throws {
        isPresent[index] = true
        guard let sum = own[index] else {
            own[index] = gradient
            return
        }
        try withoutGradients { try sum.addInPlace(gradient) }
    }

    func leave(piece: Int) throws {
        guard isLastPart || group.sharding >= .gradients else { return }
        try withoutGradients {
            for (number, bucket) in buckets[piece].enumerated() {
                while underWay.count >= Self.mostUnderWay { try finishOldest() }
                let flat = try bucket.flat(bucket.members.map { own[$0] }, on: group.group.exchangeDevice)
                for member in bucket.members { own[member] = nil }
                let sum: Tensor
                let exchange: ProcessGroup.Exchange
                if group.sharding == .none {
                    sum = flat
                    exchange = try group.group.startSum(flat)
                } else {
                    sum = try Tensor.zeros([bucket.parts.partLength], type: bucket.type, device: flat.device)
                    exchange = try group.group.startScatter(flat, into: sum)
                }
                underWay.append(UnderWay(piece: piece, bucket: number, sum: sum, exchange: exchange))
            }
        }
    }

    private func finishOldest() throws {
        let oldest = underWay.removeFirst()
        try oldest.exchange.wait()
        if let sum = sums[oldest.piece][oldest.bucket] {
            try sum.addInPlace(oldest.sum)
        } else {
            sums[oldest.piece][oldest.bucket] = oldest.sum
        }
    }

    /// The sums, once backward of all micro-batches is over: of each parameter in the encoder's order, or, where they are
    /// divided, of each slice of this process's parts, in the order of the buckets; nil for what nothing in any process
    /// depended on.
    ///
    /// - Parameter shapes: of the parameters.
    func take(shapes: [[Int]]) throws -> [Tensor?] {
        try withoutGradients {
            while !underWay.isEmpty { try finishOldest() }
            let counts = try Tensor(isPresent.map { $0 ? 1 : 0 } as [Float])
            try group.group.sum(counts)
            let isAnywhere = try counts.floats().map { $0 > 0 }
            defer { sums = buckets.map { Array(repeating: nil, count: $0.count) } }
            guard group.sharding == .none else {
                return try zip(buckets.joined(), sums.joined()).flatMap { bucket, sum in
                    try bucket.parts.slices(ofPart: group.rank).map { slice in
                        guard isAnywhere[bucket.members[slice.place]] else { return nil as Tensor? }
                        return try sum!.narrow(0, start: slice.start, length: slice.range.count).to(device)
                    }
                }
            }
            var ofParameters = [Tensor?](repeating: nil, count: shapes.count)
            for (bucket, sum) in zip(buckets.joined(), sums.joined()) {
                for (place, member) in bucket.members.enumerated() where isAnywhere[member] {
                    ofParameters[member] = try bucket.view(sum!, place, shapes[member]).to(device)
                }
            }
            return ofParameters
        }
    }
}
