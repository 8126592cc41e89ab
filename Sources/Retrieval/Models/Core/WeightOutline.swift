internal import Tensors

/// The tensors that a model asks for, in the order in which it does: what a checkpoint of it must hold.
///
/// In the place of files it answers every request with a tensor of that shape which takes no memory.
final class WeightOutline {
    struct Entry: Equatable {
        let name: String
        let shape: [Int]
        let initial: InitialValues

        var numberCount: Int { shape.reduce(1, *) }
    }

    private(set) var entries: [Entry] = []
    private var indexByName: [String: Int] = [:]

    /// Notes a tensor down; one that is asked for again, as what layers share, is one.
    func parameter(_ name: String, _ shape: [Int], _ initial: InitialValues?, _ type: ElementType) throws -> Tensor {
        let entry = Entry(name: name, shape: shape, initial: initial ?? .usual(name, shape))
        if let index = indexByName[name] {
            precondition(entries[index].shape == shape, "\(name) has one shape")
        } else {
            indexByName[name] = entries.count
            entries.append(entry)
        }
        let value: Double = if case .constant(let value) = entry.initial { value } else { 0 }
        let one = try Tensor.full(shape.map { _ in 1 }, value, type: type)
        return shape.isEmpty ? one : try one.expand(shape)
    }
}

/// The outlines of a model's folder: of the model itself, and of each layer of its head that has weights.
final class FolderOutline {
    let model = WeightOutline()
    private(set) var head: [WeightOutline] = []

    /// The head that a card describes, its tensors noted down.
    func makeHead(_ card: ModelCard) throws -> Head {
        head = card.weightedLayers.map { _ in WeightOutline() }
        return try Head(card, outlines: head)
    }
}
