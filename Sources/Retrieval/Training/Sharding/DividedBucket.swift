internal import Models
internal import Tensors

/// The weights of a bucket, of which each process of a group has a part of its own.
///
/// All of them lie end to end, as the parts do, and the parameters lie there. Where weights are lent, that memory is there
/// only while they are used: it is filled by all processes, which bring and leave the same buckets in the same order.
final class DividedBucket: WeightKeeper {
    let bucket: ParameterBucket
    /// The weights that are computed with.
    let whole: Tensor
    /// What this process has of them: the part of ``whole``, where that stays in memory; else a copy of it, or float32
    /// masters.
    let own: Tensor
    private let group: TrainingGroup
    private let isLent: Bool
    private var isPresent = true
    private var coming: Gathering?
    private var failure: (any Error)?

    /// - Parameters:
    ///   - parameters: of the bucket, in its order; their values move.
    ///   - masters: likewise, where the optimizer changes others.
    ///   - isLent: whether the weights are in memory only while they are used.
    init(
        _ group: TrainingGroup, _ bucket: ParameterBucket, _ parameters: [Parameter], masters: [Parameter]?,
        isLent: Bool
    ) throws {
        self.group = group
        self.bucket = bucket
        self.isLent = isLent
        (whole, own) = try withoutGradients {
            let device = parameters[0].tensor.device
            let whole = try Tensor.zeros([bucket.parts.length], type: bucket.type, device: device)
            for (place, parameter) in parameters.enumerated() {
                try parameter.move(to: bucket.view(whole, place, parameter.tensor.shape))
            }
            guard let masters else {
                let part = try bucket.part(group.rank, of: whole)
                return (whole, isLent ? try part.clone() : part)
            }
            let part = try Tensor.zeros([bucket.parts.partLength], device: device)
            for slice in bucket.parts.slices(ofPart: group.rank) {
                let master = try masters[slice.place].tensor.detached().reshape([-1])
                try part.narrow(0, start: slice.start, length: slice.range.count).assign(
                    master.narrow(0, start: slice.range.lowerBound, length: slice.range.count))
            }
            return (whole, part)
        }
        if isLent { leaveMemory() }
    }

    /// This process's slices.
    ///
    /// - Parameter parameters: of the bucket, in its order.
    func trained(_ parameters: [Parameter]) throws -> [TrainedParameter] {
        try withoutGradients {
            try bucket.parts.slices(ofPart: group.rank).map { slice in
                let parameter = parameters[slice.place]
                return TrainedParameter(
                    name: parameter.name,
                    tensor: try own.narrow(0, start: slice.start, length: slice.range.count),
                    shape: parameter.tensor.shape, range: slice.range)
            }
        }
    }

    /// Weights on their way to where they are computed with.
    struct Gathering {
        private let exchange: ProcessGroup.Exchange
        /// What is sent, which has to live until it has arrived.
        private let sent: Tensor
        private let arriving: Tensor
        private let whole: Tensor

        fileprivate init(_ sent: Tensor, to whole: Tensor, _ group: ProcessGroup) throws {
            self.sent = sent
            self.whole = whole
            // Where no GPUs exchange, it goes from one CPU's memory to another's.
            arriving =
                whole.device == group.exchangeDevice ? whole : try Tensor.zeros(whole.shape, type: whole.elementType)
            exchange = try group.startGather(sent, into: arriving)
        }

        func wait() throws {
            try exchange.wait()
            if arriving !== whole { try withoutGradients { try whole.restore(from: arriving) } }
        }
    }

    /// Starts to bring what all processes have of the weights to where they are computed with.
    func startGather() throws -> Gathering {
        try withoutGradients {
            var sent = try own.to(bucket.type, group.group.exchangeDevice)
            // What is gathered lies over a part of it.
            if sent === own, !isLent { sent = try own.clone() }
            return try Gathering(sent, to: whole, group.group)
        }
    }

    /// What all processes have of the weights, as the optimizer changes them.
    func gathered() throws -> Tensor {
        try withoutGradients {
            let all = try Tensor.zeros([bucket.parts.length], type: own.elementType)
            let sent = try own.to(.cpu)
            let exchange = try group.group.startGather(sent, into: all)
            try withExtendedLifetime(sent) { try exchange.wait() }
            return all
        }
    }

    func readAhead() {
        guard isLent, !isPresent, coming == nil, failure == nil else { return }
        do {
            try whole.returnToMemory()
            coming = try startGather()
        } catch {
            failure = error
        }
    }

    func arrive() throws {
        readAhead()
        if let failure { throw failure }
        guard let coming else { return }
        self.coming = nil
        do {
            try coming.wait()
        } catch {
            failure = error
            throw error
        }
        isPresent = true
    }

    func leaveMemory() {
        guard isLent, isPresent else { return }
        isPresent = false
        do {
            try whole.leaveMemory()
        } catch {
            failure = error
        }
    }
}
