internal import Base
public import Models
internal import Records
public import SystemPackage
public import Tensors

/// Whether a model still gives the vectors that it gave when its folder was written.
///
/// A changed library, a broken copy, an edited card, another tokenizer and a wrong adapter all give vectors that look
/// like others; this costs one batch of a few short texts.
public enum GoldenCheck {
    /// Short, so that they cost nothing; with what tokenizers treat in their own ways: capitals, accents, digits,
    /// punctuation, other scripts, rare signs.
    static let texts: [(role: Role, text: String)] = [
        (.query, "how do plants make food from sunlight?"),
        (.query, "Größe des Mondes in km (3 474,8)"),
        (.document, "Rivers carry salt to the sea; evaporation leaves it there, grain by grain, for ages."),
        (.document, "In 1896 O'Neill wrote: “naïve café” — 東京, Москва, ½ × 10⁻³ …"),
    ]

    /// What a check found.
    public struct Report: Sendable, Equatable {
        public let file: FilePath
        /// What made the file.
        public let tool: String
        public let textCount: Int
        public let leastCosine: Double
        /// What it had to reach.
        public let threshold: Double
        /// Why vectors were not compared, where they were not.
        public let note: String?
    }

    /// The golden file of a loaded model: the adapter's where one was merged, whose vectors are others than its base's.
    public static func file(of model: EmbeddingModel) -> FilePath {
        (model.adapter ?? model.folder).appending(GoldenVectors.fileName)
    }

    /// The least cosine between a vector and its golden one that passes.
    ///
    /// In float32 everything that is not a change of the model stays far above 0.999: other kernels, thread counts and
    /// devices move a cosine by less than 1e-5. Numbers of 16 bits are rounded to 3 (bfloat16) or 4 digits after every
    /// layer: MiniLM loses up to 0.001 of the cosine and deep models a few times as much, so there 0.99 passes, and with 8-bit layers. The
    /// golden vectors may have been made in 16 bits as well, and the looser of the two counts.
    public static func threshold(made: GoldenVectors.Kind, loaded: ElementType) -> Double {
        made == .f32 && loaded.byteCount >= 4 ? 0.999 : 0.99
    }

    /// The vectors of the texts above.
    ///
    /// - Parameters:
    ///   - model: with its adapters, merged or not; loaded as its card has it, without anything said from outside.
    ///   - tool: what makes them, with its version.
    /// - Throws: `Failure` (65) where one holds a number that is not finite.
    public static func vectors(of model: EmbeddingModel, tool: String) throws -> GoldenVectors {
        let made = try texts.map { entry in
            try tokenize(
                entry.text, prompt: model.card.side(entry.role).prompt, endOfText: model.card.endOfText, model)
        }
        let rows = try encode(made, model)
        for (entry, row) in zip(texts, rows) where !row.allSatisfy(\.isFinite) {
            throw Failure(
                .badData, "the vector of \"\(entry.text)\" holds a number that is not finite",
                advice: "The model's weights are damaged, or their training diverged.")
        }
        var golden = GoldenVectors(
            tool: tool, kind: kind(model.precision.storage), dims: model.card.dims,
            pooling: model.card.pooling.rawValue, normalize: model.card.normalize,
            queryPrompt: model.card.query.prompt, documentPrompt: model.card.document.prompt,
            entries: zip(texts, zip(made, rows)).map { entry, made in
                GoldenVectors.Entry(role: entry.role, text: entry.text, ids: made.0.tokens, vector: made.1)
            })
        golden.endOfText = model.card.endOfText
        golden.attention = model.card.attention
        return golden
    }

    /// Checks a model against its golden file.
    ///
    /// - Parameter file: nil for the model's own.
    /// - Returns: nil where there is no such file.
    /// - Throws: `InputError` (65) that names the text, its cosine and what may have changed; (78) for a file that
    ///   cannot be read.
    @discardableResult
    public static func run(_ model: EmbeddingModel, file: FilePath? = nil) throws -> Report? {
        let file = file ?? self.file(of: model)
        guard Files.exists(file) else { return nil }
        let golden = try GoldenVectors(file: file)
        let comparison = Comparison(golden: golden, model: model, file: file)
        if let note = try comparison.checkHead() { return comparison.report(leastCosine: 1, note: note) }
        try comparison.checkDims()
        let texts = try comparison.checkedTexts()
        let least = try comparison.leastCosine(encode(texts, model))
        return comparison.report(leastCosine: least, note: nil)
    }

    /// A text as the model takes it.
    ///
    /// Not cut to the role's length: the lengths that a folder is used with may change without its vectors.
    static func tokenize(
        _ text: String, prompt: String, endOfText: ModelCard.EndOfText, _ model: EmbeddingModel
    ) throws -> ModelInput {
        var card = model.card
        card.endOfText = endOfText
        let tokenizer = try RoleTokenizer(
            ModelCard.Side(prompt: prompt, maxLength: model.text.maxLength), of: card, model.tokenizer)
        return try tokenizer.input(of: Array(text.utf8)).input
    }

    private static func encode(_ texts: [ModelInput], _ model: EmbeddingModel) throws -> [[Float]] {
        let numbers = try model.encode(PackedBatch(texts), dims: model.card.dims).floats()
        let dims = numbers.count / texts.count
        return texts.indices.map { Array(numbers[($0 * dims)..<(($0 + 1) * dims)]) }
    }

    private static func kind(_ type: ElementType) -> GoldenVectors.Kind {
        switch type {
        case .float16: .f16
        case .bfloat16: .bf16
        default: .f32
        }
    }
}
