import Base
import Foundation
import Glibc
import JSON
import SystemPackage
import TestKit

/// `Servers/server.py`, run for one test.
final class TestServer {
    private let process = Process()
    private let scratch: TemporaryFolder
    private let port: String
    private let scheme: String
    let isBucket: Bool

    static let script = FilePath(#filePath).removingLastComponent().appending("Servers").appending("server.py").string

    /// What the environment of a tool needs to get into the bucket.
    static let credentials = [
        "AWS_ACCESS_KEY_ID": "AKTEST", "AWS_SECRET_ACCESS_KEY": "secret/with+odd=signs", "AWS_SESSION_TOKEN": "token==",
        "AWS_REGION": "eu-test-1", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "",
    ]

    /// - Parameters:
    ///   - rules: what is to go wrong; see the script.
    ///   - bucket: nil for a web server; else what conditional writes do, as the script says.
    ///   - certificate: file with a key and a certificate, for TLS.
    init(
        serving folder: FilePath, rules: [JSONValue] = [], bucket: JSONValue? = nil, certificate: FilePath? = nil
    ) throws {
        scheme = certificate == nil ? "http" : "https"
        scratch = try TemporaryFolder()
        isBucket = bucket != nil
        var arguments = [
            Self.script, folder.string, scratch("ready").string, scratch("log").string,
            String(decoding: JSONValue.array(rules).canonical(), as: UTF8.self),
        ]
        if let bucket {
            let settings: JSONValue = [
                "bucket": "shelf", "key": "AKTEST", "secret": "secret/with+odd=signs", "token": "token==",
                "region": "eu-test-1", "conditions": bucket,
            ]
            arguments.append(String(decoding: settings.canonical(), as: UTF8.self))
        }
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        if let certificate {
            process.environment = ProcessInfo.processInfo.environment.merging(["TEST_CERTIFICATE": certificate.string])
            {
                $1
            }
        }
        try process.run()
        let ready = scratch("ready")
        while !Files.exists(ready) {
            guard process.isRunning else { throw Failure(.bug, "the test server does not start") }
            usleep(5000)
        }
        port = try Files.readText(ready)
    }

    deinit {
        // Threads of tests have SIGTERM blocked, and children inherit that.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    var origin: String { "\(scheme)://127.0.0.1:\(port)" }

    /// Method, path, range, status and bytes of each request so far.
    func requests() throws -> [[String]] {
        guard Files.exists(scratch("log")) else { return [] }
        return try Files.readText(scratch("log")).split(separator: "\n").map {
            $0.split(separator: "\t").map(String.init)
        }
    }

    func count(_ method: String, _ part: String) throws -> Int {
        try requests().count { $0[0] == method && $0[1].contains(part) }
    }

    static func rule(_ method: String, _ path: String, _ fault: String, _ more: (String, JSONValue)...) -> JSONValue {
        .object(
            JSONObject([("method", .string(method)), ("path", .string(path)), ("fault", .string(fault))] + more))
    }
}

/// A tool that runs while the test goes on.
final class RunningTool {
    private let process = Process()
    private let scratch: TemporaryFolder

    init(_ arguments: [String], environment: [String: String] = [:]) throws {
        process.executableURL = URL(fileURLWithPath: builtProducts.appending("tvt-store").string)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        scratch = try TemporaryFolder()
        try Files.replace(scratch("output"), with: [])
        let output = FileHandle(forWritingAtPath: scratch("output").string)
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    /// What it has printed.
    var text: String { (try? Files.readText(scratch("output"))) ?? "" }

    /// The exit status of a tool that has ended.
    var status: Int32 { process.terminationStatus }

    /// Kills it as soon as the condition holds, and waits for its end.
    ///
    /// - Returns: whether the signal ended it.
    func kill(_ signal: Int32 = SIGKILL, when condition: () throws -> Bool) throws -> Bool {
        while process.isRunning, try !condition() { usleep(500) }
        if process.isRunning { Glibc.kill(process.processIdentifier, signal) }
        process.waitUntilExit()
        return process.terminationReason == .uncaughtSignal
    }
}
