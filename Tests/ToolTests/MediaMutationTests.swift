import Base
import JSON
import SystemPackage
import TestKit
import Testing
import Vectors

/// Damaged images, videos and sounds in a dataset: each is an error that names its record, or is left out and listed, and none
/// changes what others become.
@Suite struct MediaMutationTests {
    static let files = sourceRoot.appending("Tests/EncodingTests/Golden/media/files")
    static let mutationCount = 2000

    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    /// The field of a document that a file belongs into.
    static func field(_ file: String) -> String {
        switch file.split(separator: ".").last {
        case "mp4": "document_video"
        case "wav": "document_audio"
        default: "document_image"
        }
    }

    /// A damaged copy: bits, bytes, pieces that are missing, pieces that were put in, an end that is cut off.
    static func mutated(_ original: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var bytes = original
        func below(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
        for _ in 0..<[1, 1, 2, 5, 20][below(5)] {
            let place = below(bytes.count)
            switch below(6) {
            case 0: bytes[place] ^= 1 << UInt8(below(8))
            case 1: bytes[place] = [0, 255, 127, 128][below(4)]
            case 2: bytes.removeSubrange(place..<min(bytes.count, place + [1, 2, 16, 200][below(4)]))
            case 3:
                let piece = (0..<[1, 4, 32][below(3)]).map { _ in UInt8(below(256)) }
                bytes.insert(contentsOf: piece, at: place)
            case 4: bytes[below(min(bytes.count, 400))] ^= 1 << UInt8(below(8))
            default: if below(3) == 0 { bytes.removeSubrange(place...) }
            }
            if bytes.isEmpty { bytes = [0] }
        }
        return bytes
    }

    /// Writes a corpus; its files lie in `media`.
    func write(_ records: [(id: String, file: String?, bytes: [UInt8])], as name: String) throws -> FilePath {
        let media = temporary("media")
        try Files.makeDirectory(media)
        var lines: [UInt8] = []
        for record in records {
            var line: JSONObject = ["docid": .string(record.id), "document_text": .string("about \(record.id)")]
            if let file = record.file {
                let own = record.id.filter { $0 != " " } + "-" + file
                try Files.replace(media.appending(own), with: record.bytes)
                line[Self.field(file)] = .string(own)
            }
            JSONValue.object(line).appendLine(to: &lines)
            lines.append(0x0A)
        }
        let path = temporary(name + ".jsonl")
        try Files.replace(path, with: lines)
        return path
    }

    func vectors(_ folder: FilePath) throws -> [[UInt8]: [Float]] {
        let reader = try VectorsReader(opening: folder)
        return Dictionary(uniqueKeysWithValues: (0..<reader.count).map { (reader.id($0), reader.vector($0)) })
    }

    @Test func everyMutationIsRefusedOrHarmless() throws {
        let store = temporary("store").string
        let model = temporary("model").string
        func succeed(_ tool: String, _ arguments: String...) throws {
            let result = try run(tool, arguments)
            try #require(result.status == 0, "\(tool) \(arguments): \(result.errorText)")
        }
        try succeed("tvt-store", "init", "--store", store)
        try succeed(
            "tvt-model", "random", sourceRoot.appending("manifests/tiny/qwen2.5-omni").string, "--seed", "1",
            "--pooling", "last", "--normalize", "--query-prompt", "", "--document-prompt", "", "--inputs", "chat=true",
            "--inputs", "frames=2", "--output", model)
        let originals = try Files.list(Self.files).sorted().map { ($0, try Files.readAll(Self.files.appending($0))) }
        var whole: [(id: String, file: String?, bytes: [UInt8])] = (0..<20).map { ("text \($0)", nil, []) }
        for (file, bytes) in originals { whole.append(("whole \(file)", file, bytes)) }
        var random = SplitMix64(seed: 13)
        let damaged = (0..<Self.mutationCount).map { number -> (id: String, file: String?, bytes: [UInt8]) in
            let (file, bytes) = originals[Int(random.next(below: UInt64(originals.count)))]
            return ("damaged \(number)", file, Self.mutated(bytes, &random))
        }
        for (name, records) in [("whole", whole), ("mixed", whole + damaged)] {
            try succeed(
                "tvt-convert", "v2", "--corpus", write(records, as: name).string, "--assets",
                temporary("media").string, "--media-check", "none", "--dataset", name, "--store", store)
        }
        func encode(_ dataset: String, _ more: String...) throws -> ToolResult {
            try run(
                "tvt-encode",
                [
                    "corpus", dataset, "--store", store, "--model", model, "--output", temporary(dataset).string,
                    "--document-max-length", "64", "--batch-tokens", "2000",
                ] + more)
        }
        let refused = try encode("mixed")
        let names = ["damaged ", "whole "].contains { refused.errorText.contains($0) }
        #expect(refused.status == 65 && names, "\(refused.errorText)")
        try Files.removeTree(temporary("mixed"))
        for dataset in ["whole", "mixed"] {
            let result = try encode(dataset, "--quarantine", temporary(dataset + ".left").string)
            try #require(result.status == 0, "\(result.errorText)")
        }
        let (alone, mixed) = (try vectors(temporary("whole")), try vectors(temporary("mixed")))
        let left = try Files.readText(temporary("mixed.left")).split(separator: "\n").map {
            try JSONValue.parse(Array($0.utf8), path: "left")["id"]!.string!
        }
        #expect(mixed.count + left.count == whole.count + damaged.count)
        #expect(Set(left).count == left.count && left.allSatisfy { mixed[Array($0.utf8)] == nil })
        #expect(left.count > damaged.count / 3 && mixed.count > whole.count)
        for (id, vector) in alone {
            let other = try #require(mixed[id], "\(String(decoding: id, as: UTF8.self))")
            let distance = zip(vector, other).reduce(0) { max($0, abs($1.0 - $1.1)) }
            #expect(distance < 1e-5, "\(String(decoding: id, as: UTF8.self)): \(distance)")
        }
    }
}
