internal import CGlibc
internal import Glibc
public import SystemPackage

/// The few file-system calls that tvt needs, with errors that name the path.
public enum Files {
    /// The end of a pattern that `mkstemp` and `mkdtemp` make a name of its own.
    public static let uniqueEnding = String(repeating: "X", count: 6)

    public static func exists(_ path: FilePath) -> Bool { access(path.string, F_OK) == 0 }

    /// Whether a path leads to something that can be read only once, and that waits for a writer when it is opened: a named
    /// pipe, a terminal, a socket.
    public static func isStream(_ path: FilePath) -> Bool {
        var status = stat()
        guard stat(path.string, &status) == 0 else { return false }
        return ![S_IFREG, S_IFDIR, S_IFBLK].contains(status.st_mode & S_IFMT)
    }

    public static func isDirectory(_ path: FilePath) -> Bool {
        var status = stat()
        return stat(path.string, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Size in bytes.
    public static func size(_ path: FilePath) throws -> Int {
        var status = stat()
        guard stat(path.string, &status) == 0 else { throw SystemError.last("open", path) }
        return Int(status.st_size)
    }

    /// When the file was last modified, in seconds since 1970.
    public static func modificationTime(_ path: FilePath) throws -> Double {
        var status = stat()
        guard stat(path.string, &status) == 0 else { throw SystemError.last("open", path) }
        return Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) * 1e-9
    }

    /// Sets the time of the last modification, in seconds since 1970; only the owner may.
    public static func setModificationTime(_ path: FilePath, to seconds: Double) throws {
        let whole = seconds.rounded(.down)
        let time = timespec(tv_sec: Int(whole), tv_nsec: Int((seconds - whole) * 1e9))
        guard utimensat(AT_FDCWD, path.string, [time, time], 0) == 0 else { throw SystemError.last("touch", path) }
    }

    /// Whether a path names the file that is open, and not another one by now, or none.
    public static func names(_ path: FilePath, _ descriptor: Int32) -> Bool {
        var named = stat()
        var opened = stat()
        return stat(path.string, &named) == 0 && fstat(descriptor, &opened) == 0 && named.st_ino == opened.st_ino
            && named.st_dev == opened.st_dev
    }

    /// Makes the directory and those above it; nothing happens where they exist.
    ///
    /// - Parameter isDurable: sync each directory that gets a new entry.
    public static func makeDirectory(_ path: FilePath, isDurable: Bool = false) throws {
        if path.string.isEmpty || isDirectory(path) { return }
        let parent = path.removingLastComponent()
        if parent != path, !parent.string.isEmpty { try makeDirectory(parent, isDurable: isDurable) }
        guard mkdir(path.string, 0o777) == 0 || errno == EEXIST && isDirectory(path) else {
            throw SystemError.last("create", path)
        }
        if isDurable { try syncFolder(parent) }
    }

    /// Atomic within one file system; replaces `target`.
    public static func rename(_ path: FilePath, to target: FilePath) throws {
        guard Glibc.rename(path.string, target.string) == 0 else { throw SystemError.last("rename", path) }
    }

    /// Removes a file, or nothing where there is none.
    public static func remove(_ path: FilePath) throws {
        guard unlink(path.string) == 0 || errno == ENOENT else { throw SystemError.last("remove", path) }
    }

    /// Removes a file or a directory with all that is in it, or nothing where there is none.
    public static func removeTree(_ path: FilePath) throws {
        var status = stat()
        guard lstat(path.string, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else { return try remove(path) }
        for name in try list(path) { try removeTree(path.appending(name)) }
        guard rmdir(path.string) == 0 || errno == ENOENT else { throw SystemError.last("remove", path) }
    }

    /// The names in a directory, sorted bytewise.
    public static func list(_ path: FilePath) throws -> [String] {
        guard let directory = opendir(path.string) else { throw SystemError.last("list", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while true {
            // The end of the directory and a failure differ by errno only.
            errno = 0
            guard let entry = readdir(directory) else {
                guard errno == 0 else { throw SystemError.last("list", path) }
                break
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Makes everything durable on the file system that a folder lies on: for many files at once.
    public static func syncFileSystem(of folder: FilePath) throws {
        let descriptor = open(folder.string, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError.last("open", folder) }
        defer { close(descriptor) }
        guard syncfs(descriptor) == 0 else { throw SystemError.last("sync", folder) }
    }

    /// Makes renames and removals in the directory durable.
    public static func syncFolder(_ path: FilePath) throws {
        let descriptor = open(path.string.isEmpty ? "." : path.string, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError.last("open", path) }
        defer { close(descriptor) }
        // Some network file systems cannot sync a directory and say EINVAL; nothing more can be done there.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw SystemError.last("sync", path) }
    }

    public static func readAll(_ path: FilePath) throws -> [UInt8] {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError.last("open", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemError.last("open", path) }
        var contents: [UInt8] = []
        contents.reserveCapacity(Int(status.st_size) + 1)
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError.last("read", path)
            }
            if count == 0 { return contents }
            contents.append(contentsOf: buffer[0..<count])
        }
    }

    /// The last byte of a file, however long it is; nil for an empty one.
    public static func lastByte(_ path: FilePath) throws -> UInt8? {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError.last("open", path) }
        defer { close(descriptor) }
        let end = lseek(descriptor, 0, SEEK_END)
        guard end > 0 else {
            if end < 0 { throw SystemError.last("read", path) }
            return nil
        }
        var byte: UInt8 = 0
        var count: Int
        repeat { count = pread(descriptor, &byte, 1, end - 1) } while count < 0 && errno == EINTR
        guard count >= 0 else { throw SystemError.last("read", path) }
        return count == 1 ? byte : nil
    }

    /// The whole file as text.
    ///
    /// - Throws: `InputError` where it is not valid UTF-8.
    public static func readText(_ path: FilePath) throws -> String {
        let bytes = try readAll(path)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw InputError("not valid UTF-8", at: Place(path: path.string))
        }
        return text
    }

    /// Replaces the file's contents in one step: a reader or a crash sees the old bytes or the new.
    public static func replace(_ path: FilePath, with bytes: [UInt8]) throws {
        var file = try StagedFile(for: path)
        try file.write(bytes)
        try file.commit()
    }

    public static func replace(_ path: FilePath, with text: String) throws {
        try replace(path, with: Array(text.utf8))
    }

    /// The path of the running executable.
    public static func executable() -> FilePath {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes {
            $0.withMemoryRebound(to: CChar.self) { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
        }
        return FilePath(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
    }
}
