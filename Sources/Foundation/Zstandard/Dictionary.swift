internal import CZstd

/// A dictionary made ready for compressing at one level.
///
/// `@unchecked Sendable`: libzstd never changes a digested dictionary after its creation.
public final class CompressionDictionary: @unchecked Sendable {
    let handle: OpaquePointer
    public let level: Int32

    /// - Parameter bytes: what ``trainDictionary(samples:sampleSizes:capacity:level:)`` returned; they are copied.
    public init(_ bytes: [UInt8], level: Int32) throws(ZstandardError) {
        guard let handle = ZSTD_createCDict(bytes, bytes.count, level) else {
            throw ZstandardError("read a dictionary", "\(bytes.count) bytes are not a dictionary")
        }
        self.handle = handle
        self.level = level
    }

    deinit { ZSTD_freeCDict(handle) }
}

/// A dictionary made ready for decompressing.
///
/// `@unchecked Sendable`: libzstd never changes a digested dictionary after its creation.
public final class DecompressionDictionary: @unchecked Sendable {
    let handle: OpaquePointer

    /// The bytes are copied.
    public init(_ bytes: UnsafeRawBufferPointer) throws(ZstandardError) {
        guard let handle = ZSTD_createDDict(bytes.baseAddress, bytes.count) else {
            throw ZstandardError("decompress: read a dictionary", "\(bytes.count) bytes are not a dictionary", .badData)
        }
        self.handle = handle
    }

    deinit { ZSTD_freeDDict(handle) }
}

/// Trains a dictionary on samples of what will be compressed with it.
///
/// The same samples give the same dictionary: nothing is random and nothing depends on the number of cores.
///
/// - Parameters:
///   - samples: all samples, one behind the other.
///   - sampleSizes: bytes of each sample, in order.
///   - capacity: the largest dictionary wanted, in bytes; libzstd advises a hundredth of the samples.
/// - Returns: the dictionary, or nil where the samples are too few or too alike to learn from.
///
/// Source: the fast cover algorithm of zstd's `lib/dictBuilder`, with one fixed set of parameters.
public func trainDictionary(
    samples: UnsafeRawBufferPointer, sampleSizes: [Int], capacity: Int, level: Int32
) -> [UInt8]? {
    precondition(sampleSizes.reduce(0, +) == samples.count, "sample sizes must add up to the samples")
    guard capacity >= 256, sampleSizes.count >= 8, sampleSizes.count <= Int(UInt32.max) else { return nil }
    var parameters = ZDICT_fastCover_params_t()
    parameters.k = 1024
    parameters.d = 8
    parameters.f = 20
    parameters.accel = 6
    parameters.zParams.compressionLevel = level
    // A content-independent id would be random; a fixed one keeps the bytes reproducible.
    parameters.zParams.dictID = 0
    let dictionary = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        let result = ZDICT_trainFromBuffer_fastCover(
            buffer.baseAddress, capacity, samples.baseAddress, sampleSizes, UInt32(sampleSizes.count), parameters)
        count = ZDICT_isError(result) == 0 ? result : 0
    }
    return dictionary.isEmpty ? nil : dictionary
}
