// One entry for models that are used alike. A fact that is not certain is not here: a model without an entry is asked
// about, one with a wrong entry is silently worse. `normalize: nil` means that only the folder can say.
extension ModelPreset {
    private static func texts(_ prompt: String = "", upTo maxLength: Int) -> ModelCard.Side {
        ModelCard.Side(prompt: prompt, maxLength: maxLength)
    }

    private static let webSearch =
        "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"

    private static func inputs(_ say: (inout InputSettings) -> Void) -> InputSettings {
        var settings = InputSettings()
        say(&settings)
        return settings
    }

    public static let all: [ModelPreset] = [
        ModelPreset(
            "bge-en-v1.5", ["BAAI/bge-small-en-v1.5", "BAAI/bge-base-en-v1.5", "BAAI/bge-large-en-v1.5"], ["bert"],
            .cls, normalize: true,
            query: texts("Represent this sentence for searching relevant passages: ", upTo: 512),
            document: texts(upTo: 512), source: "their model cards"),
        ModelPreset(
            "e5-v2", ["intfloat/e5-small-v2", "intfloat/e5-base-v2", "intfloat/e5-large-v2"], ["bert"],
            .mean, normalize: true,
            query: texts("query: ", upTo: 512), document: texts("passage: ", upTo: 512),
            source: "their model cards; Wang et al. 2022, arXiv:2212.03533"),
        ModelPreset(
            "multilingual-e5",
            ["intfloat/multilingual-e5-small", "intfloat/multilingual-e5-base", "intfloat/multilingual-e5-large"],
            ["bert", "xlm-roberta"],
            .mean, normalize: true,
            query: texts("query: ", upTo: 512), document: texts("passage: ", upTo: 512),
            source: "their model cards; Wang et al. 2024, arXiv:2402.05672"),
        ModelPreset(
            "minilm-l6-v2", ["sentence-transformers/all-MiniLM-L6-v2"], ["bert"],
            .mean, normalize: true, query: texts(upTo: 256), document: texts(upTo: 256), source: "its folder"),
        ModelPreset(
            "mpnet-base-v2", ["sentence-transformers/all-mpnet-base-v2"], ["mpnet"],
            .mean, normalize: true, query: texts(upTo: 384), document: texts(upTo: 384), source: "its model card"),
        ModelPreset(
            "bge-m3", ["BAAI/bge-m3"], ["xlm-roberta"],
            .cls, normalize: true, query: texts(upTo: 8192), document: texts(upTo: 8192),
            source: "its model card; Chen et al. 2024, arXiv:2402.03216"),
        ModelPreset(
            "gte-modernbert", ["Alibaba-NLP/gte-modernbert-base"], ["modernbert"],
            .cls, normalize: nil, query: texts(upTo: 8192), document: texts(upTo: 8192), source: "its model card"),
        ModelPreset(
            "modernbert-embed", ["nomic-ai/modernbert-embed-base"], ["modernbert"],
            .mean, normalize: nil,
            query: texts("search_query: ", upTo: 8192), document: texts("search_document: ", upTo: 8192),
            source: "its model card"),
        ModelPreset(
            "qwen3-embedding",
            ["Qwen/Qwen3-Embedding-0.6B", "Qwen/Qwen3-Embedding-4B", "Qwen/Qwen3-Embedding-8B"], ["qwen3"],
            .last, normalize: true,
            query: texts(webSearch, upTo: 8192), document: texts(upTo: 8192), endOfText: .append,
            source: "their model cards; Zhang et al. 2025, arXiv:2506.05176"),
        ModelPreset(
            "embeddinggemma", ["google/embeddinggemma-300m"], ["gemma3_text"],
            .mean, normalize: true,
            query: texts("task: search result | query: ", upTo: 2048),
            document: texts("title: none | text: ", upTo: 2048), source: "its model card"),
        ModelPreset(
            "embeddinggemma-2", ["google/embeddinggemma-2"], ["embedding_gemma2", "embedding_gemma2_text"],
            .mean, normalize: true,
            query: texts("task: search result | query: ", upTo: 8192),
            document: texts("title: none | text: ", upTo: 8192), source: "its model card, for texts"),
        ModelPreset(
            "repllama", ["castorini/repllama-v1-7b-lora-passage"], ["llama"],
            .last, normalize: true,
            query: texts("query: ", upTo: 512), document: texts("passage: ", upTo: 512), endOfText: .append,
            source: "its model card; Ma et al. 2023, arXiv:2310.08319"),
        ModelPreset(
            "e5-mistral", ["intfloat/e5-mistral-7b-instruct"], ["mistral"],
            .last, normalize: true,
            query: texts(webSearch + " ", upTo: 4096), document: texts(upTo: 4096), endOfText: .append,
            source: "its model card; Wang et al. 2023, arXiv:2401.00368"),
        ModelPreset(
            "gte-qwen2", ["Alibaba-NLP/gte-Qwen2-1.5B-instruct", "Alibaba-NLP/gte-Qwen2-7B-instruct"], ["qwen2"],
            .last, normalize: true,
            query: texts(webSearch + " ", upTo: 8192), document: texts(upTo: 8192), endOfText: .append,
            attention: .bidirectional, source: "their model cards"),
        ModelPreset(
            "arctic-embed-m-v1.5", ["Snowflake/snowflake-arctic-embed-m-v1.5"], ["bert"],
            .cls, normalize: true,
            query: texts("Represent this sentence for searching relevant passages: ", upTo: 512),
            document: texts(upTo: 512), source: "its model card; Merrick et al. 2024, arXiv:2405.05374"),
        ModelPreset(
            "arctic-embed-l-v2", ["Snowflake/snowflake-arctic-embed-l-v2.0"], ["xlm-roberta"],
            .cls, normalize: true, query: texts("query: ", upTo: 8192), document: texts(upTo: 8192),
            source: "its model card; Yu et al. 2024, arXiv:2412.04506"),
        ModelPreset(
            "dse-qwen2", ["MrLight/dse-qwen2-2b-mrl-v1"], ["qwen2_vl"],
            .last, normalize: true,
            query: texts("Query: ", upTo: 8192), document: texts("What is shown in this image?", upTo: 8192),
            inputs: inputs {
                ($0.chat, $0.generationPrompt, $0.end) = (true, true, "<|endoftext|>")
                $0.imagePixels = 784...2_007_040
                $0.queryImage = 56
            }, source: "its model card; Ma et al. 2024, arXiv:2406.11251"),
        ModelPreset(
            "gme-qwen2-vl",
            ["Alibaba-NLP/gme-Qwen2-VL-2B-Instruct", "Alibaba-NLP/gme-Qwen2-VL-7B-Instruct"], ["qwen2_vl"],
            .last, normalize: true,
            query: texts("You are a helpful assistant.", upTo: 1800),
            document: texts("You are a helpful assistant.", upTo: 1800),
            inputs: inputs {
                ($0.chat, $0.generationPrompt, $0.end) = (true, true, "<|endoftext|>")
                $0.promptPlace = .system
                $0.imagePixels = 200_704...1_003_520
            }, source: "the script in their folders, gme_inference.py; Zhang et al. 2024, arXiv:2412.16855"),
        ModelPreset(
            "omni-embed", ["Tevatron/OmniEmbed-v0.1", "Tevatron/OmniEmbed-v0.1-multivent"],
            ["qwen2_5_omni_thinker", "qwen2_5_omni"],
            .last, normalize: true, query: texts("Query: ", upTo: 8192), document: texts(upTo: 8192),
            inputs: inputs {
                ($0.chat, $0.generationPrompt, $0.end) = (true, true, "<|endoftext|>")
                $0.mediaPlace = .last
            }, source: "its model card; Ma et al. 2025, arXiv:2505.02466"),
        ModelPreset(
            "qwen3-vl-embedding", ["Qwen/Qwen3-VL-Embedding-2B", "Qwen/Qwen3-VL-Embedding-8B"], ["qwen3_vl"],
            .last, normalize: true,
            query: texts("Represent the user's input.", upTo: 8192),
            document: texts("Represent the user's input.", upTo: 8192),
            inputs: inputs {
                ($0.chat, $0.generationPrompt) = (true, true)
                $0.promptPlace = .system
                $0.imagePixels = 4096...1_843_200
                $0.frameRate = 1
                $0.frameCount = 64
            }, source: "the script in their folders"),
    ]
}
