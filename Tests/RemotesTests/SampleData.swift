import Base
import StoreMaintenance
import Store
import StoreFormat
import SystemPackage
import TestKit

/// A store in a temporary folder, with datasets of several shards whose texts hardly shrink.
final class SampleStore {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder("store"))
    }

    var path: String { store.root.string }

    static func id(_ number: Int) -> [UInt8] { Array("doc-\(number)".utf8) }

    static func line(_ number: Int, seed: UInt64, textBytes: Int) -> [UInt8] {
        var random = SplitMix64(seed: seed, UInt64(number))
        let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .".utf8)
        var line = Array("{\"docid\":\"".utf8) + id(number) + Array("\",\"document_text\":\"".utf8)
        for _ in 0..<textBytes { line.append(alphabet[Int(random.next() & 63)]) }
        return line + Array("\"}".utf8)
    }

    /// - Returns: the dataset's digest.
    @discardableResult
    func commit(
        _ reference: String = "sample", documents: Int = 1200, textBytes: Int = 1000, seed: UInt64 = 1
    ) throws -> SHA256Digest {
        var options = WriterOptions()
        options.shardBytes = 300_000
        options.dictionaryBytes = 0
        let writer = try store.writer(reference: reference, provenance: Provenance(tool: "test 1"), options: options)
        for number in 0..<documents {
            try Self.id(number).withUnsafeBytes { id in
                try Self.line(number, seed: seed, textBytes: textBytes).withUnsafeBytes {
                    _ = try writer.appendDocument(id: id, record: $0)
                }
            }
        }
        for number in 0..<20 {
            let id = Array("q\(number)".utf8)
            let line = Array("{\"query_id\":\"q\(number)\",\"query_text\":\"what\"}".utf8)
            try id.withUnsafeBytes { id in
                try line.withUnsafeBytes {
                    _ = try writer.appendQuery(
                        id: id, record: $0, positives: [UInt32(number), UInt32(number + 20)], negatives: [])
                }
            }
        }
        return try writer.commit().digest
    }

    /// Runs `tvt-store` on this store.
    func tool(_ arguments: [String], environment: [String: String] = [:]) throws -> ToolResult {
        try run("tvt-store", arguments + ["--store", path], environment: environment)
    }
}

/// Digest of a dataset by its name; nil where there is none.
func digest(of name: String, in root: FilePath) throws -> SHA256Digest? {
    try Store(opening: root).references().first { $0.name == name }?.dataset
}

func expectClean(_ root: FilePath) throws -> Bool {
    try Store(opening: root).verify(level: .full).findings.isEmpty
}
