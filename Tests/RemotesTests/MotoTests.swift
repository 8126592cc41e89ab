import Base
import Store
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

/// The same against a server that others have written: moto, where `make setup` could install it.
@Suite(.enabled(if: Files.exists(MotoServer.folder.appending("requirements")))) struct MotoTests {
    @Test func pushPullAndReadInPlace() throws {
        let server = try MotoServer()
        let here = try SampleStore()
        let digest = try here.commit()
        var environment = TestServer.credentials
        environment["AWS_ENDPOINT_URL"] = server.origin
        environment["AWS_REGION"] = "us-east-1"
        environment["XDG_CACHE_HOME"] = here.folder("cache").string
        let address = "s3://library/sets"
        #expect(try here.tool(["push", address, "sample"], environment: environment).status == 66)
        try server.makeBucket("library", in: here.folder)
        for (name, seed) in [("sample", 1), ("second", 2)] as [(String, UInt64)] {
            if name != "sample" { try here.commit(name, documents: 90, seed: seed) }
            let result = try here.tool(["push", address, name], environment: environment)
            #expect(result.status == 0, "\(result.errorText)")
            // It knows conditional writes, as Amazon's own does.
            #expect(!result.errorText.contains("no conditional PUT"))
        }
        let again = try here.tool(["push", address, "sample", "second"], environment: environment)
        #expect(again.status == 0 && again.outputText.contains("0 of"))
        let away = try SampleStore()
        let pulled = try away.tool(["pull", address, "sample", "second"], environment: environment)
        #expect(pulled.status == 0, "\(pulled.errorText)")
        #expect(try RemotesTests.digest(of: "sample", in: away.store.root) == digest)
        #expect(try expectClean(away.store.root))
        for command in [
            ["get", "sample", "--docid", "doc-7"], ["cat", "second", "corpus"], ["verify", "--level", "full"],
        ] {
            let far = try run("tvt-store", command + ["--store", address], environment: environment)
            #expect(far.status == 0, "\(far.errorText)")
            #expect(try far.output == here.tool(command).output)
        }
    }
}

/// Runs for one test.
final class MotoServer {
    static let folder = sourceRoot.appending(".deps").appending("moto")
    private let process = Process()
    private let scratch: TemporaryFolder
    let origin: String

    init() throws {
        scratch = try TemporaryFolder()
        let log = try scratch.write("", to: "log")
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
        process.environment = ProcessInfo.processInfo.environment.merging(["PYTHONPATH": Self.folder.string]) { $1 }
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: log.string))
        process.standardOutput = output
        process.standardError = output
        try process.run()
        // It tells its port when it listens.
        while true {
            let text = try Files.readText(log)
            if let start = text.firstRange(of: "Running on http://127.0.0.1:") {
                let rest = text[start.upperBound...]
                if rest.contains("\n") {
                    origin = "http://127.0.0.1:" + rest.prefix { $0.isNumber }
                    break
                }
            }
            guard process.isRunning else { throw Failure(.bug, "moto does not start: \(text)") }
            usleep(20_000)
        }
    }

    deinit {
        // Threads of tests have SIGTERM blocked, and children inherit that.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    func makeBucket(_ name: String, in folder: TemporaryFolder) throws {
        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        python.arguments = [
            "python3", "-c",
            "import sys, urllib.request as u; u.urlopen(u.Request(sys.argv[1], method='PUT', headers="
                + "{'Authorization': 'AWS4-HMAC-SHA256 Credential=k/20200101/us-east-1/s3/aws4_request'}))",
            "\(origin)/\(name)",
        ]
        try python.run()
        python.waitUntilExit()
        guard python.terminationStatus == 0 else { throw Failure(.bug, "moto makes no bucket") }
    }
}
