import JSON
import Testing

@Suite struct SnakeCaseTests {
    @Test func namesOfFieldsChangeAtAllDepths() {
        let value: JSONValue = ["storedBytes": 1, "a": ["isGood": [["runOrigin": "keepMe"]]], "x_y": 2]
        #expect(value.inSnakeCase == ["stored_bytes": 1, "a": ["is_good": [["run_origin": "keepMe"]]], "x_y": 2])
        #expect(JSONObject.snakeCase("bestPositiveRank") == "best_positive_rank")
    }
}
