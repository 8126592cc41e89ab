import Base
import Foundation
import Glibc
import SystemPackage
import TestKit

/// A tool that runs while the test goes on, so that it can be met in the middle of something.
final class RunningTool {
    private let process = Process()
    private let errorPath: FilePath
    private let folder: TemporaryFolder

    /// What a tool left when it ended.
    struct End {
        let status: Int32
        let wasKilled: Bool
        let errorText: String
    }

    convenience init(_ tool: String, _ arguments: [String], in world: SmallWorld) throws {
        try self.init(program: builtProducts.appending(tool), arguments, in: world)
    }

    /// Runs any program, with more variables.
    init(program: FilePath, _ arguments: [String], in world: SmallWorld, _ environment: [String: String] = [:]) throws {
        folder = try TemporaryFolder()
        errorPath = try folder.write([], to: "errors")
        process.executableURL = URL(fileURLWithPath: program.string)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(world.environment) { $1 }
            .merging(environment) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: world.temporary.path.string)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errorPath.string))
        try process.run()
    }

    deinit {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        // Foundation once never heard of the end of a process that a test which had failed left behind.
        for _ in 0..<10_000 where process.isRunning { usleep(1000) }
    }

    var identifier: Int32 { process.processIdentifier }

    /// Whether the tool has come to where it ends in order after SIGTERM.
    var catchesSignals: Bool {
        let status = (try? Files.readText(FilePath("/proc/\(identifier)/status"))) ?? ""
        let caught = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }?.split(separator: "\t").last
        return caught.flatMap { UInt64($0, radix: 16) }.map { $0 & 1 << (SIGTERM - 1) != 0 } ?? false
    }

    /// Waits until the condition holds.
    ///
    /// - Returns: false if the tool ended before.
    @discardableResult
    func wait(until condition: () -> Bool) -> Bool {
        while !condition() {
            guard process.isRunning else { return condition() }
            usleep(100)
        }
        return true
    }

    /// What the tool has written to its standard error.
    var errorText: String { (try? Files.readAll(errorPath)).map { String(decoding: $0, as: UTF8.self) } ?? "" }

    func send(_ signal: Int32) { if process.isRunning { kill(process.processIdentifier, signal) } }

    /// Waits until the tool has ended.
    func finish() throws -> End {
        process.waitUntilExit()
        return End(
            status: process.terminationStatus, wasKilled: process.terminationReason == .uncaughtSignal,
            errorText: errorText)
    }
}

/// When a tool is killed.
enum Moment: Sendable, CustomStringConvertible {
    case after(seconds: Double)
    /// As soon as a folder holds a name that begins and ends so.
    case whenThereIs(String, prefix: String, suffix: String)

    /// Whether something was seen to be under way: then the kill is in the middle of it, however fast the machine is.
    var isObserved: Bool {
        if case .whenThereIs = self { true } else { false }
    }

    var description: String {
        switch self {
        case .after(let seconds): "after \(seconds) s"
        case .whenThereIs(let folder, let prefix, let suffix): "when there is \(folder)/\(prefix)…\(suffix)"
        }
    }
}

extension SmallWorld {
    /// Runs a tool and kills it with SIGKILL.
    ///
    /// - Returns: whether the kill met it alive.
    func kill(_ tool: String, _ arguments: [String], _ moment: Moment) throws -> Bool {
        switch moment {
        case .after(let seconds): return try run(tool, arguments, killAfterSeconds: seconds).wasKilled
        case .whenThereIs(let name, let prefix, let suffix):
            let folder = path(name)
            let running = try RunningTool(tool, arguments, in: self)
            running.wait {
                (try? Files.list(folder))?.contains { $0.hasPrefix(prefix) && $0.hasSuffix(suffix) } ?? false
            }
            running.send(SIGKILL)
            return try running.finish().wasKilled
        }
    }
}
