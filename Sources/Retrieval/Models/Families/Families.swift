extension Family {
    /// Every family that can be read.
    static let all: [Family] = [
        .bert, .roberta, .xlmRoberta, .mpnet, .distilbert, .modernBERT, .llama, .mistral, .qwen2, .qwen3, .gemma3,
        .embeddingGemma2,
    ]
}
