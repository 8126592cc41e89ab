internal import Base
internal import JSON
internal import Records
public import SystemPackage

extension GoldenVectors {
    private enum Limit {
        static let byteCount = 64 << 20
        static let entries = 1...64
        static let ids = 1...16_384
    }

    /// Reads `tvt.golden.json`.
    ///
    /// - Throws: `InputError` for a missing, malformed or unknown field.
    public init(file: FilePath) throws {
        guard try Files.size(file) <= Limit.byteCount else {
            throw InputError(
                "more than \(Limit.byteCount >> 20) MiB", at: Place(path: file.string), exitStatus: .badConfiguration)
        }
        let reader = try ConfigurationReader(file: file)
        guard try reader.string("schema") == GoldenVectors.schema else {
            throw reader.error("schema", "only \(GoldenVectors.schema) can be read")
        }
        tool = try reader.string("tool")
        guard let kind = Kind(rawValue: try reader.string("dtype")) else {
            throw reader.error("dtype", "\(Kind.allCases.map(\.rawValue).joined(separator: ", ")) can be read")
        }
        self.kind = kind
        dims = try reader.count("dims", in: ConfigurationReader.Range.size)
        pooling = try reader.string("pooling")
        normalize = try reader.bool("normalize")
        let prompts = try reader.section("prompts")
        queryPrompt = try prompts.string("query")
        documentPrompt = try prompts.string("document")
        try prompts.refuseUnread()
        endOfText = try reader.choice("eos") ?? .tokenizer
        attention = try reader.choice("attention")
        guard let texts = reader["texts"]?.array, Limit.entries.contains(texts.count) else {
            throw reader.error(
                "texts", "a list of \(Limit.entries.lowerBound) to \(Limit.entries.upperBound) is expected")
        }
        let dims = dims
        entries = try texts.enumerated().map { number, value in
            try Entry(ConfigurationReader(value, path: file, prefix: "texts.\(number)."), dims: dims)
        }
        try reader.refuseUnread()
    }

    fileprivate static func ids(_ reader: ConfigurationReader) throws -> [Int32] {
        let values = reader["ids"]?.array ?? []
        let ids = values.compactMap { $0.integer.flatMap(Int32.init(exactly:)) }
        guard Limit.ids.contains(values.count), ids.count == values.count, ids.allSatisfy({ $0 >= 0 }) else {
            throw reader.error(
                "ids", "a list of \(Limit.ids.lowerBound) to \(Limit.ids.upperBound) token ids is expected")
        }
        return ids
    }
}

extension GoldenVectors.Entry {
    fileprivate init(_ reader: ConfigurationReader, dims: Int) throws {
        guard let role = Role(rawValue: try reader.string("role")) else {
            throw reader.error("role", "query or document is expected")
        }
        self.role = role
        text = try reader.string("text")
        ids = try GoldenVectors.ids(reader)
        let values = reader["vector"]?.array ?? []
        vector = values.compactMap { $0.double.map(Float.init) }
        guard vector.count == dims, values.count == dims, vector.allSatisfy(\.isFinite) else {
            throw reader.error("vector", "a list of \(dims) finite numbers, as many as dims, is expected")
        }
        guard vector.contains(where: { $0 != 0 }) else {
            throw reader.error("vector", "all numbers are 0, and a cosine with them is nothing")
        }
        try reader.refuseUnread()
    }
}
