/// How records are stored. None of it changes what the data *is*: the logical digest stays the same.
public struct WriterOptions: Sendable, Equatable {
    /// A shard is closed once it has grown to this many bytes.
    public var shardBytes = 256 << 20
    /// A shard is closed once it holds this many records, which bounds the memory for its index.
    public var recordsPerShard = 2 << 20
    /// A frame holds whole records of at most this many bytes together; a larger record has a frame of its own.
    public var frameBytes = 4096
    /// Of zstd.
    public var compressionLevel: Int32 = 3
    /// The largest dictionary; 0 writes frames that need none, for readers that cannot be given one.
    public var dictionaryBytes = 110 << 10
    /// The dictionary is trained on a sample of at most this many bytes, …
    public var sampleBytes = 12 << 20
    /// … taken evenly from the first records, which wait in memory until there are this many bytes of them.
    public var sampledBytes = 64 << 20
    /// Threads that compress.
    public var workers = 2
    /// How long a commit waits for another writer's before it gives up with exit status 75.
    public var lockTimeoutSeconds = 3.0

    public init() {}
}
