public import Tokenizers

extension ModelCard.Side {
    /// How many tokens the prompt and the special tokens take, where they leave none of the maximal length to the text:
    /// all texts would then have the same vector. Nil where there is a place for the text.
    public func tokensWithoutText(_ tokenizer: Tokenizer) throws -> Int? {
        var ids: [Int32] = []
        try Array(prompt.utf8).withUnsafeBytes { _ = try tokenizer.encode($0, maxLength: nil, into: &ids) }
        return ids.count < maxLength ? nil : ids.count
    }
}
