public import Base
internal import Glibc
internal import JSON
internal import SystemPackage

/// One change of a reference.
public struct ReflogEntry: Sendable, Equatable {
    /// RFC 3339, UTC.
    public let time: String
    /// `commit`, `tag`, `remove`, `pull` or `push`.
    public let operation: String
    public let reference: String
    /// What the reference pointed at before; nil for a new one.
    public let before: SHA256Digest?
    /// What it was to point at; nil for a removed one.
    public let after: SHA256Digest?
}

/// The history of all references, one JSON line a change, written before the change is made.
///
/// A crash between the two leaves a line about a change that did not happen, which does no harm; the other order could
/// lose the last name of a version.
struct Reflog {
    let path: FilePath

    func append(_ entry: ReflogEntry) throws {
        var fields: JSONObject = [
            "time": .string(entry.time), "operation": .string(entry.operation), "reference": .string(entry.reference),
        ]
        if let before = entry.before { fields["before"] = .string(before.description) }
        if let after = entry.after { fields["after"] = .string(after.description) }
        var line = JSONValue.object(fields).canonical()
        line.append(UInt8(ascii: "\n"))
        // A line that a crash cut off is closed first.
        let isNew = !Files.exists(path)
        if !isNew, let last = try Files.lastByte(path), last != UInt8(ascii: "\n") {
            line.insert(UInt8(ascii: "\n"), at: 0)
        }
        var file = try OutputFile(appendingTo: path)
        try file.write(line)
        try file.sync()
        try file.close()
        if isNew { try Files.syncFolder(path.removingLastComponent()) }
    }

    /// All entries, oldest first. A line that a crash cut off is left out.
    func entries() throws -> [ReflogEntry] {
        guard Files.exists(path) else { return [] }
        return try Files.readAll(path).split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let json = try? JSONValue.parse(Array(line), path: path.string), let time = json["time"]?.string,
                let operation = json["operation"]?.string, let reference = json["reference"]?.string
            else { return nil }
            return ReflogEntry(
                time: time, operation: operation, reference: reference,
                before: json["before"]?.string.flatMap { SHA256Digest(hex: $0) },
                after: json["after"]?.string.flatMap { SHA256Digest(hex: $0) })
        }
    }
}
