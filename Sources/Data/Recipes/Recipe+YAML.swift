internal import Base
internal import Records
public import SystemPackage
internal import YAML

extension Recipe {
    public static let fileName = "recipe.yaml"
    private static let keys = [
        "name", "title", "licence", "citation", "source", "convert", "mining", "evaluation", "stop", "sample",
    ]
    private static let filterKeys = ["depth"]
    /// Of a title, a licence, a citation, an argument. The licence becomes an argument, and Linux takes 128 KiB in one.
    static let longestText = 100_000
    /// Results a query.
    static let depths = 1...1_000_000
    private static let negativesKeys = ["depth", "count", "seed", "options"]

    /// Finds a recipe by name, below `datasets/`, or by the path of its file or folder, and reads it.
    ///
    /// - Throws: `Failure` with status 66 that lists the names, where there is none.
    public init(named name: String, datasets: FilePath = "datasets") throws {
        let isPath = name.contains("/") || name.hasSuffix(".yaml")
        var path = isPath ? FilePath(name) : datasets.appending(name)
        if Files.isDirectory(path) { path = path.appending(Self.fileName) }
        guard Files.exists(path) else {
            let known = (try? Self.names(in: datasets)) ?? []
            throw Failure(
                .missingInput, "there is no recipe \(escaped(name.utf8)): \(path) does not exist",
                advice: known.isEmpty
                    ? "Name the recipe's file, or run this where datasets/ is."
                    : "There are: \(known.joined(separator: ", ")).")
        }
        try self.init(file: path)
    }

    /// The names of all recipes below a folder, sorted.
    public static func names(in datasets: FilePath) throws -> [String] {
        try Files.list(datasets).filter { Files.exists(datasets.appending($0).appending(fileName)) }
    }

    /// - Throws: `Failure` with status 78 that names file, line and key.
    public init(file: FilePath) throws {
        let bytes = try Files.readAll(file)
        guard let yaml = String(validating: bytes, as: UTF8.self) else {
            throw InputError("not valid UTF-8", at: Place(path: file.string))
        }
        let source = YAMLSource(file: file.string, noun: "a recipe")
        let top = try YAMLSection(try source.root(of: yaml), path: "", keys: Self.keys, source: source)
        name = try top.required("name")
        guard Self.isName(name) else {
            throw top.failure("name", "must consist of letters and digits with single '-', '_' or '.' between them")
        }
        title = try top.required("title", upTo: Self.longestText)
        licence = try top.required("licence", upTo: Self.longestText)
        citation = try top.required("citation", upTo: Self.longestText)
        self.source = try top.section("source", keys: ["repository", "revision", "files"]).map {
            try Source($0, in: source)
        }
        guard let conversion = try top.section("convert", keys: ["command", "arguments"]) else {
            throw top.failure("convert", "is missing")
        }
        self.conversion = Conversion(
            command: try conversion.required("command"),
            arguments: try Self.conversionArguments(conversion) ?? ["{raw}"])
        let mining = try top.section("mining", keys: Encoding.keys + ["text_side", "filter", "negatives"])
        let evaluation = try top.section("evaluation", keys: Encoding.keys + Evaluation.keys)
        encoding = try Encoding(mining: mining, evaluation: evaluation)
        self.mining = try mining.map { try Mining($0) }
        self.evaluation = try evaluation.map { try Evaluation($0) }
        stop = try top.string("stop", upTo: Self.longestText)
        if mining == nil, stop?.isEmpty ?? true {
            throw top.failure("stop", "is missing", advice: "A recipe without \"mining\" says here why it has none.")
        }
        if mining != nil, stop != nil { throw top.failure("stop", "is for recipes without \"mining\"") }
        var sample = Sample()
        if let section = try top.section("sample", keys: ["arguments", "filter", "negatives"]) {
            sample.arguments = try Self.conversionArguments(section)
            for key in ["filter", "negatives"] where mining == nil && section.node(key) != nil {
                throw section.failure(key, "is for recipes with \"mining\"")
            }
            if let mining = self.mining {
                sample.filter = try section.section("filter", keys: Self.filterKeys).map {
                    try Filter($0, or: mining.filter)
                }
                sample.negatives = try section.section("negatives", keys: Self.negativesKeys).map {
                    try Negatives($0, or: mining.negatives)
                }
            }
        }
        self.sample = sample
        folder = file.removingLastComponent().string.isEmpty ? "." : file.removingLastComponent()
        digest = SHA256Digest.of(bytes)
    }

