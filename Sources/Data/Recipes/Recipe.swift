public import Base
public import Records
public import SystemPackage

/// How a dataset is made of what somebody published: `datasets/<name>/recipe.yaml`.
public struct Recipe: Sendable {
    /// Reference of the converted dataset; later versions are `name@filtered` and `name@mined`.
    public let name: String
    public let title: String
    public let licence: String
    /// How authors want to be cited; BibTeX or text.
    public let citation: String
    /// Nil where the raw files have to be brought along.
    public let source: Source?
    public let conversion: Conversion
    /// Nil where nothing is encoded.
    public let encoding: Encoding?
    /// Nil where nothing is filtered and mined.
    public let mining: Mining?
    /// Nil where the retriever is not measured.
    public let evaluation: Evaluation?
    /// Why there is no mining.
    public let stop: String?
    /// What is done differently with the sample.
    public let sample: Sample
    /// Where `recipe.yaml` lies, with `README.md` and `sample/`.
    public let folder: FilePath
    /// Of the file's bytes.
    public let digest: SHA256Digest

    /// What is fetched, from `{hub}/{repository}/resolve/{revision}/{path}`.
    public struct Source: Sendable, Equatable {
        public let repository: String
        public let revision: String
        public let files: [File]
    }

    public struct File: Sendable, Equatable {
        /// Relative, without `..`: both below the repository and below the folder of raw files.
        public let path: String
        /// In bytes, where it is public.
        public let size: Int?
        public let sha256: SHA256Digest?
    }

    /// A subcommand of `tvt-convert`. `{raw}` in an argument is the folder of raw files.
    public struct Conversion: Sendable, Equatable {
        public var command: String
        public var arguments: [String]
    }

    /// How queries and documents become vectors, to mine and to measure.
    public struct Encoding: Sendable, Equatable {
        /// What kind of model the recipe wants, for people.
        public var retriever: String
        /// Documents are encoded by this field of the queries that link to them.
        public var textSide: String?
        /// What the documents show; nil where they are texts.
        public var media: MediaKind?
        /// Arguments of both runs of `tvt-encode` that say how the model is used, as `tvt-model show` takes them.
        public var usage: [String]
        /// Other arguments of both runs.
        public var options: [String]
        /// Whether the documents' own texts may stand for what they show.
        public var ignoresMedia: Bool
        /// Precision of the computation; nil for the tool's own choice.
        public var precision: String?

        /// Whether texts can stand for what the documents show.
        var hasText: Bool { textSide != nil || ignoresMedia }
    }

    public struct Mining: Sendable, Equatable {
        public var filter: Filter
        public var negatives: Negatives
    }

    /// What the retriever is measured by.
    public struct Evaluation: Sendable, Equatable {
        /// Judgements of the dataset.
        public var split: String
        /// As `tvt-eval --metrics` takes them.
        public var metrics: [String]
        /// Results a query.
        public var depth = 100
        /// Arguments of a conversion of its own, into `name@split`: a corpus of what the split judges alone. Nil for the
        /// recipe's own dataset.
        public var arguments: [String]?
    }

    public struct Filter: Sendable, Equatable {
        public var depth = 100
    }

    public struct Negatives: Sendable, Equatable {
        /// Results among which they are chosen, positives not counted.
        public var depth = 100
        public var count = 3
        public var seed: UInt64 = 42
        /// Further arguments of `tvt-mine negatives`.
        public var options: [String] = []
    }

    /// A nil is as in the whole recipe.
    public struct Sample: Sendable, Equatable {
        public var arguments: [String]?
        public var filter: Filter?
        public var negatives: Negatives?
    }

    /// Where the sample lies, in the published layout.
    public var sampleFolder: FilePath { folder.appending("sample") }

    /// What is done with the sample, if that is what is asked for.
    func conversion(isSample: Bool) -> Conversion {
        var conversion = conversion
        if isSample, let arguments = sample.arguments { conversion.arguments = arguments }
        return conversion
    }

    func mining(isSample: Bool) -> Mining? {
        guard var mining else { return nil }
        if isSample {
            mining.filter = sample.filter ?? mining.filter
            mining.negatives = sample.negatives ?? mining.negatives
        }
        return mining
    }
}
