public import Base
internal import JSON
internal import RegularExpressions
public import SystemPackage

/// Text to token ids, exactly as the `tokenizers` library does it with the same `tokenizer.json`.
///
/// Immutable and shared freely between threads; ``encode(_:maxLength:into:)`` works in memory of its own.
public final class Tokenizer: Sendable {
    /// What ``Tokenizer/encode(_:maxLength:into:)`` did with a text.
    public struct Encoding: Sendable, Hashable {
        /// Ids appended, with the special tokens around the text.
        public var count: Int
        /// Ids that there would have been without a limit.
        public var untruncatedCount: Int

        /// Whether tokens of the text were left out.
        public var wasTruncated: Bool { count < untruncatedCount }
    }

    /// The bytes of `tokenizer.json`, for copying into checkpoints.
    public let configurationBytes: [UInt8]
    /// Digest of ``configurationBytes``.
    public let digest: SHA256Digest
    /// Number of tokens, those added to the model's vocabulary included.
    public let vocabularySize: Int
    /// The highest id there is.
    public let highestID: Int32
    /// `model_max_length` of `tokenizer_config.json`: ids of a text, special ones included; `Int.max` for no limit, nil
    /// where there is no such file or field. The limit within `tokenizer.json` is often left over from somebody's last
    /// call, and counts for nothing.
    public let modelMaxLength: Int?
    /// Ids that the post-processor puts before and after each text.
    public var specialTokenCount: Int { prefix.count + suffix.count }

    /// Whether texts lose tokens at their start where they are cut.
    public let truncatesLeft: Bool
    /// Whether texts are lowercased.
    public var lowercases: Bool { pipeline.lowercases }

    /// The id of `eos_token`; nil where no file names one.
    public let endOfTextID: Int32?
    /// Whether the post-processor puts a token behind each text.
    public var endsTexts: Bool { !suffix.isEmpty }

    /// `eos_token` as it is written.
    let endOfText: [UInt8]?
    private let specialIDs: Set<Int32>
    private let path: String
    private let addedIDs: [[UInt8]: Int32]
    private let pipeline: Pipeline
    /// Ids that the post-processor puts before each text, and behind it.
    public let prefix: [Int32]
    public let suffix: [Int32]

    /// Reads the tokenizer of a model's folder: `tokenizer.json`, and the files beside it that say how it is used.
    ///
    /// - Parameters:
    ///   - defaultClass: transformers' tokenizer class where `tokenizer_config.json` names none.
    ///   - modelClass: the class that transformers 5 has for the type of the model, whatever its files name; nil where that
    ///     is `defaultClass`.
    /// - Throws: `InputError` that names the field that is missing, malformed, not supported, or of which two files say
    ///   different things; for a folder with another kind of vocabulary only, the command that makes a `tokenizer.json`.
    public convenience init(folder: FilePath, defaultClass: String, modelClass: String? = nil) throws {
        if let refusal = OtherVocabularies.refusal(of: folder) { throw refusal }
        let path = folder.appending("tokenizer.json")
        let bytes = try Files.readAll(path)
        let file = try TokenizerFile(bytes, path: path.string)
        let configuration = try TokenizerConfiguration(
            folder, for: file, defaultClass: defaultClass, modelClass: modelClass ?? defaultClass)
        try self.init(configuration.tokenizer, bytes: bytes, configuration)
    }

    /// Reads a `tokenizer.json` alone.
    ///
    /// - Throws: `InputError` that names the component or field that is missing, malformed or of a kind not built in.
    public convenience init(file: FilePath) throws {
        try self.init(bytes: Files.readAll(file), path: file.string)
    }

    /// Reads the bytes of a `tokenizer.json`; `path` is for errors.
    public convenience init(bytes: [UInt8], path: String) throws {
        try self.init(TokenizerFile(bytes, path: path), bytes: bytes)
    }

    private init(_ file: TokenizerFile, bytes: [UInt8], _ configuration: TokenizerConfiguration? = nil) throws {
        configurationBytes = bytes
        path = file.path
        digest = SHA256Digest.of(bytes)
        pipeline = try Pipeline(file)
        prefix = file.prefix
        suffix = file.suffix
        truncatesLeft = configuration?.truncatesLeft ?? file.truncatesLeft
        modelMaxLength = configuration?.maxLength
        addedIDs = Dictionary(file.addedTokens.map { ($0.content, $0.id) }, uniquingKeysWith: { first, _ in first })
        let model = file.model
        vocabularySize = model.count + addedIDs.keys.count { model.id(of: $0) < 0 }
        highestID = max(model.highestID, file.addedTokens.map(\.id).max() ?? 0)
        endOfText = configuration?.endOfText
        endOfTextID = configuration?.endOfText.flatMap { file.id(of: $0) }
        specialIDs = Set((configuration?.specialTokens ?? []).compactMap { file.id(of: $0) } + prefix + suffix)
    }

    /// The id of a token as it is written in the vocabulary (`[SEP]`, `##ing`).
    public func id(of token: String) -> Int32? {
        let bytes = Array(token.utf8)
        if let id = addedIDs[bytes] { return id }
        let id = pipeline.model.id(of: bytes)
        return id < 0 ? nil : id
    }

    /// An added token as it is written; nil for other ids.
    public func addedToken(_ id: Int32) -> [UInt8]? { addedIDs.first { $0.value == id }?.key }

    /// Whether an id is that of a token that the files call special, or that the post-processor puts around texts.
    public func isSpecial(_ id: Int32) -> Bool { specialIDs.contains(id) }

    /// Appends the ids of `text`, with special tokens, to `ids`.
    ///
    /// - Parameters:
    ///   - text: valid UTF-8 (else behaviour is undefined); may be empty.
    ///   - maxLength: the most ids to append, special tokens included and never left out: where even they do not fit,
    ///     they alone are appended. Nil for no limit.
    /// - Throws: `InputError` if a regular expression of the tokenizer takes too many steps on this text.
    /// - Complexity: O(bytes) for usual words. A word that WordPiece does not know costs a look-up for each of its
    ///   substrings that start a piece; byte pairs of a word of n characters, O(n log n); Unigram, O(n) times the longest
    ///   token.
    @discardableResult
    public func encode(_ text: UnsafeRawBufferPointer, maxLength: Int?, into ids: inout [Int32]) throws -> Encoding {
        let firstID = ids.count
        ids.append(contentsOf: prefix)
        let textStart = ids.count
        try encodeAlone(text, into: &ids)
        let textCount = ids.count - textStart
        if let maxLength {
            let excess = textCount - max(0, maxLength - specialTokenCount)
            if excess > 0 {
                if truncatesLeft {
                    ids.removeSubrange(textStart..<(textStart + excess))
                } else {
                    ids.removeLast(excess)
                }
            }
        }
        ids.append(contentsOf: suffix)
        return Encoding(count: ids.count - firstID, untruncatedCount: textCount + specialTokenCount)
    }

    /// Appends the ids of `text` alone: without special tokens around it, and without a limit.
    ///
    /// - Throws: as ``encode(_:maxLength:into:)``.
    public func encodeAlone(_ text: UnsafeRawBufferPointer, into ids: inout [Int32]) throws {
        do {
            try text.withMemoryRebound(to: UInt8.self) { try pipeline.append($0, to: &ids) }
        } catch let error as RegularExpressionError {
            throw InputError(
                "a regular expression of the tokenizer gave up: \(error.message)", at: Place(path: path))
        }
    }
}
