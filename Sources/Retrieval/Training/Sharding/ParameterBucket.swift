internal import Models
internal import Tensors

/// Trained parameters of one piece of a model, and of one type, whose gradients and weights are exchanged at once.
struct ParameterBucket {
    /// The parameters, by their numbers in the encoder.
    let members: [Int]
    /// How their numbers lie.
    let parts: EqualParts
    let type: ElementType

    /// The buckets of each piece.
    ///
    /// - Parameter pieces: the numbers of the parameters of each piece.
    static func all(_ parameters: [Parameter], pieces: [[Int]], partCount: Int) -> [[ParameterBucket]] {
        pieces.map { piece in
            let types = piece.map { parameters[$0].tensor.elementType }
            return ElementType.allCases.filter { types.contains($0) }.map { type in
                let members = zip(piece, types).filter { $1 == type }.map(\.0)
                let counts = members.map { parameters[$0].tensor.elementCount }
                return ParameterBucket(
                    members: members, parts: EqualParts(counts: counts, partCount: partCount), type: type)
            }
        }
    }

    /// The numbers of the member at a place, of all that lie in `flat`.
    func view(_ flat: Tensor, _ place: Int, _ shape: [Int]) throws -> Tensor {
        try flat.narrow(0, start: parts.starts[place], length: parts.counts[place]).view(shape)
    }

    /// Tensors of the members, laid end to end on a device; zeros where there is none.
    func flat(_ tensors: [Tensor?], on device: Device) throws -> Tensor {
        let flat = try Tensor.zeros([parts.length], type: type, device: device)
        for (place, tensor) in tensors.enumerated() {
            if let tensor { try view(flat, place, tensor.shape).assign(tensor) }
        }
        return flat
    }

    /// The part of a process, of all that lie in `flat`.
    func part(_ rank: Int, of flat: Tensor) throws -> Tensor {
        try flat.narrow(0, start: rank * parts.partLength, length: parts.partLength)
    }
}
