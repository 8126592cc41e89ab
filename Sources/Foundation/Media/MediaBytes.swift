/// Where the bytes of an image, a sound or a video are.
public enum MediaBytes {
    case memory(UnsafeRawBufferPointer)
    /// An open file, from its start on; it is read with `pread`, so that one that shrinks meanwhile is an error.
    case file(descriptor: Int32, byteCount: Int)
}
