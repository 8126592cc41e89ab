internal import Glibc

/// Time as the logs and manifests write it.
public enum Clock {
    /// The current time in UTC, as RFC 3339 to the second: `2026-11-24T03:14:15Z`.
    ///
    /// `SOURCE_DATE_EPOCH` (seconds since 1970) replaces the clock, for reproducible outputs.
    public static func timestamp() -> String {
        var now = time(nil)
        if let fixed = getenv("SOURCE_DATE_EPOCH"), let seconds = Int(String(cString: fixed)) { now = seconds }
        var parts = tm()
        gmtime_r(&now, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
            + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }

    /// Seconds on a clock that only moves forward.
    public static func seconds() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
    }
}
