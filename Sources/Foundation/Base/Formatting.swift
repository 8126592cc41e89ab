internal import Glibc

// Numbers as all tools and pages show them to people. What programs read is JSON, and takes none of this.

/// A size: `512 B`, `36.2 MB`. Units are decimal, as disks and networks count: 1 MB is 1,000,000 bytes.
public func byteSize(_ bytes: Int) -> String { byteSize(Double(bytes)) }

/// A size that is computed, such as bytes per second.
public func byteSize(_ bytes: Double) -> String {
    var value = bytes
    for unit in ["B", "kB", "MB", "GB"] {
        // What would be shown as 1000.0 is one of the next unit.
        if value < 999.95 { return unit == "B" ? "\(Int(value.rounded())) B" : "\(decimal(value, digits: 1)) \(unit)" }
        value /= 1000
    }
    return "\(decimal(value, digits: 1)) TB"
}

/// A time span: `0.4 s`, `42 s`, `3 min 20 s`, `2 h 05 min`.
public func duration(_ seconds: Double) -> String {
    if seconds < 10 { return "\(decimal(seconds, digits: 1)) s" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(padded(whole % 3600 / 60, to: 2)) min"
}

/// A count: `31,102`.
public func grouped(_ value: Int) -> String {
    var digits = String(value.magnitude)[...]
    var groups: [Substring] = []
    while digits.utf8.count > 3 {
        groups.insert(digits.suffix(3), at: 0)
        digits = digits.dropLast(3)
    }
    return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
}

/// A number with fixed decimals, rounded as C's `%.4f` is; no `-0.0`.
public func decimal(_ value: Double, digits: Int) -> String {
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400 + digits) { buffer in
        let count = withVaList([Int32(digits), value]) { vsnprintf(buffer.baseAddress, buffer.count, "%.*f", $0) }
        return String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    return text.first == "-" && !text.utf8.contains { (49...57).contains($0) } && value.isFinite
        ? String(text.dropFirst()) : text
}

/// A part of a whole: `12.3 %`; a dash where the whole is 0.
public func percent(_ part: Int, of whole: Int) -> String {
    whole == 0 ? "–" : decimal(100 * Double(part) / Double(whole), digits: 1) + " %"
}

/// A whole number with leading zeros, so that names sort as numbers do.
///
/// - Parameter width: of digits, at least.
public func padded(_ number: Int, to width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}
