internal import Archives
internal import Base
internal import SystemPackage

/// Records that are left out: counted, kept as they were, with their reasons beside them.
///
/// The files appear when the conversion is committed.
final class Rejects {
    private let limit: Int
    private let lines: CompressedOutput?
    private let reasons: CompressedOutput?
    private(set) var count = 0

    init(limit: Int, path: FilePath?) throws {
        self.limit = limit
        lines = try path.map { try CompressedOutput($0, lockedFor: "rejected lines") }
        reasons = try path.map {
            try CompressedOutput(FilePath($0.string + ".reasons"), lockedFor: "reasons of rejects")
        }
    }

    /// Leaves a record out, or throws its error when no more may be left out.
    func add(_ error: InputError, line: UnsafeRawBufferPointer) throws {
        guard count < limit else {
            guard limit > 0 else { throw error }
            throw InputError(
                error.reason, at: error.place, offender: error.offender,
                advice: "This is bad record number \(count + 1); --max-bad-records allows \(limit)."
                    + (error.advice.map { " \($0)" } ?? ""))
        }
        count += 1
        try lines?.write(line)
        try lines?.write([0x0A])
        try reasons?.write(Array("\(error)\n".utf8))
        if count <= 10 { log.warning("left out: \(error)") }
        if count == 11 { log.warning("more records are left out; their reasons stand beside the rejects") }
    }

    func commit() throws {
        try lines?.commit()
        try reasons?.commit()
    }
}
