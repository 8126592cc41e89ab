internal import Base
internal import Engine
internal import Models
internal import Tensors

/// The weights of a model whose processes each change their part of them alone.
///
/// What the optimizer changes is the process's part of the weights, or of float32 masters that nobody has the rest of; then
/// all parts are gathered: at once, or, where weights are lent, each time that they are used. Gradients, the optimizer's state
/// and its time are divided alike.
final class DividedWeights {
    /// The slices that this process changes, in the order of buckets.
    let trained: [TrainedParameter]
    /// Whether no process has all of what is trained, as it is saved.
    let isNowhereWhole: Bool
    private let group: TrainingGroup
    private let changed: [DividedBucket]
    /// Those that are lent and not trained.
    private let frozen: [DividedBucket]
    private let hasMasters: Bool
    /// Weights of a bucket, gathered for whoever writes them down.
    private var gathered: (bucket: Int, values: Tensor)?

    /// - Parameters:
    ///   - buckets: of what the encoder trains.
    ///   - masters: as the encoder's parameters, where the optimizer changes others; their values leave memory, but for the
    ///     process's part.
    init(
        _ group: TrainingGroup, _ buckets: [ParameterBucket], _ encoder: BlockwiseEncoder, masters: [Parameter]?
    ) throws {
        self.group = group
        hasMasters = masters != nil
        let isLent = group.sharding == .weights
        isNowhereWhole = isLent || masters != nil
        var (changed, frozen): ([DividedBucket], [DividedBucket]) = ([], [])
        var trained: [TrainedParameter] = []
        var owners: [(bucket: DividedBucket, parameters: [Parameter])] = []
        for bucket in buckets {
            let parameters = bucket.members.map { encoder.parameters[$0] }
            let divided = try DividedBucket(
                group, bucket, parameters, masters: masters.map { masters in bucket.members.map { masters[$0] } },
                isLent: isLent)
            changed.append(divided)
            trained += try divided.trained(parameters)
            owners.append((divided, parameters))
        }
        for parameters in isLent ? encoder.frozenOfPieces : [] {
            let all = ParameterBucket.all(parameters, pieces: [Array(parameters.indices)], partCount: group.size)
            for bucket in all.joined() {
                let members = bucket.members.map { parameters[$0] }
                frozen.append(try DividedBucket(group, bucket, members, masters: nil, isLent: true))
                owners.append((frozen.last!, members))
            }
        }
        (self.changed, self.frozen, self.trained) = (changed, frozen, trained)
        for (number, (bucket, parameters)) in owners.enumerated() {
            for (place, parameter) in parameters.enumerated() {
                let shape = parameter.tensor.shape
                let values = { [unowned self] in try self.values(of: number, place, shape) }
                if isLent { parameter.keep(by: bucket, elsewhere: values) }
                guard let masters, number < changed.count else { continue }
                try masters[buckets[number].members[place]].leave(elsewhere: values)
            }
        }
    }

    /// Brings what each process has changed of its part into the weights that all compute with; lent ones are brought when
    /// they are used.
    func publish() throws {
        guard group.sharding != .weights else { return }
        try withoutGradients {
            var underWay: [DividedBucket.Gathering] = []
            for bucket in changed {
                if underWay.count > 1 { try underWay.removeFirst().wait() }
                underWay.append(try bucket.startGather())
            }
            for gathering in underWay { try gathering.wait() }
        }
    }

    /// In the first process calls `body`, which may ask parameters for their whole values, where no process has them; the
    /// others give their parts until it has ended.
    func lendAll(_ body: () throws -> Void) throws {
        guard isNowhereWhole else { return group.isFirst ? try body() : () }
        guard group.isFirst else {
            while let bucket = try agree(on: nil) { _ = try self.bucket(bucket).gathered() }
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

    private func bucket(_ number: Int) -> DividedBucket {
        number < changed.count ? changed[number] : frozen[number - changed.count]
    }

    private func values(of number: Int, _ place: Int, _ shape: [Int]) throws -> Tensor {
        let bucket = bucket(number)
        if gathered?.bucket != number {
            gathered = nil
            _ = try agree(on: number)
            gathered = (number, try bucket.gathered())
        }
        return try bucket.bucket.view(gathered!.values, place, shape)
    }

    /// The bucket that the first process asks for; nil where it has all that it wants.
    private func agree(on bucket: Int?) throws -> Int? {
        let asked = try group.sum(group.isFirst ? Double((bucket ?? -1) + 1) : 0)
        return asked == 0 ? nil : Int(asked) - 1
    }
}
