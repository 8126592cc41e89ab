internal import Models

extension TrainingPlan {
    /// How many numbers each weight has that the optimizer changes.
    ///
    /// - Parameter config: with lora, its targets are named.
    static func trainedCounts(_ config: TrainingConfig, of start: EmbeddingModel) throws -> [Int] {
        let model = start.text
        if let lora = config.lora {
            return try model.targetLayers(of: lora.configuration(for: model), except: config.frozen).flatMap {
                [lora.rank * $0.inputSize, lora.rank * $0.outputSize]
            }
        }
        let parts = model.parts.filter { !config.frozen.contains($0) }
        return (parts.flatMap { model.parameters(of: $0) } + start.head.parameters).map(\.tensor.elementCount)
    }

    /// - Throws: `Failure` (78) for 8 bits that no weight's moments would be kept in.
    static func checkOptimizerState(_ config: TrainingConfig, _ start: EmbeddingModel) throws {
        let state = config.optimizer.state
        let largest = try trainedCounts(config, of: start).max() ?? 0
        guard state == .eightBits, !state.quantizes(largest) else { return }
        throw config.places.failure(
            "optimizer.state",
            "8bit keeps the moments of weights of 4,096 numbers or more in 8 bits, and the largest that is trained has "
                + "\(largest)", advice: "f32 or bf16; their memory is small.")
    }
}
