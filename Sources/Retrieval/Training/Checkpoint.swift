internal import Base
internal import JSON
internal import Models
internal import SystemPackage
internal import Tensors

/// A model that can be used, with what is needed to go on training it.
///
///     model.safetensors | adapter_model.safetensors, adapter_config.json
///     config.json, tokenizer.json, tvt.json, …   all of a model folder
///     optimizer.safetensors                      AdamW's moments
///     training.json                              {lock, step}
enum Checkpoint {
    /// Fills `folder` and reads it back.
    ///
    /// - Throws: `Failure` where what was read is not, byte for byte, what was trained.
    static func write(
        _ model: EmbeddingModel, _ plan: TrainingPlan, _ optimizer: Optimizer, to folder: FilePath
    ) throws {
        if let lora = plan.mix.lora {
            try model.saveDescription(plan.card, to: folder)
            try model.text.saveAdapters(lora.configuration, baseModel: plan.mix.model, to: folder)
        } else {
            try model.save(plan.card, to: folder)
        }
        try SafetensorsWriter.write(optimizer.state, to: folder.appending("optimizer.safetensors"))
        let training: JSONValue = [
            "lock": JSONValue(plan.lock.digest.description), "step": JSONValue(optimizer.stepCount),
        ]
        try Files.replace(folder.appending("training.json"), with: training.canonical())
        try verify(model, plan, folder)
    }

    /// Loads the checkpoint as a user would and compares every trained tensor with the one in memory.
    private static func verify(_ model: EmbeddingModel, _ plan: TrainingPlan, _ folder: FilePath) throws {
        let reloaded = try load(plan, from: folder)
        let pairs = zip(model.text.trainableParameters, reloaded.text.trainableParameters)
        guard model.text.trainableParameters.count == reloaded.text.trainableParameters.count else {
            throw Failure(.io, "\(folder): the checkpoint holds another number of weights than the model")
        }
        for (trained, read) in pairs {
            guard trained.name == read.name, try equal(trained.tensor, read.tensor) else {
                throw Failure(.io, "\(folder): \(trained.name) reads back differently than it was written")
            }
        }
    }

    private static func equal(_ a: Tensor, _ b: Tensor) throws -> Bool {
        guard a.shape == b.shape, a.elementType == b.elementType, a.elementCount > 0 else { return false }
        return try a.to(.cpu).detached().contiguous().withUnsafeBytes { left in
            try b.to(.cpu).detached().contiguous().withUnsafeBytes { right in left.elementsEqual(right) }
        }
    }

    /// The model of a checkpoint, its weights or adapters ready to be trained.
    static func load(_ plan: TrainingPlan, from folder: FilePath) throws -> EmbeddingModel {
        guard plan.mix.lora != nil else {
            let model = try TrainingPlan.load(plan.mix, from: folder, plan.device)
            try model.text.trainAll()
            return model
        }
        let model = try TrainingPlan.load(plan.mix, from: FilePath(plan.mix.model), plan.device)
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
        try optimizer.restore(stepCount: step) { try file.tensor($0) }
    }
}

extension Mix.LoRAOptions {
    var configuration: LoRAConfiguration {
        LoRAConfiguration(rank: rank, alpha: alpha, dropout: dropout, targets: targets)
    }
}
