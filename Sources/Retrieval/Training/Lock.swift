public import Base
public import JSON
internal import Models

/// All that decides a run's result: the config with every default written out and every reference resolved to digests.
///
/// Canonical JSON; its SHA-256 names the run. Two runs with equal locks give, on the same kind of machine, equal
/// losses; the run folder keeps the lock, so that a run can be repeated and is never resumed as another one.
public struct Lock: Sendable, Equatable {
    public let value: JSONValue

    public init(value: JSONValue) { self.value = value }

    /// - Parameters:
    ///   - stepCount: the length of the run, also where the config says epochs.
    ///   - modelFiles: SHA-256 of each file of the model that the result depends on, by name.
    ///   - datasets: what each part of the config resolved to.
    ///   - card: of the trained model: how texts become vectors.
    ///   - teacherRuns: SHA-256 of each run that the loss learns from.
    ///   - guideVectors: SHA-256 of each `vectors.json` that the loss masks by.
    ///   - validation: the dataset that the model is measured on, resolved; nil for none, and for queries that are held out.
    public init(
        config: TrainingConfig, stepCount: Int, modelFiles: [(name: String, digest: SHA256Digest)],
        datasets: [ResolvedPart], card: JSONValue, teacherRuns: [SHA256Digest] = [], guideVectors: [SHA256Digest] = [],
        validation: JSONValue? = nil
    ) {
        var lock = JSONObject()
        lock["version"] = JSONValue(Lock.version)
        lock["mix"] = .object(config.json)
        lock["steps"] = JSONValue(stepCount)
        lock["model"] = .object(JSONObject(modelFiles.map { ($0.name, JSONValue($0.digest.description)) }))
        lock["datasets"] = .array(datasets.map { .object($0.json) })
        lock["card"] = card
        // Only where there are some, so that locks of runs without stay as they are.
        if !teacherRuns.isEmpty { lock["teacher_runs"] = .array(teacherRuns.map { JSONValue($0.description) }) }
        if !guideVectors.isEmpty { lock["guide_vectors"] = .array(guideVectors.map { JSONValue($0.description) }) }
        if let validation { lock["validation"] = validation }
        value = .object(lock)
    }

    /// Raised when the same options would give another order, choice or loss.
    static let version = 1

    /// One part of the config, resolved.
    public struct ResolvedPart: Sendable {
        public var reference: String
        public var digest: SHA256Digest
        public var exampleCount: UInt64
        public var weight: Double

        public init(reference: String, digest: SHA256Digest, exampleCount: UInt64, weight: Double) {
            self.reference = reference
            self.digest = digest
            self.exampleCount = exampleCount
            self.weight = weight
        }

        var json: JSONObject {
            [
                "reference": JSONValue(reference), "digest": JSONValue(digest.description),
                "examples": JSONValue(Int(exampleCount)), "weight": TrainingConfig.json(ofWeight: weight),
            ]
        }
    }

    /// What `lock.json` holds.
    public var bytes: [UInt8] { value.canonical() }

    public var digest: SHA256Digest { SHA256Digest.of(bytes) }

    /// Dotted paths at which two locks differ, in the order of their keys.
    public func differences(from other: Lock) -> [String] { value.differences(from: other.value) }
}

