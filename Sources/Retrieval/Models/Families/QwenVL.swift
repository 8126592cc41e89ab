internal import JSON

// Qwen2-VL and Qwen2.5-VL: a vision tower before Qwen2's decoder, whose rotary embedding has three axes.
//
// Source: Wang et al. 2024, Bai et al. 2025; names and order of operations as in transformers' `Qwen2VLModel` and
// `Qwen2_5_VLModel`; places in time as in its version 4.

@section("tvt_families") @used
private let qwen2VLEntry: Family.Entry = { Family.register(.qwen2VL, at: $0) }

@section("tvt_families") @used
private let qwen25VLEntry: Family.Entry = { Family.register(.qwen25VL, at: $0) }

extension Family {
    static let qwen2VL = QwenVL.family("qwen2_vl") { _ in
        QwenVL.Kind(vision: .qwen2, step: { _, step in Int32(step) }, text: QwenVL.qwen2TextOptions)
    }

    static let qwen25VL = QwenVL.family("qwen2_5_vl") { vision in
        let tokensPerSecond = try vision.positiveNumber("tokens_per_second", to: 1e4, default: 4)
        return QwenVL.Kind(
            vision: .qwen2_5(separate: false),
            // Seconds are cut to whole ones before they count; where nobody says how many, there is one.
            step: { item, step in
                let seconds = (item.secondsPerStep ?? 1).rounded(.towardZero)
                return Int32(min(Double(step) * seconds * tokensPerSecond, 1e9))
            }, text: QwenVL.qwen2TextOptions)
    }
}

enum QwenVL {
    /// What differs between the families.
    struct Kind {
        let vision: QwenVisionConfiguration.Kind
        /// The place in time of a step of an item, counted from the item's.
        let step: @Sendable (_ item: MediaItem, _ step: Int) -> Int32
        let text: (ConfigurationReader, Int) throws -> DecoderConfiguration.Options
    }

    /// - Parameter kind: is given `vision_config`.
    static func family(
        _ modelType: String, _ kind: @escaping @Sendable (ConfigurationReader) throws -> Kind
    ) -> Family {
        Family(
            modelTypes: [modelType], names: names, tokenizerClass: "Qwen2Tokenizer",
            build: { root, files in
                let visionReader = try root.section("vision_config")
                let kind = try kind(visionReader)
                let vision = try QwenVisionConfiguration(visionReader, kind.vision)
                let text = try textConfiguration(root, kind.text)
                guard vision.outputSize == text.hiddenSize else {
                    throw root.error(
                        "vision_config", "features of size \(vision.outputSize) for a text model of \(text.hiddenSize)")
                }
                let deepstackCount = vision.deepstackBlocks.count
                guard deepstackCount <= text.sights.count else {
                    throw visionReader.error(
                        "deepstack_visual_indexes",
                        "\(deepstackCount) blocks for a text model of \(text.sights.count) layers")
                }
                var media = try rules(root, vision, vocabularySize: text.vocabularySize)
                media.positions = MediaRules.axes(mergeSize: vision.mergeSize, step: kind.step)
                return try Decoder.model(
                    text, files.part("language_model."),
                    towers: [QwenVision.tower(vision, files.part("visual."))], media: media,
                    deepstackCount: deepstackCount)
            })
    }

    /// The base class writes `language_model.`, older ones and those with a head write the text model as `model.`.
    static let names: NameMap = {
        var names = NameMap(
            prefixes: [], unusedModules: ["lm_head"], unusedTensors: ["lm_head.", ".rotary_emb.inv_freq"])
        names.rewrites = [
            ("model.language_model.", "language_model."), ("model.visual.", "visual."), ("visual.", "visual."),
            ("language_model.", "language_model."), ("model.layers.", "language_model.layers."),
            ("model.embed_tokens.", "language_model.embed_tokens."), ("model.norm.", "language_model.norm."),
        ]
        return names
    }()

    /// The text model's fields stand at the root, or in `text_config`.
    private static func textConfiguration(
        _ root: ConfigurationReader, _ options: (ConfigurationReader, Int) throws -> DecoderConfiguration.Options
    ) throws -> DecoderConfiguration {
        // Of prompts, and for generation.
        for field in ["vision_start_token_id", "vision_end_token_id", "vision_token_id"] { _ = root[field] }
        let isNested = root["text_config"] != nil
        let reader = isNested ? try root.section("text_config") : root
        if !isNested { for field in ["image_token_id", "video_token_id", "vision_config"] { _ = root[field] } }
        let configuration = try DecoderConfiguration(reader, options)
        if isNested { try root.finishModel(except: ["image_token_id", "video_token_id", "vision_config"]) }
        return configuration
    }

    /// Qwen2's text model: neighbouring pairs of components turn by one axis.
    fileprivate static func qwen2TextOptions(
        _ reader: ConfigurationReader, _ size: Int
    ) throws -> DecoderConfiguration.Options {
        var options = DecoderConfiguration.Options()
        options.headSize = size
        try reader.require("head_dim", JSONValue(size))
        options.inputBias = true
        options.readQwenWindow = true
        options.windowlessLayerCount = 80
        options.theta = 1e6
        options.normEpsilon = 1e-5
        options.axes = Rotary.SectionedAxes(make: { .sections($0) }, fallback: nil)
        return options
    }

    private static func rules(
        _ root: ConfigurationReader, _ vision: QwenVisionConfiguration, vocabularySize: Int
    ) throws -> MediaRules {
        func token(_ field: String, _ usual: Int) throws -> Int32 {
            Int32(try root.count(field, in: 0...(vocabularySize - 1), default: usual))
        }
        return MediaRules(
            image: try token("image_token_id", 151_655), video: try token("video_token_id", 151_656),
            mergeSize: vision.mergeSize, patchSize: vision.patchSize, temporalPatchSize: vision.temporalPatchSize)
    }
}
