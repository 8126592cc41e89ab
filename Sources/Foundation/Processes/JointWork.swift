public import Base
internal import Glibc
public import SystemPackage

/// Processes that make one result together, each a part of it: they need no network, but a folder that all of them see.
///
/// Beside the result lie, until it is there:
///
///     .NAME-0.process   held by the first process: who that is, which start it is of and, once the others may begin,
///                       which work it is; a line each
///     .NAME-3.process   held by process 3
///     .NAME-3.part      what process 3 has made: the work's identity, 32 bytes, and the part
///
/// The kernel lets go of what a dead process held, which is how the others learn of its end. The other processes take their files
/// once the first of their own start has its file: of two starts that want to make one result, one then has all of the files.
/// What killed processes have left is removed by the next first process for the same result.
///
/// Not Sendable: one thread of each process calls it.
public final class JointWork {
    /// Of this process, from 0.
    public let rank: Int
    public let size: Int
    private let files: JointFiles
    private let purpose: String
    private let startLine: String
    /// On this process's file; nil where the first is not there yet.
    private var lock: FileLock?
    private var identity: SHA256Digest?
    private var hasDelivered = false
    /// Processes that were there, and when one of them was first seen to be gone.
    private var arrived: Set<Int> = []
    private var absentSince: [Int: Double] = [:]
    private var lastLook = 0.0
    private var hasToldOfWaiting = false

    /// How long to try for a lock: others look whether it is held by taking it for an instant, and a process of a run that
    /// was killed may have some moments left.
    private static let secondsToLock = 3.0
    /// How long the others may take to come.
    private static let mostSecondsToCome = 300.0
    /// After how long it is said for whom this one waits.
    private static let secondsToTell = 10.0
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
    /// - Throws: `Failure` (75) where processes of another start make the same result.
    public init(_ place: ProcessPlace, on result: FilePath, purpose: String) throws {
        (rank, size) = (place.rank, place.size)
        files = JointFiles(beside: result)
        self.purpose = "\(purpose), process \(rank) of \(size)"
        startLine = "start \(place.start.hex)"
        if isFirst {
            try takeLock()
            describe()
            try files.removeParts()
            try files.removeProcesses()
        } else {
            // Whoever has met the first one notices its end; where it ends at once, so do we, for the same reason.
            _ = try meetFirst(seconds: 1)
        }
    }

    /// Removes what processes that were killed have left beside a result, for one that makes it alone.
    ///
    /// Where processes are making it, nothing is touched.
    public static func removeRemains(beside result: FilePath) throws {
        let files = JointFiles(beside: result)
        guard Files.exists(files.folder), try files.areThere(),
            let held = try? FileLock(acquiring: files.process(0), purpose: "tidying up")
        else { return }
        try files.removeParts()
        try files.removeProcesses()
        try Files.remove(files.process(0))
        withExtendedLifetime(held) {}
    }

    deinit {
        // Who has no file has none to remove: those that lie there are of another start.
        guard lock != nil else { return }
        if isFirst {
            // When it goes, nobody needs the others' files any more; parts of the next start lie there once this file is free.
            try? files.removeParts()
            unlink(files.process(0).string)
            try? files.removeProcesses()
        } else {
            let isFirstThere = (try? look(at: 0)) == .held
            // Nobody collects it any more.
            if hasDelivered, !isFirstThere { unlink(files.part(of: rank).string) }
            if hasDelivered || !isFirstThere { unlink(files.process(rank).string) }
            // Else the file that nobody holds tells the first process of this one's end.
        }
    }

