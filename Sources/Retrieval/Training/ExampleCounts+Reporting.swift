public import Examples
internal import JSON

// How runs and dry runs report what was found when a dataset was opened.
extension ExampleSource.Counts {
    var fields: [(String, JSONValue)] {
        [
            ("queries", JSONValue(queries)), ("without_positives", JSONValue(withoutPositives)),
            ("short_of_negatives", JSONValue(shortOfNegatives)), ("without_negatives", JSONValue(withoutNegatives)),
            ("blank_queries", JSONValue(blankQueries)), ("blank_documents", JSONValue(blankDocuments)),
            ("left_out_as_blank", JSONValue(leftOutAsBlank)),
        ] + (heldOut > 0 ? [("held_out", JSONValue(heldOut))] : [])
    }

    /// `24 queries; without positives 0, short of negatives 0, without negatives 0`, and blank ones where there are any.
    public var text: String {
        var text =
            "\(queries) queries; without positives \(withoutPositives), short of negatives \(shortOfNegatives), "
            + "without negatives \(withoutNegatives)"
        if blankQueries + blankDocuments > 0 {
            text += "; blank queries \(blankQueries), blank documents \(blankDocuments), "
            text += "left out for them \(leftOutAsBlank) queries"
        }
        if heldOut > 0 { text += "; held out \(heldOut) queries" }
        return text
    }
}
