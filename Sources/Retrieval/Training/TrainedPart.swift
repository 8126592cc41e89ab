internal import Base
internal import JSON
public import Models

/// What is trained of one part of a model.
public struct TrainedPart: Sendable, Equatable {
    public let part: ModelPart
    /// Numbers that the optimizer changes.
    public let numberCount: Int
    public let isFrozen: Bool
    /// With adapters: the layers that get one.
    public let layers: [String]

    /// All parts of the model that a plan trains.
    static func all(_ plan: TrainingPlan) throws -> [TrainedPart] {
        let model = plan.start.text
        let frozen = plan.config.frozen
        let lora = plan.config.lora
        let targets = try lora.map {
            Set(try model.targetLayers(of: $0.configuration(for: model), except: frozen).map(\.name))
        }
        return model.parts.map { part in
            let adapted = model.linearLayers(of: part).filter { targets?.contains($0.name) == true }
            let whole =
                targets != nil || frozen.contains(part)
                ? 0 : model.parameters(of: part).reduce(0) { $0 + $1.tensor.elementCount }
            let ofAdapters = adapted.reduce(0) { $0 + (lora?.rank ?? 0) * ($1.inputSize + $1.outputSize) }
            return TrainedPart(
                part: part, numberCount: whole + ofAdapters, isFrozen: frozen.contains(part),
                layers: adapted.map(\.name))
        }
    }

    /// Layers by the last part of their names, with how many there are of each, in the order of the first ones.
    private var layerKinds: [(name: String, count: Int)] {
        var kinds: [(name: String, count: Int)] = []
        for layer in layers {
            let name = String(layer.split(separator: ".").last { Int($0) == nil && $0 != "linear" } ?? "")
            if let index = kinds.firstIndex(where: { $0.name == name }) {
                kinds[index].count += 1
            } else {
                kinds.append((name, 1))
            }
        }
        return kinds
    }

    /// A line of `--dry-run`.
    var line: String {
        let name = part.rawValue + String(repeating: " ", count: max(0, 12 - part.rawValue.count))
        if isFrozen { return "  \(name)frozen" }
        guard numberCount > 0 else { return "  \(name)nothing: no target of lora names a layer of it" }
        let adapters =
            layers.isEmpty
            ? "" : ", adapters of " + layerKinds.map { "\($0.count) \($0.name)" }.joined(separator: ", ")
        return "  \(name)\(grouped(numberCount)) numbers\(adapters)"
    }

    var json: JSONValue {
        [
            "part": .string(part.rawValue), "numbers": JSONValue(numberCount), "frozen": .bool(isFrozen),
            "adapted_layers": .array(layers.map { .string($0) }),
        ]
    }
}
