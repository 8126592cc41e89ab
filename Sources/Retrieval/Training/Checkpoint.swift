internal import Base
internal import Engine
internal import JSON
internal import Models
internal import SystemPackage
internal import Tensors

/// A model that can be used, with what is needed to go on training it.
///
///     model.safetensors | adapter_model.safetensors, adapter_config.json
///     config.json, tokenizer.json, tvt.json, …   all of a model folder
///     tvt.golden.json                            texts with the vectors that the model gives, adapter included
///     optimizer.safetensors                      AdamW's moments
///     loss.safetensors                           the loss's temperature, where it is learned, with its moments
///     training.json                              {lock, step}
enum Checkpoint {
    /// Fills `folder` and reads it back.
    ///
    /// - Throws: `Failure` where what was read is not, byte for byte, what was trained.
    static func write(
        _ model: EmbeddingModel, _ plan: TrainingPlan, _ optimizer: Optimizer, to folder: FilePath
    ) throws {
        if let lora = plan.config.lora {
            try model.saveDescription(plan.card, to: folder)
            try model.text.saveAdapters(
                lora.configuration(for: model.text), baseModel: plan.config.model, to: folder)
        } else {
            try model.save(plan.card, to: folder)
        }
        try GoldenCheck.vectors(of: model, tool: plan.tool).write(to: folder.appending(GoldenVectors.fileName))
        try SafetensorsWriter.write(try optimizer.state, to: folder.appending("optimizer.safetensors"))
        let training: JSONValue = [
            "lock": JSONValue(plan.lock.digest.description), "step": JSONValue(optimizer.stepCount),
        ]
        try Files.replace(folder.appending("training.json"), with: training.canonical())
        try verify(optimizer.parameters, of: model, plan, folder)
    }

    /// Reads the checkpoint as a user would and compares every trained tensor with the one in memory.
    ///
    /// Full weights stay in their file, and are in memory one after the other. An adapter is fitted to the model that is
    /// there.
    private static func verify(
        _ trained: [TrainedParameter], of model: EmbeddingModel, _ plan: TrainingPlan, _ folder: FilePath
    ) throws {
        func check(_ parameter: TrainedParameter, _ read: Tensor?) throws {
            guard let read, try equal(parameter.tensor, read) else {
                throw Failure(.io, "\(folder): \(parameter.name) reads back differently than it was written")
            }
        }
        guard plan.config.lora == nil else {
            let adapters = try model.text.readAdapters(folder)
            for parameter in trained { try check(parameter, adapters[parameter.name]) }
            return
        }
        let reloaded = try TrainingPlan.load(plan.config, from: folder, .cpu, .streamed)
        let read = Dictionary(reloaded.parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for parameter in trained {
            let stored = read[parameter.name]
            try check(parameter, stored?.tensor)
            stored.map { [$0] }?.leaveMemory()
        }
    }

    private static func equal(_ a: Tensor, _ b: Tensor) throws -> Bool {
        guard a.shape == b.shape, a.elementType == b.elementType, a.elementCount > 0 else { return false }
        return try a.to(.cpu).detached().contiguous().withUnsafeBytes { left in
            try b.to(.cpu).detached().contiguous().withUnsafeBytes { right in left.elementsEqual(right) }
        }
    }

    /// The model of a checkpoint that a run is resumed from.
    ///
    /// - Throws: `InputError` where it does not give its golden vectors.
    static func resume(_ plan: TrainingPlan, from folder: FilePath) throws -> EmbeddingModel {
        let model = try load(plan, from: folder)
        if plan.checksGolden { try GoldenCheck.run(model, file: folder.appending(GoldenVectors.fileName)) }
        return model
    }

    /// The model of a checkpoint, its weights or adapters ready to be trained.
    private static func load(_ plan: TrainingPlan, from folder: FilePath) throws -> EmbeddingModel {
        guard plan.config.lora != nil else {
            let model = try TrainingPlan.load(plan.config, from: folder, plan.device, plan.residency)
            try model.trainAll(except: plan.config.frozen)
            return model
        }
        let model = try TrainingPlan.load(plan.config, from: FilePath(plan.config.model), plan.device, plan.residency)
        try model.text.loadAdapters(folder, trainable: true)
        return model
    }

    /// Puts the optimizer where it was when the checkpoint was written.
    ///
    /// - Throws: `Failure` for a checkpoint of another run.
    static func restore(_ optimizer: Optimizer, _ plan: TrainingPlan, from folder: FilePath) throws {
        let path = folder.appending("training.json")
        let training = try JSONValue.parse(file: path)
        guard let step = training["step"]?.integer, let lock = training["lock"]?.string else {
            throw InputError("no checkpoint of a training run", at: Place(path: path.string))
        }
        guard lock.utf8.elementsEqual(plan.lock.digest.description.utf8) else {
            throw Failure(.badConfiguration, "\(folder) belongs to the run \(lock), not to \(plan.lock.digest)")
        }
        let file = try SafetensorsFile(folder.appending("optimizer.safetensors"))
        try optimizer.restore(stepCount: step) { file[$0] == nil ? nil : try file.tensor($0) }
    }
}

extension TrainingConfig.LoRAOptions {
    /// - Parameter model: says which layers are adapted where the config does not.
    func configuration(for model: TextModel) -> LoRAConfiguration {
        LoRAConfiguration(
            rank: rank, alpha: alpha, dropout: dropout, targets: ModulePattern(names: targets ?? model.defaultTargets))
    }
}
