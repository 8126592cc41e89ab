internal import Base
internal import Models
internal import Tensors

/// The trained weights of a group of processes, of which each changes its part alone.
///
/// The weights of a bucket lie end to end, as its parts do. What the optimizer changes is the process's part of them, or of
/// float32 masters that nobody has the rest of; then all parts are gathered. Gradients, the optimizer's state and its time are
/// divided alike.
final class DividedWeights {
    /// The slices that this process changes, in the order of buckets.
    let trained: [TrainedParameter]
    private let group: TrainingGroup
    private let buckets: [ParameterBucket]
    /// Of each bucket the weights that are computed with.
    private let whole: [Tensor]
    /// Of each bucket what this process changes.
    private let own: [Tensor]
    private let hasMasters: Bool
    /// Masters of a bucket, gathered for whoever writes them down.
    private var gathered: (bucket: Int, values: Tensor)?

    /// - Parameters:
    ///   - parameters: those of the encoder, whose values move.
    ///   - masters: likewise, where the optimizer changes others; their values leave memory, but for the process's part.
    init(
        _ group: TrainingGroup, _ buckets: [ParameterBucket], _ parameters: [Parameter], masters: [Parameter]?
    ) throws {
        self.group = group
        self.buckets = buckets
        hasMasters = masters != nil
        let rank = group.rank
        let whole = try withoutGradients {
            try buckets.map { bucket in
                let flat = try Tensor.zeros([bucket.parts.length], type: bucket.type)
                for (place, member) in bucket.members.enumerated() {
                    let parameter = parameters[member]
                    try parameter.move(to: bucket.view(flat, place, parameter.tensor.shape))
                }
                return flat
            }
        }
        let own = try withoutGradients {
            try zip(buckets, whole).map { bucket, flat in
                guard let masters else { return try bucket.part(rank, of: flat) }
                let part = try Tensor.zeros([bucket.parts.partLength])
                for slice in bucket.parts.slices(ofPart: rank) {
                    let master = try masters[bucket.members[slice.place]].tensor.detached().reshape([-1])
                    try part.narrow(0, start: slice.start, length: slice.range.count).assign(
                        master.narrow(0, start: slice.range.lowerBound, length: slice.range.count))
                }
                return part
            }
        }
        trained = try withoutGradients {
            try zip(buckets, own).flatMap { bucket, part in
                try bucket.parts.slices(ofPart: rank).map { slice in
                    let parameter = parameters[bucket.members[slice.place]]
                    return TrainedParameter(
                        name: parameter.name,
                        tensor: try part.narrow(0, start: slice.start, length: slice.range.count),
                        shape: parameter.tensor.shape, range: slice.range)
                }
            }
        }
        (self.whole, self.own) = (whole, own)
        for (number, bucket) in buckets.enumerated() {
            for (place, member) in bucket.members.enumerated() {
                guard let master = masters?[member] else { continue }
                let shape = master.tensor.shape
                try master.leave { [unowned self] in try masters(of: number, place, shape) }
            }
        }
    }

    /// Gathers what each process has changed of its part into the weights of all.
    func publish() throws {
        try withoutGradients {
            var underWay: [ProcessGroup.Exchange] = []
            for (number, bucket) in buckets.enumerated() {
                let part = hasMasters ? try own[number].to(bucket.type) : own[number]
                // A copy, since what is gathered lies over it.
                let sent = part.elementType == own[number].elementType ? try part.clone() : part
                underWay.append(try group.group.startGather(sent, into: whole[number]))
                if underWay.count > 2 { try underWay.removeFirst().wait() }
            }
            for exchange in underWay { try exchange.wait() }
        }
    }

    /// In the first process calls `body`, which may ask the masters for their whole values; the others give their parts
    /// until it has ended.
    func lendMasters(_ body: () throws -> Void) throws {
        guard hasMasters else { return group.isFirst ? try body() : () }
        guard group.isFirst else {
            while let bucket = try agree(on: nil) { _ = try gather(bucket) }
            return
        }
        defer { gathered = nil }
        do {
            try body()
        } catch {
            // The others go on, and meet what this process does about it.
            _ = try? agree(on: nil)
            throw error
        }
        _ = try agree(on: nil)
    }

    private func masters(of bucket: Int, _ place: Int, _ shape: [Int]) throws -> Tensor {
        if gathered?.bucket != bucket {
            gathered = nil
            _ = try agree(on: bucket)
            gathered = (bucket, try gather(bucket))
        }
        return try buckets[bucket].view(gathered!.values, place, shape)
    }

    /// The bucket that the first process asks for; nil where it has all that it wants.
    private func agree(on bucket: Int?) throws -> Int? {
        let asked = try group.sum(group.isFirst ? Double((bucket ?? -1) + 1) : 0)
        return asked == 0 ? nil : Int(asked) - 1
    }

    private func gather(_ bucket: Int) throws -> Tensor {
        try withoutGradients {
            let values = try Tensor.zeros([buckets[bucket].parts.length])
            try group.group.startGather(own[bucket], into: values).wait()
            return values
        }
    }
}
