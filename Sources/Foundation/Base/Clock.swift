internal import Glibc

/// Time as the logs and manifests write it.
public enum Clock {
    /// The current time in UTC, as RFC 3339 to the second: `2026-11-24T03:14:15Z`.
    ///
    /// `SOURCE_DATE_EPOCH` (seconds since 1970) replaces the clock, for reproducible outputs.
    public static func timestamp() -> String {
        var now = time(nil)
        if let fixed = getenv("SOURCE_DATE_EPOCH"), let seconds = Int(String(cString: fixed)) { now = seconds }
        return timestamp(ofEpochSeconds: Double(now))
    }

    /// A time in seconds since 1970 as RFC 3339 in UTC.
    public static func timestamp(ofEpochSeconds seconds: Double) -> String {
        var now = time_t(seconds)
        var parts = tm()
        gmtime_r(&now, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
            + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }

    /// Seconds since 1970 that a timestamp in the form of ``timestamp()`` stands for; nil for any other text.
    public static func epochSeconds(ofTimestamp text: String) -> Double? {
        let bytes = Array(text.utf8)
        let form = Array("0000-00-00T00:00:00Z".utf8)
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        guard bytes.count == form.count,
            zip(bytes, form).allSatisfy({ isDigit($1) ? isDigit($0) : $0 == $1 })
        else { return nil }
        func number(_ range: Range<Int>) -> Int32 { bytes[range].reduce(0) { $0 * 10 + Int32($1 - 0x30) } }
        var parts = tm()
        parts.tm_year = number(0..<4) - 1900
        parts.tm_mon = number(5..<7) - 1
        parts.tm_mday = number(8..<10)
        parts.tm_hour = number(11..<13)
        parts.tm_min = number(14..<16)
        parts.tm_sec = number(17..<19)
        return Double(timegm(&parts))
    }

    /// Seconds since 1970 by the system's clock. Nothing replaces it: ages on disk are measured with it.
    public static func epochSeconds() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
    }

    /// Seconds on a clock that only moves forward.
    public static func seconds() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
    }
}
