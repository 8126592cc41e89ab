import Base
import SystemPackage

/// A model of a folder on a disk behind a cache: what programs see, and what is durable.
///
/// A file's bytes are durable once it was synced, a folder's entries once the folder was. Between two syncs a disk may
/// have kept anything, in any order: file by file, folder by folder. Real file systems keep more than that.
struct Disk {
    enum Node: Hashable {
        case file(Int)
        case folder(Int)
    }

    /// What is seen and what is durable.
    struct Kept<Value> {
        var seen: Value
        var durable: Value
    }

    /// What a power failure leaves of everything that was not synced.
    enum Loss: Sendable, CustomStringConvertible {
        /// Nothing at all.
        case all
        /// Names, but no bytes: the files are empty or old.
        case bytes
        /// Bytes, but no names.
        case names
        /// Some of it.
        case some(seed: UInt64)

        var description: String {
            switch self {
            case .all: "all that was not synced is lost"
            case .bytes: "bytes that were not synced are lost, names are not"
            case .names: "names that were not synced are lost, bytes are not"
            case .some(let seed): "some of what was not synced is lost (seed \(seed))"
            }
        }
    }

    private var files: [Kept<[UInt8]>] = []
    private var folders: [Kept<[String: Node]>] = [Kept(seen: [:], durable: [:])]
    private var openFiles: [Int: Int] = [:]

    /// What lies in a folder now, all of it durable; empty where there is none.
    init(of root: FilePath) throws {
        guard Files.isDirectory(root) else { return }
        try load(root, into: 0)
    }

    private mutating func load(_ path: FilePath, into folder: Int) throws {
        for name in try Files.list(path) {
            let child = path.appending(name)
            if Files.isDirectory(child) {
                folders.append(Kept(seen: [:], durable: [:]))
                let number = folders.count - 1
                folders[folder].seen[name] = .folder(number)
                try load(child, into: number)
            } else {
                let bytes = try Files.readAll(child)
                files.append(Kept(seen: bytes, durable: bytes))
                folders[folder].seen[name] = .file(files.count - 1)
            }
        }
        folders[folder].durable = folders[folder].seen
    }

    /// The folder of a path's last component, and that component.
    private func place(_ path: String) throws -> (folder: Int, name: String) {
        var components = path.split(separator: "/").map(String.init)
        let name = components.removeLast()
        return (try folder(components, of: path), name)
    }

    private func folder(_ components: [String], of path: String) throws -> Int {
        try components.reduce(0) { folder, name in
            guard case .folder(let child) = folders[folder].seen[name] else {
                throw Failure(.bug, "\(path) is not in the model of the disk")
            }
            return child
        }
    }

    private func file(_ inode: Int) throws -> Int {
        guard let file = openFiles[inode] else { throw Failure(.bug, "inode \(inode) is not open in the model") }
        return file
    }

    mutating func apply(_ call: RecordedCall) throws {
        switch call {
        case .open(let inode, let isNew, let isTruncated, let path):
            let (folder, name) = try place(path)
            if isNew {
                files.append(Kept(seen: [], durable: []))
                folders[folder].seen[name] = .file(files.count - 1)
            }
            guard case .file(let file) = folders[folder].seen[name] else {
                throw Failure(.bug, "\(path) is no file in the model of the disk")
            }
            openFiles[inode] = file
            if isTruncated { files[file].seen = [] }
        case .write(let inode, let offset, let bytes, _):
            let file = try file(inode)
            let missing = offset + bytes.count - files[file].seen.count
            if missing > 0 { files[file].seen += [UInt8](repeating: 0, count: missing) }
            files[file].seen.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        case .truncate(let inode, let length, _):
            let file = try file(inode)
            let missing = length - files[file].seen.count
            if missing < 0 { files[file].seen.removeLast(-missing) }
            if missing > 0 { files[file].seen += [UInt8](repeating: 0, count: missing) }
        case .sync(let inode, _):
            let file = try file(inode)
            files[file].durable = files[file].seen
        case .syncFolder(let path):
            let folder = try folder(path.split(separator: "/").map(String.init), of: path)
            folders[folder].durable = folders[folder].seen
        case .rename(let from, let to):
            // A name outside the folder comes as an empty one.
            guard !from.isEmpty, !to.isEmpty else { throw Failure(.bug, "a rename leaves the folder") }
            let (oldFolder, oldName) = try place(from)
            let (newFolder, newName) = try place(to)
            let node = folders[oldFolder].seen.removeValue(forKey: oldName)
            folders[newFolder].seen[newName] = node
        case .link(let from, let to):
            let (oldFolder, oldName) = try place(from)
            let (newFolder, newName) = try place(to)
            folders[newFolder].seen[newName] = folders[oldFolder].seen[oldName]
        case .unlink(let path), .removeFolder(let path):
            // Removing the root itself: it stays, empty.
            guard !path.isEmpty else { return }
            let (folder, name) = try place(path)
            folders[folder].seen[name] = nil
        case .makeFolder(let path):
            guard !path.isEmpty else { return }
            let (folder, name) = try place(path)
            folders.append(Kept(seen: [:], durable: [:]))
            folders[folder].seen[name] = .folder(folders.count - 1)
        case .changeMode: break
        }
    }