extension TrainingConfig {
    /// The config with the names of the YAML file; absent options are null. How often checkpoints are written by time,
    /// how many stay, and what TensorBoard is given, decides no result and is left out.
    public var json: JSONObject {
        var json = JSONObject()
        json["model"] = JSONValue(model)
        json["datasets"] = .array(datasets.map { .object($0.json) })
        json["passages_per_query"] = JSONValue(passagesPerQuery)
        // As for blank texts below.
        if positivesPerQuery > 1 { json["positives_per_query"] = JSONValue(positivesPerQuery) }
        json["queries_per_step"] = JSONValue(queriesPerStep)
        json["accumulation"] = JSONValue(accumulation)
        for (key, value) in mixingJSON { json[key] = value }
        switch length {
        case .steps(let steps): json["steps"] = JSONValue(steps)
        case .epochs(let epochs): json["epochs"] = JSONValue(epochs)
        }
        json["seed"] = JSONValue(String(seed))
        json["dtype"] = JSONValue(precision.rawValue)
        json["temperature"] = JSONValue(temperature)
        if learnsTemperature { json["learned_temperature"] = .bool(true) }
        json["mask_known_positives"] = JSONValue(masksKnownPositives)
        json["sampling"] = JSONValue(sampling.rawValue)
        json["shortage"] = JSONValue(shortage.rawValue)
        json["without_positives"] = JSONValue(withoutPositives.rawValue)
        // Only where it is not the default, so that locks of runs from before there was a choice stay as they are.
        if blankTexts != .encode { json["blank_texts"] = JSONValue(blankTexts.rawValue) }
        if ignoresMedia { json["ignore_media"] = .bool(true) }
        json["max_lengths"] = [
            "query": maxLengths.query.map { JSONValue($0) } ?? .null,
            "document": maxLengths.document.map { JSONValue($0) } ?? .null,
        ]
        json["prompts"] = prompts.json
        json["pooling"] = pooling.map { JSONValue($0.rawValue) } ?? .null
        json["normalize"] = normalizes.map { JSONValue($0) } ?? .null
        // As for blank texts above.
        if !loss.isPlain { json["loss"] = .object(loss.json) }
        if towerCache > 0 { json["tower_cache"] = JSONValue(towerCache) }
        if !inputs.isEmpty { json["inputs"] = .object(inputs.json) }
        if let preset { json["preset"] = JSONValue(preset) }
        json["dropout"] = JSONValue(usesModelDropout)
        // As for blank texts above.
        if !frozen.isEmpty {
            json["freeze"] = .array(
                ModelPart.allCases.filter(frozen.contains).map { JSONValue($0.rawValue) })
        }
        json["optimizer"] = .object(optimizer.json)
        json["lora"] = lora.map { .object($0.json) } ?? .null
        json["chunk_tokens"] = chunkTokens.map { JSONValue($0) } ?? .null
        json["checkpoint_every"] = JSONValue(checkpointEvery)
        if let validation { json["validation"] = .object(validation.json) }
        return json
    }
}

extension TrainingConfig.Sides where Value == String? {
    fileprivate var json: JSONValue {
        ["query": query.map { JSONValue($0) } ?? .null, "document": document.map { JSONValue($0) } ?? .null]
    }
}

extension TrainingConfig.Part {
    fileprivate var json: JSONObject {
        var json: JSONObject = [
            "name": JSONValue(reference), "weight": weight.map(TrainingConfig.json(ofWeight:)) ?? .null,
            "prompts": prompts.json,
        ]
        for (key, value) in mixingJSON { json[key] = value }
        return json
    }
}

extension TrainingConfig.OptimizerOptions {
    fileprivate var json: JSONObject {
        var json: JSONObject = [
            "learning_rate": JSONValue(learningRate), "schedule": JSONValue(schedule.rawValue),
            "warmup_steps": JSONValue(warmupStepCount), "betas": [JSONValue(beta1), JSONValue(beta2)],
            "epsilon": JSONValue(epsilon), "weight_decay": JSONValue(weightDecay), "clip_norm": JSONValue(clipNorm),
        ]
        // As for blank texts above.
        if state != .f32 { json["state"] = JSONValue(state.rawValue) }
        return json
    }
}

extension TrainingConfig.LoRAOptions {
    fileprivate var json: JSONObject {
        [
            "r": JSONValue(rank), "alpha": JSONValue(alpha), "dropout": JSONValue(dropout),
            "targets": targets.map { .array($0.map { JSONValue($0) }) } ?? .null,
        ]
    }
}
