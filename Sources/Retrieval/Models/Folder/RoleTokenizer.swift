internal import Base
public import Tokenizers

/// Makes token ids of the texts of one role, as a model card has it: prompt, limit, end of text.
///
/// Shared freely between threads.
public struct RoleTokenizer: Sendable {
    public let side: ModelCard.Side
    /// Leading tokens of every text that pooling leaves out: those of the prompt, where the card does not pool them.
    public let unpooledCount: Int
    package let tokenizer: Tokenizer
    private let prompt: [UInt8]
    /// Put behind every text; nil where the tokenizer ends texts itself, or nothing ends them.
    package let endID: Int32?

    /// - Parameter side: of the card, or one that stands in for it.
    /// - Throws: `Failure` (78) where an end of text is asked for and the tokenizer names none.
    public init(_ side: ModelCard.Side, of card: ModelCard, _ tokenizer: Tokenizer) throws {
        self.side = side
        self.tokenizer = tokenizer
        prompt = Array(side.prompt.utf8)
        switch card.endOfText {
        case .tokenizer: endID = nil
        // A text is ended once, whoever does it.
        case .append where tokenizer.endsTexts: endID = nil
        case .append:
            guard let id = tokenizer.endOfTextID else {
                throw Failure(
                    .badConfiguration,
                    "an end of text is to be put behind every text, and the model's tokenizer_config.json names no eos_token"
                )
            }
            endID = id
        }
        unpooledCount = try card.includesPrompt ? 0 : Self.promptLength(side, tokenizer)
    }

    /// Tokens of a prompt by itself, without a special token that is put behind it: what sentence-transformers leaves
    /// out where it leaves prompts out.
    private static func promptLength(_ side: ModelCard.Side, _ tokenizer: Tokenizer) throws -> Int {
        guard !side.prompt.isEmpty else { return 0 }
        var ids: [Int32] = []
        try Array(side.prompt.utf8).withUnsafeBytes {
            _ = try tokenizer.encode($0, maxLength: side.maxLength, into: &ids)
        }
        guard let last = ids.last else { return 0 }
        return tokenizer.isSpecial(last) ? ids.count - 1 : ids.count
    }

    /// Appends a text's token ids, cut to the role's limit.
    ///
    /// - Parameter textBytes: valid UTF-8, prompt not included.
    /// - Throws: `InputError` if a regular expression of the tokenizer takes too many steps on this text.
    @discardableResult
    public func append(_ textBytes: UnsafeRawBufferPointer, to ids: inout [Int32]) throws -> Tokenizer.Encoding {
        let limit = endID == nil ? side.maxLength : side.maxLength - 1
        var encoding: Tokenizer.Encoding
        if prompt.isEmpty {
            encoding = try tokenizer.encode(textBytes, maxLength: limit, into: &ids)
        } else {
            encoding = try (prompt + Array(textBytes)).withUnsafeBytes {
                try tokenizer.encode($0, maxLength: limit, into: &ids)
            }
        }
        // A text that ends in the token's own words has it already.
        guard let endID, encoding.count == 0 || ids.last != endID else { return encoding }
        ids.append(endID)
        encoding.count += 1
        encoding.untruncatedCount += 1
        return encoding
    }

    /// A text as the model takes it.
    ///
    /// - Parameter text: as for ``append(_:to:)``.
    public func input(of text: [UInt8]) throws -> (input: ModelInput, wasTruncated: Bool) {
        var tokens: [Int32] = []
        let encoding = try text.withUnsafeBytes { try append($0, to: &tokens) }
        return (ModelInput(tokens: tokens, unpooledCount: unpooledCount), encoding.wasTruncated)
    }

    /// How many tokens the prompt and the special tokens take, where they leave none of the maximal length to the text:
    /// all texts would then have the same vector. Nil where there is a place for the text.
    public func tokensWithoutText() throws -> Int? {
        var ids: [Int32] = []
        try prompt.withUnsafeBytes { _ = try tokenizer.encode($0, maxLength: nil, into: &ids) }
        let count = ids.count + (endID == nil ? 0 : 1)
        return count < side.maxLength ? nil : count
    }
}
