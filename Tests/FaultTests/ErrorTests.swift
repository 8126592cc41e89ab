import Base
import StoreMaintenance
import Glibc
import Store
import SystemPackage
import TestKit
import Testing

/// A disk that is full, fails or cannot be written: an error that names the file, and nothing is damaged.
@Suite struct ErrorTests {
    /// What may fail and is none the worse: what locks and leases say, the catalog, the sweeping of `tmp/`.
    static func mayBeIgnored(_ call: RecordedCall) -> Bool {
        if call.isOfCatalog || call.path == "lock" || call.path == "tmp/gate" || call.path.hasSuffix(".lock") {
            return true
        }
        switch call {
        case .unlink, .removeFolder: return call.path.hasPrefix("tmp/") || call.path.hasPrefix("leases/")
        // A living lease that cannot be read stops every collection: it protects more than it says.
        case .write, .truncate: return call.path.hasPrefix("leases/")
        default: return false
        }
    }

    /// Whether a call can end with "no space left".
    static func takesSpace(_ call: RecordedCall) -> Bool {
        switch call {
        case .unlink, .removeFolder, .truncate, .changeMode: false
        default: true
        }
    }

    @Test("ENOSPC and EIO at every call", arguments: ChangingCommand.all)
    func fail(command: ChangingCommand) throws {
        let calm = try CalmRun(command)
        for (number, call) in calm.met {
            let errors = [("ENOSPC", "No space left on device"), ("EIO", "Input/output error")]
            for (name, text) in isSoaking ? errors : [errors[number % 2]] {
                // A disk stays full for a while; a fault that passes must not be overlooked either.
                let actions = isSoaking ? ["error", "error-once"] : [number / 2 % 2 == 0 ? "error" : "error-once"]
                for action in actions {
                    let fault = Fault(action: "\(action):\(name)", call: number)
                    let what: Comment = "\(fault) (\(call.path))"
                    let folder = try quickFolder()
                    let store = folder("store")
                    try calm.prepare(store)
                    let result = try calm.run(store, fault)
                    #expect(!result.wasKilled, what)
                    let references = try CalmRun.references(store)
                    let isStarted = command.makesStore && references?.isEmpty == true
                    if result.status == 0 {
                        #expect(references == calm.new, what)
                        let isDone = number > calm.durableCall ?? .max
                        #expect(isDone || Self.mayBeIgnored(call) || name == "ENOSPC" && !Self.takesSpace(call), what)
                    } else {
                        #expect([73, 74].contains(result.status), "\(what): \(result.status) \(result.errorText)")
                        #expect(result.errorText.contains(store.string), "\(what): \(result.errorText)")
                        #expect(result.errorText.contains(text), "\(what): \(result.errorText)")
                        #expect(references == calm.old || references == calm.new || isStarted, what)
                    }
                    if references != nil, !command.startsDamaged {
                        let findings = try Store(opening: store).verify(level: .full).findings
                        #expect(findings.isEmpty, "\(what): \(findings)")
                    }
                    guard isSoaking || number % 4 == 0 else { continue }
                    let again = try calm.run(store)
                    let expected = result.status == 0 || references == calm.new ? command.repeatedStatus : 0
                    #expect(again.status == expected, "\(what): \(again.errorText)")
                    #expect(try CalmRun.references(store) == calm.new, what)
                }
            }
        }
    }

    static let readingCommands: [[String]] = [
        ["ls"], ["show", "nave"], ["stats", "nave"], ["get", "nave", "--docid", "d7"], ["cat", "nave", "corpus"],
        ["cat", "nave", "queries"], ["cat", "nave", "qrels"], ["log", "nave"], ["verify", "--level", "full"],
    ]

    @Test("a store that cannot be written is read like any other", arguments: [true, false])
    func readOnly(hasCatalog: Bool) throws {
        let scene = try Scene.shared.get()
        let folder = try quickFolder()
        let store = folder("store")
        try copyTree(scene.base, to: store)
        if !hasCatalog {
            for name in ["catalog.sqlite", "catalog.sqlite-journal"] { try Files.remove(store.appending(name)) }
        }
        let before = try treeDigest(store)
        let fault = Fault(action: "error:EROFS", call: 1)
        for command in Self.readingCommands {
            let arguments = command + ["--store", store.string]
            let result = try run("tvt-store", arguments, watching: store, fault: fault)
            #expect(result.status == 0, "\(command): \(result.errorText)")
            #expect(try treeDigest(store) == before, "\(command)")
            let usual = try scene.succeed("tvt-store", command + ["--store", scene.base.string])
            #expect(result.output == usual.output, "\(command)")
        }
        for command in ChangingCommand.all where !command.makesStore && !command.startsDamaged {
            let result = try run(command.tool, command.arguments(scene, store), watching: store, fault: fault)
            #expect([73, 74].contains(result.status), "\(command): \(result.status)")
            #expect(result.errorText.contains("Read-only file system"), "\(command): \(result.errorText)")
            #expect(try treeDigest(store) == before, "\(command)")
        }
    }

    /// A file system of its own, where the system lets us mount one.
    final class SmallDisk {
        let folder: TemporaryFolder
        var path: FilePath { folder("disk") }

        init?(kibibytes: Int) throws {
            folder = try TemporaryFolder()
            try Files.makeDirectory(folder("disk"))
            guard mount("tmpfs", folder("disk").string, "tmpfs", 0, "size=\(kibibytes)k") == 0 else { return nil }
        }

        func makeReadOnly() throws {
            guard mount("tmpfs", path.string, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0 else {
                throw SystemError.last("mount", path)
            }
        }

        deinit { umount2(path.string, Int32(MNT_DETACH)) }
    }

    @Test("a disk that is full, and one that is read-only, in earnest")
    func realDisk() throws {
        let scene = try Scene.shared.get()
        // Elsewhere the shim's faults, in the tests above, have to do.
        guard let disk = try SmallDisk(kibibytes: 1200) else { return }
        let store = disk.path.appending("store")
        try copyTree(scene.base, to: store)
        let before = try #require(try CalmRun.references(store))
        let large = scene.conversion(of: "big", as: "nave", into: store)
        let result = try TestKit.run("tvt-convert", large)
        #expect([73, 74].contains(result.status), "\(result.status)")
        #expect(result.errorText.contains(store.string) && result.errorText.contains("No space left on device"))
        #expect(try CalmRun.references(store) == before)
        #expect(try Files.list(store.appending("tmp")) == ["gate"])
        // What was written is taken away again, so the next one has its room.
        try scene.succeed("tvt-store", ["verify", "--level", "full", "--store", store.string])
        try scene.succeed("tvt-convert", scene.conversion(of: "spare", as: "third", into: store))
        // Full to the last byte.
        do {
            var filler = try OutputFile(creating: disk.path.appending("filler"))
            let block = [UInt8](repeating: 7, count: 1 << 18)
            while true { try filler.write(block) }
        } catch let error as SystemError {
            #expect(error.errno == ENOSPC)
        }
        try disk.makeReadOnly()
        for command in Self.readingCommands {
            let printed = try scene.succeed("tvt-store", command + ["--store", store.string])
            #expect(!printed.output.isEmpty, "\(command)")
        }
        let tag = try TestKit.run("tvt-store", ["tag", "nave", "other", "--store", store.string])
        #expect([73, 74].contains(tag.status) && tag.errorText.contains("Read-only file system"))
    }
}
