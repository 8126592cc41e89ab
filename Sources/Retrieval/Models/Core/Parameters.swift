internal import Base
public import Tensors

/// One named tensor of a model, under the name that the model uses.
///
/// A parameter is a place: what lies in it is lent by whoever keeps the weights, and may be taken away again.
public final class Parameter {
    public let name: String
    /// Changed in place by training, only where ``isTrainable``.
    public private(set) var tensor: Tensor
    /// Whether gradients are recorded for it.
    public private(set) var isTrainable = false
    /// The type that values are rounded to; ``tensor`` may hold them in a wider one, which is computed with.
    private let storage: ElementType
    /// Where ``tensor`` lies in a file.
    private let place: MappedTensor?
    /// Where it is computed with; what is streamed to a GPU is there from ``readAhead()`` to ``leaveMemory()``.
    let device: Device
    /// Whether the values stay in their file, in its type, and are in memory only while they are used.
    public let isStreamed: Bool

    /// - Parameters:
    ///   - storage: nil for the type of the tensor.
    ///   - place: of the tensor, where it is mapped.
    ///   - isStreamed: only of what is mapped, and not trained.
    ///   - device: nil for that of the tensor.
    init(
        _ name: String, _ tensor: Tensor, storage: ElementType? = nil, place: MappedTensor? = nil,
        isStreamed: Bool = false, device: Device? = nil
    ) {
        precondition(place != nil || !isStreamed, "\(name) is streamed from nowhere")
        self.name = name
        self.tensor = tensor
        self.storage = storage ?? tensor.elementType
        self.place = place
        self.isStreamed = isStreamed
        self.device = device ?? tensor.device
    }

    /// Gives all values while they lie elsewhere; nil while they lie in ``tensor``.
    private var elsewhere: (() throws -> Tensor)?
    /// Brings the values where they are computed with; nil where they are there by themselves.
    private var keeper: (any WeightKeeper)?
    /// Whether somebody brings the values and takes them away again.
    public var isKept: Bool { keeper != nil }

    /// All values, wherever they lie: for whoever writes them down.
    public func wholeValues() throws -> Tensor { try elsewhere?() ?? tensor }

    /// What is streamed, on its way to a GPU or there.
    private var arriving: ArrivingTensor?

    /// The values in the type that they are kept in; of those that are streamed a copy where the file's type is smaller.
    func values() throws -> Tensor {
        guard isStreamed else { return tensor }
        guard device != .cpu else { return try tensor.to(storage) }
        let arriving = try arriving ?? ArrivingTensor(tensor, on: device)
        self.arriving = arriving
        return try arriving.tensor().to(storage)
    }

    func readAhead() {
        keeper?.readAhead()
        guard isStreamed else { return }
        place?.readAhead()
        // What does not go now, as for want of memory, is tried again when it is wanted.
        if device != .cpu, arriving == nil { arriving = try? ArrivingTensor(tensor, on: device) }
    }

    func arrive() throws { try keeper?.arrive() }

    func leaveMemory() {
        keeper?.leaveMemory()
        arriving = nil
        if isStreamed { place?.leaveMemory() }
    }

    /// Gives values that take no memory some of their own: to try out what computing with them takes.
    package func materialize() throws { tensor = try withoutGradients { try tensor.clone() } }

    /// Lets training change it: the values move to memory of their own (weights from a file are mapped read-only).
    ///
    /// - Parameter isMoved: the values move to where somebody else wants them, by ``move(to:)``.
    public func makeTrainable(isMoved: Bool = false) throws {
        guard !isTrainable else { return }
        precondition(!isStreamed, "\(name) is streamed, and cannot be changed")
        tensor = try withoutGradients { try isMoved ? tensor.detached() : tensor.clone() }
        try tensor.requireGradient()
        isTrainable = true
        if !isMoved { place?.leaveMemory() }
    }

    /// Has the values lie in memory of somebody else's, who changes them there.
    package func move(to room: Tensor) throws {
        precondition(room.shape == tensor.shape && room.elementType == tensor.elementType, "\(name) fits there")
        let isRecorded = tensor.requiresGradient
        try withoutGradients { try room.assign(tensor) }
        tensor = try room.detached().requireGradient(isRecorded)
        place?.leaveMemory()
    }

    /// Has the values lie elsewhere, from where they are asked for again to be written down; nothing can be computed with
    /// what stays here, which takes no memory.
    package func leave(elsewhere: @escaping () throws -> Tensor) throws {
        precondition(!isStreamed, "\(name) is streamed, and lies elsewhere already")
        let shape = tensor.shape
        tensor = try Tensor.zeros(shape.map { _ in 1 }, type: tensor.elementType).expand(shape)
        self.elsewhere = elsewhere
        place?.leaveMemory()
    }

    /// Has the values be where ``move(to:)`` has put them only while they are used.
    package func keep(by keeper: any WeightKeeper, elsewhere: @escaping () throws -> Tensor) {
        precondition(!isStreamed, "\(name) is streamed, and nobody brings it")
        self.keeper = keeper
        self.elsewhere = elsewhere
    }

    /// Gives the values up, but for those that are streamed: they have been laid out anew elsewhere.
    func release() throws {
        precondition(!isTrainable, "\(name) is being trained")
        arriving = nil
        if !isStreamed { tensor = try Tensor.zeros([0], type: tensor.elementType) }
        place?.leaveMemory()
    }

    /// Replaces the values, rounded to the type that weights are kept in; the shape stays.
    ///
    /// - Throws: `Failure` (65) where a number is not finite, (78) where one is too large for the type.
    func replace(_ values: Tensor) throws {
        guard values.shape == tensor.shape else {
            throw TensorError("replace", "\(name) is \(tensor.shape), not \(values.shape)")
        }
        precondition(!isStreamed, "\(name) is streamed, and cannot be changed")
        guard try values.isFinite() else {
            throw Failure(
                .badData, "the new values of \(name) hold a number that is not finite",
                advice: "What was to be added to them is damaged, or its training diverged.")
        }
        tensor = try values.rounded(to: storage, tensor.device, name: name).to(tensor.elementType)
        place?.leaveMemory()
    }
}
