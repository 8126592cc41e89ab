import Base
import SystemPackage

/// A call that changed the watched folder, as the shim wrote it down. Paths are relative to the folder.
enum RecordedCall: Sendable {
    case open(inode: Int, isNew: Bool, isTruncated: Bool, path: String)
    case write(inode: Int, offset: Int, bytes: [UInt8], path: String)
    case truncate(inode: Int, length: Int, path: String)
    case sync(inode: Int, path: String)
    case syncFolder(path: String)
    case rename(from: String, to: String)
    case link(from: String, to: String)
    case unlink(path: String)
    case makeFolder(path: String)
    case removeFolder(path: String)
    case changeMode(path: String)

    /// Opening a file that exists changes nothing and has no number.
    var isCounted: Bool {
        if case .open(_, let isNew, let isTruncated, _) = self { isNew || isTruncated } else { true }
    }

    /// Of the file that the call is about, or gives a name to.
    var path: String {
        switch self {
        case .open(_, _, _, let path), .write(_, _, _, let path), .truncate(_, _, let path), .sync(_, let path),
            .syncFolder(let path), .rename(_, let path), .link(_, let path), .unlink(let path), .makeFolder(let path),
            .removeFolder(let path), .changeMode(let path):
            path
        }
    }

    /// Whether it belongs to the catalog, a cache that takes a third of a commit's calls.
    var isOfCatalog: Bool { path.hasPrefix("catalog.sqlite") }

    /// Bytes that it writes to a blob that is on its way into the store.
    var incomingBytes: Int {
        guard case .write(_, _, let bytes, let path) = self, path.hasPrefix("tmp/incoming/"), !path.hasSuffix(".lock")
        else { return 0 }
        return bytes.count
    }

    /// All calls of a log.
    static func read(_ log: FilePath) throws -> [RecordedCall] {
        var rest = try Files.readAll(log)[...]
        var calls: [RecordedCall] = []
        func faulty(_ line: [UInt8]) -> Failure { Failure(.badData, "\(log): \(escaped(line)) is no call") }
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(rest[..<end])
            rest = rest[(end + 1)...]
            // A path may be empty (the root itself) and hold spaces, so the fields before it are counted.
            func fields(_ count: Int) throws -> ([Int], String) {
                let parts = line.split(
                    separator: UInt8(ascii: " "), maxSplits: count + 1, omittingEmptySubsequences: false)
                let numbers = parts.dropFirst().prefix(count).compactMap { Int(String(decoding: $0, as: UTF8.self)) }
                guard parts.count == count + 2, numbers.count == count else { throw faulty(line) }
                return (numbers, String(decoding: parts[count + 1], as: UTF8.self))
            }
            func pair() throws -> (String, String) {
                let names = try fields(0).1.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
                guard names.count == 2 else { throw faulty(line) }
                return (names[0], names[1])
            }
            switch String(decoding: line.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self) {
            case "open":
                let (numbers, path) = try fields(3)
                calls.append(
                    .open(inode: numbers[0], isNew: numbers[1] == 1, isTruncated: numbers[2] == 1, path: path))
            case "write":
                let (numbers, path) = try fields(3)
                guard rest.count > numbers[2] else { throw faulty(line) }
                calls.append(
                    .write(inode: numbers[0], offset: numbers[1], bytes: Array(rest.prefix(numbers[2])), path: path))
                rest = rest.dropFirst(numbers[2] + 1)
            case "truncate":
                let (numbers, path) = try fields(2)
                calls.append(.truncate(inode: numbers[0], length: numbers[1], path: path))
            case "sync":
                let (numbers, path) = try fields(1)
                calls.append(.sync(inode: numbers[0], path: path))
            case "syncfolder": calls.append(.syncFolder(path: try fields(0).1))
            case "rename":
                let (from, to) = try pair()
                calls.append(.rename(from: from, to: to))
            case "link":
                let (from, to) = try pair()
                calls.append(.link(from: from, to: to))
            case "unlink": calls.append(.unlink(path: try fields(0).1))
            case "mkdir": calls.append(.makeFolder(path: try fields(0).1))
            case "rmdir": calls.append(.removeFolder(path: try fields(0).1))
            case "chmod", "touch": calls.append(.changeMode(path: try fields(0).1))
            case "failed": break
            default: throw faulty(line)
            }
        }
        return calls
    }
}
