extension Dataset {
    /// Asks the system to start reading the frames of these documents from the disk; returns at once.
    ///
    /// Worth its system calls where the records are not in memory yet. Whatever is wrong with a frame is told by the
    /// read that follows, not here.
    ///
    /// - Parameter ordinals: ascending; frames that touch are asked for together.
    public func willReadDocuments(_ ordinals: some Sequence<Int>) { documents.willRead(ordinals) }

    /// Likewise for queries.
    public func willReadQueries(_ ordinals: some Sequence<Int>) { queries.willRead(ordinals) }

    /// About how many bytes a range of documents takes in the store, compressed: a measure of their text that needs no reading.
    public func storedBytes(ofDocuments range: Range<Int>) throws -> Int { try documents.storedBytes(of: range) }

    /// Likewise for queries.
    public func storedBytes(ofQueries range: Range<Int>) throws -> Int { try queries.storedBytes(of: range) }

    /// Tells the system that records will be read all over the place, so that it reads no more of the disk than is asked
    /// for. Opens all shards.
    ///
    /// Worth it where the dataset does not fit in memory: the system reads up to megabytes around a page otherwise,
    /// which is a waste then, and a blessing where all of it is needed soon and stays.
    public func expectScatteredReads() throws {
        for records in [documents, queries] {
            for part in records.parts.indices { try records.shard(part).expectScatteredFrames() }
        }
    }
}
