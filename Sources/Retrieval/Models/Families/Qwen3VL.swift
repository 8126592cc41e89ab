internal import JSON

// Qwen3-VL: a vision tower whose features reach several layers, before Qwen3's decoder, whose rotary embedding has
// three axes by turns.
//
// Source: Bai et al. 2025; names and order of operations as in transformers' `Qwen3VLModel`.

@section("tvt_families") @used
private let qwen3VLEntry: Family.Entry = { Family.register(.qwen3VL, at: $0) }

extension Family {
    static let qwen3VL = QwenVL.family("qwen3_vl") { _ in
        QwenVL.Kind(
            vision: .qwen3,
            // Each picture of a video stands by itself, behind tokens that say its time.
            step: { item, _ in
                guard case .grid(let time, _, _) = item.shape else { return 0 }
                precondition(item.tokens.count == time, "tokens of each picture by themselves")
                return 0
            }, text: textOptions)
    }

    private static func textOptions(
        _ reader: ConfigurationReader, _ size: Int
    ) throws -> DecoderConfiguration.Options {
        var options = DecoderConfiguration.Options()
        options.headSize = try reader.count("head_dim", in: ConfigurationReader.Range.size, default: 128)
        let bias = try reader.bool("attention_bias", default: false)
        (options.inputBias, options.outputBias) = (bias, bias)
        options.normalizesHeads = true
        options.axes = Rotary.SectionedAxes(make: { .interleaved($0) }, fallback: [24, 20, 20])
        // transformers 4 takes 5,000,000 where nothing is said, and 5 takes 500,000.
        guard reader["rope_theta"] != nil || reader["rope_parameters"]?["rope_theta"] != nil else {
            throw reader.error("rope_theta", "the field is missing, and versions of transformers differ without it")
        }
        return options
    }
}
