internal import Archives
internal import Base
internal import JSON
internal import Records
internal import SystemPackage

/// Records that are left out because their media are broken or missing: counted by reason, and listed.
///
/// The list appears when the conversion is committed, and where nothing is left to be committed. Memory: about 40 bytes for each record that others may refer to.
final class Quarantine {
    private let output: CompressedOutput
    private(set) var counts: [BrokenMedia.Reason: Int] = [:]
    private var documents: Set<ContentHash> = []
    private var queries: Set<ContentHash> = []

    init(_ path: FilePath) throws { output = try CompressedOutput(path, lockedFor: "a list of broken media") }

    var count: Int { counts.values.reduce(0, +) }

    func holds(document id: ContentHash) -> Bool { documents.contains(id) }
    func holds(query id: ContentHash) -> Bool { queries.contains(id) }

    /// Leaves a record out.
    ///
    /// - Parameter error: what is said of it elsewhere.
    func add(_ media: BrokenMedia, _ error: InputError) throws {
        counts[media.reason, default: 0] += 1
        if let id = media.recordID {
            if media.isOfQuery { queries.insert(.of(id)) } else { documents.insert(.of(id)) }
        }
        let text = { (bytes: [UInt8]) in JSONValue.string(String(decoding: bytes, as: UTF8.self)) }
        var line: JSONObject = ["path": .string(error.place.path)]
        if let number = error.place.line { line["line"] = JSONValue(number) }
        if let id = media.recordID { line[media.isOfQuery ? "query_id" : "docid"] = text(id) }
        if let field = error.place.field { line["field"] = .string(field) }
        if let name = media.name { line["name"] = .string(name) }
        if let digest = media.digest { line["digest"] = .string("\(digest)") }
        line["reason"] = .string(media.reason.rawValue)
        line["message"] = .string(error.reason)
        var bytes: [UInt8] = []
        JSONValue.object(line).appendLine(to: &bytes)
        try output.write(bytes + [0x0A])
        if count <= 10 { log.warning("in quarantine: \(error)") }
        if count == 11 { log.warning("more records are in quarantine; they are listed in its file") }
    }

    func commit() throws { try output.commit() }
}
