internal import Base
internal import SystemPackage

/// Vocabularies that a model's folder may have in the place of a `tokenizer.json`.
enum OtherVocabularies {
    /// As transformers names them: of SentencePiece, of WordPiece, of byte pairs.
    private static let fileNames = [
        "tokenizer.model", "sentencepiece.bpe.model", "spiece.model", "vocab.txt", "vocab.json", "merges.txt",
    ]

    /// Why a folder without `tokenizer.json` cannot be used, with the command that makes one; nil if there is one, or
    /// nothing to make it of.
    ///
    /// How text is split is not in those files: it is code of the model's class in transformers. Hence its own conversion.
    static func refusal(of folder: FilePath) -> InputError? {
        let file = folder.appending("tokenizer.json")
        guard !Files.exists(file), let name = fileNames.first(where: { Files.exists(folder.appending($0)) }) else {
            return nil
        }
        let quoted =
            "'" + folder.string.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#)
            + "'"
        let conversion =
            "from transformers import AutoTokenizer as T; T.from_pretrained('.').backend_tokenizer.save('tokenizer.json')"
        return InputError(
            "there is no such file, and \(name) alone does not say how text is split", at: Place(path: file.string),
            advice: "Make it with Python's transformers: cd \(quoted) && python3 -c \"\(conversion)\"",
            exitStatus: .badConfiguration)
    }
}
