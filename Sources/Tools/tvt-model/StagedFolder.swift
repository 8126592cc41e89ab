internal import Base
internal import CommandLineKit
internal import Engine
internal import Glibc
internal import Models
internal import SystemPackage

/// A folder that appears under its name when it is complete.
struct StagedFolder {
    private let target: FilePath
    private let staging: FilePath
    private let command: String

    /// - Parameter output: what `--output` says.
    /// - Throws: `Failure` where the folder is there, or its name is none.
    init(_ output: String, command: String) throws {
        target = FilePath(output)
        guard let name = target.lastComponent, name.kind == .regular else {
            throw Failure(.usage, "--output \(output) names no folder")
        }
        staging = target.removingLastComponent().appending(".\(name.string).tmp")
        self.command = command
        try requireAbsence()
    }

    private func requireAbsence() throws {
        var status = stat()
        // A link that leads nowhere is something, too.
        guard lstat(target.string, &status) != 0 else {
            throw Failure(.cannotCreate, "\(target) exists", advice: "Name a folder that does not, or remove it.")
        }
    }

    /// - Parameter body: makes the folder that it is given the path of.
    func write<Result>(_ body: (FilePath) throws -> Result) throws -> Result {
        let parent = target.removingLastComponent()
        if !parent.isEmpty { try Files.makeDirectory(parent) }
        // Others may have written it meanwhile.
        try requireAbsence()
        let lock = try OutputLock(for: target, purpose: command)
        defer { withExtendedLifetime(lock) {} }
        try requireAbsence()
        // What a killed process left: nobody else holds the lock.
        try Files.removeTree(staging)
        let result: Result
        do {
            result = try body(staging)
            try Files.syncFileSystem(of: staging)
            try Interruption.check()
        } catch {
            try? Files.removeTree(staging)
            throw error
        }
        try Files.rename(staging, to: target)
        try Files.syncFolder(parent.isEmpty ? FilePath(".") : parent)
        return result
    }

    /// Writes the vectors that the model gives now, which every later load compares its own with.
    ///
    /// - Parameter model: as it is in `staging`.
    func writeGoldenVectors(of model: EmbeddingModel, in staging: FilePath) throws {
        try GoldenCheck.vectors(of: model, tool: "\(command) \(tvtVersion)")
            .write(to: staging.appending(GoldenVectors.fileName))
    }
}