    /// The first process lets the others begin; they wait until it does.
    ///
    /// - Parameter identity: of the work: inputs and options, and how it is divided. All have the same.
    /// - Throws: `Failure` where the first process has ended, does not come, or does other work; or (75) where processes of
    ///   another start make the same result.
    public func begin(_ identity: SHA256Digest) throws {
        // A part counts for this start and number of processes only: one of an earlier start may deliver late.
        let own = SHA256Digest.of(identity.bytes + Array("\(size) \(startLine)".utf8))
        self.identity = own
        let mark = "work \(own.hex)"
        if isFirst { return describe(mark) }
        let start = Clock.seconds()
        guard try meetFirst(seconds: Self.mostSecondsToCome) else { throw missing(0) }
        while true {
            // Until it has begun, the file says only who holds it.
            if try look(at: 0) == .held, let said = try? firstLines(), said.count > 2 {
                if said[2] == mark { return }
                throw Failure(
                    .badConfiguration,
                    "process \(rank) of \(size) has other inputs or options than the first for \(files.name)",
                    advice: "All need the same command, data and model.")
            }
            try requireOthers()
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
        var file = try StagedFile(for: files.part(of: rank))
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
                if !arrived.contains(other) {
                    let waited = Clock.seconds() - start
                    guard waited <= Self.mostSecondsToCome else { throw missing(other) }
                    tellOfWaiting(for: other, waited)
                }
                try meanwhile()
                try Self.pause()
            }
        }
    }

    private static let identityBytes = 32

    /// Waits for the first process of this one's start, and takes this one's file.
    ///
    /// - Returns: false where it does not come in time.
    /// - Throws: `Failure` (75) where the first of another start stays there.
    private func meetFirst(seconds: Double) throws -> Bool {
        let start = Clock.seconds()
        while try look(at: 0) != .held {
            try requireOthers()
            let (isTaken, waited) = (try FileLock.probe(files.process(0)) == .held, Clock.seconds() - start)
            // Until then, our own first one may get it yet.
            if isTaken, waited > Self.secondsToLock + 1 { throw taken() }
            if !isTaken, waited > seconds { return false }
            tellOfWaiting(for: 0, waited)
            try Self.pause()
        }
        if lock == nil { try takeLock() }
        return true
    }

    private func taken() -> Failure {
        let holder = (try? firstLines())?.first.map { String($0) } ?? "other processes"
        return Failure(
            .locked, "\(files.result) is being made by \(holder)",
            advice: "Wait until it has finished, or stop it, then run the same command again.")
    }

    /// What the first process's file says; nil while it is written.
    private func firstLines() throws -> [Substring]? {
        let text = try Files.readText(files.process(0))
        return text.hasSuffix("\n") ? text.split(separator: "\n") : nil
    }

    /// Whether a process is there now, for the first one also whether it is of this one's start; that it was is kept in mind.
    private func look(at other: Int) throws -> FileLock.State {
        var state = try FileLock.probe(files.process(other))
        if other == 0, state == .held {
            // One that is known may just be writing; it may also have ended since.
            let said = try? firstLines()
            let isOurs = said.map { $0.count > 1 && $0[1] == startLine } ?? arrived.contains(0)
            if !isOurs { state = .free }
        }
        if state == .held {
            arrived.insert(other)
            absentSince[other] = nil
        }
        return state
    }

    /// The part that a process has made of this work; nil where there is none.
    private func delivered(by other: Int) throws -> MappedFile? {
        guard Files.exists(files.part(of: other)) else { return nil }
        let file = try MappedFile(files.part(of: other))
        return file.bytes.prefix(Self.identityBytes).elementsEqual(identity?.bytes ?? []) ? file : nil
    }

    /// Says once who has not come yet. The log of all but the first process is set to errors, and the first may be the one.
    private func tellOfWaiting(for other: Int, _ seconds: Double) {
        guard !hasToldOfWaiting, seconds > Self.secondsToTell else { return }
        hasToldOfWaiting = true
        writeToStandardError(
            "note: process \(rank) of \(size) waits for process \(other) to work on \(files.name), for at most "
                + "\(Int(Self.mostSecondsToCome)) s\n")
    }

    private func missing(_ other: Int) -> Failure {
        Failure(
            .unavailable, "process \(other) of \(size) does not work on \(files.name)",
            advice: "All need the same command and must see one folder; with --processes 1 each works alone.")
    }

    private func takeLock() throws {
        let end = Clock.seconds() + Self.secondsToLock
        while lock == nil {
            do {
                lock = try FileLock(acquiring: files.process(rank), purpose: purpose)
            } catch let error as Failure where error.exitStatus == .locked {
                guard Clock.seconds() < end else { throw isFirst ? taken() : error }
                try Self.pause()
            }
        }
    }

    /// Writes into the first process's file who holds it, and what else the others need to know.
    private func describe(_ more: String...) {
        let lines = ["process \(getpid()) (\(purpose), since \(Clock.timestamp()))", startLine] + more
        lock?.describe(Array(lines.map { $0 + "\n" }.joined().utf8))
    }

    private static func pause() throws {
        try Interruption.check()
        usleep(20_000)
    }
}
