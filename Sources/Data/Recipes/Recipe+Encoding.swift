internal import Base
internal import Records
internal import YAML

extension Recipe.Encoding {
    /// Keys of `encode` that are options of `tvt-encode` with a value; numbers with the ranges that it takes.
    private static let valueKeys: [(key: String, range: ClosedRange<Int>?)] = [
        ("batch_tokens", 1...(1 << 24)), ("dims", 1...65_536), ("output_dtype", nil),
        ("part_size", 1...(1 << 24)),
    ]
    /// Those that say how the model is used.
    private static let usageKeys: [(key: String, range: ClosedRange<Int>?)] = [
        ("pooling", nil), ("query_prompt", nil), ("document_prompt", nil), ("query_max_length", 1...1_048_576),
        ("document_max_length", 1...1_048_576),
    ]
    /// In `mining`; in `evaluation` where a recipe has no mining.
    static let keys = ["retriever", "media", "encode"]

    /// - Returns: nil where neither section is there.
    /// - Throws: `Failure` where both say how is encoded.
    init?(mining: YAMLSection?, evaluation: YAMLSection?) throws {
        if let evaluation, mining != nil {
            for key in Self.keys where evaluation.node(key) != nil {
                throw evaluation.failure(key, "is for recipes without \"mining\": what that says counts for both")
            }
        }
        guard let section = mining ?? evaluation else { return nil }
        try self.init(section)
    }

    private init(_ section: YAMLSection) throws {
        retriever = try section.required("retriever")
        textSide = try section.string("text_side")
        if textSide?.isEmpty == true { throw section.failure("text_side", "must name a field") }
        if let name = try section.string("media") {
            guard let kind = MediaKind(rawValue: name) else {
                let names = MediaKind.allCases.map(\.rawValue).joined(separator: ", ")
                throw section.failure("media", "must be one of \(names), not \(escaped(name.utf8.prefix(80)))")
            }
            media = kind
        }
        (options, usage, ignoresMedia) = ([], [], false)
        let keys = ["dtype", "ignore_media"] + (Self.valueKeys + Self.usageKeys).map(\.key)
        if let encode = try section.section("encode", keys: keys) {
            precision = try encode.string("dtype")
            options = try Self.arguments(Self.valueKeys, in: encode)
            usage = try Self.arguments(Self.usageKeys, in: encode)
            ignoresMedia = try encode.bool("ignore_media") ?? false
        }
    }

    /// Options of `tvt-encode` of what a section says.
    private static func arguments(
        _ keys: [(key: String, range: ClosedRange<Int>?)], in section: YAMLSection
    ) throws -> [String] {
        try keys.flatMap { key, range -> [String] in
            let text = try section.string(key, upTo: Recipe.longestText)
            guard let value = try range.map({ try section.integer(key, in: $0).map { "\($0)" } }) ?? text else {
                return []
            }
            return ["--" + key.split(separator: "_").joined(separator: "-"), value]
        }
    }
}

extension Recipe.Mining {
    init(_ section: YAMLSection) throws {
        filter = try Recipe.filter(section).map { try Recipe.Filter($0, or: .init()) } ?? .init()
        negatives = try Recipe.negatives(section).map { try Recipe.Negatives($0, or: .init()) } ?? .init()
    }
}
