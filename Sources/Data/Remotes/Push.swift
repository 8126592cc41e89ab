internal import Base
internal import HTTP
package import Store
internal import StoreFormat
internal import Synchronization

/// Copies versions from a store to a remote: blobs first, names last.
package struct Push {
    package let store: Store
    package let remote: any Remote
    package var jobCount = 4
    package var isDryRun = false
    /// Move names on the remote also where what they name now has no place in the history of what is pushed.
    package var isForced = false

    package init(from store: Store, to remote: any Remote) {
        self.store = store
        self.remote = remote
    }

    /// - Parameters:
    ///   - names: names in the store, and what they are to be called on the remote.
    ///   - begin: told how many bytes there are to send, before the first is; what it gives is called from several
    ///     threads with numbers of bytes that were sent.
    /// - Throws: `Failure` with status 66 for a name that is not in the store, 73 for a remote that can only be read or
    ///   whose version has no place in the history of ours, 75 where somebody else moved one of the names in the
    ///   meantime; `TransferError` with 69 where the remote cannot be reached.
    package func run(
        _ names: [(local: String, remote: String)], begin: (Int) -> @Sendable (Int) -> Void = { _ in { _ in } }
    ) throws -> TransferReport {
        let start = Clock.seconds()
        var references: [Reference] = []
        var layers: [BlobDescriptor] = []
        var manifests: [BlobDescriptor] = []
        var seen: Set<BlobDescriptor> = []
        for (local, name) in names {
            try Reference.checkName(name)
            let found = try store.reference(local)
            references.append(Reference(name: name, dataset: found.dataset, image: found.image))
            let blobs = try store.blobs(of: found)
            for blob in blobs.dropLast(2) where seen.insert(blob).inserted { layers.append(blob) }
            for blob in blobs.suffix(2) where seen.insert(blob).inserted { manifests.append(blob) }
        }
        if !isDryRun { try remote.prepareForWriting() }
        let index = try remote.index()
        if !isForced { try checkHistory(names, references, index) }
        let sizes = try ParallelTransfers.run(layers + manifests, jobCount: jobCount) { blob, check in
            try check()
            return try remote.size(of: blob.digest)
        }
        let missing = zip(layers + manifests, sizes).filter { $0.size != $1 }.map(\.0)

        var report = TransferReport(remote: remote.address)
        report.isDryRun = isDryRun
        report.blobCount = layers.count + manifests.count
        report.byteCount = (layers + manifests).reduce(0) { $0 + $1.size }
        report.movedCount = missing.count
        report.movedBytes = missing.reduce(0) { $0 + $1.size }
        report.references = references.map {
            TransferReport.Moved(name: $0.name, digest: $0.dataset, before: index?.references[$0.name]?.dataset)
        }
        if !isDryRun {
            let advance = begin(report.movedBytes)
            // What names other blobs comes after them, so that a reader who follows digests never meets a gap.
            for group in [layers, manifests] {
                let wanted = Set(group)
                _ = try ParallelTransfers.run(missing.filter(wanted.contains), jobCount: jobCount) { blob, check in
                    try send(blob, advance, check)
                }
            }
            report.wasConfirmedByReading = try ReferenceUpdate(remote: remote, references: references, before: index)
                .run()
        }
        report.retryCount = remote.retryCount
        report.seconds = Clock.seconds() - start
        return report
    }

    /// A name that others have moved on is not moved back, or aside, by somebody who has not seen where it is.
    private func checkHistory(
        _ names: [(local: String, remote: String)], _ references: [Reference], _ index: RemoteIndex?
    ) throws {
        for ((local, name), reference) in zip(names, references) {
            guard let there = index?.references[name]?.dataset else { continue }
            if try store.descends(reference.dataset, from: there) || store.hasNamed(local, there) { continue }
            throw Failure(
                .cannotCreate,
                "\(remote.address): \(name) names \(there), which has no place in the history of \(reference.dataset)",
                advice: "Pull it under another name and see what is in it. --force moves the name nevertheless; --as "
                    + "pushes under another one.")
        }
    }

    private func send(_ blob: BlobDescriptor, _ advance: @Sendable (Int) -> Void, _ check: () throws -> Void) throws {
        let path = store.path(of: blob.digest)
        // A damaged blob must not reach a place where others take it for good.
        guard try Files.size(path) == blob.size, try SHA256Digest.ofFile(path) == blob.digest else {
            throw Failure(
                .badData, "\(path): damaged: its bytes do not match its name",
                advice: "Run `tvt-store verify --level full`; nothing that needs this blob was pushed.")
        }
        try check()
        var counted = 0
        try remote.put(blob, from: path) { sent in
            // A try that begins again has sent less; what was counted stays counted.
            guard sent > counted else { return }
            advance(sent - counted)
            counted = sent
        }
    }
}

/// Moves names on a remote, so that no other push is lost and a lost answer does no harm.
struct ReferenceUpdate {
    let remote: any Remote
    let references: [Reference]
    /// The index when the push began.
    let before: RemoteIndex?

    private static let roundCount = 20

    /// - Returns: whether the change was found to be made by reading it back, after its answer got lost.
    func run() throws -> Bool {
        var lostAnswer: TransferError?
        var current = before
        for round in 0..<Self.roundCount {
            if round > 0 { current = try remote.index() }
            let references = current?.references ?? ReferenceIndex()
            if self.references.allSatisfy({ references[$0.name] == $0 }) { return round > 0 }
            for wanted in self.references
            where references[wanted.name] != wanted && references[wanted.name] != before?.references[wanted.name] {
                throw Failure(
                    .locked, "\(remote.address): somebody else moved \(wanted.name) during this push",
                    advice: "Pull it, see what is in it, and push again.")
            }
            var merged = references
            for reference in self.references { merged.set(reference) }
            do {
                if try remote.replaceIndex(merged, changed: self.references, expecting: current) { return false }
                lostAnswer = nil
            } catch let error as TransferError where error.isTransient {
                lostAnswer = error
            }
            // Others who were as quick wait another while.
            try RetryPolicy.sleep(Double.random(in: 0.05...0.2) * Double(min(round + 1, 5)))
        }
        throw lostAnswer
            ?? Failure(
                .locked, "\(remote.address): its references change all the time; tried \(Self.roundCount) times",
                advice: "Run the same command again: what was sent stays there.") as any Error
    }
}
