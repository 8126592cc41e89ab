internal import Base

/// How much an archive may unpack to, before it is taken for one that was made to fill memory or disk.
///
/// All are checked while the archive is read, and of a zip also beforehand, against what its directory tells.
public struct ArchiveLimits: Sendable {
    /// Unpacked bytes of all members.
    public var totalByteCount: Int
    /// Unpacked bytes of one member.
    public var memberByteCount: Int
    /// Unpacked bytes for each packed one, of a member and of the whole.
    public var ratio: Int
    /// The ratio is not looked at before so many bytes are unpacked: a few short lines may shrink to nothing.
    public var ratioFloor: Int
    /// Folders are counted as well.
    public var memberCount: Int

    public init(
        totalByteCount: Int = 1 << 40, memberByteCount: Int = 1 << 40, ratio: Int = 500, ratioFloor: Int = 100 << 20,
        memberCount: Int = 1 << 22
    ) {
        self.totalByteCount = totalByteCount
        self.memberByteCount = memberByteCount
        self.ratio = ratio
        self.ratioFloor = ratioFloor
        self.memberCount = memberCount
    }

    /// What these amounts go beyond; nil where they are allowed.
    func excess(member: (unpacked: Int, packed: Int)?, total: (unpacked: Int, packed: Int)?) -> String? {
        if let member {
            if member.unpacked > memberByteCount { return "a member unpacks to more than \(memberByteCount) bytes" }
            if isBeyondRatio(member.unpacked, member.packed) {
                return "a member unpacks to more than \(ratio) times its size"
            }
        }
        if let total {
            if total.unpacked > totalByteCount { return "it unpacks to more than \(totalByteCount) bytes" }
            if isBeyondRatio(total.unpacked, total.packed) { return "it unpacks to more than \(ratio) times its size" }
        }
        return nil
    }

    private func isBeyondRatio(_ unpacked: Int, _ packed: Int) -> Bool {
        guard unpacked > ratioFloor else { return false }
        let (allowed, isLarge) = max(packed, 1).multipliedReportingOverflow(by: ratio)
        return !isLarge && unpacked > allowed
    }

    static func error(_ excess: String, _ path: String) -> InputError {
        InputError(
            excess, at: Place(path: path),
            advice: "Archives that are made to fill the disk look like this. If it is what it should be, unpack it and "
                + "name the folder.")
    }
}
