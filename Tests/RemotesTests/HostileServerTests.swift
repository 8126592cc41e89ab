import Base
import JSON
import Store
import SystemPackage
import TestKit
import Testing

/// Servers that send too much, too slowly, or lie about sizes: pulls and reads end, and take no more than a blob has.
@Suite("Hostile servers of stores")
struct HostileServerTests {
    let there: SampleStore
    init() throws {
        there = try SampleStore()
        try there.commit(documents: 300)
    }

    struct Harm: Sendable, CustomTestStringConvertible {
        let name: String
        let rules: [JSONValue]
        /// Statuses with which a pull, and a read in place, may end.
        let statuses: Set<Int32>
        var testDescription: String { name }
    }

    private static func always(_ method: String, _ path: String, _ fault: String, _ more: (String, JSONValue)...)
        -> JSONValue
    {
        .object(
            JSONObject(
                [("method", .string(method)), ("path", .string(path)), ("fault", .string(fault)), ("times", 99_999)]
                    + more))
    }

    static let harms: [Harm] = [
        Harm(name: "index without an end", rules: [always("GET", "index.json", "endless")], statuses: [65]),
        Harm(name: "blobs without an end", rules: [always("GET", "sha256", "endless")], statuses: [65, 69]),
        Harm(
            name: "blobs without an end, and no ranges",
            rules: [always("GET", "sha256", "endless", ("no_ranges", true))], statuses: [65]),
        Harm(name: "index that drips", rules: [always("GET", "index.json", "drip")], statuses: [69]),
        Harm(name: "blobs that drip", rules: [always("GET", "sha256", "drip")], statuses: [69]),
        Harm(name: "two lengths", rules: [always("GET", ".", "two_lengths")], statuses: [69]),
        Harm(
            name: "sizes that no blob has", rules: [always("HEAD", ".", "lie", ("length", 1_152_921_504_606_846_976))],
            statuses: [0, 69]),
        Harm(
            name: "larger sizes", rules: [always("HEAD", ".", "lie", ("length", 17_179_869_184))],
            statuses: [0, 65, 69]),
    ]

    @Test(arguments: harms) func endsAndDamagesNothing(harm: Harm) throws {
        let server = try TestServer(serving: there.store.root, rules: harm.rules)
        let here = try SampleStore()
        let pull = try here.tool(["pull", server.origin, "sample", "--timeout", "1", "--retries", "2"])
        #expect(harm.statuses.contains(pull.status) && !pull.wasKilled, "\(pull.status): \(pull.errorText)")
        if pull.status != 0 { #expect(try here.store.references().isEmpty) }
        // What came may be there, and no more than that.
        let blobs = here.store.root.appending("blobs").appending("sha256")
        for name in Files.isDirectory(blobs) ? try Files.list(blobs) : [] {
            #expect(try SHA256Digest.ofFile(blobs.appending(name)).hex == name)
        }
        let incoming = here.store.root.appending("tmp/incoming")
        if Files.isDirectory(incoming) {
            for name in try Files.list(incoming) {
                #expect(try Files.size(incoming.appending(name)) <= 2_000_000)
            }
        }
        guard !harm.name.contains("drip") else { return }
        let cache = here.folder("cache").string
        let read = try run(
            "tvt-store", ["cat", "sample", "corpus", "--store", server.origin], environment: ["XDG_CACHE_HOME": cache])
        #expect(harm.statuses.contains(read.status) && !read.wasKilled, "\(read.status): \(read.errorText)")
    }

    @Test("a page in the place of a store is said to be none")
    func page() throws {
        let folder = try TemporaryFolder()
        try folder.write("<html>Not a store</html>", to: "index.json")
        let server = try TestServer(serving: folder.path)
        let result = try run("tvt-store", ["ls", "--store", server.origin])
        #expect(result.status == 65 || result.status == 66)
        #expect(result.errorText.contains("Check the address"), "\(result.errorText)")
        #expect(!result.errorText.contains("reflog"))
    }
}
