import Base
import JSON
import TestKit
import Testing

/// Nave's Topical Bible, through the tools.
@Suite struct RealTextTests {
    @Test func naveHasFewNearDuplicates() throws {
        let folder = try TemporaryFolder()
        func tool(_ name: String, _ arguments: String...) throws -> ToolResult {
            try run(name, arguments, environment: ["TVT_STORE": folder("store").string])
        }
        func json(_ result: ToolResult) throws -> JSONValue { try JSONValue.parse(result.output, path: "output") }
        let source = sourceRoot.appending("datasets/nave/train.v1.jsonl.zst").string
        #expect(try tool("tvt-store", "init").status == 0)
        #expect(try tool("tvt-convert", "v1-to-v2", source, "--dataset", "nave").status == 0)
        // Titles are the verses' places, so no two contents are equal; some verses repeat others word by word.
        let exact = try json(tool("tvt-store", "dedup", "nave", "--as", "nave@exact", "--json"))
        #expect(exact["aliases"]?.integer == 0)
        let near = try json(tool("tvt-store", "dedup", "nave", "--as", "nave@near", "--near", "--json"))
        let text = try json(tool("tvt-store", "dedup", "nave", "--as", "nave@text", "--text-only", "--json"))
        let count = try #require(near["aliases"]?.integer)
        #expect(count > 0 && count < 1000)
        #expect(try #require(text["aliases"]?.integer) > 10)
        let diff = try tool("tvt-store", "diff", "nave", "nave@near", "--json")
        #expect(diff.status == 1)
        #expect(try json(diff)["documents"]?["changed"]?.integer == 0)
        let positives = near["links"]?["positives"]
        let before = try #require(positives?["before"]?.integer)
        #expect(try json(diff)["links"]?["positives"]?["old"]?.integer == before)
        #expect(try json(diff)["links"]?["positives"]?["new"]?.integer == positives?["after"]?.integer)
        #expect(try tool("tvt-store", "diff", "nave", "nave@exact").status == 0)
        #expect(try tool("tvt-store", "verify", "--level", "full").status == 0)
    }
}
