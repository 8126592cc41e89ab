public import Base
public import JSON
public import SystemPackage

/// Which side of a dataset vectors stand for.
public enum VectorsSide: String, Sendable, CaseIterable {
    case queries, corpus
}

/// How a component is stored. Little-endian, as numpy's `<f4` and `<f2`.
public enum VectorType: String, Sendable, CaseIterable {
    case f32, f16

    public var byteCount: Int { self == .f32 ? 4 : 2 }
    var numpyDescriptor: String { self == .f32 ? "<f4" : "<f2" }
}

/// What a folder of vectors holds: everything that decides the values, and nothing that does not.
///
/// Two encodings with equal descriptions give the same vectors, so a part that one of them finished serves the other.
public struct VectorsDescription: Sendable, Equatable {
    public var side: VectorsSide
    /// Digest of the card of the model that made the vectors.
    public var modelCard: SHA256Digest
    /// Digest of the dataset version that was encoded.
    public var dataset: SHA256Digest
    /// The name by which the dataset was asked for; for people.
    public var datasetReference: String
    public var dims: Int
    public var type: VectorType
    /// Whether every vector has length 1 (up to rounding).
    public var isNormalised: Bool
    /// Whatever else decides the values: prompt, maximal length, precision of the computation, shard.
    public var encoding: JSONObject
    /// Records that all shards of this encoding have together; nil in folders of older versions, which do not say.
    public var recordCount: Int?

    public init(
        side: VectorsSide, modelCard: SHA256Digest, dataset: SHA256Digest, datasetReference: String, dims: Int,
        type: VectorType, isNormalised: Bool, encoding: JSONObject = [:], recordCount: Int? = nil
    ) {
        self.side = side
        self.modelCard = modelCard
        self.dataset = dataset
        self.datasetReference = datasetReference
        self.dims = dims
        self.type = type
        self.isNormalised = isNormalised
        self.encoding = encoding
        self.recordCount = recordCount
    }

    /// The fields that keep vectors of the two descriptions from being the same. The name by which a dataset was
    /// asked for is none of them, and nor is a number of records that only one of them knows.
    func differences(from other: VectorsDescription) -> [String] {
        json.filter { key, value in
            switch key {
            case "dataset_reference": false
            case "records": other.recordCount != nil && other.json[key] != value
            default: other.json[key] != value
            }
        }.map(\.key)
    }

    /// Equal for equal descriptions.
    public var digest: SHA256Digest { SHA256Digest.of(JSONValue.object(json).canonical()) }

    var json: JSONObject {
        var json: JSONObject = [
            "side": .string(side.rawValue),
            "model_card": .string(modelCard.description),
            "dataset": .string(dataset.description),
            "dataset_reference": .string(datasetReference),
            "dims": .integer(Int64(dims)),
            "dtype": .string(type.rawValue),
            "normalised": .bool(isNormalised),
            "encoding": .object(encoding),
        ]
        if let recordCount { json["records"] = JSONValue(recordCount) }
        return json
    }
}

/// One finished part: `part-NNNNN.npy` and `part-NNNNN.ids`.
public struct VectorsPart: Sendable, Equatable {
    public var index: Int
    /// The records of the dataset's side, by ordinal, that the part holds, in order.
    public var ordinals: Range<Int>
    /// Records whose text was cut to the maximal length.
    public var truncatedCount: Int
    /// Records that have no row, since the model could not be given them; ``leftOutName`` lists them.
    public var leftOutCount = 0
    public var vectorsDigest: SHA256Digest
    public var idsDigest: SHA256Digest

    public init(
        index: Int, ordinals: Range<Int>, truncatedCount: Int, leftOutCount: Int = 0, vectorsDigest: SHA256Digest,
        idsDigest: SHA256Digest
    ) {
        self.index = index
        self.ordinals = ordinals
        self.truncatedCount = truncatedCount
        self.leftOutCount = leftOutCount
        self.vectorsDigest = vectorsDigest
        self.idsDigest = idsDigest
    }

    /// Rows.
    public var count: Int { ordinals.count - leftOutCount }
    /// Lines of JSON, one for each record that was left out.
    public var leftOutName: String { VectorsPart.name(index) + ".left-out.jsonl" }
    public var vectorsName: String { VectorsPart.name(index) + ".npy" }
    public var idsName: String { VectorsPart.name(index) + ".ids" }

    /// `part-00007`.
    static func name(_ index: Int) -> String {
        "part-" + padded(index, to: 5)
    }

    /// What ``init(record:from:)`` reads.
    public var record: JSONValue { .object(json) }

    /// - Parameter path: where the record is from, for messages.
    /// - Throws: `InputError` that names the field at fault.
    public init(record: JSONValue, from path: FilePath) throws {
        try self.init(ManifestFields(record, path: path.string))
    }

    var json: JSONObject {
        var json: JSONObject = [
            "part": .integer(Int64(index)),
            "first_ordinal": .integer(Int64(ordinals.lowerBound)),
            "count": .integer(Int64(count)),
            "truncated_count": .integer(Int64(truncatedCount)),
            "vectors_sha256": .string(vectorsDigest.hex),
            "ids_sha256": .string(idsDigest.hex),
        ]
        if leftOutCount > 0 { json["left_out_count"] = .integer(Int64(leftOutCount)) }
        return json
    }
}

/// `vectors.json`: what a folder of vectors holds. It is written when all parts are there.
public struct VectorsManifest: Sendable, Equatable {
    public static let fileName = "vectors.json"
    static let format = "tvt-vectors-1"