    /// What a power failure at this moment leaves: paths in order, nil for the bytes of a folder.
    func remains(after loss: Loss) -> Remains {
        var random: SplitMix64?
        if case .some(let seed) = loss { random = SplitMix64(seed: seed) }
        // Seeded choices must not hang on the order of a dictionary.
        let folderChoices = folders.map { _ in (random?.next(below: 2) ?? 0) == 0 }
        let fileSeeds = files.map { _ in random?.next() ?? 0 }
        func entries(_ folder: Int) -> [String: Node] {
            switch loss {
            case .all, .names: folders[folder].durable
            case .bytes: folders[folder].seen
            case .some: folderChoices[folder] ? folders[folder].durable : folders[folder].seen
            }
        }
        func bytes(_ file: Int) -> [UInt8] {
            switch loss {
            case .all, .bytes: files[file].durable
            case .names: files[file].seen
            case .some: Self.torn(files[file], seed: fileSeeds[file])
            }
        }
        var remains = Remains()
        func add(_ folder: Int, _ path: String) {
            remains.entries.append((path, nil))
            for (name, node) in entries(folder).sorted(by: { $0.key < $1.key }) {
                switch node {
                case .folder(let child): add(child, "\(path)/\(name)")
                case .file(let file): remains.entries.append(("\(path)/\(name)", bytes(file)))
                }
            }
        }
        add(0, "")
        return remains
    }

    struct Remains {
        /// A folder comes before what is in it, and has no bytes.
        fileprivate(set) var entries: [(path: String, bytes: [UInt8]?)] = []

        /// Equal for equal remains.
        var digest: SHA256Digest {
            var all: [UInt8] = []
            for (path, bytes) in entries {
                all += Array("\(path)\n\(bytes?.count ?? -1)\n".utf8) + (bytes ?? [])
            }
            return SHA256Digest.of(all)
        }

        /// Writes them to a folder, which must not exist yet.
        func write(to root: FilePath) throws {
            for (path, bytes) in entries {
                let place = FilePath(root.string + path)
                guard let bytes else {
                    try Files.makeDirectory(place)
                    continue
                }
                var file = try OutputFile(creating: place)
                try file.write(bytes)
                try file.close()
            }
        }
    }

    /// A mixture of the new bytes and the durable ones, sector by sector; a file that grew or was cut may have either
    /// length. What of a file that grew did not come to the disk is zero; a cut that did not has changed nothing.
    private static func torn(_ file: Kept<[UInt8]>, seed: UInt64) -> [UInt8] {
        guard file.seen != file.durable else { return file.seen }
        var random = SplitMix64(seed: seed)
        let length = random.next(below: 2) == 0 ? file.seen.count : file.durable.count
        var bytes = [UInt8](repeating: 0, count: length)
        for start in stride(from: 0, to: length, by: 512) {
            let isCut = file.seen.count < min(start + 512, length)
            let source = random.next(below: 2) == 0 && !isCut ? file.seen : file.durable
            for position in start..<max(start, min(start + 512, length, source.count)) {
                bytes[position] = source[position]
            }
        }
        return bytes
    }
}
