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

extension Store {
    /// The changes of all references, oldest first, each with the earliest time at which it can have happened, in seconds
    /// since 1970; nil where that is not known.
    ///
    /// A clock that lags must not make a change look old: it happened after the changes before it, and the last one when
    /// the file was written.
    package func datedReflog() throws -> [(entry: ReflogEntry, time: Double?)] {
        let entries = try reflog()
        var latest: Double?
        var dated: [(entry: ReflogEntry, time: Double?)] = []
        for entry in entries {
            let time = Clock.epochSeconds(ofTimestamp: entry.time)
            if let time { latest = max(latest ?? time, time) }
            dated.append((entry, time == nil ? nil : latest))
        }
        if let last = dated.last?.time, let written = try? Files.modificationTime(layout.reflog) {
            dated[dated.count - 1].time = max(last, written)
        }
        return dated
    }
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
    ///
    /// - Throws: `InputError` for a name that no reference can have.
    func entries() throws -> [ReflogEntry] {
        guard Files.exists(path) else { return [] }
        let lines = try Files.readAll(path).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return try lines.enumerated().compactMap { number, line in
            guard let json = try? JSONValue.parse(Array(line), path: path.string), let time = json["time"]?.string,
                let operation = json["operation"]?.string, let reference = json["reference"]?.string
            else { return nil }
            guard Reference.isName(reference) else {
                throw InputError(
                    "this cannot be the name of a dataset",
                    at: Place(path: path.string, line: number + 1, field: "reference"), offender: Array(reference.utf8),
                    advice: "No tvt wrote this. Remove the line; no data are lost by that.")
            }
            return ReflogEntry(
                time: time, operation: operation, reference: reference,
                before: json["before"]?.string.flatMap { SHA256Digest(hex: $0) },
                after: json["after"]?.string.flatMap { SHA256Digest(hex: $0) })
        }
    }
}
