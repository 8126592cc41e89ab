internal import Base
internal import Glibc
internal import JSON
internal import Store
internal import SystemPackage

extension Store {
    /// Moves a blob that is not what its name says out of `blobs/sha256`, with the reason beside it.
    ///
    /// Its good parts can still be read there; a commit or a pull that needs the blob writes it anew.
    func quarantine(_ digest: SHA256Digest, reason: String, dataset: String) throws {
        try Files.makeDirectory(layout.quarantine)
        let path = layout.blob(digest)
        let now = Clock.epochSeconds()
        let note = JSONValue.object([
            "blob": .string(digest.description), "dataset": .string(dataset), "reason": .string(reason),
            "time": .string(Clock.timestamp(ofEpochSeconds: now)),
        ])
        // The reason first: no blob lies there unexplained.
        try Files.replace(layout.quarantine.appending(digest.hex + ".json"), with: note.pretty())
        do {
            // A collection counts its days from here.
            try Files.setModificationTime(path, to: now)
            try Files.rename(path, to: layout.quarantined(digest))
        } catch let error as SystemError where error.errno == ENOENT {
            return
        }
        try Files.syncFolder(layout.quarantine)
        try Files.syncFolder(layout.blobs)
        observer?("blob quarantined")
    }

    /// Why a blob is in quarantine; nil where it is not.
    func quarantineReason(_ digest: SHA256Digest) -> String? {
        guard Files.exists(layout.quarantined(digest)) else { return nil }
        let note = try? JSONValue.parse(file: layout.quarantine.appending(digest.hex + ".json"))
        return note?["reason"]?.string ?? "for an unknown reason"
    }
}
