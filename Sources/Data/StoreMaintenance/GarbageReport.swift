internal import Base

/// What a collection did, or would do.
public struct GarbageReport: Sendable, Equatable {
    /// Files and their bytes.
    public struct Tally: Sendable, Equatable {
        public internal(set) var count = 0
        public internal(set) var bytes = 0

        mutating func add(_ size: Int) {
            count += 1
            bytes += size
        }
    }

    public internal(set) var references = 0
    /// Versions that changes of references within the reflog's days name.
    public internal(set) var reflogVersions = 0
    public internal(set) var leases: [String] = []
    /// In `blobs/sha256` and needed.
    public internal(set) var reachable = Tally()
    /// In `blobs/sha256`, needed by nothing, and too young to be touched, or as young as a living writer.
    public internal(set) var young = Tally()
    /// Moved into the trash.
    public internal(set) var trashed = Tally()
    /// Needed again, and moved back out of the trash.
    public internal(set) var restored = Tally()
    /// In the trash, waiting for their day.
    public internal(set) var waiting = Tally()
    /// Deleted from the trash.
    public internal(set) var deleted = Tally()
    /// Deleted from quarantine: an equal good blob is there, or nothing needs it.
    public internal(set) var quarantineDeleted = Tally()
    /// Kept in quarantine.
    public internal(set) var quarantined = Tally()
    public internal(set) var deadWriters = 0
    public internal(set) var deadLeases = 0
    /// Files of no writer in `tmp/`, and halves of files in the store's folder that a killed process left.
    public internal(set) var orphans = 0
    /// Files in `blobs/sha256`, the trash or quarantine whose names are no digests; never touched.
    public internal(set) var strangers: [String] = []
}

/// How a collection decides. Times in seconds.
public struct GarbageOptions: Sendable {
    /// Changes of references this young keep the versions that they name.
    public var reflogSeconds = 14.0 * 86400
    /// How long a blob waits in the trash.
    public var trashSeconds = 7.0 * 86400
    /// Younger blobs are never touched.
    public var youngSeconds = 86400.0
    /// Without it, nothing is changed.
    public var applies = false
    /// The present, in seconds since 1970.
    package var now = Clock.epochSeconds()

    public init() {}
}
