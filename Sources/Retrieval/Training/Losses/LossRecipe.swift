/// Losses as they were published, by name.
///
/// Each stands for a block of keys of a config's section `loss`, and for `temperature` and `mask_known_positives` where
/// its source states them. What a source does not state stays as it is by default. Batch sizes, lengths, learning rates
/// and data are no part of it.
public enum LossRecipe: String, Sendable, CaseIterable {
    /// InfoNCE over all passages of the batch, nothing masked, temperature 0.01.
    ///
    /// Source: Tevatron's README, "Tevatron 101" (`--temperature 0.01`), and its `EncoderModel.compute_loss`.
    case tevatron
    /// InfoNCE over in-batch and hard negatives, temperature 0.02.
    ///
    /// Source: Wang et al. 2024, arXiv 2401.00368, section 3.2, equations 2 and 3.
    case e5Mistral = "e5-mistral"
    /// InfoNCE without those hard negatives that a teacher gives more than 95 % of the positive's score.
    ///
    /// Source: Moreira et al. 2024, arXiv 2407.15831, TopK-PercPos at 95 %. There the rule chooses negatives when they
    /// are mined, as `tvt-mine --relative-margin 0.05` does; here it masks those that were mined without it. Left out:
    /// the temperature.
    case nvRetriever = "nv-retriever"
    /// Hard negatives, other queries, other passages and other positives in one denominator, less what scores higher than
    /// the positive by more than 0.1.
    ///
    /// Source: Zhang et al. 2025, arXiv 2506.05176, the training objective of the embedding models. Left out: the
    /// temperature, and the merging of checkpoints.
    case qwen3Embedding = "qwen3-embedding"
    /// InfoNCE of positives of the batch and of a query's own hard negatives, which weigh exp(5 s), with duplicates masked;
    /// spread; both at 768, 512, 256 and 128 dimensions, all of weight 1.
    ///
    /// Source: Schechter Vera et al. 2025, arXiv 2509.20354, section on the training objectives. Left out: the
    /// temperature, and the third loss, which matches a teacher's vectors.
    case embeddingGemma = "embeddinggemma"
    /// Other passages, other queries and other positives in one denominator, less what a guide model finds more similar
    /// than the query and its positive; temperature 0.01.
    ///
    /// Source: Solatorio 2024, arXiv 2402.16829; its author's implementation, `GISTEmbedLoss` of sentence-transformers
    /// (`contrast_anchors`, `contrast_positives`, margin 0), and the cards of the GIST embedding models (temperature).
    /// There positives stand against positives alone; here, where there are hard negatives, against those of other
    /// queries too.
    case gist

    /// Nil where the source states none.
    public var temperature: Double? {
        switch self {
        case .tevatron, .gist: 0.01
        case .e5Mistral: 0.02
        case .nvRetriever, .qwen3Embedding, .embeddingGemma: nil
        }
    }

    /// Nil where the source states nothing.
    public var masksKnownPositives: Bool? {
        switch self {
        case .tevatron: false
        case .qwen3Embedding, .embeddingGemma: true
        case .e5Mistral, .nvRetriever, .gist: nil
        }
    }

    public var terms: ContrastiveLoss.Terms {
        var terms = ContrastiveLoss.Terms()
        switch self {
        case .tevatron, .e5Mistral: break
        case .nvRetriever:
            terms.falseNegatives.judge = .teacher
            terms.falseNegatives.kind = .relative
            terms.falseNegatives.margin = -0.05
        case .qwen3Embedding:
            terms.blocks = [.queryToPassage, .queryToQuery, .passageToPassage]
            terms.falseNegatives.judge = .model
            terms.falseNegatives.margin = 0.1
        case .embeddingGemma:
            terms.hardNegatives = .own
            terms.hardness.strength = 5
            terms.spread = 1
            terms.matryoshka.widths = [512, 256, 128]
        case .gist:
            terms.blocks = [.queryToPassage, .queryToQuery, .passageToPassage]
            terms.falseNegatives.judge = .guide
        }
        return terms
    }
}
