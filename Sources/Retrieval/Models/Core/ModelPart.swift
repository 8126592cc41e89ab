/// A part of a model that can be trained while others stay as they are.
public enum ModelPart: String, Sendable, CaseIterable {
    /// Embeddings and layers of the text model.
    case text
    /// The tower for images and videos, without what makes features of its rows.
    case vision
    /// The tower for sounds, likewise.
    case audio
    /// What makes features of towers' rows, as wide as the text model: mergers and projectors.
    case projectors
}

extension TextModel {
    /// The parts that the model has.
    public var parts: [ModelPart] { ModelPart.allCases.filter { !parameters(of: $0).isEmpty } }

    /// What vectors depend on in one part, in order.
    public func parameters(of part: ModelPart) -> [Parameter] {
        let all = activeParameters
        switch part {
        case .text:
            let ofTowers = Set(towers.flatMap(\.parameters).map { ObjectIdentifier($0) })
            return all.filter { !ofTowers.contains(ObjectIdentifier($0)) }
        case .vision: return towers.filter { $0.name == .vision }.flatMap(\.ownParameters)
        case .audio: return towers.filter { $0.name == .audio }.flatMap(\.ownParameters)
        case .projectors:
            return towers.flatMap { tower in tower.parameters.filter { tower.isOfProjector($0.name) } }
        }
    }

    /// The linear layers of one part, in order.
    public func linearLayers(of part: ModelPart) -> [Linear] {
        let weights = Set(parameters(of: part).map { ObjectIdentifier($0) })
        return linearLayers.filter { weights.contains(ObjectIdentifier($0.weight)) }
    }
}

extension Tower {
    /// Without the projector's.
    fileprivate var ownParameters: [Parameter] { parameters.filter { !isOfProjector($0.name) } }

    fileprivate func isOfProjector(_ name: String) -> Bool { projectorNames.contains { name.hasPrefix($0) } }
}
