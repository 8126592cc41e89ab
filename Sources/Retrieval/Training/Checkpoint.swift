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
///     optimizer.safetensors                      AdamW's moments; where processes divided them a file of each,
///                                                optimizer-00001-of-00004.safetensors, …
///     loss.safetensors                           the loss's temperature, where it is learned, with its moments
///     training.json                              {lock, step}
enum Checkpoint {
    /// Fills `folder` and reads it back.
    ///
    /// Where processes divide what they train, the others call ``assist(_:in:)`` meanwhile.
    ///
    /// - Throws: `Failure` where what was read is not, byte for byte, what was trained.
    static func write(
        _ model: EmbeddingModel, _ plan: TrainingPlan, _ step: TrainingStep, to folder: FilePath
    ) throws {
        // The folder is there.
        if step.divided != nil { try step.group?.group.wait() }
        try step.lendAll {
            if let lora = plan.config.lora {
                try model.saveDescription(plan.card, to: folder)
                try model.text.saveAdapters(
                    lora.configuration(for: model.text), baseModel: plan.config.model, to: folder)
            } else {
                try model.save(plan.card, to: folder)
            }
            let trained = Set(step.encoder.parameters.map(\.name))
            try verify(model.parameters.filter { trained.contains($0.name) }, of: model, plan, folder)
            let whole = step.isNowhereWhole ? try load(plan, from: folder, isTrained: false) : model
            try GoldenCheck.vectors(of: whole, tool: plan.tool).write(to: folder.appending(GoldenVectors.fileName))
        }
        try OptimizerFiles.write(step.optimizer, part: step.part, in: folder)
        let training: JSONValue = [
            "lock": JSONValue(plan.lock.digest.description), "step": JSONValue(step.optimizer.stepCount),
        ]
        try Files.replace(folder.appending("training.json"), with: training.canonical())
        // All files are there.
        if step.divided != nil { try step.group?.group.wait() }
    }

    /// What processes beside the first one do while it writes a checkpoint.
    static func assist(_ step: TrainingStep, in folder: FilePath) throws {
        try step.group?.group.wait()
        try OptimizerFiles.write(step.optimizer, part: step.part, in: folder)
        try step.lendAll {}
        try step.group?.group.wait()
    }

    /// Reads the checkpoint as a user would and compares every trained tensor with what was trained.
    ///
    /// Full weights stay in their file, and are in memory one after the other. An adapter is fitted to the model that is
    /// there.
    private static func verify(
        _ trained: [Parameter], of model: EmbeddingModel, _ plan: TrainingPlan, _ folder: FilePath
    ) throws {
        func check(_ parameter: Parameter, _ read: Tensor?) throws {
            guard let read, try equal(parameter.wholeValues(), read) else {
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
    /// - Parameters:
    ///   - isTrained: whether it is changed itself, not a copy of it.
    ///   - isMoved: see ``Parameter/makeTrainable(isMoved:)``.
    /// - Throws: `InputError` where it does not give its golden vectors.
    static func resume(
        _ plan: TrainingPlan, from folder: FilePath, isTrained: Bool, isMoved: Bool
    ) throws -> EmbeddingModel {
        let model = try load(plan, from: folder, isTrained: isTrained, isMoved: isMoved)
        if plan.checksGolden { try GoldenCheck.run(model, file: folder.appending(GoldenVectors.fileName)) }
        return model
    }

    /// The model of a checkpoint, its weights or adapters ready to be trained.
    private static func load(
        _ plan: TrainingPlan, from folder: FilePath, isTrained: Bool, isMoved: Bool = false
    ) throws -> EmbeddingModel {
        guard plan.config.lora != nil else {
            let model = try TrainingPlan.load(plan.config, from: folder, plan.device, plan.residency)
            if isTrained { try model.trainAll(except: plan.config.frozen, isMoved: isMoved) }
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
        let files = try OptimizerFiles(of: folder)
        try optimizer.restore(stepCount: step) { try files.tensor($0) }
    }
}

extension TrainingConfig.LoRAOptions {
    /// - Parameter model: says which layers are adapted where the config does not.
    func configuration(for model: TextModel) -> LoRAConfiguration {
        LoRAConfiguration(
            rank: rank, alpha: alpha, dropout: dropout, targets: ModulePattern(names: targets ?? model.defaultTargets))
    }
}
