internal import Base
internal import Records
internal import Store
internal import StoreFormat

extension Dataset {
    /// Every reference by digest must have its item, or be one of those that the manifest counts as external.
    ///
    /// - Throws: `DamagedBlob` for the first that is too many.
    func checkMediaReferences(_ table: Manifest.MediaTable) throws {
        var missingCount = 0
        for records in [documents, queries] {
            let scanner = MediaReferenceScanner(records.kind)
            try records.forEachRecord(in: 0..<records.count) { ordinal, line in
                try scanner.forEach(in: line) { kind, reference in
                    guard let digest = reference.digest, try media?.number(of: digest) == nil else { return }
                    missingCount += 1
                    guard missingCount <= table.externalCount else {
                        throw DamagedBlob(
                            records.parts[records.part(of: ordinal)].path,
                            "\(records.kind.singular) \(ordinal) names the \(kind.rawValue) \(digest), which is not there: "
                                + "\(missingCount) such references, but the manifest counts \(table.externalCount)")
                    }
                }
            }
        }
    }
}
