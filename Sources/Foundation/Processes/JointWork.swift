public import Base
internal import Glibc
public import SystemPackage

/// Processes that make one result together, each a part of it: they need no network, but a folder that all of them see.
///
/// Beside the result lie, until it is there:
///
///     .NAME-0.process   held by the first process; says which work it is, once the others may begin
///     .NAME-3.process   held by process 3
///     .NAME-3.part      what process 3 has made: the work's identity, 32 bytes, and the part
///
/// The kernel lets go of what a dead process held, which is how the others learn of its end. Not Sendable: one thread of each
/// process calls it.
public final class JointWork {
    /// Of this process, from 0.
    public let rank: Int
    public let size: Int
    private let folder: FilePath
    private let name: String
    private let purpose: String
    private let lock: FileLock
    private var identity: SHA256Digest?
    private var hasDelivered = false
    /// Processes that were there, and when one of them was first seen to be gone.
    private var arrived: Set<Int> = []
    private var absentSince: [Int: Double] = [:]
    private var lastLook = 0.0

    /// How long the others may take to come.
    private static let mostSecondsToCome = 300.0
    /// A process counts as ended when nobody has held its file for so long: it may just have made it, and folders of other
    /// machines show things late.
    private static let graceSeconds = 0.5
    private static let secondsBetweenLooks = 0.25

    public var isFirst: Bool { rank == 0 }

    /// Says that this process is there.
    ///
    /// - Parameters:
    ///   - result: the file or folder that they make.
    ///   - purpose: what they do, for the message that others get.
    public init(_ place: ProcessPlace, on result: FilePath, purpose: String) throws {
        (rank, size) = (place.rank, place.size)
        let parent = result.removingLastComponent()
        folder = parent.isEmpty ? "." : parent
        name = result.lastComponent?.string ?? "result"
        self.purpose = "\(purpose), process \(rank) of \(size)"
        lock = try Self.lock(folder.appending(".\(name)-\(rank).process"), purpose: self.purpose)
        if isFirst {
            try removeRemains()
            return
        }
        // Whoever has met the first one notices its end; where it ends at once, so do we, for the same reason.
        let end = Clock.seconds() + 1
        while Clock.seconds() < end, try !isThere(0) { try Self.pause() }
    }

    deinit {
        if isFirst {
            // When it goes, nobody needs the others' files any more.
            unlink(process(0).string)
            try? removeRemains()
        } else {
            let isFirstThere = (try? FileLock.probe(process(0))) == .held
            if hasDelivered || !isFirstThere { unlink(process(rank).string) }
            // Nobody collects it any more.
            if hasDelivered, !isFirstThere { unlink(part(of: rank).string) }
        }
        // Else the file that nobody holds tells the first process of this one's end.
    }

    /// The first process lets the others begin; they wait until it does.
    ///
    /// - Parameter identity: of the work: inputs and options, and how it is divided. All have the same.
    /// - Throws: `Failure` where the first process has ended, does not come, or does other work.
    public func begin(_ identity: SHA256Digest) throws {
        self.identity = identity
        let mark = "work \(identity.hex) of \(size)\n"
        if isFirst { return lock.describe(Array("process \(getpid()) (\(purpose)), \(mark)".utf8)) }
        let start = Clock.seconds()
        while true {
            if try isThere(0) {
                // Until it has begun, the file says only who holds it.
                let said = (try? Files.readText(process(0))) ?? ""
                if said.hasSuffix(mark) { return }
                guard !said.hasSuffix("\n") else {
                    throw Failure(
                        .badConfiguration,
                        "process \(rank) of \(size) has other inputs or options than the first for \(name)",
                        advice: "All need the same command, data and model.")
                }
            } else {
                try requireOthers()
            }
            guard Clock.seconds() - start < Self.mostSecondsToCome else { throw missing(0) }
            try Self.pause()
        }
    }

