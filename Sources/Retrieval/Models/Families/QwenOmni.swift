internal import JSON

// The thinker of Qwen2.5-Omni: towers for pictures and sounds before Qwen2's decoder, whose rotary embedding has three
// axes. What speaks, the talker and its codec, stays unused.
//
// Source: Xu et al. 2025; names and order of operations as in transformers' `Qwen2_5OmniThinkerModel`. The sound of a
// video is left out, or its tokens take turns with the video's; see `MediaRules.VideoSound`.

@section("tvt_families") @used
private let qwenOmniEntry: Family.Entry = { Family.register(.qwenOmni, at: $0) }

extension Family {
    static let qwenOmni = Family(
        modelTypes: ["qwen2_5_omni_thinker", "qwen2_5_omni"], names: QwenOmni.names, tokenizerClass: "Qwen2Tokenizer",
        build: { try QwenOmni.model($0, $1) })
}

enum QwenOmni {
    /// The base class writes `language_model.`, the one with a head writes the text model as `model.`; the whole model
    /// puts `thinker.` before both.
    static let names: NameMap = {
        var names = NameMap(
            prefixes: [], unusedModules: ["lm_head"],
            unusedTensors: ["lm_head.", "thinker.lm_head.", "talker.", "token2wav.", ".rotary_emb.inv_freq"])
        let parts = [
            ("model.language_model.", "language_model."), ("language_model.", "language_model."),
            ("model.layers.", "language_model.layers."), ("model.embed_tokens.", "language_model.embed_tokens."),
            ("model.norm.", "language_model.norm."), ("model.visual.", "visual."), ("visual.", "visual."),
            ("model.audio_tower.", "audio_tower."), ("audio_tower.", "audio_tower."),
        ]
        names.rewrites = parts.flatMap { written, name in
            [(written: "thinker." + written, name: name), (written: written, name: name)]
        }
        return names
    }()

    static func model(_ whole: ConfigurationReader, _ files: WeightFiles) throws -> TextModel {
        let root = try whole["thinker_config"] == nil ? whole : whole.section("thinker_config")
        let visionReader = try root.section("vision_config")
        // How weights began, and a second name of the tower's size.
        for reader in [root, visionReader] { _ = reader["init_std"] }
        let size = try visionReader.optionalCount("embed_dim", in: ConfigurationReader.Range.size)
        let vision = try QwenVisionConfiguration(visionReader, .qwen2_5(separate: true))
        guard size ?? vision.size == vision.size else {
            throw visionReader.error("embed_dim", "hidden_size says \(vision.size)")
        }
        let audio = try OmniAudioConfiguration(root.section("audio_config"))
        let text = try textConfiguration(root.section("text_config"))
        for (field, width) in [("vision_config", vision.outputSize), ("audio_config", audio.outputSize)]
        where width != text.hiddenSize {
            throw root.error(field, "features of size \(width) for a text model of \(text.hiddenSize)")
        }
        let rules = try rules(root, vision)
        let harmless: Set<String> = [
            // Of prompts and for generation.
            "ignore_index", "user_token_id", "vision_token_id",
        ]
        try root.finishModel(except: harmless)
        if root !== whole {
            try whole.finishModel(except: [
                "enable_audio_output", "enable_talker", "talker_config", "token2wav_config",
            ])
        }
        let marks = "audio_tower.audio_bos_eos_token.weight"
        return try Decoder.model(
            text, files.part("language_model."),
            towers: [
                QwenVision.tower(vision, files.part("visual.")), OmniAudio.tower(audio, files.part("audio_tower.")),
            ],
            media: rules,
            // Once marked where a sound begins and ends.
            passiveParameters: files.has(marks) ? [try files.parameter(marks, [2, audio.outputSize])] : [])
    }

    private static func textConfiguration(_ reader: ConfigurationReader) throws -> DecoderConfiguration {
        _ = reader["init_std"]
        return try DecoderConfiguration(reader) { reader, size in
            var options = DecoderConfiguration.Options()
            options.headSize = size
            try reader.require("head_dim", JSONValue(size))
            options.inputBias = true
            options.readQwenWindow = true
            options.theta = 1e6
            options.axes = Rotary.SectionedAxes(make: { .sections($0) }, fallback: [16, 24, 24])
            return options
        }
    }

    private static func rules(_ root: ConfigurationReader, _ vision: QwenVisionConfiguration) throws -> MediaRules {
        // Two spellings of one field, by version.
        func token(_ kind: String, _ fallback: Int) throws -> Int32 {
            let range = 0...Int(Int32.max)
            let old = try root.optionalCount("\(kind)_token_index", in: range)
            let new = try root.optionalCount("\(kind)_token_id", in: range)
            if let old, let new, old != new {
                throw root.error("\(kind)_token_id", "\(kind)_token_index says something else")
            }
            return Int32(new ?? old ?? fallback)
        }
        let perSecond = try root.count("position_id_per_seconds", in: 1...10_000, default: 25)
        var rules = MediaRules(
            image: try token("image", 151_655), video: try token("video", 151_656), audio: try token("audio", 151_646),
            mergeSize: vision.mergeSize, patchSize: vision.patchSize, temporalPatchSize: vision.temporalPatchSize,
            positions: MediaRules.axes(mergeSize: vision.mergeSize) { item, step in
                // Products are rounded to float32 before they are cut to whole places, as in the reference. A picture has
                // steps of a second, if several.
                Int32(Float(step) * Float(item.secondsPerStep ?? 1) * Float(perSecond))
            })
        rules.soundFeatureCount = { OmniAudio.tokenCount(frameCount: $0) }
        func marks(_ kind: String, _ begin: Int, _ end: Int) throws -> MediaRules.Marks {
            func id(_ field: String, _ fallback: Int) throws -> Int32 {
                Int32(try root.optionalCount(field, in: 0...Int(Int32.max)) ?? fallback)
            }
            return MediaRules.Marks(
                begin: try id("\(kind)_start_token_id", begin), end: try id("\(kind)_end_token_id", end))
        }
        rules.videoSound = MediaRules.VideoSound(
            marks: try marks("audio", 151_647, 151_648), videoMarks: try marks("vision", 151_652, 151_653),
            positionsPerSecond: perSecond,
            positionsPerChunk: perSecond * (try root.count("seconds_per_chunk", in: 1...10_000, default: 2)))
        return rules
    }
}
