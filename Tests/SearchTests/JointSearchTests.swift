import Base
import TestKit
import Testing

/// Processes that divide a corpus find what one finds, ties and all.
@Suite struct JointSearchTests {
    /// Copies of vectors, so that ties lie in several shares; more processes than a folder has parts, results that are more
    /// than a share has documents, and shares without any.
    @Test(arguments: [(Rows.Shape.copied, 60, 2), (.clustered, 60, 3), (.copied, 2, 3)])
    func isTheRunOfOne(shape: Rows.Shape, documentCount: Int, processCount: Int) throws {
        let folder = try TemporaryFolder()
        let queries = Rows(.spread, prefix: "d", count: 12, dims: 8, seed: 1)
        try queries.write(to: folder("q"), side: .queries)
        try Rows(shape, prefix: "d", count: documentCount, dims: 8, seed: 2).write(
            to: folder("d"), side: .corpus, partCount: 2)
        try Rows(shape, prefix: "e", count: documentCount / 2, dims: 8, seed: 3).write(
            to: folder("e"), side: .corpus, type: .f16, dataset: "another")
        for (depth, more) in [("50", []), ("3", ["--exclude-self", "--verify"])] {
            let arguments = [
                "--queries", folder("q").string, "--corpus", folder("d").string, folder("e").string, "--depth", depth,
                "--allow-mismatch", "--threads", "2", "--json",
            ]
            func search(_ name: String, _ processes: [String]) throws -> [UInt8] {
                let result = try run(
                    "tvt-search", arguments + more + ["--output", folder(name).string] + processes)
                #expect(result.status == 0, "\(result.errorText)")
                return try Files.readAll(folder(name))
            }
            let one = try search("one\(depth)", [])
            #expect(!one.isEmpty)
            #expect(try search("many\(depth)", ["--processes", "\(processCount)"]) == one)
        }
    }

    /// What ends one process ends all, with its status and its message.
    @Test func aFaultInOneShareEndsAll() throws {
        let folder = try TemporaryFolder()
        try Rows(.spread, prefix: "q", count: 3, dims: 8, seed: 1).write(to: folder("q"), side: .queries)
        try Rows(.spread, prefix: "d", count: 60, dims: 8, seed: 2).write(to: folder("d"), side: .corpus)
        // The last number of the last vector, which is the second process's, becomes NaN.
        let path = folder("d").appending("part-00000.npy")
        var bytes = try Files.readAll(path)
        bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0xC0, 0x7F])
        try Files.replace(path, with: bytes)
        let result = try run(
            "tvt-search",
            [
                "--queries", folder("q").string, "--corpus", folder("d").string, "--output", folder("run").string,
                "--processes", "2",
            ])
        #expect(result.status == 65 && result.errorText.contains("NaN"), "\(result.errorText)")
        #expect(result.errorText.contains("process 1 of 2 ended"))
        #expect(!Files.exists(folder("run")))
    }
}