    public var description: VectorsDescription
    /// By ordinal.
    public var parts: [VectorsPart]

    public init(description: VectorsDescription, parts: [VectorsPart]) {
        self.description = description
        self.parts = parts
    }

    public var count: Int { parts.reduce(0) { $0 + $1.count } }
    public var truncatedCount: Int { parts.reduce(0) { $0 + $1.truncatedCount } }
    public var leftOutCount: Int { parts.reduce(0) { $0 + $1.leftOutCount } }

    public var json: JSONValue {
        var object: JSONObject = ["format": .string(VectorsManifest.format)]
        for (key, value) in description.json { object[key] = value }
        object["count"] = .integer(Int64(count))
        object["truncated_count"] = .integer(Int64(truncatedCount))
        if leftOutCount > 0 { object["left_out_count"] = .integer(Int64(leftOutCount)) }
        object["parts"] = .array(parts.map { .object($0.json) })
        return .object(object)
    }

    /// Reads `vectors.json` in `folder`.
    ///
    /// - Throws: `InputError` that names the field at fault; `Failure` where there is no such file.
    public init(readingFrom folder: FilePath) throws {
        let file = folder.appending(VectorsManifest.fileName)
        guard Files.exists(file) else {
            let state = Files.isDirectory(folder) ? "holds no \(VectorsManifest.fileName)" : "is not a folder"
            throw Failure(
                .missingInput, "\(folder) \(state), so it is no finished folder of vectors",
                advice: "tvt-encode writes it when all parts are done; run the same tvt-encode command to finish them")
        }
        let fields = ManifestFields(try JSONValue.parse(file: file), path: file.string)
        let format: String = try fields.string("format")
        guard format.utf8.elementsEqual(VectorsManifest.format.utf8) else {
            throw fields.fault("unknown format \(format); this tvt reads \(VectorsManifest.format)", "format")
        }
        description = try VectorsDescription(fields)
        guard case .array(let records)? = fields.value["parts"] else { throw fields.fault("no list", "parts") }
        parts = try records.map { try VectorsPart(ManifestFields($0, path: file.string)) }
        for (part, next) in zip(parts, parts.dropFirst()) where part.ordinals.upperBound > next.ordinals.lowerBound {
            throw fields.fault("part \(next.index) begins before part \(part.index) ends", "parts")
        }
        guard try fields.integer("count") == count else { throw fields.fault("is not the sum of the parts'", "count") }
        if let recordCount = description.recordCount, let last = parts.last, last.ordinals.upperBound > recordCount {
            throw fields.fault("part \(last.index) ends behind the last of \(recordCount) records", "parts")
        }
    }
}

extension VectorsDescription {
    init(_ fields: ManifestFields) throws {
        guard let side = VectorsSide(rawValue: try fields.string("side")) else {
            throw fields.fault("neither queries nor corpus", "side")
        }
        guard let type = VectorType(rawValue: try fields.string("dtype")) else {
            throw fields.fault("neither f32 nor f16", "dtype")
        }
        guard let isNormalised = fields.value["normalised"]?.bool else {
            throw fields.fault("neither true nor false", "normalised")
        }
        let dims = try fields.integer("dims")
        guard 1...(1 << 20) ~= dims else { throw fields.fault("must be from 1 to 1048576", "dims") }
        let recordCount = try fields.value["records"].map { _ in try fields.integer("records") }
        guard 0...Int(UInt32.max) ~= recordCount ?? 0 else { throw fields.fault("a number is out of range", "records") }
        self.init(
            side: side, modelCard: try fields.digest("model_card"), dataset: try fields.digest("dataset"),
            datasetReference: try fields.string("dataset_reference"), dims: dims, type: type,
            isNormalised: isNormalised, encoding: fields.value["encoding"]?.object ?? [:], recordCount: recordCount)
    }
}

extension VectorsPart {
    init(_ fields: ManifestFields) throws {
        let first = try fields.integer("first_ordinal")
        let count = try fields.integer("count")
        index = try fields.integer("part")
        leftOutCount = try fields.value["left_out_count"] == nil ? 0 : fields.integer("left_out_count")
        let most = Int(UInt32.max)
        guard first >= 0, count >= 0, index >= 0, first <= most, count <= most, 0...most ~= leftOutCount else {
            throw fields.fault("a number is out of range", "parts")
        }
        ordinals = first..<first + count + leftOutCount
        truncatedCount = try fields.integer("truncated_count")
        vectorsDigest = try fields.digest("vectors_sha256")
        idsDigest = try fields.digest("ids_sha256")
    }
}

/// The fields of a JSON object with errors that name them.
struct ManifestFields {
    let value: JSONValue
    let path: String

    init(_ value: JSONValue, path: String) {
        self.value = value
        self.path = path
    }

    func fault(_ reason: String, _ field: String) -> InputError {
        InputError(reason, at: Place(path: path, field: field))
    }

    func string(_ key: String) throws -> String {
        guard let text = value[key]?.string else { throw fault("no string", key) }
        return text
    }

    func integer(_ key: String) throws -> Int {
        guard let number = value[key]?.integer else { throw fault("no whole number", key) }
        return number
    }

    func digest(_ key: String) throws -> SHA256Digest {
        let text = try string(key)
        let hex = text.hasPrefix("sha256:") ? String(text.dropFirst(7)) : text
        guard let digest = SHA256Digest(hex: hex) else { throw fault("no SHA-256 digest", key) }
        return digest
    }
}
