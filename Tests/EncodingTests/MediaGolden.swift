import Base
import Inputs
import JSON
import Models
import Records
import Store
import StoreFormat
import SystemPackage
import TestKit
import TestModels
import Testing

/// A tiny model of `Golden/media`, and what transformers makes of records with images, videos and sounds.
struct MediaGolden {
    static let folder = Golden()("media")
    static let names = GeneratedModel.cases(in: folder)

    let model: GeneratedModel
    let runs: [Run]

    /// Records as the model is given them with some settings.
    struct Run {
        let name: String
        let overrides: ModelCard.Overrides
        let role: Role
        /// Whether all records were tried: what is not among the outputs is refused.
        let isWhole: Bool
        let outputs: [Output]
    }

    /// What became of a record.
    struct Output {
        let id: [UInt8]
        let isCut: Bool
        let tokens: [Int32]
        /// `[3][tokens]`; nil for a model that counts them.
        let positions: [[Int32]]?
        /// Of length 1.
        let vector: [Float]
    }

    init(_ name: String, in folder: FilePath = Self.folder) throws {
        let model = try GeneratedModel(name, in: folder)
        self.model = model
        let pooling = try #require(model.reference["pooling"]?.string)
        runs = try #require(model.reference["runs"]?.array).map { run in
            let name = try #require(run["name"]?.string)
            let vectors = try model.expected.tensor(name)
            let (values, width) = (try vectors.floats(), vectors.shape[1])
            let outputs = try #require(run["outputs"]?.array).enumerated().map { row, output in
                Output(
                    id: Array(try #require(output["id"]?.string).utf8), isCut: output["isCut"]?.bool == true,
                    tokens: try Self.numbers(try #require(output["tokens"]?.string)),
                    positions: try output["positions"]?.array?.map { try Self.numbers(try #require($0.string)) },
                    vector: Array(values[(row * width)..<((row + 1) * width)]))
            }
            return Run(
                name: name, overrides: try Self.overrides(run, pooling),
                role: try run["role"].map { try #require($0.string.flatMap(Role.init(rawValue:))) } ?? .document,
                isWhole: run["isWhole"]?.bool == true, outputs: outputs)
        }
    }

    /// `5 7*3 9..12`: a 5, three 7, and the numbers from 9 to 12.
    private static func numbers(_ text: String) throws -> [Int32] {
        try text.split(separator: " ").flatMap { part in
            if let dots = part.firstRange(of: "..") {
                let (first, last) = (Int32(part[..<dots.lowerBound]), Int32(part[dots.upperBound...]))
                return Array(try #require(first)...(try #require(last)))
            }
            let factors = try part.split(separator: "*").map { try #require(Int32($0)) }
            return Array(repeating: factors[0], count: factors.count == 1 ? 1 : Int(factors[1]))
        }
    }

    private static func overrides(_ run: JSONValue, _ pooling: String) throws -> ModelCard.Overrides {
        let inputs = try #require(run["inputs"]?.object)
        var settings = InputSettings()
        for key in InputSettings.Key.allCases {
            guard let value = inputs[key.rawValue] else { continue }
            try settings.set(key, to: value.string ?? value.bool.map { "\($0)" } ?? "\(try #require(value.integer))")
        }
        let side = ModelCard.Overrides.Side(
            prompt: try #require(run["prompt"]?.string), maxLength: try #require(run["maxLength"]?.integer))
        return ModelCard.Overrides(
            pooling: Poolings(pooling == "mean" ? .mean : .last), normalize: true,
            query: side, document: side, inputs: settings)
    }
}

/// A store with the records of `Golden/media`, or others, and their images, videos and sounds. Each is a document and a
/// query.
struct MediaStore {
    let temporary: TemporaryFolder
    let dataset: Dataset

    static let files = MediaGolden.folder.appending("files")

    static func records(in folder: FilePath = MediaGolden.folder) throws -> [JSONValue] {
        try #require(JSONValue.parse(file: folder.appending("records.json"))["records"]?.array)
    }

    /// - Parameter isMeasured: whether references say how large items are, as `tvt-convert` has them; otherwise they
    ///   have a digest and a size in bytes.
    ///   - files: the folder of their media.
    init(_ records: [JSONValue], isMeasured: Bool, files: FilePath = Self.files) throws {
        temporary = try TemporaryFolder()
        dataset =
            try isMeasured
            ? Self.converted(records, files, temporary) : Self.written(records, files, temporary)
    }

    private static func converted(
        _ records: [JSONValue], _ files: FilePath, _ temporary: TemporaryFolder
    ) throws -> Dataset {
        func write(_ idKey: String, _ keys: [String], to name: String) throws -> FilePath {
            var lines: [UInt8] = []
            for record in records {
                var line: JSONObject = [idKey: try #require(record["id"])]
                for key in keys + MediaKind.allCases.map(\.rawValue) { line[key] = record[key] }
                JSONValue.object(line).appendLine(to: &lines)
                lines.append(0x0A)
            }
            return try temporary.write(lines, to: name)
        }
        let corpus = try write("docid", ["title", "text"], to: "corpus.jsonl")
        let queries = try write("query_id", ["text"], to: "queries.jsonl")
        let result = try run(
            "tvt-convert",
            [
                "v2", "--store", temporary("store").string, "--corpus", corpus.string,
                "--queries", queries.string, "--assets", files.string,
                "--dataset", "media",
            ])
        try #require(result.status == 0, "\(result.errorText)")
        return try Store(opening: temporary("store")).dataset("media")
    }

    private static func written(
        _ records: [JSONValue], _ files: FilePath, _ temporary: TemporaryFolder
    ) throws -> Dataset {
        let store = try Store.create(at: temporary("store"))
        let writer = try store.writer(reference: "media", provenance: Provenance(tool: "EncodingTests"))
        for record in records {
            let id = Array(try #require(record["id"]?.string).utf8)
            var document = Document(id: id)
            document.title = record["title"]?.string.map { Array($0.utf8) }
            document.text = record["text"]?.string.map { Array($0.utf8) }
            for kind in MediaKind.allCases {
                guard let name = record[kind.rawValue]?.string else { continue }
                let item = try StoreFormat.MediaItem(contentsOf: files.appending(name))
                try writer.add(item, as: kind)
                let reference = MediaReference(MediaReference.Item(digest: item.digest, size: item.byteCount))
                switch kind {
                case .image: document.image = reference
                case .video: document.video = reference
                case .audio: document.audio = reference
                }
            }
            let query = Query(
                id: id, text: document.text, image: document.image, video: document.video, audio: document.audio)
            var (line, queryLine): ([UInt8], [UInt8]) = ([], [])
            document.appendJSONLine(to: &line)
            query.appendJSONLine(to: &queryLine)
            try id.withUnsafeBytes { id in
                try line.withUnsafeBytes { _ = try writer.appendDocument(id: id, record: $0) }
                try queryLine.withUnsafeBytes {
                    _ = try writer.appendQuery(id: id, record: $0, positives: [], negatives: [])
                }
            }
        }
        return try writer.commit()
    }
}