    /// Looks whether those that this process depends on are still there; cheap enough to be called for every batch.
    ///
    /// - Throws: `Failure` (69) that names one that has ended.
    public func requireOthers() throws {
        let now = Clock.seconds()
        guard now - lastLook >= Self.secondsBetweenLooks else { return }
        lastLook = now
        for other in isFirst ? 1..<size : 0..<1 {
            let state = try look(at: other)
            // One that is still to come has no file; the first one's may be an earlier run's.
            guard state != .held, arrived.contains(other) || isFirst && state == .free else { continue }
            if isFirst, try delivered(by: other) != nil { continue }
            let since = absentSince[other] ?? now
            absentSince[other] = since
            guard now - since < Self.graceSeconds else {
                throw Failure(
                    .unavailable, "process \(other) of \(size) ended before the work was done",
                    advice: "Its own message says why.")
            }
        }
    }

    /// Hands over what this process has made; of any process but the first.
    public func deliver(_ write: (inout StagedFile) throws -> Void) throws {
        precondition(!isFirst, "the first process collects")
        guard let identity else { throw Failure(.bug, "work is delivered that has not begun") }
        var file = try StagedFile(for: part(of: rank))
        try file.write(identity.bytes)
        try write(&file)
        try file.commit()
        hasDelivered = true
    }

    /// Waits for the others' parts, and gives them one by one in the order of processes; for the first process.
    ///
    /// - Parameters:
    ///   - meanwhile: called now and then while it waits.
    ///   - take: a process, its file, and where in it the part begins.
    /// - Throws: `Failure` (69) where another process has ended or does not come.
    public func collect(
        meanwhile: () throws -> Void = {}, _ take: (_ rank: Int, MappedFile, _ offset: Int) throws -> Void
    ) throws {
        precondition(isFirst, "the first process collects")
        let start = Clock.seconds()
        for other in 1..<size {
            while true {
                if let file = try delivered(by: other) {
                    try take(other, file, Self.identityBytes)
                    break
                }
                try requireOthers()
                if !arrived.contains(other), Clock.seconds() - start > Self.mostSecondsToCome {
                    throw missing(other)
                }
                try meanwhile()
                try Self.pause()
            }
        }
    }

    private static let identityBytes = 32

    private func process(_ rank: Int) -> FilePath { folder.appending(".\(name)-\(rank).process") }

    private func part(of rank: Int) -> FilePath { folder.appending(".\(name)-\(rank).part") }

    /// Whether a process is there now; that it was is kept in mind.
    private func isThere(_ other: Int) throws -> Bool { try look(at: other) == .held }

    private func look(at other: Int) throws -> FileLock.State {
        let state = try FileLock.probe(process(other))
        if state == .held {
            arrived.insert(other)
            absentSince[other] = nil
        }
        return state
    }

    /// The part that a process has made of this work; nil where there is none.
    private func delivered(by other: Int) throws -> MappedFile? {
        guard Files.exists(part(of: other)) else { return nil }
        let file = try MappedFile(part(of: other))
        return file.bytes.prefix(Self.identityBytes).elementsEqual(identity?.bytes ?? []) ? file : nil
    }

    /// Removes what processes that were killed have left.
    private func removeRemains() throws {
        for file in try Files.list(folder) where file.hasPrefix(".\(name)-") {
            let words = file.utf8.dropFirst(name.utf8.count + 2).split(
                separator: UInt8(ascii: "."), omittingEmptySubsequences: false
            )
            .map { String($0) }
            guard words.count == 2, let number = words[0], let kind = words[1], let other = Int(number), other != rank
            else { continue }
            if kind == "part" { try Files.remove(part(of: other)) }
            guard kind == "process" else { continue }
            // Nobody else can have it while it is held: those who wait for it look whether it has its name still.
            if let held = try? FileLock(acquiring: process(other), purpose: "tidying up") {
                try Files.remove(process(other))
                withExtendedLifetime(held) {}
            }
        }
    }

    private func missing(_ other: Int) -> Failure {
        Failure(
            .unavailable, "process \(other) of \(size) does not work on \(name)",
            advice: "All need the same command and must see one folder; with --processes 1 each works alone.")
    }

    /// Others look whether a lock is held by taking it for an instant, and a process of a run that was killed may have some
    /// moments left.
    private static func lock(_ path: FilePath, purpose: String) throws -> FileLock {
        let end = Clock.seconds() + 3
        while true {
            do {
                return try FileLock(acquiring: path, purpose: purpose)
            } catch let error as Failure where error.exitStatus == .locked && Clock.seconds() < end {
                try pause()
            }
        }
    }

    private static func pause() throws {
        try Interruption.check()
        usleep(20_000)
    }
}