    /// A reference of a store, without a tag and a folder.
    static func isName(_ name: String) -> Bool {
        func isWord(_ byte: UInt8) -> Bool {
            0x30...0x39 ~= byte || 0x41...0x5A ~= byte || 0x61...0x7A ~= byte
        }
        var wasWord = false
        for byte in name.utf8 {
            guard isWord(byte) || wasWord && [0x2D, 0x2E, 0x5F].contains(byte) else { return false }
            wasWord = isWord(byte)
        }
        return wasWord && name.utf8.count <= 100
    }

    /// Arguments of `tvt-convert`, without those that the stage gives itself.
    static func conversionArguments(_ section: YAMLSection) throws -> [String]? {
        let arguments = try section.texts("arguments")
        for name in ["--dataset", "--licence", "--store"]
        where arguments?.contains(where: { $0 == name || $0.hasPrefix(name + "=") }) == true {
            throw section.failure("arguments", "must not have \(name): the stage says it")
        }
        return arguments
    }

    static func filter(_ section: YAMLSection) throws -> YAMLSection? {
        try section.section("filter", keys: filterKeys)
    }

    static func negatives(_ section: YAMLSection) throws -> YAMLSection? {
        try section.section("negatives", keys: negativesKeys)
    }
}

extension Recipe.Source {
    init(_ section: YAMLSection, in source: YAMLSource) throws {
        repository = try section.required("repository")
        revision = try section.string("revision") ?? "main"
        for (key, value) in [("repository", repository), ("revision", revision)] where !Self.isSafe(value) {
            throw section.failure(key, "must be a path \(Self.pathRule)")
        }
        var files: [Recipe.File] = []
        // By their bytes: Swift takes texts for equal that name two files.
        var paths: Set<[UInt8]> = []
        for (number, node) in (try section.list("files") ?? []).enumerated() {
            let entry = try YAMLSection(
                node, path: "source.files.\(number)", keys: ["path", "size", "sha256"], source: source)
            let path = try entry.required("path")
            guard Self.isSafe(path) else {
                throw entry.failure("path", "must be a relative path \(Self.pathRule)")
            }
            guard paths.insert(Array(path.utf8)).inserted else {
                throw entry.failure("path", "comes twice: \(excerpt(path, upTo: 200))")
            }
            let digest = try entry.string("sha256")
            guard digest == nil || digest.flatMap({ SHA256Digest(hex: $0) }) != nil else {
                throw entry.failure("sha256", "must be 64 hexadecimal digits, in lower case")
            }
            files.append(
                Recipe.File(
                    path: path, size: try entry.integer("size", in: Self.sizes),
                    sha256: digest.flatMap { SHA256Digest(hex: $0) }))
        }
        guard !files.isEmpty else { throw section.failure("files", "must list at least one file") }
        self.files = files
    }

    /// A file's bytes: up to 1 PB.
    private static let sizes = 0...1_000_000_000_000_000
    private static let pathRule =
        "without empty parts, \".\", \"..\", \"\\\" and control characters, of at most 1,000 bytes, and 200 a part"

    /// Whether a path stays below the folder that it is relative to, and leaves room for the names of parts and notes.
    private static func isSafe(_ path: String) -> Bool {
        !path.isEmpty && path.utf8.count <= 1000
            && !path.utf8.contains { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }
            && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
                !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.count <= 200
            }
    }
}

extension Recipe.Filter {
    init(_ section: YAMLSection, or other: Self) throws {
        self = other
        depth = try section.integer("depth", in: Recipe.depths) ?? depth
    }
}

extension Recipe.Negatives {
    init(_ section: YAMLSection, or other: Self) throws {
        self = other
        depth = try section.integer("depth", in: Recipe.depths) ?? depth
        count = try section.integer("count", in: 1...100_000) ?? count
        seed = try section.integer("seed", in: 0...Int.max).map { UInt64($0) } ?? seed
        options = try section.texts("options") ?? options
        if let fault = NegativesOptions.fault(options) { throw section.failure("options", fault) }
    }
}

extension YAMLSection {
    func required(_ key: String, upTo byteCount: Int) throws -> String {
        _ = try string(key, upTo: byteCount)
        return try required(key)
    }

    /// A list of texts; nil where the key is absent.
    func texts(_ key: String) throws -> [String]? {
        try list(key)?.map { node in
            guard let text = node.scalar?.string, text.utf8.count <= Recipe.longestText else {
                throw failure(key, "must be a list of texts of at most \(Recipe.longestText) bytes")
            }
            return text
        }
    }
}
