import Base
import Foundation
import Glibc
import SystemPackage
import TestKit

/// What happens at one call of a tool into the file system; see `Tests/FaultShim/README.md`.
struct Fault: Sendable, CustomStringConvertible {
    var action: String
    /// Counted from 1.
    var call: Int

    var description: String { "\(action) at call \(call)" }
}

/// Runs a built tool under the shim.
///
/// - Parameters:
///   - root: the folder whose calls are counted.
///   - log: gets the calls, see ``RecordedCall``.
func run(
    _ tool: String, _ arguments: [String], watching root: FilePath, fault: Fault? = nil, log: FilePath? = nil
) throws -> ToolResult {
    let shim = builtProducts.appending("libFaultShim.so")
    guard Files.exists(shim) else {
        throw Failure(
            .missingInput, "\(shim) is missing", advice: "Build it with --build-tests or --product FaultShim.")
    }
    var environment = ["LD_PRELOAD": shim.string, "TVT_FAULT_ROOT": root.string]
    if let fault {
        environment["TVT_FAULT_ACTION"] = fault.action
        environment["TVT_FAULT_AT"] = "\(fault.call)"
    }
    if let log { environment["TVT_FAULT_LOG"] = log.string }
    return try TestKit.run(tool, arguments, environment: environment)
}

/// Whether the long forms of the tests run: all of them at every call, and for a minute instead of seconds.
let isSoaking = environmentVariable("TVT_SOAK") == "1"

func environmentVariable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}

/// A folder in memory where the system has one, because these tests make thousands of small stores.
func quickFolder() throws -> TemporaryFolder {
    let memory: FilePath = "/dev/shm"
    return access(memory.string, W_OK) == 0 ? try TemporaryFolder(in: memory) : try TemporaryFolder()
}

/// A copy of a folder with all that is in it, without waiting for the disk.
func copyTree(_ source: FilePath, to target: FilePath) throws {
    guard Files.isDirectory(source) else {
        var file = try OutputFile(creating: target)
        try file.write(Files.readAll(source))
        return try file.close()
    }
    try Files.makeDirectory(target)
    for name in try Files.list(source) { try copyTree(source.appending(name), to: target.appending(name)) }
}

/// A digest of all names and bytes below a folder, to see that nothing was touched.
func treeDigest(_ root: FilePath) throws -> SHA256Digest {
    var lines: [UInt8] = []
    func add(_ path: FilePath, _ name: String) throws {
        if Files.isDirectory(path) {
            lines += Array("\(name)/\n".utf8)
            for child in try Files.list(path) { try add(path.appending(child), "\(name)/\(child)") }
        } else {
            lines += Array("\(name) \(try SHA256Digest.ofFile(path))\n".utf8)
        }
    }
    try add(root, "")
    return SHA256Digest.of(lines)
}
