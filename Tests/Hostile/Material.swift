import Archives
import Base
import SystemPackage
import TestKit

/// Good files of every kind, as `KIND-name`: golden files of the rooms' tests, and archives made here.
enum Material {
    /// - Parameters:
    ///   - root: of the source tree.
    ///   - folder: where the files are put.
    static func make(from root: FilePath, in folder: FilePath) throws {
        let tests = root.appending("Tests")
        func put(_ kind: Kind, _ name: String, _ bytes: [UInt8]) throws {
            try Files.replace(folder.appending("\(kind)-\(name)"), with: bytes)
        }
        let kinds: [String: Kind] = [
            "jpg": .jpeg, "png": .png, "webp": .webp, "gif": .gif, "mp4": .video, "webm": .video, "avi": .video,
            "wav": .wav, "mp3": .mp3, "ogg": .ogg, "flac": .ogg, "tif": .gif, "mpo": .jpeg, "aiff": .wav, "au": .wav,
            "caf": .wav, "w64": .wav, "m4a": .ogg, "opus": .ogg, "mka": .ogg,
        ]
        var image: [UInt8] = []
        for archive in ["files", "kinds"] {
            let media = try MemberReader(tests.appending("MediaTests/Golden/\(archive).tar.zst"))
            while let name = try media.next() {
                guard let ending = name.split(separator: ".").last, let kind = kinds[String(ending)] else { continue }
                let bytes = try media.readAll(limit: 1 << 20) ?? []
                if name == "rgb.png" { image = bytes }
                try put(kind, "\(archive)-\(name)", bytes)
            }
        }
        let tables = try MemberReader(tests.appending("ColumnsTests/Golden/files.tar.zst"))
        while let name = try tables.next() {
            if let bytes = try tables.readAll(limit: 20_000) { try put(.parquet, name, bytes) }
        }
        let rows = try MemberReader(tests.appending("MappedSourcesTests/Golden/formats.tar.zst"))
        while let name = try rows.next() {
            guard name.contains("rows1/"), name.hasSuffix(".arrow") || name.hasSuffix(".feather") else { continue }
            let file = name.split(separator: "/").joined(separator: "-")
            if let bytes = try rows.readAll(limit: 1 << 20) { try put(.arrow, file, bytes) }
        }
        let sets = try MemberReader(tests.appending("RawSourcesTests/Golden/tevatron.tar.zst"))
        while let name = try sets.next() {
            let bytes = try sets.readAll(limit: 1 << 20) ?? []
            if name.hasSuffix(".parquet") { try put(.parquet, name, bytes) }
            if name == "corpus.jsonl" { try put(.jsonl, name, bytes) }
        }
        let archives = tests.appending("ArchivesTests/Golden")
        for name in try Files.list(archives) {
            let bytes = try Files.readAll(archives.appending(name))
            // Those that are refused for what they hold have their own tests.
            if name.hasPrefix("refused") { continue }
            if name.hasSuffix(".zip") { try put(.zip, name, bytes) }
            if name.contains(".tar.") { try put(.tar, name, bytes) }
        }
        try putRows(put)
        try putArchives(image, put, in: folder)
    }

    private static func lines(_ lines: String...) -> [UInt8] { lines.flatMap { Array($0.utf8) + [0x0A] } }

    private static func putRows(_ put: (Kind, String, [UInt8]) throws -> Void) throws {
        let passage = #"{"docid":"d","title":"T","text":"some \u00fc text"}"#
        try put(
            .jsonl, "rows.jsonl",
            (0..<20).flatMap {
                lines(
                    #"{"query_id":"\#($0)","query":"a \"question\"","positive_passages":[\#(passage)],"negative_passages":[]}"#
                )
            })
        try put(.csv, "quoted.csv", lines("id,text,more", "1,\"a \"\"b\"\"", "c\",x", "2,plain,", "3,\"ü,\",\"\""))
        try put(.csv, "quoted.ssv", lines("id;text", "1;\"a;b\"", "2;ü"))
        try put(.csv, "quoted.tsv", lines("id\ttext", "1\t\"a\tb\""))
        try put(.csv, "plain.tsv", lines("0\tthe \"presence of", "1\tü", "2\t"))
        let element =
            "{\n  \"question\": \"who [\\\"said\\\"] it\",\n  \"answers\": [\"a\", {\"b\": [1, null, -2.5e3]}]\n }"
        try put(.json, "array.json", Array("[\n \(element),\n \(element), {} ]\n".utf8))
        try put(
            .json, "member.json",
            Array("{\"version\": 1, \"other\": [{\"a\": \"]\"}], \"data\": [\(element), \(element)], \"end\": {}}".utf8)
        )
    }

    private static func putArchives(
        _ image: [UInt8], _ put: (Kind, String, [UInt8]) throws -> Void, in folder: FilePath
    ) throws {
        let members = dataset
        try put(.zip, "beir.zip", ZipFile(members).bytes)
        try put(.zip, "beir64.zip", ZipFile(members.map { .init($0.name, $0.contents) }, isZip64: true).bytes)
        var link = ZipFile.Member("link", Array("../../escape".utf8))
        link.mode = 0o120_777
        try put(.zip, "link.zip", ZipFile([link, .init("link/escape", [1])]).bytes)
        for name in ["../escape", "../../escape", "a/../../../escape", "/escape"] {
            let number = name.utf8.count
            try put(
                .zip, "escape\(number).zip",
                ZipFile(members.map { .init($0.name, $0.contents) } + [.init(name, [1])]).bytes)
            try put(.tar, "escape\(number).tar", tar([("1.json", lines("{}")), (name, [1])], in: folder))
        }
        let plain = try tar(samples(image), in: folder)
        try put(.tar, "samples.tar", plain)
        for packing in Packing.allCases {
            try put(.tar, "samples.tar.\(packing.rawValue)", packing.pack(plain, work: folder))
            try Files.remove(folder.appending("packed.\(packing.rawValue)"))
        }
    }

    /// In BEIR's layout.
    static let dataset: [(name: String, contents: [UInt8])] = [
        ("corpus.jsonl", lines(#"{"_id":"1","title":"","text":"one"}"#, #"{"_id":"2","text":"two"}"#)),
        ("qrels/test.tsv", lines("query-id\tcorpus-id\tscore", "q\t1\t1")),
        ("queries.jsonl", lines(#"{"_id":"q","text":"first"}"#)),
    ]

    /// In the manner of webdataset.
    static func samples(_ image: [UInt8]) -> [(name: String, contents: [UInt8])] {
        (0..<4).flatMap { number in
            [("\(number).json", lines(#"{"text":"sample \#(number)"}"#)), ("\(number).png", image)]
        }
    }

    static func tar(_ members: [(name: String, contents: [UInt8])], in folder: FilePath) throws -> [UInt8] {
        let path = folder.appending("made.tar")
        let writer = try TarWriter(path)
        for (name, bytes) in members { try bytes.withUnsafeBytes { try writer.append(name, $0) } }
        try writer.commit()
        defer { try? Files.remove(path) }
        return try Files.readAll(path)
    }
}
