public import Base
public import SystemPackage

/// A run file and how it is read: as its sidecar says, else as the caller does, else as its lines look.
public struct RunFile: Sendable {
    /// `-` is stdin, which has no sidecar.
    public let path: FilePath
    /// Nil to decide it by the lines.
    public let format: RunFormat?
    /// Whether ids are percent-escaped (``IDEscaping``).
    public let hasEscapedIDs: Bool
    public let sidecar: RunSidecar?

    /// - Parameters:
    ///   - format, hasEscapedIDs: what the caller says; nil and false where nothing was said.
    ///   - digest: of the file, where it is known already.
    /// - Throws: `Failure` (64) where the caller contradicts the sidecar; `InputError` for a sidecar that is damaged.
    public init(
        _ path: FilePath, format: RunFormat? = nil, hasEscapedIDs: Bool = false, digest: SHA256Digest? = nil
    ) throws {
        self.path = path
        sidecar = try RunSidecar(of: path) { try digest ?? SHA256Digest.ofFile(path) }
        if let format, let recorded = sidecar?.format, format != recorded {
            throw Failure(
                .usage,
                "\(path) is a \(recorded.rawValue) run, as \(RunSidecar.path(of: path)) says, and not a "
                    + "\(format.rawValue) run",
                advice: "leave the option that names the format out")
        }
        if hasEscapedIDs, sidecar?.hasEscapedIDs == false {
            throw Failure(
                .usage, "the ids of \(path) are not percent-escaped, as \(RunSidecar.path(of: path)) says",
                advice: "leave --escape-ids out")
        }
        self.format = sidecar?.format ?? format
        self.hasEscapedIDs = sidecar?.hasEscapedIDs ?? hasEscapedIDs
    }

    private static let risingReason = "the scores of every query rise with its ranks, and a higher score is better here"
    private static let risingAdvice = "Are they ranks or distances? Turn them round: awk '{ $5 = -$5; print }' RUN"

    /// To be called at the end of a run that is measured, as trec_eval does it.
    func noteRisingScores(_ lines: RunLines) {
        if lines.scoresRiseWithRanks { log.warning("\(path): \(Self.risingReason). \(Self.risingAdvice)") }
    }

    /// To be called at the end of a run that negatives are chosen from.
    ///
    /// - Throws: `InputError` where its worst results would be taken for the best.
    func checkScores(_ lines: RunLines) throws {
        guard lines.scoresRiseWithRanks else { return }
        throw InputError(Self.risingReason, at: Place(path: path.string, field: "score"), advice: Self.risingAdvice)
    }

    /// To be called at the end of the run.
    ///
    /// - Parameter count: ids that were written otherwise than they are.
    func noteUnescapedIDs(_ count: Int) {
        guard hasEscapedIDs, sidecar?.hasEscapedIDs == nil, count == 0 else { return }
        log.warning("--escape-ids: no id of \(path) is escaped")
    }
}
