import Base
import Foundation
import Glibc
import JSON
import SystemPackage
import TestKit

/// `Servers/hub.py`, run for one test.
final class TestHub {
    private let process = Process()
    private let scratch: TemporaryFolder
    private let port: String

    /// One request as the server saw it.
    struct Request: Equatable {
        /// The second server, which the hub redirects to.
        let isElsewhere: Bool
        let path: String
        /// Of the header `Range`; nil where there was none.
        let range: String?
        let ifRange: String?
        let authorization: String?
        let status: Int
    }

    /// - Parameter rules: what is to go wrong; see the script.
    init(serving folder: FilePath, _ rules: [JSONValue] = []) throws {
        scratch = try TemporaryFolder()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", sourceRoot.appending("Tests/RecipesTests/Servers/hub.py").string, folder.string,
            scratch("ready").string, scratch("log").string,
            String(decoding: JSONValue.array(rules).canonical(), as: UTF8.self),
        ]
        try process.run()
        while !Files.exists(scratch("ready")) {
            guard process.isRunning else { throw Failure(.bug, "the test server does not start") }
            usleep(5000)
        }
        port = try Files.readText(scratch("ready"))
    }

    deinit {
        // Threads of tests have SIGTERM blocked, and children inherit that.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    var origin: String { "http://127.0.0.1:\(port)" }

    func requests() throws -> [Request] {
        guard Files.exists(scratch("log")) else { return [] }
        return try Files.readText(scratch("log")).split(separator: "\n").map { line in
            let parts = line.split(separator: "\t").map(String.init)
            func header(_ index: Int) -> String? { parts[index] == "-" ? nil : parts[index] }
            return Request(
                isElsewhere: parts[0] == "elsewhere", path: parts[1], range: header(2), ifRange: header(3),
                authorization: header(4), status: Int(parts[5]) ?? 0)
        }
    }

    static func rule(_ path: String, _ fault: String, _ more: (String, JSONValue)...) -> JSONValue {
        .object(JSONObject([("path", .string(path)), ("fault", .string(fault))] + more))
    }
}

/// A program that runs while the test goes on.
final class RunningProgram {
    private let process = Process()
    private let scratch: TemporaryFolder

    init(_ tool: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        scratch = try TemporaryFolder()
        process.executableURL = URL(fileURLWithPath: builtProducts.appending(tool).string)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let path = try scratch.write([], to: "output")
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: path.string))
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    var text: String { (try? Files.readText(scratch("output"))) ?? "" }
    var status: Int32 { process.terminationStatus }

    /// Sends a signal as soon as the condition holds, and waits for the end.
    ///
    /// - Returns: whether the program was still running then.
    func signal(_ signal: Int32, when condition: () throws -> Bool) throws -> Bool {
        while process.isRunning, try !condition() { usleep(300) }
        let met = process.isRunning
        if met { kill(process.processIdentifier, signal) }
        process.waitUntilExit()
        return met
    }
}
