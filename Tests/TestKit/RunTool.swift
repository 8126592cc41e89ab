internal import Base
internal import Foundation
public import SystemPackage

/// What a finished tool left behind.
public struct ToolResult: Sendable {
    public let status: Int32
    public let wasKilled: Bool
    public let output: [UInt8]
    public let errors: [UInt8]

    public init(status: Int32, wasKilled: Bool, output: [UInt8], errors: [UInt8]) {
        (self.status, self.wasKilled, self.output, self.errors) = (status, wasKilled, output, errors)
    }

    /// Standard output as text; faulty bytes are repaired, for messages and `contains` only.
    public var outputText: String { String(decoding: output, as: UTF8.self) }
    public var errorText: String { String(decoding: errors, as: UTF8.self) }
}

/// The folder of the built executables: the one the test bundle lies in.
public var builtProducts: FilePath { Files.executable().removingLastComponent() }

/// Runs a built tool as a user would and waits for it.
///
/// - Parameters:
///   - tool: name of the executable, as `tvt-store`.
///   - input: bytes for its standard input; nothing by default.
///   - environment: variables to add to this process's own.
///   - killAfterSeconds: a signal after that time, to test that a killed run leaves nothing half-done.
///   - signal: the signal sent then; 9 is SIGKILL.
public func run(
    _ tool: String, _ arguments: [String], input: [UInt8]? = nil, environment: [String: String] = [:],
    workingFolder: FilePath? = nil, killAfterSeconds: Double? = nil, signal: Int32 = 9
) throws -> ToolResult {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: builtProducts.appending(tool).string)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    if let workingFolder { process.currentDirectoryURL = URL(fileURLWithPath: workingFolder.string) }
    // Files instead of pipes: nothing can block, however much the tool prints.
    let folder = try TemporaryFolder()
    let outputPath = try folder.write([], to: "output")
    let errorPath = try folder.write([], to: "errors")
    let inputPath = try folder.write(input ?? [], to: "input")
    process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: inputPath.string))
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: outputPath.string))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errorPath.string))
    try process.run()
    if let killAfterSeconds {
        usleep(UInt32(killAfterSeconds * 1e6))
        if process.isRunning { kill(process.processIdentifier, signal) }
    }
    process.waitUntilExit()
    return ToolResult(
        status: process.terminationStatus,
        wasKilled: process.terminationReason == .uncaughtSignal,
        output: try Files.readAll(outputPath),
        errors: try Files.readAll(errorPath))
}

/// Runs a line of shell, for what only a shell can do to a tool: limits, and bytes that are no text.
public func runShell(_ script: String) throws -> ToolResult {
    let folder = try TemporaryFolder()
    let paths = try ["output", "errors"].map { try folder.write([], to: $0) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script]
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: paths[0].string))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: paths[1].string))
    try process.run()
    process.waitUntilExit()
    return ToolResult(
        status: process.terminationStatus, wasKilled: process.terminationReason == .uncaughtSignal,
        output: try Files.readAll(paths[0]), errors: try Files.readAll(paths[1]))
}
