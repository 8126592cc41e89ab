import Base
import Glibc
import Store
import SystemPackage
import TestKit
import Testing

/// Folders that are no store, or a store that something happened to: told clearly, with what to do, and not touched.
@Suite struct BadStoreTests {
    /// Something that is wrong with a store's folder.
    struct Trouble: Sendable, CustomStringConvertible {
        let description: String
        /// The exit status of `show nave`.
        let status: Int32
        /// What the message says.
        let message: String
        let makeTrouble: @Sendable (_ root: FilePath) throws -> Void
    }

    static func overwrite(_ path: FilePath, _ text: String) throws { try overwrite(path, Array(text.utf8)) }

    static func overwrite(_ path: FilePath, _ bytes: [UInt8]) throws {
        try Files.remove(path)
        var file = try OutputFile(creating: path)
        try file.write(bytes)
        try file.close()
    }

    static func shard(_ root: FilePath) throws -> FilePath {
        let store = try Store(opening: root)
        return store.path(of: try store.dataset("nave").manifest.documents.shards[0].blob.digest)
    }

    static let troubles: [Trouble] = [
        Trouble(description: "no folder", status: 66, message: "is no store") { try Files.removeTree($0) },
        Trouble(description: "an empty folder", status: 66, message: "tvt-store init") {
            try Files.removeTree($0)
            try Files.makeDirectory($0)
        },
        Trouble(description: "a file", status: 66, message: "is no store") {
            try Files.removeTree($0)
            try overwrite($0, "a file")
        },
        Trouble(description: "a foreign folder", status: 66, message: "is no store") {
            try Files.removeTree($0)
            try Files.makeDirectory($0)
            try overwrite($0.appending("thesis.txt"), "years of work")
        },
        Trouble(description: "a newer layout", status: 65, message: "layout version 2.0.0 is not known") {
            try overwrite($0.appending("oci-layout"), #"{"imageLayoutVersion":"2.0.0"}"#)
        },
        Trouble(description: "an empty oci-layout", status: 65, message: "oci-layout") {
            try overwrite($0.appending("oci-layout"), "")
        },
        Trouble(description: "no index.json", status: 65, message: "index.json is missing") {
            try Files.remove($0.appending("index.json"))
        },
        Trouble(description: "an empty index.json", status: 65, message: "reflog") {
            try overwrite($0.appending("index.json"), "")
        },
        Trouble(description: "a truncated index.json", status: 65, message: "reflog") {
            let path = $0.appending("index.json")
            try overwrite(path, Array(Files.readAll(path).dropLast(40)))
        },
        Trouble(description: "garbage for an index.json", status: 65, message: "reflog") {
            try overwrite($0.appending("index.json"), (0..<500).map { UInt8(truncatingIfNeeded: $0 &* 37) })
        },
        Trouble(description: "another kind of JSON", status: 65, message: "manifests") {
            try overwrite($0.appending("index.json"), #"{"schemaVersion":2}"#)
        },
        Trouble(description: "two references of one name", status: 65, message: "two references have the name") {
            let path = $0.appending("index.json")
            try overwrite(path, Files.readText(path).replacing("\"spare\"", with: "\"nave\""))
        },
        Trouble(description: "an image of another tool in index.json", status: 65, message: "annotations") {
            let entry = #"{"digest":"sha256:\#(String(repeating: "0", count: 64))","size":3}"#
            try overwrite($0.appending("index.json"), #"{"manifests":[\#(entry)],"schemaVersion":2}"#)
        },
        Trouble(description: "a manifest that is missing", status: 65, message: "the blob is missing") { root in
            let store = try Store(opening: root)
            try Files.remove(store.path(of: try store.dataset("nave").digest))
        },
        Trouble(description: "a manifest of a newer version", status: 65, message: "its bytes do not match its name") {
            root in
            let store = try Store(opening: root)
            let path = store.path(of: try store.dataset("nave").digest)
            try overwrite(path, Files.readText(path).replacing("\"schemaVersion\":1", with: "\"schemaVersion\":2"))
        },
    ]

    @Test("is told, with an exit status and advice, and nothing is touched", arguments: troubles)
    func trouble(_ trouble: Trouble) throws {
        let scene = try Scene.shared.get()
        let folder = try quickFolder()
        let root = folder("store")
        try copyTree(scene.base, to: root)
        try trouble.makeTrouble(root)
        let before = try Files.exists(root) ? Self.digestWithoutCatalog(root) : nil
        for command in ErrorTests.readingCommands {
            let result = try run("tvt-store", command + ["--store", root.string])
            // A dataset that is damaged does not keep others from being listed; verify reports it.
            if command.first == "ls", result.status == 0 { continue }
            #expect(result.status == trouble.status, "\(command): \(result.status) \(result.errorText)")
            #expect(!result.wasKilled, "\(command)")
            if command.first != "verify" {
                #expect(result.errorText.contains(trouble.message), "\(command): \(result.errorText)")
            }
            #expect(result.errorText.hasPrefix("tvt-store: error: "), "\(command): \(result.errorText)")
            #expect(result.errorText.contains("\n  "), "\(command) gives no advice: \(result.errorText)")
        }
        func isUntouched() throws -> Bool {
            try Files.exists(root) ? Self.digestWithoutCatalog(root) == before : before == nil
        }
        #expect(try isUntouched())
        // Writers do not make it worse, and do not make a store where something else is.
        if ["no folder", "an empty folder"].contains(trouble.description) { return }
        for command in [["init"], ["tag", "nave", "nave@two"], ["rm", "nave"]] {
            let result = try run("tvt-store", command + ["--store", root.string])
            #expect(result.status != 70 && !result.wasKilled, "\(command): \(result.errorText)")
            // A name whose version is damaged can be removed.
            let isDamagedVersion = trouble.description.contains("manifest")
            let mayWork = command[0] == "init" || command[0] == "rm" && isDamagedVersion
            #expect([65, 66, 73].contains(result.status) || mayWork, "\(command): \(result.status)")
            if result.status != 0 || command[0] == "init" { #expect(try isUntouched(), "\(command)") }
        }
    }

    static func digestWithoutCatalog(_ root: FilePath) throws -> SHA256Digest {
        guard Files.isDirectory(root) else { return try SHA256Digest.ofFile(root) }
        var lines: [UInt8] = []
        for name in try Files.list(root)
        where !name.hasPrefix("catalog.sqlite") && !["leases", "lock", "tmp"].contains(name) {
            let child = root.appending(name)
            let digest = try Files.isDirectory(child) ? treeDigest(child) : SHA256Digest.ofFile(child)
            lines += Array("\(name) \(digest)\n".utf8)
        }
        return SHA256Digest.of(lines)
    }

    static let catalogs: [(name: String, bytes: @Sendable (_ whole: [UInt8]) -> [UInt8])] = [
        ("empty", { _ in [] }),
        ("cut within the header", { Array($0.prefix(50)) }),
        ("cut in the middle", { Array($0.prefix($0.count / 2)) }),
        ("cut by one byte", { Array($0.dropLast()) }),
        ("garbage", { $0.map { $0 ^ 0x5A } }),
        (
            "of a newer version",
            { whole in
                // user_version, a big-endian integer.
                var bytes = whole
                bytes[63] = 9
                return bytes
            }
        ),
        (
            "of another application",
            { whole in
                var bytes = whole
                bytes[68] ^= 0xFF
                return bytes
            }
        ),
        ("text", { _ in Array("this is no database".utf8) }),
    ]

    /// No read of a record opens the catalog, and a listing makes it anew.
    @Test("a catalog that is damaged or foreign is made anew", arguments: catalogs.indices)
    func catalog(number: Int) throws {
        let scene = try Scene.shared.get()
        let folder = try quickFolder()
        let root = folder("store")
        try copyTree(scene.base, to: root)
        let path = root.appending("catalog.sqlite")
        let (name, bytes) = Self.catalogs[number]
        try Self.overwrite(path, bytes(Files.readAll(path)))
        let before = try Self.digestWithoutCatalog(root)
        for command in ErrorTests.readingCommands.reversed() {
            let usual = try scene.succeed("tvt-store", command + ["--store", scene.base.string])
            let result = try run("tvt-store", command + ["--store", root.string])
            #expect(result.status == 0, "\(name), \(command): \(result.errorText)")
            #expect(result.output == usual.output, "\(name), \(command)")
        }
        #expect(try Self.digestWithoutCatalog(root) == before)
        // Once more, from the new one, without a word.
        let again = try run("tvt-store", ["ls", "--store", root.string])
        #expect(again.status == 0 && again.errors.isEmpty, "\(name): \(again.errorText)")
    }

    @Test("a catalog that is a folder does not keep a store from being read")
    func catalogFolder() throws {
        let scene = try Scene.shared.get()
        let folder = try quickFolder()
        let root = folder("store")
        try copyTree(scene.base, to: root)
        let path = root.appending("catalog.sqlite")
        try Files.removeTree(path)
        try Files.makeDirectory(path.appending("inner"))
        let usual = try scene.succeed("tvt-store", ["ls", "--store", scene.base.string])
        #expect(try run("tvt-store", ["ls", "--store", root.string]).output == usual.output)
        try scene.succeed("tvt-store", ["tag", "nave", "other", "--store", root.string])
    }

    /// Blobs that are missing, cut, swapped, or of a version that is to come.
    @Test("a blob that is missing or another is found and named")
    func blobs() throws {
        let scene = try Scene.shared.get()
        let base = try Store(opening: scene.base)
        let manifest = try base.dataset("nave").manifest
        let others = try base.dataset("spare").manifest
        for (number, blob) in manifest.blobs.enumerated() {
            let swapped = others.blobs[number]
            for kind in ["missing", "swapped", "newer"] where kind != "swapped" || blob != swapped {
                let folder = try quickFolder()
                let root = folder("store")
                try copyTree(scene.base, to: root)
                let path = try Store(opening: root).path(of: blob.digest)
                var bytes = try Files.readAll(path)
                switch kind {
                case "missing": try Files.remove(path)
                case "swapped": try Self.overwrite(path, Files.readAll(base.path(of: swapped.digest)))
                default:
                    // The version stands behind the signature, which in a shard stands behind its frame's head.
                    bytes[bytes.starts(with: [0x50, 0x2A, 0x4D, 0x18]) ? 16 : 8] = 9
                    try Self.overwrite(path, bytes)
                }
                let before = try Self.digestWithoutCatalog(root)
                // A blob in the place of one of the same kind and size is told by its own checksums or by its name.
                let level = kind == "missing" ? "quick" : "full"
                let verified = try run("tvt-store", ["verify", "nave", "--level", level, "--store", root.string])
                #expect(verified.status == 65, "\(kind) \(number): \(verified.outputText)")
                #expect(verified.outputText.contains(path.string), "\(kind) \(number): \(verified.outputText)")
                if kind == "newer" {
                    let text = verified.outputText
                    #expect(text.contains("version 9 is not known") || text.contains("match"), "\(number): \(text)")
                }
                for command in ErrorTests.readingCommands where command.first != "verify" {
                    let result = try run("tvt-store", command + ["--store", root.string])
                    let usual = try scene.succeed("tvt-store", command + ["--store", scene.base.string])
                    if result.status == 0 {
                        #expect(result.output == usual.output, "\(kind) \(number) \(command): wrong bytes")
                    } else {
                        #expect([65, 66].contains(result.status), "\(kind) \(number) \(command): \(result.errorText)")
                        #expect(result.errorText.contains(path.string), "\(kind) \(number): \(result.errorText)")
                    }
                }
                #expect(try Self.digestWithoutCatalog(root) == before)
            }
        }
    }

    @Test(
        "paths with spaces, quotes and letters of all kinds",
        arguments: [
            "with space", "it's \"quoted\"", "new\nline", "-dash", "%20$HOME`x`", "Bücher 漢🙂", "semi;colon?x=1#y",
        ])
    func oddPaths(name: String) throws {
        let scene = try Scene.shared.get()
        let folder = try quickFolder()
        let root = folder(name)
        try scene.succeed("tvt-convert", scene.conversion(of: "nave", as: "nave", into: root))
        for command in ErrorTests.readingCommands {
            let usual = try scene.succeed("tvt-store", command + ["--store", scene.base.string])
            let result = try scene.succeed("tvt-store", command + ["--store", root.string])
            // Another commit, another time; and another number of datasets.
            if ["get", "cat"].contains(command[0]) { #expect(result.output == usual.output, "\(command)") }
        }
        #expect(try Files.list(folder.path) == [name])
        #expect(Files.exists(root.appending("catalog.sqlite")))
    }

    @Test("bytes that are not UTF-8 in a path are refused, and no folder of a similar name is made")
    func bytesInPaths() throws {
        let folder = try quickFolder()
        for variable in [false, true] {
            let tool = builtProducts.appending("tvt-store").string
            // The shell makes the byte that a Swift string cannot hold.
            let script =
                variable
                ? "TVT_STORE=$(printf '\(folder.path)/x\\377') exec '\(tool)' init"
                : "exec '\(tool)' init --store \"$(printf '\(folder.path)/x\\377')\""
            let result = try runShell(script)
            #expect(result.status == 64)
            #expect(result.errorText.contains("not valid UTF-8") && result.errorText.contains("\\xff"))
            #expect(try Files.list(folder.path) == [])
        }
    }
}
