/// How records are stored. None of it changes what the data *is*: the logical digest stays the same.
public struct WriterOptions: Sendable, Equatable {
    /// A shard is closed once it has grown to this many bytes.
    public var shardBytes = 256 << 20
    /// A shard of media is closed before it grows beyond this many bytes; a larger item has one of its own.
    public var mediaShardBytes = 1 << 30
    /// A shard is closed once it holds this many records, which bounds the memory for its index.
    public var recordsPerShard = 2 << 20
    /// A frame holds whole records of at most this many bytes together; a larger record has a frame of its own.
    ///
    /// A random read decompresses one frame: on passages of 800 bytes 4,096 stores 4 % less and reads at half the speed.
    public var frameBytes = 2048
    /// Of zstd. On passages level 3 stores 4 % more and writes at one and a half times the speed.
    public var compressionLevel: Int32 = 5
    /// The largest dictionary; 0 writes frames that need none, for readers that cannot be given one.
    public var dictionaryBytes = 110 << 10
    /// The dictionary is trained on a sample of at most this many bytes, …
    public var sampleBytes = 12 << 20
    /// … taken evenly from the first records, which wait in memory until there are this many bytes of them.
    public var sampledBytes = 64 << 20
    /// Threads that compress.
    public var workers = 2
    /// How long a commit waits for another's before it gives up with exit status 75. Others hold the lock for
    /// milliseconds, and what was prepared for hours should not be thrown away.
    public var lockTimeoutSeconds = 60.0

    /// Ids that are sorted in memory at once; more go through files. The bytes written do not depend on it.
    package var keysPerPartition = 2 << 20
    /// Judgements out of order that are sorted in memory at once; more go through files.
    package var judgementsPerRun = 4 << 20

    public init() {}
}
