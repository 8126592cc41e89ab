internal import CAV
internal import Glibc

/// A container of pictures and audio, open for one pass.
final class Container {
    private let handle: OpaquePointer
    private let limits: MediaLimits

    /// - Parameter bytes: must stay valid as long as this object lives.
    convenience init(_ bytes: UnsafeRawBufferPointer, _ limits: MediaLimits) throws(MediaError) {
        try self.init(.memory(bytes), limits)
    }

    /// - Parameter bytes: must stay valid, or open, as long as this object lives.
    init(_ bytes: MediaBytes, _ limits: MediaLimits) throws(MediaError) {
        self.limits = limits
        var opened: OpaquePointer?
        var message = Self.emptyMessage
        var source = tvt_av_source()
        source.count = bytes.byteCount
        switch bytes {
        // No bytes have no address, and libav's shim takes that for a file.
        case .memory(let bytes):
            source.bytes = (bytes.baseAddress ?? Self.someAddress).assumingMemoryBound(to: UInt8.self)
        case .file(let descriptor, _): source.file = descriptor
        }
        let directory = TIFFDirectory(bytes)
        try directory?.checkVariant()
        if let patch = directory?.inkPatch {
            source.patchCount = 1
            withUnsafeMutableBytes(of: &source.patches) { $0.bindMemory(to: tvt_av_patch.self)[0] = patch }
        }
        if let extent = SampleExtent(of: bytes) {
            try extent.check()
            source.patchCount = extent.patches.count
            withUnsafeMutableBytes(of: &source.patches) {
                _ = $0.bindMemory(to: tvt_av_patch.self).update(fromContentsOf: extent.patches)
            }
        }
        try ContainerExtent(of: bytes)?.check()
        let status = tvt_av_open(&source, UInt64(limits.pixelCount), limits.deadline, &opened, &message)
        guard status == 0, let opened else { throw MediaError(status: status, message) }
        handle = opened
    }

    deinit { tvt_av_close(handle) }

    private static var someAddress: UnsafeRawPointer { UnsafeRawPointer(bitPattern: 1)! }

    private static var emptyMessage: [CChar] { [CChar](repeating: 0, count: Int(TVT_AV_MESSAGE_BYTES)) }

    var info: tvt_av_info { tvt_av_describe(handle) }
    var formatName: String { String(cString: info.format) }

    /// Pictures of the first video that are shown, and seconds of the longer of video and audio, as far as their packets
    /// tell; read without decoding.
    func measurePictures() throws(MediaError) -> (count: Int, seconds: Double?) {
        var (count, seconds) = (0, -1.0)
        var message = Self.emptyMessage
        let status = tvt_av_measure_pictures(handle, limits.pictureCount, &count, &seconds, &message)
        guard status == 0 else { throw MediaError(status: status, message) }
        return (count, seconds >= 0 ? seconds : nil)
    }

    /// Seconds of the first audio stream as a decoder gives it.
    func measureSound() throws(MediaError) -> Double {
        var seconds = 0.0
        var message = Self.emptyMessage
        let status = tvt_av_measure_sound(handle, limits.soundSeconds, &seconds, &message)
        guard status == 0 else { throw MediaError(status: status, message) }
        return seconds
    }

    /// Decodes the first video and the first sound to their ends.
    func decodeAll(as subject: MediaDescription.Subject) throws(MediaError) {
        var message = Self.emptyMessage
        let status = tvt_av_decode_all(
            handle, subject == .video, limits.pictureCount, limits.soundSeconds, &message)
        guard status == 0 else { throw MediaError(status: status, message) }
    }

    /// Mono samples of the first sound.
    func samples(rate: Int) throws(MediaError) -> [Float] {
        try Self.taken { tvt_av_decode_sound(handle, UInt32(rate), limits.sampleCount, $0, $1, $2) }
    }

    /// What a call of libav's shim hands over.
    ///
    /// - Parameter call: gets places for numbers that are to be freed, for their count, and for a message.
    static func taken<Number>(
        _ call: (
            UnsafeMutablePointer<UnsafeMutablePointer<Number>?>, UnsafeMutablePointer<Int>, UnsafeMutablePointer<CChar>
        ) -> Int32
    ) throws(MediaError) -> [Number] {
        var numbers: UnsafeMutablePointer<Number>?
        var count = 0
        var message = emptyMessage
        let status = call(&numbers, &count, &message)
        guard status == 0, let numbers else { throw MediaError(status: status, message) }
        defer { free(numbers) }
        return Array(UnsafeBufferPointer(start: numbers, count: count))
    }

    /// When each picture is shown, in seconds from the first, and the end of the last, as far as its packet tells.
    func pictureTimes() throws(MediaError) -> (times: [Double], seconds: Double?) {
        var seconds = -1.0
        let times = try Self.taken { tvt_av_picture_times(handle, limits.pictureCount, $0, $1, &seconds, $2) }
        return (times, seconds >= 0 ? seconds : nil)
    }

    /// Pictures by their numbers in the order of showing, upright.
    ///
    /// - Parameter numbers: ascending.
    func pictures(_ numbers: [Int], hasAlpha: Bool = false) throws(MediaError) -> [Bitmap] {
        var pictures: [Bitmap] = []
        try forEachPicture(numbers, hasAlpha: hasAlpha) { pictures.append($0) }
        return pictures
    }

    /// The same, one by one, so that no more than one is in memory.
    func forEachPicture(
        _ numbers: [Int], hasAlpha: Bool = false, _ body: (Bitmap) -> Void
    ) throws(MediaError) {
        let (channelCount, orientation) = (hasAlpha ? 4 : 3, Orientation(turn: info.turn))
        typealias Taker = (UnsafePointer<UInt8>, UInt32, UInt32) -> Void
        var failure: MediaError?
        withoutActuallyEscaping(body) { body in
            let taker: Taker = { pixels, width, height in
                let picture = Bitmap(copying: pixels, width: width, height: height, channelCount: channelCount)
                body(picture.upright(from: orientation))
            }
            failure = withUnsafePointer(to: taker) { decode(numbers, hasAlpha, UnsafeMutableRawPointer(mutating: $0)) }
        }
        if let failure { throw failure }
    }

    /// - Parameter taker: the address of what takes pixels, width and height.
    private func decode(_ numbers: [Int], _ hasAlpha: Bool, _ taker: UnsafeMutableRawPointer) -> MediaError? {
        var message = Self.emptyMessage
        let status = tvt_av_decode_pictures(
            handle, numbers, numbers.count, hasAlpha,
            { context, pixels, width, height in
                typealias Taker = (UnsafePointer<UInt8>, UInt32, UInt32) -> Void
                context!.assumingMemoryBound(to: Taker.self).pointee(pixels!, width, height)
            }, taker, &message)
        return status == 0 ? nil : MediaError(status: status, message)
    }
}
