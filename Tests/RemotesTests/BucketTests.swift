import Base
import Foundation
import JSON
import Store
import SystemPackage
import TestKit
import Testing

/// Push to and pull from a bucket whose server checks every signature.
@Suite struct BucketTests {
    let here: SampleStore
    let digest: SHA256Digest
    let shelves: FilePath
    let address = "s3://shelf/a b/store"
    var root: FilePath { shelves.appending("shelf").appending("a b").appending("store") }

    init() throws {
        here = try SampleStore()
        digest = try here.commit()
        shelves = here.folder("shelves")
        try Files.makeDirectory(shelves.appending("shelf"))
    }

    func server(_ conditions: JSONValue = true, _ rules: [JSONValue] = []) throws -> TestServer {
        try TestServer(serving: shelves, rules: rules, bucket: conditions)
    }

    func push(
        _ server: TestServer, _ names: [String] = ["sample"], from store: SampleStore? = nil, _ more: [String] = []
    ) throws -> ToolResult {
        try (store ?? here).tool(
            ["push", address] + names + ["--endpoint", server.origin, "--json"] + more,
            environment: TestServer.credentials)
    }

    static let modes: [JSONValue] = [true, false, "if-none-match", "refused"]

    @Test(arguments: modes) func whatIsPushedIsAStore(conditions: JSONValue) throws {
        let server = try server(conditions)
        let first = try push(server)
        #expect(first.status == 0, "\(first.errorText)")
        #expect(try expectClean(root))
        #expect(try RemotesTests.digest(of: "sample", in: root) == digest)
        #expect(first.errorText.contains("no conditional PUT") == (conditions != true))
        let second = try push(server)
        #expect(try JSONValue.parse(second.output, path: "push")["moved_blobs"]?.integer == 0)
        #expect(try here.tool(["tag", "sample", "again"]).status == 0)
        #expect(try push(server, ["again"]).status == 0)
        #expect(try Store(opening: root).references() == here.store.references())

        let away = try SampleStore()
        let pulled = try away.tool(
            ["pull", address, "sample", "again", "--endpoint", server.origin], environment: TestServer.credentials)
        #expect(pulled.status == 0, "\(pulled.errorText)")
        #expect(try away.store.references() == here.store.references())
        #expect(try expectClean(away.store.root))
        #expect(try server.requests().allSatisfy { $0[3] != "403" })
    }

    @Test func troubleOnTheWayThere() throws {
        let server = try server(
            true,
            [
                TestServer.rule("PUT", "blobs", "drop", ("after", 1000), ("times", 3)),
                TestServer.rule("PUT", "blobs", "status", ("status", 503), ("times", 3)),
                TestServer.rule("PUT", "blobs", "lose_answer", ("times", 2)),
                TestServer.rule("HEAD", "blobs", "status", ("status", 500), ("times", 2)),
                TestServer.rule("PUT", "oci-layout", "status", ("status", 500)),
                TestServer.rule("PUT", "index", "status", ("status", 503), ("times", 2)),
            ])
        let result = try push(server)
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try expectClean(root))
        #expect(try RemotesTests.digest(of: "sample", in: root) == digest)
    }

    @Test(arguments: modes) func aLostAnswerIsClearedUpByReadingBack(conditions: JSONValue) throws {
        let server = try server(conditions, [TestServer.rule("PUT", "index", "lose_answer", ("times", 1))])
        let result = try push(server)
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try JSONValue.parse(result.output, path: "push")["confirmed_by_reading"]?.bool == true)
        #expect(try RemotesTests.digest(of: "sample", in: root) == digest)
        #expect(try expectClean(root))
    }

    /// Makes the references what another's push leaves, and puts back what was there.
    ///
    /// - Returns: a file with the other's `index.json`.
    private func otherPush(of name: String, from store: SampleStore) throws -> FilePath {
        let index = root.appending("index.json")
        let before = try Files.readAll(index)
        #expect(try push(server(), [name, "--force"], from: store).status == 0)
        let after = try here.folder.write(Files.readAll(index), to: "other.json")
        try Files.replace(index, with: before)
        return after
    }

    @Test func aPushOfAnotherNameAtTheSameMomentIsKept() throws {
        #expect(try push(server()).status == 0)
        let other = try SampleStore()
        let otherDigest = try other.commit("other", documents: 300, seed: 9)
        let after = try otherPush(of: "other", from: other)
        let mine = try here.commit("mine", documents: 300, seed: 10)
        let racing = try server(true, [TestServer.rule("PUT", "index", "race", ("with", .string(after.string)))])
        let result = try push(racing, ["mine"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try Store(opening: root).references().map(\.name) == ["mine", "other", "sample"])
        #expect(try RemotesTests.digest(of: "other", in: root) == otherDigest)
        #expect(try RemotesTests.digest(of: "mine", in: root) == mine)
        #expect(try expectClean(root))
    }

    @Test func aPushOfTheSameNameAtTheSameMomentIsALostRace() throws {
        #expect(try push(server()).status == 0)
        let other = try SampleStore()
        let otherDigest = try other.commit("sample", documents: 300, seed: 9)
        let after = try otherPush(of: "sample", from: other)
        try here.commit("sample", documents: 300, seed: 10)
        let racing = try server(true, [TestServer.rule("PUT", "index", "race", ("with", .string(after.string)))])
        let result = try push(racing)
        #expect(result.status == 75, "\(result.errorText)")
        #expect(try RemotesTests.digest(of: "sample", in: root) == otherDigest)
        #expect(try expectClean(root))
    }

    @Test func manyPushesAtOnceAllWin() throws {
        let server = try server()
        let stores = try (0..<4).map { number in
            let store = try SampleStore()
            try store.commit("set\(number)", documents: 60, seed: UInt64(number))
            return store
        }
        let results = try stores.enumerated().map { number, store in
            try RunningTool(
                ["push", address, "set\(number)", "--endpoint", server.origin, "--store", store.path],
                environment: TestServer.credentials)
        }
        for running in results {
            #expect(try !running.kill { false })
            #expect(running.status == 0)
        }
        withExtendedLifetime(stores) {}
        #expect(try Store(opening: root).references().map(\.name) == ["set0", "set1", "set2", "set3"])
        #expect(try expectClean(root))
    }

    @Test func whoMayNotGetInIsTold() throws {
        let server = try server()
        var wrong = TestServer.credentials
        wrong["AWS_SECRET_ACCESS_KEY"] = "guessed"
        let result = try here.tool(["push", address, "sample", "--endpoint", server.origin], environment: wrong)
        #expect(result.status == 78 && result.errorText.contains("SignatureDoesNotMatch"))
        #expect(!result.errorText.contains("guessed"))
        var elsewhere = TestServer.credentials
        elsewhere["AWS_REGION"] = "mars-1"
        let misplaced = try here.tool(["push", address, "sample", "--endpoint", server.origin], environment: elsewhere)
        #expect(misplaced.status == 78 && misplaced.errorText.contains("AuthorizationHeaderMalformed"))
        let missing = try here.tool(
            ["push", "s3://none/x", "sample", "--endpoint", server.origin], environment: TestServer.credentials)
        #expect(missing.status == 66, "\(missing.errorText)")
        wrong["AWS_SECRET_ACCESS_KEY"] = ""
        #expect(
            try here.tool(["push", address, "sample", "--endpoint", server.origin], environment: wrong).status == 78)
        #expect(!Files.exists(root))
    }
}
